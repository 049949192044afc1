//! Who called, as the certificate says.

use hlf_proto::msp::SerializedIdentity;
use x509_cert::Certificate;
use x509_cert::der::DecodePem;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::name::DirectoryString;

use crate::ProposalError;

/// X.520 organizationalUnitName.
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");

/// Why nothing can be said about the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The call does not say who called.
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    /// The identity has no X.509 certificate.
    #[error("the caller's identity is no X.509 certificate in PEM")]
    Certificate(#[source] x509_cert::der::Error),
}

/// A role that Fabric's node OUs give to a certificate by an organisational unit of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// May administer the organisation's nodes.
    Admin,
    /// A user or an application.
    Client,
    /// A peer.
    Peer,
    /// An orderer.
    Orderer,
}

impl Role {
    /// The organisational unit, in the spelling that `cryptogen`, the Fabric CA and the sample configurations use.
    #[must_use]
    pub fn organizational_unit(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Client => "client",
            Self::Peer => "peer",
            Self::Orderer => "orderer",
        }
    }
}

/// Who called. The peer has checked the certificate against its organisation before it calls the chaincode.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    msp_id: String,
    certificate: Certificate,
}

impl ClientIdentity {
    /// Reads a serialised identity.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Certificate`] if the identity is not the PEM of an X.509 certificate.
    pub fn parse(identity: SerializedIdentity) -> Result<Self, IdentityError> {
        let certificate = Certificate::from_pem(&identity.id_bytes).map_err(IdentityError::Certificate)?;
        Ok(Self { msp_id: identity.mspid, certificate })
    }

    /// The organisation's MSP id.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The organisational units of the certificate's subject, in its order.
    #[must_use]
    pub fn organizational_units(&self) -> Vec<String> {
        let attributes = self.certificate.tbs_certificate().subject().iter();
        attributes
            .filter(|attribute| attribute.oid == ORGANIZATIONAL_UNIT)
            .filter_map(|attribute| attribute.value.decode_as::<DirectoryString>().ok())
            .map(|unit| unit.value().into_owned())
            .collect()
    }

    /// Whether the certificate carries a role. It counts where the organisation's MSP has node OUs enabled, as
    /// `cryptogen` and the Fabric CA set it up.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.organizational_units().iter().any(|unit| unit == role.organizational_unit())
    }
}
