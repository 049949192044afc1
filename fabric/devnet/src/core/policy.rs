//! Signature policies: who must have endorsed a transaction, as an expression like
//! `OutOf(2, 'BankMSP.peer', 'ClientMSP.peer', 'VendorMSP.peer')`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Deepest nesting of a policy expression.
const MAX_DEPTH: usize = 8;

/// Most organisations whose combinations are enumerated for an endorsement plan.
pub(crate) const MAX_ORGANISATIONS: usize = 12;

/// The role that a certificate's organisational unit gives its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// Anybody of the organisation.
    Member,
    /// Administrator.
    Admin,
    /// Client.
    Client,
    /// Peer.
    Peer,
    /// Orderer.
    Orderer,
}

impl Role {
    /// True when a holder of `self` may act as `wanted`.
    #[must_use]
    pub(crate) fn satisfies(self, wanted: Self) -> bool {
        wanted == Self::Member || self == wanted
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Client => "client",
            Self::Peer => "peer",
            Self::Orderer => "orderer",
        })
    }
}

/// A role in an organisation, written `'BankMSP.peer'`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Principal {
    /// The organisation's MSP id.
    pub(crate) msp_id: String,
    /// The role.
    pub(crate) role: Role,
}

/// A signature policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Policy {
    /// A signature of somebody in this role.
    SignedBy(Principal),
    /// So many of the inner policies, each with signatures of its own.
    OutOf(usize, Vec<Self>),
}

/// What is wrong with a policy expression.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// Something else was expected at this byte.
    #[error("expected {expected} at byte {at} of the policy")]
    Syntax {
        /// What would have been right.
        expected: &'static str,
        /// Position in the expression.
        at: usize,
    },
    /// A principal is not `MSPID.role`.
    #[error("{0:?} is not MSPID.member, MSPID.admin, MSPID.client, MSPID.peer or MSPID.orderer")]
    Principal(String),
    /// A number that no set of signatures or every set satisfies.
    #[error("OutOf({0}, …) has {1} inner policies")]
    Count(usize, usize),
    /// Nested too deeply.
    #[error("the policy is nested more than 8 levels deep")]
    Depth,
}

impl Policy {
    /// True when the signers satisfy the policy, each counted once.
    #[must_use]
    pub(crate) fn is_satisfied_by(&self, signers: &[Principal]) -> bool {
        self.take(signers, &mut vec![false; signers.len()])
    }

    /// The policy that a text stands for: an expression, or `ANY`, `ALL` or `MAJORITY` of the organisations' own
    /// endorsement policies, written `MAJORITY Endorsement`; each of these wants a peer.
    ///
    /// # Errors
    /// When it is neither.
    pub(crate) fn read(text: &str, organisations: &[String]) -> Result<Self, PolicyError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [rule, "Endorsement"] = words.as_slice() else { return text.parse() };
        let count = match *rule {
            "ANY" => 1,
            "ALL" => organisations.len(),
            "MAJORITY" => organisations.len() / 2 + 1,
            _ => return Err(PolicyError::Syntax { expected: "ANY, ALL or MAJORITY", at: 0 }),
        };
        let principal = |msp_id: &String| Principal { msp_id: msp_id.clone(), role: Role::Peer };
        Ok(Self::OutOf(count, organisations.iter().map(principal).map(Self::SignedBy).collect()))
    }

    /// Adds the MSP ids of all organisations that the policy names.
    pub(crate) fn organisations(&self, found: &mut BTreeSet<String>) {
        match self {
            Self::SignedBy(principal) => {
                found.insert(principal.msp_id.clone());
            }
            Self::OutOf(_, inner) => inner.iter().for_each(|policy| policy.organisations(found)),
        }
    }

    /// The smallest sets of organisations, by MSP id and in the order given, whose peers together satisfy all of the
    /// policies.
    #[must_use]
    pub(crate) fn layouts(policies: &[Self], organisations: &[String]) -> Vec<Vec<String>> {
        // A configuration has no more; this bounds what is tried.
        let organisations = organisations.get(..MAX_ORGANISATIONS).unwrap_or(organisations);
        let mut sets: Vec<u32> = (1..1u32 << organisations.len()).collect();
        sets.sort_by_key(|set| set.count_ones());
        let mut layouts: Vec<u32> = Vec::new();
        for set in sets {
            let minimal = layouts.iter().all(|smaller| set & smaller != *smaller);
            let peers: Vec<Principal> = members(set, organisations)
                .map(|msp_id| Principal { msp_id: msp_id.clone(), role: Role::Peer })
                .collect();
            if minimal && policies.iter().all(|policy| policy.is_satisfied_by(&peers)) {
                layouts.push(set);
            }
        }
        layouts.into_iter().map(|set| members(set, organisations).cloned().collect()).collect()
    }

    /// Fabric's evaluation: inner policies in order, a signature is used up by the first that takes it.
    fn take(&self, signers: &[Principal], used: &mut Vec<bool>) -> bool {
        match self {
            Self::SignedBy(wanted) => {
                let fits =
                    |signer: &Principal| signer.msp_id == wanted.msp_id && signer.role.satisfies(wanted.role);
                let free = signers.iter().zip(used.iter_mut()).find(|(signer, used)| !**used && fits(signer));
                free.map(|(_, used)| *used = true).is_some()
            }
            Self::OutOf(count, inner) => {
                let mut satisfied = 0;
                for policy in inner {
                    let mut trial = used.clone();
                    if policy.take(signers, &mut trial) {
                        satisfied += 1;
                        *used = trial;
                    }
                }
                satisfied >= *count
            }
        }
    }
}

fn members(set: u32, organisations: &[String]) -> impl Iterator<Item = &String> {
    organisations.iter().enumerate().filter(move |(index, _)| set & (1 << index) != 0).map(|(_, name)| name)
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let mut parser = Parser { text, at: 0 };
        let policy = parser.policy(0)?;
        parser.skip_spaces();
        if parser.at == text.len() { Ok(policy) } else { Err(parser.expected("the end")) }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignedBy(principal) => write!(formatter, "'{}.{}'", principal.msp_id, principal.role),
            Self::OutOf(count, inner) => {
                write!(formatter, "OutOf({count}")?;
                inner.iter().try_for_each(|policy| write!(formatter, ", {policy}"))?;
                formatter.write_str(")")
            }
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn policy(&mut self, depth: usize) -> Result<Policy, PolicyError> {
        if depth == MAX_DEPTH {
            return Err(PolicyError::Depth);
        }
        self.skip_spaces();
        if let Some(quote) = self.rest().chars().next().filter(|first| matches!(first, '\'' | '"')) {
            return self.principal(quote).map(Policy::SignedBy);
        }
        let start = self.at;
        let name = self.word().to_ascii_lowercase();
        if !matches!(name.as_str(), "and" | "or" | "outof") {
            return Err(PolicyError::Syntax { expected: "AND, OR, OutOf or a principal", at: start });
        }
        self.token('(', "an opening parenthesis")?;
        let mut count = None;
        if name == "outof" {
            self.skip_spaces();
            count = Some(self.word().parse().map_err(|_| self.expected("a number"))?);
            self.token(',', "a comma")?;
        }
        let mut inner = vec![self.policy(depth + 1)?];
        while self.token(',', "a comma").is_ok() {
            inner.push(self.policy(depth + 1)?);
        }
        self.token(')', "a closing parenthesis")?;
        let count = count.unwrap_or_else(|| if name == "and" { inner.len() } else { 1 });
        if count == 0 || count > inner.len() {
            return Err(PolicyError::Count(count, inner.len()));
        }
        Ok(Policy::OutOf(count, inner))
    }

    fn principal(&mut self, quote: char) -> Result<Principal, PolicyError> {
        self.at += quote.len_utf8();
        let length = self.rest().find(quote).ok_or_else(|| self.expected("a closing quote"))?;
        let text = self.rest().get(..length).unwrap_or_default();
        self.at += length + quote.len_utf8();
        let malformed = || PolicyError::Principal(text.to_owned());
        let (msp_id, role) = text.rsplit_once('.').ok_or_else(malformed)?;
        let role = match role.to_ascii_lowercase().as_str() {
            "member" => Role::Member,
            "admin" => Role::Admin,
            "client" => Role::Client,
            "peer" => Role::Peer,
            "orderer" => Role::Orderer,
            _ => return Err(malformed()),
        };
        Ok(Principal { msp_id: msp_id.to_owned(), role })
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|next: char| !next.is_ascii_alphanumeric()).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn token(&mut self, token: char, expected: &'static str) -> Result<(), PolicyError> {
        self.skip_spaces();
        if !self.rest().starts_with(token) {
            return Err(self.expected(expected));
        }
        self.at += token.len_utf8();
        Ok(())
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, expected: &'static str) -> PolicyError {
        PolicyError::Syntax { expected, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(names: &[&str]) -> Vec<Principal> {
        names.iter().map(|name| Principal { msp_id: (*name).to_owned(), role: Role::Peer }).collect()
    }

    #[test]
    fn two_of_three() {
        let policy: Policy = "OutOf(2, 'A.peer', 'B.peer', \"C.peer\")".parse().unwrap();
        assert_eq!(policy.to_string(), "OutOf(2, 'A.peer', 'B.peer', 'C.peer')");
        assert!(policy.is_satisfied_by(&peers(&["C", "A"])));
        assert!(!policy.is_satisfied_by(&peers(&["A"])));
        assert!(!policy.is_satisfied_by(&peers(&["A", "A"])));
        assert!(!policy.is_satisfied_by(&peers(&["A", "D"])));
        let client = Principal { msp_id: "B".into(), role: Role::Client };
        assert!(!policy.is_satisfied_by(&[peers(&["A"]).remove(0), client]));
        let names = ["A", "B", "C"].map(str::to_owned);
        assert_eq!(Policy::layouts(&[policy], &names), [["A", "B"], ["A", "C"], ["B", "C"]]);
    }

    #[test]
    fn nested_policies() {
        let policy: Policy = "AND('A.member', OR('B.admin','C.peer'))".parse().unwrap();
        assert!(policy.is_satisfied_by(&peers(&["A", "C"])));
        assert!(!policy.is_satisfied_by(&peers(&["A", "B"])));
        let names = ["A", "B", "C"].map(str::to_owned);
        assert_eq!(Policy::layouts(std::slice::from_ref(&policy), &names), [["A", "C"]]);
        let other: Policy = "OR('B.peer')".parse().unwrap();
        assert_eq!(Policy::layouts(&[policy, other], &names), [["A", "B", "C"]]);
    }

    #[test]
    fn policies_by_number() {
        let names = ["A", "B", "C"].map(str::to_owned);
        let read = |text: &str| Policy::read(text, &names);
        assert_eq!(
            read("MAJORITY Endorsement").unwrap().to_string(),
            "OutOf(2, 'A.peer', 'B.peer', 'C.peer')"
        );
        assert_eq!(read("ANY Endorsement").unwrap().to_string(), "OutOf(1, 'A.peer', 'B.peer', 'C.peer')");
        assert_eq!(read("ALL  Endorsement").unwrap().to_string(), "OutOf(3, 'A.peer', 'B.peer', 'C.peer')");
        assert_eq!(read("OR('A.peer')").unwrap().to_string(), "OutOf(1, 'A.peer')");
        assert!(matches!(read("SOME Endorsement"), Err(PolicyError::Syntax { .. })));
    }

    #[test]
    fn malformed_policies_are_refused() {
        let parse = |text: &str| text.parse::<Policy>().unwrap_err();
        assert_eq!(parse("OutOf(4, 'A.peer')"), PolicyError::Count(4, 1));
        assert_eq!(parse("OutOf(0, 'A.peer')"), PolicyError::Count(0, 1));
        assert_eq!(parse("AND('A')"), PolicyError::Principal("A".into()));
        assert_eq!(parse("AND('A.king')"), PolicyError::Principal("A.king".into()));
        assert_eq!(parse("AND('A.peer'"), PolicyError::Syntax { expected: "a closing parenthesis", at: 12 });
        assert_eq!(parse("'A.peer' 'B.peer'"), PolicyError::Syntax { expected: "the end", at: 9 });
        assert_eq!(parse(&"AND(".repeat(50)), PolicyError::Depth);
        assert!(matches!(parse(""), PolicyError::Syntax { .. }));
        assert!(matches!(parse("NOT('A.peer')"), PolicyError::Syntax { .. }));
        assert!(matches!(parse("'A.peer"), PolicyError::Syntax { .. }));
    }
}
