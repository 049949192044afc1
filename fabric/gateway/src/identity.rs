//! Who calls.

use std::fmt;

use hlf_proto::Message as _;
use hlf_proto::msp::SerializedIdentity;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;

/// A member of an organisation: the organisation's MSP id and the member's certificate.
///
/// It is public; the private key belongs to a [`Signer`](crate::Signer).
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    msp_id: String,
    certificate_pem: Vec<u8>,
}

impl Identity {
    /// The member of `msp_id` with this X.509 certificate (PEM). The peer sees the PEM's bytes exactly as they are here.
    ///
    /// # Errors
    /// [`IdentityError`] when the PEM holds no certificate or the MSP id is empty. Whether the certificate is any good
    /// is the network's to say.
    pub fn new(
        msp_id: impl Into<String>,
        certificate_pem: impl Into<Vec<u8>>,
    ) -> Result<Self, IdentityError> {
        let identity = Self { msp_id: msp_id.into(), certificate_pem: certificate_pem.into() };
        if identity.msp_id.is_empty() {
            return Err(IdentityError::NoMspId);
        }
        CertificateDer::from_pem_slice(&identity.certificate_pem).map_err(IdentityError::NoCertificate)?;
        Ok(identity)
    }

    /// The organisation's MSP id.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// The certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &[u8] {
        &self.certificate_pem
    }

    /// The creator as it stands in Fabric's headers: an encoded `msp.SerializedIdentity`.
    #[must_use]
    pub fn creator(&self) -> Vec<u8> {
        SerializedIdentity { mspid: self.msp_id.clone(), id_bytes: self.certificate_pem.clone() }
            .encode_to_vec()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("msp_id", &self.msp_id).finish_non_exhaustive()
    }
}

/// Why something is not an [`Identity`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The MSP id is empty.
    #[error("the MSP id is empty")]
    NoMspId,
    /// The PEM holds no X.509 certificate.
    #[error("no PEM certificate")]
    NoCertificate(#[source] rustls_pki_types::pem::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    #[test]
    fn a_creator_holds_the_msp_id_and_the_bytes_of_the_pem() {
        let creator = Identity::new("BankMSP", PEM).unwrap().creator();
        let mut expected = b"\x0a\x07BankMSP\x12".to_vec();
        expected.push(u8::try_from(PEM.len()).unwrap());
        expected.extend_from_slice(PEM.as_bytes());
        assert_eq!(creator, expected);
    }

    #[test]
    fn what_is_no_identity_is_refused() {
        assert!(matches!(Identity::new("", PEM), Err(IdentityError::NoMspId)));
        assert!(matches!(Identity::new("BankMSP", "hello"), Err(IdentityError::NoCertificate(_))));
    }
}
