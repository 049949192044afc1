//! Who called, read from certificates as `cryptogen` makes them.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use hlf_shim::proto::msp::SerializedIdentity;
use hlf_shim::{ClientIdentity, IdentityError, Role};
use rcgen::{CertificateParams, DnType, KeyPair};

fn identity(units: &[&str]) -> Result<ClientIdentity, IdentityError> {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Admin@bank.lockstep.test");
    for unit in units {
        params.distinguished_name.push(DnType::OrganizationalUnitName, *unit);
    }
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    ClientIdentity::parse(SerializedIdentity { mspid: "BankMSP".into(), id_bytes: certificate.into_bytes() })
}

#[test]
fn roles_are_organisational_units_of_the_subject() {
    let admin = identity(&["admin"]).unwrap();
    assert_eq!(admin.msp_id(), "BankMSP");
    assert_eq!(admin.organizational_units(), ["admin"]);
    assert!(admin.has_role(Role::Admin) && !admin.has_role(Role::Client) && !admin.has_role(Role::Peer));

    let nobody = identity(&[]).unwrap();
    assert!(
        ![Role::Admin, Role::Client, Role::Peer, Role::Orderer].into_iter().any(|role| nobody.has_role(role))
    );
    assert!(!identity(&["administrators"]).unwrap().has_role(Role::Admin));
    assert!(
        nobody.certificate().tbs_certificate().subject().to_string().contains("Admin@bank.lockstep.test")
    );
}

#[test]
fn what_is_no_certificate_is_an_error() {
    for id_bytes in [&b""[..], b"pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let identity = SerializedIdentity { mspid: "BankMSP".into(), id_bytes: id_bytes.to_vec() };
        assert!(matches!(ClientIdentity::parse(identity), Err(IdentityError::Certificate(_))));
    }
}
