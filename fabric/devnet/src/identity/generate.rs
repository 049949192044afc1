//! Making an organisation's identities in cryptogen's layout: two authorities, a peer, a chaincode host, two users.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SignatureAlgorithm, SigningKey,
};
use thiserror::Error;
use time::{Duration, OffsetDateTime};

use super::layout::OrganizationFiles;
use super::signature::EcdsaSignature;

/// Life of the certificates, as cryptogen's: ten years without the leap days.
const LIFE: Duration = Duration::days(3650);

/// How far in the past certificates begin, for machines whose clocks disagree a little.
const BACKDATED: Duration = Duration::minutes(5);

/// The host names under which a peer and a chaincode process of an organisation run.
pub(crate) const PEER_HOST: &str = "peer0";
/// The host name of an organisation's chaincode process.
pub(crate) const CHAINCODE_HOST: &str = "chaincode";
/// The users that are made, with their organisational units.
const USERS: [(&str, &str); 2] = [("Admin", "admin"), ("User1", "client")];

/// Why identities cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A file or folder cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A certificate cannot be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
}

/// Makes the identities of the organisation `domain` below `organizations`, unless its folder is there already.
/// The folder appears whole or not at all.
///
/// # Errors
/// When a file cannot be written or a certificate cannot be made.
pub fn organization(organizations: &Path, domain: &str) -> Result<OrganizationFiles, GenerateError> {
    let files = OrganizationFiles::new(organizations, domain);
    if files.folder().exists() {
        return Ok(files);
    }
    let unfinished = organizations.join(".unfinished");
    let made = OrganizationFiles::new(&unfinished, domain);
    if made.folder().exists() {
        fs::remove_dir_all(made.folder()).map_err(|source| failed(made.folder(), source))?;
    }
    Organisation::new(made.clone(), domain)?.write()?;
    if let Some(parent) = files.folder().parent() {
        fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
    }
    fs::rename(made.folder(), files.folder()).map_err(|source| failed(files.folder(), source))?;
    fs::remove_dir_all(&unfinished).map_err(|source| failed(&unfinished, source))?;
    Ok(files)
}

/// A key whose signatures have a low s, which Fabric wants in certificates too.
struct LowSKey(KeyPair);

impl PublicKeyData for LowSKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for LowSKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = SigningKey::sign(&self.0, message)?;
        let parsed = EcdsaSignature::from_der(&signature).ok_or(rcgen::Error::RingUnspecified)?;
        Ok(parsed.into_low_s().to_der())
    }
}

/// A certificate authority.
struct Authority {
    pem: String,
    key_pem: String,
    issuer: Issuer<'static, LowSKey>,
}

impl Authority {
    fn new(host: &str, domain: &str) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let key_pem = key.serialize_pem();
        let key = LowSKey(key);
        let mut params = subject(&format!("{host}.{domain}"), None);
        params.distinguished_name.push(DnType::OrganizationName, domain);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
        ];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, key_pem, issuer: Issuer::new(params, key) })
    }

    fn issue(&self, mut params: CertificateParams) -> Result<(Certificate, KeyPair), rcgen::Error> {
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }
}

/// Subject and validity in cryptogen's way.
fn subject(common_name: &str, unit: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = rcgen::DistinguishedName::new();
    name.push(DnType::CountryName, "US");
    name.push(DnType::StateOrProvinceName, "California");
    name.push(DnType::LocalityName, "San Francisco");
    if let Some(unit) = unit {
        name.push(DnType::OrganizationalUnitName, unit);
    }
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.not_before = OffsetDateTime::now_utc() - BACKDATED;
    params.not_after = params.not_before + LIFE;
    params
}

struct Organisation {
    files: OrganizationFiles,
    domain: String,
    ca: Authority,
    tls_ca: Authority,
}

impl Organisation {
    fn new(files: OrganizationFiles, domain: &str) -> Result<Self, rcgen::Error> {
        let (ca, tls_ca) = (Authority::new("ca", domain)?, Authority::new("tlsca", domain)?);
        Ok(Self { files, domain: domain.to_owned(), ca, tls_ca })
    }

    fn write(&self) -> Result<(), GenerateError> {
        let folder = self.files.folder();
        write(&self.files.ca(), &self.ca.pem)?;
        write_secret(&folder.join("ca/priv_sk"), &self.ca.key_pem)?;
        write(&self.files.tls_ca(), &self.tls_ca.pem)?;
        write_secret(&folder.join("tlsca/priv_sk"), &self.tls_ca.key_pem)?;
        self.write_authorities(&folder.join("msp"))?;
        for host in [PEER_HOST, CHAINCODE_HOST] {
            let name = self.files.host(host);
            let folder = self.files.host_folder(host);
            self.write_msp(&folder.join("msp"), &name, "peer")?;
            let names = [name.clone(), host.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()];
            self.write_tls(&folder.join("tls"), "server", &name, &names)?;
        }
        for (user, unit) in USERS {
            let name = format!("{user}@{}", self.domain);
            self.write_msp(&self.files.user_msp(user), &name, unit)?;
            self.write_tls(&self.files.user_tls(user), "client", &name, &[])?;
        }
        Ok(())
    }

    /// An MSP folder with a certificate and key for `name` in the organisational unit `unit`.
    fn write_msp(&self, folder: &Path, name: &str, unit: &str) -> Result<(), GenerateError> {
        let mut params = subject(name, Some(unit));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let (certificate, key) = self.ca.issue(params)?;
        write(&folder.join(format!("signcerts/{name}-cert.pem")), &certificate.pem())?;
        write_secret(&folder.join("keystore/priv_sk"), &key.serialize_pem())?;
        self.write_authorities(folder)
    }

    /// What every MSP folder holds: the authorities and the rule how units give roles.
    fn write_authorities(&self, msp: &Path) -> Result<(), GenerateError> {
        let (ca, tls_ca) =
            (format!("ca.{}-cert.pem", self.domain), format!("tlsca.{}-cert.pem", self.domain));
        write(&msp.join("cacerts").join(&ca), &self.ca.pem)?;
        write(&msp.join("tlscacerts").join(&tls_ca), &self.tls_ca.pem)?;
        let mut config = "NodeOUs:\n  Enable: true\n".to_owned();
        for (role, unit) in
            [("Client", "client"), ("Peer", "peer"), ("Admin", "admin"), ("Orderer", "orderer")]
        {
            config += &format!("  {role}OUIdentifier:\n    Certificate: cacerts/{ca}\n");
            config += &format!("    OrganizationalUnitIdentifier: {unit}\n");
        }
        write(&msp.join("config.yaml"), &config)
    }

    fn write_tls(
        &self,
        folder: &Path,
        file: &str,
        name: &str,
        alternatives: &[String],
    ) -> Result<(), GenerateError> {
        let mut params = subject(name, None);
        params.subject_alt_names = CertificateParams::new(alternatives)?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = self.tls_ca.issue(params)?;
        write(&folder.join("ca.crt"), &self.tls_ca.pem)?;
        write(&folder.join(format!("{file}.crt")), &certificate.pem())?;
        write_secret(&folder.join(format!("{file}.key")), &key.serialize_pem())
    }
}

fn write(path: &Path, text: &str) -> Result<(), GenerateError> {
    write_with_mode(path, text, 0o644)
}

fn write_secret(path: &Path, text: &str) -> Result<(), GenerateError> {
    write_with_mode(path, text, 0o600)
}

fn write_with_mode(path: &Path, text: &str, mode: u32) -> Result<(), GenerateError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
    }
    let mut options = fs::OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: std::io::Error) -> GenerateError {
    GenerateError::Write { path: path.to_owned(), source }
}
