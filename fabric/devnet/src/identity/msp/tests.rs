use std::time::Duration;

use super::*;
use crate::identity::generate;
use crate::identity::layout::OrganizationFiles;
use crate::identity::signer::Signer;

struct Fixture {
    msps: MspManager,
    files: OrganizationFiles,
    folder: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let files = generate::organization(folder.path(), "bank.test").unwrap();
    let mut msps = MspManager::default();
    msps.add("BankMSP", &files.ca()).unwrap();
    Fixture { msps, files, folder }
}

fn user(files: &OrganizationFiles, msp_id: &str, user: &str) -> Signer {
    Signer::load(msp_id, &files.user_certificate(user), &files.user_key(user)).unwrap()
}

#[test]
fn roles_come_from_the_units() {
    let Fixture { msps, files, folder: _folder } = fixture();
    let peer = Signer::load("BankMSP", &files.host_certificate("peer0"), &files.host_key("peer0")).unwrap();
    let signers = [
        (user(&files, "BankMSP", "Admin"), Role::Admin),
        (user(&files, "BankMSP", "User1"), Role::Client),
        (peer, Role::Peer),
    ];
    for (signer, role) in signers {
        let identity = msps.identify(signer.identity()).unwrap();
        assert_eq!(identity.principal(), &Principal { msp_id: "BankMSP".into(), role });
        assert!(!identity.is_expired(SystemTime::now()));
        assert!(identity.is_expired(SystemTime::now() + Duration::from_secs(3650 * 86400)));
    }
}

#[test]
fn only_own_low_signatures_count() {
    let Fixture { msps, files, folder: _folder } = fixture();
    let signer = user(&files, "BankMSP", "User1");
    let identity = msps.identify(signer.identity()).unwrap();
    // Half of all signatures would have a high s.
    for number in 0..16 {
        let signature = signer.sign(&[number]).unwrap();
        assert_eq!(identity.verify(&[number], &signature), Ok(()));
        assert_eq!(identity.verify(&[99], &signature), Err(SignatureError::Wrong));
        let high = EcdsaSignature::from_der(&signature).unwrap().with_other_s().to_der();
        assert_eq!(identity.verify(&[number], &high), Err(SignatureError::HighS));
    }
    assert_eq!(identity.verify(b"x", b""), Err(SignatureError::Malformed));
    let other = user(&files, "BankMSP", "Admin").sign(b"x").unwrap();
    assert_eq!(identity.verify(b"x", &other), Err(SignatureError::Wrong));
}

#[test]
fn strangers_are_refused() {
    let Fixture { msps, files, folder: _folder } = fixture();
    let elsewhere = tempfile::tempdir().unwrap();
    // The same names, other keys.
    let foreign = generate::organization(elsewhere.path(), "bank.test").unwrap();
    let signer = user(&foreign, "BankMSP", "User1");
    let refused = msps.identify(signer.identity()).unwrap_err();
    assert!(matches!(refused, IdentityError::Invalid(CertificateError::Issuer)), "{refused:?}");
    let signer = user(&files, "OtherMSP", "User1");
    assert_eq!(msps.identify(signer.identity()).unwrap_err(), IdentityError::UnknownMsp("OtherMSP".into()));
    // A TLS certificate is from another authority.
    let tls = Signer::load("BankMSP", &files.host_tls_certificate("peer0"), &files.host_tls_key("peer0"));
    assert!(matches!(msps.identify(tls.unwrap().identity()), Err(IdentityError::Invalid(_))));
    // The authority itself has no role.
    let id_bytes = std::fs::read(files.ca()).unwrap();
    let authority = SerializedIdentity { mspid: "BankMSP".into(), id_bytes }.encode_to_vec();
    assert!(matches!(msps.identify(&authority), Err(IdentityError::NoRole { .. })));
    assert!(matches!(msps.identify(b"\xff"), Err(IdentityError::Malformed)));
    let garbage = SerializedIdentity { mspid: "BankMSP".into(), id_bytes: b"garbage".to_vec() };
    assert!(matches!(msps.identify(&garbage.encode_to_vec()), Err(IdentityError::Unreadable(_))));
}

#[test]
fn identities_are_made_once_with_keys_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let Fixture { files, folder, .. } = fixture();
    let before = std::fs::read(files.user_key("User1")).unwrap();
    generate::organization(folder.path(), "bank.test").unwrap();
    assert_eq!(std::fs::read(files.user_key("User1")).unwrap(), before);
    for secret in [files.user_key("User1"), files.host_tls_key("peer0"), files.folder().join("ca/priv_sk")] {
        assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600, "{secret:?}");
    }
}
