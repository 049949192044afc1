//! Who must endorse: the language of signature policies that the `peer` program reads.

use std::fmt;
use std::str::FromStr;

use hlf_proto::Message as _;
use hlf_proto::common::signature_policy::{NOutOf, Type};
use hlf_proto::common::{SignaturePolicy, SignaturePolicyEnvelope};
use hlf_proto::msp::msp_principal::Classification;
use hlf_proto::msp::msp_role::MspRoleType;
use hlf_proto::msp::{MspPrincipal, MspRole};
use hlf_proto::protos::{ApplicationPolicy, application_policy};

use super::error::PolicyError;

/// Who must endorse a chaincode's transactions.
///
/// As text it is a signature policy, `AND('BankMSP.peer', OR('ClientMSP.member', 'VendorMSP.admin'))` or
/// `OutOf(2, 'BankMSP.peer', 'ClientMSP.peer', 'VendorMSP.peer')`, and becomes the very bytes that the `peer` program makes
/// of it, so that organisations may approve with either.
///
/// ```
/// use hlf_gateway::lifecycle::Policy;
///
/// let two_of_three: Policy = "OutOf(2, 'BankMSP.peer', 'ClientMSP.peer', 'VendorMSP.peer')".parse()?;
/// let as_the_channel_says = Policy::reference("/Channel/Application/Endorsement");
/// assert!("OutOf(4, 'BankMSP.peer')".parse::<Policy>().is_err());
/// # Ok::<(), hlf_gateway::lifecycle::PolicyError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Policy(ApplicationPolicy);

impl Policy {
    /// The policy at this path in the channel's configuration.
    #[must_use]
    pub fn reference(path: impl Into<String>) -> Self {
        let reference = application_policy::Type::ChannelConfigPolicyReference(path.into());
        Self(ApplicationPolicy { r#type: Some(reference) })
    }

    /// The validation parameter of a definition: an encoded `protos.ApplicationPolicy`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    pub(super) fn into_message(self) -> ApplicationPolicy {
        self.0
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let policy = application_policy::Type::SignaturePolicy(signature_policy(text)?);
        Ok(Self(ApplicationPolicy { r#type: Some(policy) }))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({:?})", self.0.r#type)
    }
}

/// Gates within gates are not deeper than this.
const DEEPEST: u32 = 32;

/// Reads a signature policy.
pub(super) fn signature_policy(text: &str) -> Result<SignaturePolicyEnvelope, PolicyError> {
    let mut parser = Parser { text, at: 0 };
    let gate = parser.gate(0)?;
    parser.skip_blanks();
    if parser.at != text.len() {
        return Err(parser.error("nothing may follow the policy"));
    }
    let mut identities = Vec::new();
    let rule = rule(gate, &mut identities);
    Ok(SignaturePolicyEnvelope { version: 0, rule: Some(rule), identities })
}

/// So many of these.
struct Gate {
    needed: i32,
    members: Vec<Member>,
}

enum Member {
    Principal(MspPrincipal),
    Gate(Gate),
}

/// Numbers the principals as the `peer` program does: those of the inner gates first, none of them shared.
fn rule(gate: Gate, identities: &mut Vec<MspPrincipal>) -> SignaturePolicy {
    let mut rules = Vec::with_capacity(gate.members.len());
    for member in gate.members {
        rules.push(match member {
            Member::Gate(inner) => Err(rule(inner, identities)),
            Member::Principal(principal) => Ok(principal),
        });
    }
    let rules = rules.into_iter().map(|member| {
        member.map_or_else(
            |inner| inner,
            |principal| {
                identities.push(principal);
                let number = i32::try_from(identities.len() - 1).unwrap_or(i32::MAX);
                SignaturePolicy { r#type: Some(Type::SignedBy(number)) }
            },
        )
    });
    let rules = rules.collect();
    SignaturePolicy { r#type: Some(Type::NOutOf(NOutOf { n: gate.needed, rules })) }
}

struct Parser<'a> {
    text: &'a str,
    /// A character boundary.
    at: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, expected: &'static str) -> PolicyError {
        PolicyError { at: self.at, expected }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes this character, after blanks, if it is the next.
    fn takes(&mut self, character: char) -> bool {
        self.skip_blanks();
        let taken = self.rest().starts_with(character);
        if taken {
            self.at += character.len_utf8();
        }
        taken
    }

    fn needs(&mut self, character: char, expected: &'static str) -> Result<(), PolicyError> {
        if self.takes(character) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// The characters up to the first that is not one of these.
    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        self.skip_blanks();
        let rest = self.rest();
        let end = rest.find(|character| !belongs(character)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn gate(&mut self, depth: u32) -> Result<Gate, PolicyError> {
        if depth == DEEPEST {
            return Err(self.error("gates are too deep"));
        }
        self.skip_blanks();
        let start = self.at;
        let name = self.word(|character| character.is_ascii_alphabetic());
        let kind = name.to_ascii_lowercase();
        // Each in its three spellings: And, and, AND.
        let known =
            matches!(name, "And" | "Or" | "OutOf") || name == kind || name == name.to_ascii_uppercase();
        if !known || !matches!(kind.as_str(), "and" | "or" | "outof") {
            self.at = start;
            return Err(self.error("expected AND, OR or OutOf"));
        }
        self.needs('(', "expected (")?;
        let count = if kind == "outof" { Some(self.count()?) } else { None };
        let mut members = Vec::new();
        loop {
            members.push(self.member(depth)?);
            if !self.takes(',') {
                break;
            }
        }
        self.needs(')', "expected , or )")?;
        let all = i32::try_from(members.len()).map_err(|_many| self.error("too many members"))?;
        let needed = count.unwrap_or(if kind == "and" { all } else { 1 });
        if needed < 1 || needed > all {
            self.at = start;
            return Err(self.error("the number must be from 1 to the number of members"));
        }
        Ok(Gate { needed, members })
    }

    fn count(&mut self) -> Result<i32, PolicyError> {
        let digits = self.word(|character| character.is_ascii_digit());
        let count = digits.parse().map_err(|_error| self.error("expected a number"))?;
        self.needs(',', "expected ,")?;
        Ok(count)
    }

    fn member(&mut self, depth: u32) -> Result<Member, PolicyError> {
        for quote in ['\'', '"'] {
            if self.takes(quote) {
                let principal = self.principal()?;
                self.needs(quote, "expected the closing quote")?;
                return Ok(Member::Principal(principal));
            }
        }
        self.gate(depth + 1).map(Member::Gate)
    }

    /// `ORGANISATION.ROLE`; the organisation may hold dots.
    fn principal(&mut self) -> Result<MspPrincipal, PolicyError> {
        let start = self.at;
        let word =
            self.word(|character| character.is_ascii_alphanumeric() || character == '.' || character == '-');
        let split = word.rsplit_once('.').filter(|(organization, _)| !organization.is_empty());
        let role = split.and_then(|(organization, role)| Some((organization, role_of(role)?)));
        let Some((organization, role)) = role else {
            self.at = start;
            return Err(self.error("expected MSPID.ROLE with a role of member, admin, client, peer, orderer"));
        };
        let role = MspRole { msp_identifier: organization.to_owned(), role: role.into() };
        Ok(MspPrincipal {
            principal_classification: Classification::Role.into(),
            principal: role.encode_to_vec(),
        })
    }
}

fn role_of(name: &str) -> Option<MspRoleType> {
    match name {
        "member" => Some(MspRoleType::Member),
        "admin" => Some(MspRoleType::Admin),
        "client" => Some(MspRoleType::Client),
        "peer" => Some(MspRoleType::Peer),
        "orderer" => Some(MspRoleType::Orderer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        let policy = signature_policy(text).unwrap();
        let names = policy.identities.iter().map(|principal| {
            let role = MspRole::decode(principal.principal.as_slice()).unwrap();
            format!("{}.{}", role.msp_identifier, role.role().as_str_name())
        });
        fn rule(policy: &SignaturePolicy) -> String {
            match policy.r#type.as_ref().unwrap() {
                Type::SignedBy(number) => number.to_string(),
                Type::NOutOf(gate) => {
                    let rules: Vec<_> = gate.rules.iter().map(rule).collect();
                    format!("{}({})", gate.n, rules.join(" "))
                }
            }
        }
        format!("{} {}", rule(policy.rule.as_ref().unwrap()), names.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn gates_become_n_out_of() {
        assert_eq!(shown("OR('A.member')"), "1(0) A.MEMBER");
        assert_eq!(shown("and( \"A.admin\" ,'B.x.client')"), "2(0 1) A.ADMIN B.x.CLIENT");
        assert_eq!(
            shown("OutOf(2, 'A.peer', 'B.peer', 'A.peer')"),
            "2(0 1 2) A.PEER B.PEER A.PEER",
            "principals are not shared"
        );
        // The inner gate's principals are numbered first.
        assert_eq!(shown("AND('A.peer', OR('B.peer', 'C.orderer'))"), "2(2 1(0 1)) B.PEER C.ORDERER A.PEER");
    }

    /// What `peer lifecycle chaincode approveformyorg` of Fabric 3.1.5 made of this text.
    #[test]
    fn the_bytes_are_those_of_fabrics_own_parser() {
        let text = "AND('BankMSP.peer', OR('ClientMSP.member', \"VendorMSP.admin\"))";
        let expected = "0a4712161214080212020802120c120a080112020800120208011a0d120b0a09436c69656e744d53\
             501a0f120d0a0956656e646f724d535010011a0d120b0a0742616e6b4d53501003";
        assert_eq!(hex::encode(text.parse::<Policy>().unwrap().to_bytes()), expected);
    }

    #[test]
    fn what_is_no_policy_is_refused_with_the_place() {
        for (text, at) in [
            ("", 0),
            ("'A.peer'", 0),
            ("XOR('A.peer')", 0),
            ("aNd('A.peer')", 0),
            ("AND()", 4),
            ("AND('A.boss')", 5),
            ("AND('.peer')", 5),
            ("AND('A.peer'", 12),
            ("AND('A.peer') x", 14),
            ("OutOf(3, 'A.peer', 'B.peer')", 0),
            ("OutOf(0, 'A.peer')", 0),
            ("OutOf('A.peer')", 6),
        ] {
            assert_eq!(signature_policy(text).unwrap_err().at, at, "{text}");
        }
        let deep = "OR(".repeat(100_000);
        assert!(signature_policy(&deep).is_err());
    }

    proptest! {
        #[test]
        fn nothing_makes_the_parser_panic(text in "[AaNnDdOoRr(),'.0-9ä ]{0,40}") {
            let _result = signature_policy(&text);
        }
    }
}
