//! Who called, as the certificate says.

use std::collections::BTreeMap;
use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hlf_proto::msp::SerializedIdentity;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;

use crate::ProposalError;

mod distinguished_name;

/// The last number of organizationalUnitName, 2.5.4.11.
const ORGANIZATIONAL_UNIT: u8 = 11;
/// The extension in which the Fabric CA puts attributes: JSON, `{"attrs":{"name":"value"}}`.
pub(crate) const ATTRIBUTES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.4.5.6.7.8.1");

/// Why nothing can be said about the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The call does not say who called.
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    /// The identity has no X.509 certificate.
    #[error("the caller's identity is no X.509 certificate in PEM")]
    Certificate(#[source] Box<dyn Error + Send + Sync>),
    /// The certificate's attributes are not what the Fabric CA writes.
    #[error("the attributes in the caller's certificate cannot be read")]
    Attributes(#[source] serde_json::Error),
}

/// The caller has not the attribute that it needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// It is not in the certificate.
    #[error("attribute '{name}' was not found")]
    Absent {
        /// The attribute.
        name: String,
    },
    /// It has another value.
    #[error("attribute '{name}' equals '{actual}', not '{expected}'")]
    Different {
        /// The attribute.
        name: String,
        /// The value in the certificate.
        actual: String,
        /// The value that it should have.
        expected: String,
    },
}

/// A role that Fabric's node OUs give to a certificate by an organisational unit of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    der: CertificateDer<'static>,
    certificate: Certificate,
    attributes: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

fn first_certificate(
    pem: &[u8],
) -> Result<(CertificateDer<'static>, Certificate), Box<dyn Error + Send + Sync>> {
    let der = CertificateDer::from_pem_slice(pem)?;
    let certificate = Certificate::from_der(&der)?;
    Ok((der, certificate))
}

impl ClientIdentity {
    /// Reads a serialised identity. As peers do, it takes the first certificate of the PEM; what stands around it, such as
    /// the certificates of the authorities, does not matter.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] if the identity is not the PEM of an X.509 certificate, or its attributes cannot be read.
    pub fn parse(identity: SerializedIdentity) -> Result<Self, IdentityError> {
        let (der, certificate) = first_certificate(&identity.id_bytes).map_err(IdentityError::Certificate)?;
        let mut extensions = certificate.tbs_certificate().extensions().into_iter().flatten();
        let extension = extensions.find(|extension| extension.extn_id == ATTRIBUTES);
        let attributes = extension.map(|extension| serde_json::from_slice(extension.extn_value.as_bytes()));
        let Attributes { attrs } =
            attributes.transpose().map_err(IdentityError::Attributes)?.unwrap_or_default();
        Ok(Self { msp_id: identity.mspid, der, certificate, attributes: attrs })
    }

    /// The organisation's MSP id.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// A text that stands for this client and stays the same when its certificate is renewed: base64 of
    /// `x509::SUBJECT::ISSUER`. The same text as from Fabric's Go shim. It is unique within an organisation.
    #[must_use]
    pub fn id(&self) -> String {
        let certificate = self.certificate.tbs_certificate();
        let subject = distinguished_name::display(certificate.subject());
        let issuer = distinguished_name::display(certificate.issuer());
        STANDARD.encode(format!("x509::{subject}::{issuer}"))
    }

    /// The X.509 certificate, in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.der
    }

    /// The value of an attribute that the Fabric CA put into the certificate.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// All attributes that the Fabric CA put into the certificate.
    #[must_use]
    pub fn attributes(&self) -> &BTreeMap<String, String> {
        &self.attributes
    }

    /// Refuses callers whose certificate does not have this attribute with this value.
    ///
    /// # Errors
    ///
    /// [`AttributeError`] saying what is wrong.
    pub fn assert_attribute(&self, name: &str, value: &str) -> Result<(), AttributeError> {
        match self.attribute(name) {
            Some(actual) if actual == value => Ok(()),
            Some(actual) => Err(AttributeError::Different {
                name: name.to_owned(),
                actual: actual.to_owned(),
                expected: value.to_owned(),
            }),
            None => Err(AttributeError::Absent { name: name.to_owned() }),
        }
    }

    /// The organisational units of the certificate's subject, in its order.
    #[must_use]
    pub fn organizational_units(&self) -> Vec<String> {
        distinguished_name::values(self.certificate.tbs_certificate().subject(), ORGANIZATIONAL_UNIT)
    }

    /// Whether the certificate's subject is in an organisational unit.
    #[must_use]
    pub fn has_organizational_unit(&self, unit: &str) -> bool {
        self.organizational_units().iter().any(|name| name == unit)
    }

    /// Whether the certificate carries a role. It counts where the organisation's MSP has node OUs enabled, as
    /// `cryptogen` and the Fabric CA set it up.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.has_organizational_unit(role.organizational_unit())
    }
}
