use super::*;

const GOOD: &str = r#"
name = "fabric"
version = "3.1.5"
channel = "payments"
chaincode = "lockstep"

[[orderers]]
address = "127.0.0.1:17050"
server_name = "orderer.lockstep.test"
tls_ca = "orderer/ca.crt"

[[organizations]]
name = "Bank"
msp_id = "BankMSP"
admin = { cert = "bank/admin.pem", key = "/keys/admin.key", msp_dir = "bank/msp" }
user = { cert = "bank/user.pem", key = "bank/user.key" }

[[organizations.peers]]
address = "127.0.0.1:17051"
server_name = "peer0.bank.lockstep.test"
tls_ca = "bank/ca.crt"

[organizations.chaincode]
address = "127.0.0.1:17061"
tls_cert = "bank/cc.crt"
tls_key = "bank/cc.key"
client_ca = "bank/peers.crt"

[[organizations]]
name = "Client"
msp_id = "ClientMSP"
admin = { cert = "c/admin.pem", key = "c/admin.key" }
user = { cert = "c/user.pem", key = "c/user.key" }

[[organizations.peers]]
address = "localhost:17052"
server_name = "peer0.client.lockstep.test"
tls_ca = "c/ca.crt"
"#;

fn read(text: &str) -> (tempfile::TempDir, Result<Profile, ProfileError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.toml");
    std::fs::write(&path, text).unwrap();
    let profile = Profile::read(&path);
    (folder, profile)
}

#[test]
fn file_names_are_relative_to_the_profile_or_absolute() {
    let (folder, profile) = read(GOOD);
    let profile = profile.unwrap();
    let bank = profile.organization("BankMSP").unwrap();
    assert_eq!(bank.admin.cert, folder.path().join("bank/admin.pem"));
    assert_eq!(bank.admin.key, Path::new("/keys/admin.key"));
    assert_eq!(bank.admin.msp_dir.as_deref(), Some(folder.path().join("bank/msp").as_path()));
    assert_eq!(bank.chaincode.as_ref().unwrap().client_ca, folder.path().join("bank/peers.crt"));
    assert_eq!(profile.orderers.first().unwrap().tls_ca, folder.path().join("orderer/ca.crt"));
    assert!(profile.organization("ClientMSP").unwrap().chaincode.is_none());
}

#[test]
fn a_missing_file_is_named_with_the_system_s_reason() {
    let error = Profile::read(Path::new("/nowhere/profile.toml")).unwrap_err();
    assert!(error.to_string().contains("/nowhere/profile.toml"), "{error}");
}

#[test]
fn an_unknown_organisation_is_answered_with_those_there_are() {
    let (_folder, profile) = read(GOOD);
    let error = profile.unwrap().organization("OtherMSP").unwrap_err().to_string();
    assert!(error.contains("OtherMSP") && error.contains("BankMSP, ClientMSP"), "{error}");
}

#[test]
fn every_error_names_the_profile_and_the_field() {
    let cases = [
        (GOOD.replace("msp_id = \"ClientMSP\"\n", ""), "msp_id"),
        (GOOD.replace("channel = \"payments\"", "channel = \"\""), "channel"),
        (GOOD.replace("channel = \"payments\"", "channel = 5"), "channel"),
        (GOOD.replace("ClientMSP", "BankMSP"), "organizations[BankMSP]"),
        (GOOD.replace("localhost:17052", "localhost"), "organizations[ClientMSP].peers[0].address"),
        (GOOD.replace("127.0.0.1:17061", "127.0.0.1:0"), "organizations[BankMSP].chaincode.address"),
        (GOOD.replace("127.0.0.1:17050", ":17050"), "orderers[0].address"),
        ("name = \"x\"".to_owned(), "version"),
        ("= nonsense".to_owned(), "profile.toml"),
    ];
    for (text, field) in cases {
        let (folder, profile) = read(&text);
        let error = profile.unwrap_err().to_string();
        assert!(error.contains(field), "{field}: {error}");
        assert!(error.contains(&*folder.path().to_string_lossy()), "{error}");
    }
}
