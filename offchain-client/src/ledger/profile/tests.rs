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
    assert_eq!(bank.admin.as_ref().unwrap().cert, folder.path().join("bank/admin.pem"));
    assert_eq!(bank.admin.as_ref().unwrap().key, Path::new("/keys/admin.key"));
    assert_eq!(
        bank.admin.as_ref().unwrap().msp_dir.as_deref(),
        Some(folder.path().join("bank/msp").as_path())
    );
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
        (
            GOOD.replace("key = \"c/user.key\"", "key = \"k\", tls_key = \"t\""),
            "organizations[ClientMSP].user",
        ),
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

#[test]
fn only_peers_need_to_be_known_of_another_organisation() {
    let text = GOOD.replace("admin = { cert = \"c/admin.pem\", key = \"c/admin.key\" }\nuser = { cert = \"c/user.pem\", key = \"c/user.key\" }\n", "");
    assert_ne!(text, GOOD);
    let (_folder, profile) = read(&text);
    assert!(profile.unwrap().organization("ClientMSP").unwrap().user.is_none());
}

/// Has bash read the assignments and print what it understood.
fn in_bash(script: &str, print: &str) -> String {
    let program = format!("set -eu\n{script}\n{print}");
    let output = std::process::Command::new("bash").arg("-c").arg(program).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_shell_reads_what_the_profile_says() {
    let (folder, profile) =
        read(&GOOD.replace("\"Client\"", "\"it's $HOME `id` \\\\ \"").replace("localhost:17052", "h:1"));
    let script = profile.unwrap().to_shell().unwrap();
    assert_eq!(in_bash(&script, r#"printf %s "${org_name[1]}""#), "it's $HOME `id` \\ ");
    let root = folder.path().display();
    assert_eq!(in_bash(&script, r#"printf %s "${org_user_key[0]}""#), format!("{root}/bank/user.key"));
    assert_eq!(in_bash(&script, r#"printf %s "$profile_folder""#), root.to_string());
    let absent = r#"printf '%s.' "${orderer_admin_address[0]}" "${org_chaincode_address[1]}" "${org_chaincode_package_id[0]}""#;
    assert_eq!(in_bash(&script, absent), "...");
    let lengths = r#"printf '%s ' "${#org_admin_msp_dir[@]}" "${#org_chaincode_listen[@]}" "${#peer_org[@]}" "${peer_org[@]}""#;
    assert_eq!(in_bash(&script, lengths), "2 2 2 0 1 ");
}

#[test]
fn a_network_without_orderers_has_empty_arrays() {
    let (_folder, profile) = read(&GOOD.replace("[[orderers]]", "[[other]]"));
    let script = profile.unwrap().to_shell().unwrap();
    assert!(script.contains("orderer_address=()\n"), "{script}");
}

#[test]
fn a_value_that_a_shell_would_break_at_is_refused() {
    let (_folder, profile) = read(&GOOD.replace("\"Client\"", "\"a\\nb\""));
    let error = profile.unwrap().to_shell().unwrap_err().to_string();
    assert!(error.contains("org_name"), "{error}");
}
