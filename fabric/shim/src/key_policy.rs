//! Endorsement policies of single keys.

use std::collections::BTreeMap;

use hlf_proto::common::signature_policy::{NOutOf, Type as Rule};
use hlf_proto::common::{SignaturePolicy, SignaturePolicyEnvelope};
use hlf_proto::msp::msp_principal::Classification;
use hlf_proto::msp::msp_role::MspRoleType;
use hlf_proto::msp::{MspPrincipal, MspRole};
use hlf_proto::{DecodeError, Message};

/// Who of an organisation has to endorse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PolicyRole {
    /// Anybody of the organisation.
    Member,
    /// One of its administrators.
    Admin,
    /// One of its clients.
    Client,
    /// One of its peers: what endorsements are made by.
    Peer,
    /// One of its orderers.
    Orderer,
}

/// An encoded policy that is not of the kind "one of each of these organisations".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyPolicyError {
    /// The bytes are no signature policy.
    #[error("the endorsement policy cannot be decoded")]
    Undecodable(#[from] DecodeError),
    /// It is a signature policy of another kind; as a list of organisations it would mean something else.
    #[error("the endorsement policy is not one signature of each of several organisations")]
    AnotherKind,
}

/// The endorsement policy of a key: one signature of each of these organisations.
///
/// It encodes to the same bytes as the policies that Fabric's Go, Java and Node.js shims make.
///
/// ```
/// use hlf_shim::{KeyEndorsementPolicy, PolicyRole};
///
/// let mut policy = KeyEndorsementPolicy::new();
/// policy.add(PolicyRole::Peer, ["Org1MSP", "Org2MSP"]);
/// policy.remove(["Org1MSP"]);
/// assert_eq!(policy.organizations().collect::<Vec<_>>(), ["Org2MSP"]);
/// assert_eq!(KeyEndorsementPolicy::decode(&policy.encode())?, policy);
/// # Ok::<(), hlf_shim::KeyPolicyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyEndorsementPolicy {
    organizations: BTreeMap<String, MspRoleType>,
}

impl KeyEndorsementPolicy {
    /// A policy of no organisation. As it is it asks for no signature at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads an encoded `SignaturePolicyEnvelope`, as [`Stub::validation_parameter`](crate::Stub::validation_parameter)
    /// gives it.
    ///
    /// # Errors
    ///
    /// [`KeyPolicyError`] if the bytes are none, or one that is more than a list of organisations.
    pub fn decode(policy: &[u8]) -> Result<Self, KeyPolicyError> {
        let SignaturePolicyEnvelope { rule, identities, .. } = Message::decode(policy)?;
        let Some(SignaturePolicy { r#type: Some(Rule::NOutOf(NOutOf { n, rules })) }) = rule else {
            return Err(KeyPolicyError::AnotherKind);
        };
        let in_order = rules.iter().zip(0..).all(|(rule, index)| rule.r#type == Some(Rule::SignedBy(index)));
        let of_all = usize::try_from(n) == Ok(rules.len()) && rules.len() == identities.len();
        if !in_order || !of_all {
            return Err(KeyPolicyError::AnotherKind);
        }
        let mut organizations = BTreeMap::new();
        for identity in identities {
            if identity.principal_classification() != Classification::Role {
                return Err(KeyPolicyError::AnotherKind);
            }
            let role = MspRole::decode(identity.principal.as_slice())?;
            let kind = MspRoleType::try_from(role.role).map_err(|_| KeyPolicyError::AnotherKind)?;
            if organizations.insert(role.msp_identifier, kind).is_some() {
                return Err(KeyPolicyError::AnotherKind);
            }
        }
        Ok(Self { organizations })
    }

    /// The policy as an encoded `SignaturePolicyEnvelope`, for
    /// [`Stub::set_validation_parameter`](crate::Stub::set_validation_parameter).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let principal = |(id, &role): (&String, &MspRoleType)| MspPrincipal {
            principal_classification: Classification::Role.into(),
            principal: MspRole { msp_identifier: id.clone(), role: role.into() }.encode_to_vec(),
        };
        let identities: Vec<_> = self.organizations.iter().map(principal).collect();
        let signed_by = |index| SignaturePolicy { r#type: Some(Rule::SignedBy(index)) };
        let rules: Vec<_> = identities.iter().zip(0..).map(|(_, index)| signed_by(index)).collect();
        // As many as there are principals, which nobody has 2³¹ of.
        let n = i32::try_from(rules.len()).unwrap_or(i32::MAX);
        let rule = SignaturePolicy { r#type: Some(Rule::NOutOf(NOutOf { n, rules })) };
        SignaturePolicyEnvelope { version: 0, rule: Some(rule), identities }.encode_to_vec()
    }

    /// Adds organisations by their MSP ids; one that is there gets the role.
    pub fn add<I>(&mut self, role: PolicyRole, organizations: I) -> &mut Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.organizations.extend(organizations.into_iter().map(|id| (id.into(), role.into())));
        self
    }

    /// Removes organisations by their MSP ids.
    pub fn remove<I>(&mut self, organizations: I) -> &mut Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        for id in organizations {
            self.organizations.remove(id.as_ref());
        }
        self
    }

    /// The MSP ids, in order.
    pub fn organizations(&self) -> impl Iterator<Item = &str> {
        self.organizations.keys().map(String::as_str)
    }

    /// The role that an organisation signs in; `None` if it does not have to.
    #[must_use]
    pub fn role(&self, organization: &str) -> Option<PolicyRole> {
        self.organizations.get(organization).map(|&role| role.into())
    }
}

impl From<PolicyRole> for MspRoleType {
    fn from(role: PolicyRole) -> Self {
        match role {
            PolicyRole::Member => Self::Member,
            PolicyRole::Admin => Self::Admin,
            PolicyRole::Client => Self::Client,
            PolicyRole::Peer => Self::Peer,
            PolicyRole::Orderer => Self::Orderer,
        }
    }
}

impl From<MspRoleType> for PolicyRole {
    fn from(role: MspRoleType) -> Self {
        match role {
            MspRoleType::Member => Self::Member,
            MspRoleType::Admin => Self::Admin,
            MspRoleType::Client => Self::Client,
            MspRoleType::Peer => Self::Peer,
            MspRoleType::Orderer => Self::Orderer,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn organisations_come_and_go() {
        let mut policy = KeyEndorsementPolicy::new();
        policy.add(PolicyRole::Peer, ["B", "A"]).add(PolicyRole::Member, ["C", "B"]);
        assert_eq!(policy.organizations().collect::<Vec<_>>(), ["A", "B", "C"]);
        assert_eq!((policy.role("A"), policy.role("B")), (Some(PolicyRole::Peer), Some(PolicyRole::Member)));
        policy.remove(["A", "X"]);
        assert_eq!(policy.role("A"), None);
    }

    /// Written out by hand from the messages' field numbers: rule (2) → n_out_of (2) → n (1), rules (2) → signed_by (1);
    /// identities (3) → principal (2) → msp_identifier (1), role (2). What is 0 is left out, except in a oneof.
    #[test]
    fn the_encoding_is_that_of_the_other_shims() {
        let mut policy = KeyEndorsementPolicy::new();
        policy.add(PolicyRole::Peer, ["Org1MSP"]).add(PolicyRole::Member, ["Org2MSP"]);
        let mut expected = b"\x12\x0c\x12\x0a\x08\x02\x12\x02\x08\x00\x12\x02\x08\x01".to_vec();
        expected.extend(b"\x1a\x0d\x12\x0b\x0a\x07Org1MSP\x10\x03");
        expected.extend(b"\x1a\x0b\x12\x09\x0a\x07Org2MSP");
        assert_eq!(policy.encode(), expected);
    }

    #[test]
    fn policies_of_another_kind_are_refused() {
        let mut policy = KeyEndorsementPolicy::new();
        policy.add(PolicyRole::Peer, ["A", "B"]);
        let envelope = SignaturePolicyEnvelope::decode(policy.encode().as_slice()).unwrap();
        let changed = |change: fn(&mut SignaturePolicyEnvelope)| {
            let mut envelope = envelope.clone();
            change(&mut envelope);
            KeyEndorsementPolicy::decode(&envelope.encode_to_vec())
        };
        assert!(changed(|_| {}).is_ok());
        let one_of_two = changed(|envelope| {
            if let Some(Rule::NOutOf(rule)) = &mut envelope.rule.as_mut().unwrap().r#type {
                rule.n = 1;
            }
        });
        assert_eq!(one_of_two, Err(KeyPolicyError::AnotherKind));
        assert_eq!(changed(|envelope| envelope.rule = None), Err(KeyPolicyError::AnotherKind));
        let unit = changed(|envelope| envelope.identities[0].principal_classification = 1);
        assert_eq!(unit, Err(KeyPolicyError::AnotherKind));
        let twice = changed(|envelope| envelope.identities[0] = envelope.identities[1].clone());
        assert_eq!(twice, Err(KeyPolicyError::AnotherKind));
        assert!(matches!(KeyEndorsementPolicy::decode(&[0xff]), Err(KeyPolicyError::Undecodable(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in any::<Vec<u8>>()) {
            let _ = KeyEndorsementPolicy::decode(&bytes);
        }
    }
}
