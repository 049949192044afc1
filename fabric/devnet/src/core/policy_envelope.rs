//! Policies as they are on the wire: key-level policies, lifecycle definitions, collections.

use hlf_proto::common::signature_policy::{NOutOf, Type};
use hlf_proto::common::{SignaturePolicy, SignaturePolicyEnvelope};
use hlf_proto::msp::msp_principal::Classification;
use hlf_proto::msp::msp_role::MspRoleType;
use hlf_proto::msp::{MspPrincipal, MspRole};
use prost::Message;
use thiserror::Error;

use super::policy::{Policy, Principal, Role};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 16;

/// Why a policy of the wire cannot be used.
#[derive(Debug, Error)]
pub(crate) enum EnvelopeError {
    /// Not the message that it should be.
    #[error("not a signature policy")]
    Malformed(#[from] prost::DecodeError),
    /// A part is missing.
    #[error("the signature policy has no rule")]
    Empty,
    /// A number of a principal that is not there.
    #[error("the signature policy names principal {0}, which it does not list")]
    NoPrincipal(i32),
    /// A principal that is no role.
    #[error("hlf-devnet supports only roles as principals of policies")]
    Principal,
    /// Nested too deeply.
    #[error("the signature policy is nested more than 16 levels deep")]
    Depth,
}

/// Reads an encoded envelope.
///
/// # Errors
/// When it is malformed or names something else than roles.
pub(crate) fn decode(bytes: &[u8]) -> Result<Policy, EnvelopeError> {
    from_envelope(&SignaturePolicyEnvelope::decode(bytes)?)
}

/// Reads an envelope.
///
/// # Errors
/// When it is malformed or names something else than roles.
pub(crate) fn from_envelope(envelope: &SignaturePolicyEnvelope) -> Result<Policy, EnvelopeError> {
    rule(envelope.rule.as_ref().ok_or(EnvelopeError::Empty)?, &envelope.identities, 0)
}

fn rule(rule_: &SignaturePolicy, identities: &[MspPrincipal], depth: usize) -> Result<Policy, EnvelopeError> {
    if depth == MAX_DEPTH {
        return Err(EnvelopeError::Depth);
    }
    match rule_.r#type.as_ref().ok_or(EnvelopeError::Empty)? {
        Type::SignedBy(index) => {
            let found = usize::try_from(*index).ok().and_then(|index| identities.get(index));
            Ok(Policy::SignedBy(principal(found.ok_or(EnvelopeError::NoPrincipal(*index))?)?))
        }
        Type::NOutOf(NOutOf { n, rules }) => {
            let inner = rules.iter().map(|inner| rule(inner, identities, depth + 1));
            // A number below one asks for nothing, in Fabric too.
            Ok(Policy::OutOf(usize::try_from(*n).unwrap_or(0), inner.collect::<Result<_, _>>()?))
        }
    }
}

fn principal(principal: &MspPrincipal) -> Result<Principal, EnvelopeError> {
    if principal.principal_classification != i32::from(Classification::Role) {
        return Err(EnvelopeError::Principal);
    }
    let role = MspRole::decode(principal.principal.as_slice())?;
    let kind = match MspRoleType::try_from(role.role).map_err(|_| EnvelopeError::Principal)? {
        MspRoleType::Member => Role::Member,
        MspRoleType::Admin => Role::Admin,
        MspRoleType::Client => Role::Client,
        MspRoleType::Peer => Role::Peer,
        MspRoleType::Orderer => Role::Orderer,
    };
    Ok(Principal { msp_id: role.msp_identifier, role: kind })
}

/// Writes an envelope; each principal is listed once, in the order of its first use.
#[must_use]
pub(crate) fn to_envelope(policy: &Policy) -> SignaturePolicyEnvelope {
    let mut principals = Vec::new();
    let rule = write(policy, &mut principals);
    let identities = principals
        .into_iter()
        .map(|Principal { msp_id, role }| {
            let role = match role {
                Role::Member => MspRoleType::Member,
                Role::Admin => MspRoleType::Admin,
                Role::Client => MspRoleType::Client,
                Role::Peer => MspRoleType::Peer,
                Role::Orderer => MspRoleType::Orderer,
            };
            let principal = MspRole { msp_identifier: msp_id, role: role.into() }.encode_to_vec();
            MspPrincipal { principal_classification: Classification::Role.into(), principal }
        })
        .collect();
    SignaturePolicyEnvelope { version: 0, rule: Some(rule), identities }
}

fn write(policy: &Policy, principals: &mut Vec<Principal>) -> SignaturePolicy {
    let kind = match policy {
        Policy::SignedBy(wanted) => {
            let known = principals.iter().position(|principal| principal == wanted);
            let index = known.unwrap_or_else(|| {
                principals.push(wanted.clone());
                principals.len() - 1
            });
            Type::SignedBy(i32::try_from(index).unwrap_or(i32::MAX))
        }
        Policy::OutOf(count, inner) => Type::NOutOf(NOutOf {
            n: i32::try_from(*count).unwrap_or(i32::MAX),
            rules: inner.iter().map(|policy| write(policy, principals)).collect(),
        }),
    };
    SignaturePolicy { r#type: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_come_back_from_the_wire() {
        let policy: Policy = "OutOf(2, 'A.peer', 'B.member', AND('A.peer', 'C.admin'))".parse().unwrap();
        let envelope = to_envelope(&policy);
        assert_eq!(envelope.identities.len(), 3);
        assert_eq!(decode(&envelope.encode_to_vec()).unwrap(), policy);
    }

    #[test]
    fn what_is_not_a_policy_is_refused() {
        assert!(matches!(decode(b""), Err(EnvelopeError::Empty)));
        assert!(matches!(decode(b"\xff"), Err(EnvelopeError::Malformed(_))));
        let mut envelope = to_envelope(&"OR('A.peer')".parse().unwrap());
        envelope.identities.clear();
        assert!(matches!(from_envelope(&envelope), Err(EnvelopeError::NoPrincipal(0))));
        let mut deep = envelope.rule.unwrap();
        for _ in 0..20 {
            deep = SignaturePolicy { r#type: Some(Type::NOutOf(NOutOf { n: 1, rules: vec![deep] })) };
        }
        let envelope = SignaturePolicyEnvelope { rule: Some(deep), ..SignaturePolicyEnvelope::default() };
        assert!(matches!(from_envelope(&envelope), Err(EnvelopeError::Depth)));
    }
}
