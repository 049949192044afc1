//! Who called, read from certificates as `cryptogen` makes them.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use hlf_shim::proto::msp::SerializedIdentity;
use hlf_shim::testing::Caller;
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
    let name = b"Admin@bank.lockstep.test";
    assert!(nobody.certificate().windows(name.len()).any(|window| window == name));
}

#[test]
fn what_is_no_certificate_is_an_error() {
    for id_bytes in [&b""[..], b"pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let identity = SerializedIdentity { mspid: "BankMSP".into(), id_bytes: id_bytes.to_vec() };
        assert!(matches!(ClientIdentity::parse(identity), Err(IdentityError::Certificate(_))));
    }
}

/// What peers accept is not refused by the chaincode.
#[test]
fn the_first_certificate_of_a_pem_counts() {
    let certificate = || {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::OrganizationalUnitName, "client");
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    };
    let (own, other) = (certificate(), certificate());
    let id_of = |pem: String| {
        let id_bytes = pem.into_bytes();
        ClientIdentity::parse(SerializedIdentity { mspid: "BankMSP".into(), id_bytes })
            .unwrap()
            .certificate()
            .to_vec()
    };
    let expected = id_of(own.clone());
    for pem in [
        format!("{own}\n"),
        format!("{own}{other}"),
        format!("subject=/CN=User1\n{own}\n\n{other}"),
        own.replace('\n', "\r\n"),
        own.trim_end().to_owned(),
    ] {
        assert_eq!(id_of(pem), expected);
    }
}

fn of(caller: &Caller) -> ClientIdentity {
    let identity =
        SerializedIdentity { mspid: caller.msp_id().into(), id_bytes: caller.certificate().into_bytes() };
    ClientIdentity::parse(identity).unwrap()
}

#[test]
fn attributes_are_those_of_the_fabric_ca() {
    let auditor = of(&Caller::new("BankMSP", "ann").attribute("role", "auditor").attribute("level", "3"));
    assert_eq!(auditor.attribute("role"), Some("auditor"));
    assert_eq!(auditor.attributes().len(), 2);
    assert_eq!(auditor.assert_attribute("level", "3"), Ok(()));
    let different = auditor.assert_attribute("level", "4").unwrap_err();
    assert_eq!(different.to_string(), "attribute 'level' equals '3', not '4'");
    let absent = auditor.assert_attribute("rank", "1").unwrap_err();
    assert_eq!(absent.to_string(), "attribute 'rank' was not found");
    assert!(identity(&["client"]).unwrap().attributes().is_empty());
}

/// As Go's cid package has it: of what the certificate says, in Go's order, backwards.
#[test]
fn the_id_is_that_of_the_go_shim() {
    let caller = Caller::new("BankMSP", "ann, bee").unit("client").unit("dept #1");
    let id = of(&caller).id();
    assert!(id.is_ascii() && id == of(&caller.clone().attribute("a", "b")).id());
    let text = "x509::CN=ann\\, bee,OU=client+OU=dept #1::CN=ca,O=BankMSP";
    assert_eq!(id, base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text));
}
