//! Reading X.509 certificates, as far as an MSP needs it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::time::{Duration, SystemTime};
use thiserror::Error;
use x509_cert::Certificate;
use x509_cert::der::asn1::{PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};

/// id-at-organizationalUnitName.
const ORGANISATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
/// ecdsa-with-SHA256.
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// Largest certificate in PEM that is read, in bytes.
const MAX_PEM: usize = 64 * 1024;

/// Why a certificate is no good.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not a PEM certificate.
    #[error("not a certificate in PEM")]
    Malformed,
    /// A key of another kind than P-256.
    #[error("the certificate's key is not of P-256")]
    Key,
    /// Another issuer, or a signature that is not the issuer's.
    #[error("the certificate was not issued by the organisation's CA")]
    Issuer,
}

/// What an MSP looks at in a certificate.
#[derive(Debug)]
pub(crate) struct ParsedCertificate {
    certificate: Certificate,
    pub(crate) key: ParsedPublicKey,
    pub(crate) units: Vec<String>,
    pub(crate) not_after: SystemTime,
}

impl ParsedCertificate {
    /// Reads the first certificate of a PEM text.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        if pem.len() > MAX_PEM {
            return Err(CertificateError::Malformed);
        }
        let der = CertificateDer::from_pem_slice(pem).map_err(|_| CertificateError::Malformed)?;
        let certificate = Certificate::from_der(&der).map_err(|_| CertificateError::Malformed)?;
        let body = certificate.tbs_certificate();
        let point = body.subject_public_key_info().subject_public_key.raw_bytes();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_| CertificateError::Key)?;
        let not_after = SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(body.validity().not_after.to_unix_duration().as_secs()))
            .ok_or(CertificateError::Malformed)?;
        let units = units(&certificate);
        Ok(Self { certificate, key, units, not_after })
    }

    /// Checks that `issuer` signed this certificate.
    pub(crate) fn check_issuer(&self, issuer: &Self) -> Result<(), CertificateError> {
        let body = self.certificate.tbs_certificate();
        let names_agree = body.issuer() == issuer.certificate.tbs_certificate().subject();
        let algorithm_fits = self.certificate.signature_algorithm().oid == ECDSA_WITH_SHA256;
        if !names_agree || !algorithm_fits {
            return Err(CertificateError::Issuer);
        }
        let signed = body.to_der().map_err(|_| CertificateError::Malformed)?;
        let signature = self.certificate.signature().raw_bytes();
        issuer.key.verify_sig(&signed, signature).map_err(|_| CertificateError::Issuer)
    }
}

fn units(certificate: &Certificate) -> Vec<String> {
    let subject = certificate.tbs_certificate().subject();
    let attributes = subject.iter().filter(|attribute| attribute.oid == ORGANISATIONAL_UNIT);
    attributes
        .filter_map(|attribute| {
            let utf8 = attribute.value.decode_as::<Utf8StringRef<'_>>().map(|text| text.as_str().to_owned());
            utf8.or_else(|_| {
                attribute.value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned())
            })
            .ok()
        })
        .collect()
}
