//! Peers that are not there, and files that are not what they should be.

use std::path::Path;

use futures::StreamExt as _;
use lockstep::ledger::fabric::{Caller, FabricLedger};
use lockstep::ledger::profile::Profile;
use lockstep::ledger::{EventStart, Ledger, LedgerError};
use lockstep_protocol::hash::ChannelId;

const PROFILE: &str = r#"
name = "own"
version = "3.1.5"
channel = "payments"
chaincode = "lockstep"

[[organizations]]
name = "Bank"
msp_id = "BankMSP"
user = { cert = "user.pem", key = "user.key" }

[[organizations.peers]]
address = "127.0.0.1:PORT"
server_name = "peer0.bank.lockstep.test"
tls_ca = "user.pem"
"#;

/// Puts a certificate and its key into a folder, as `user.pem` and `user.key`.
pub(crate) fn identity(folder: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    std::fs::write(folder.join("user.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("user.key"), key.serialize_pem()).unwrap();
}

/// A profile whose peer is at this port.
fn profile(folder: &Path, port: u16) -> Profile {
    identity(folder);
    let path = folder.join("profile.toml");
    std::fs::write(&path, PROFILE.replace("PORT", &port.to_string())).unwrap();
    Profile::read(&path).unwrap()
}

/// A port at which nobody listens: it was ours a moment ago.
fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let port = closed_port();
    let ledger = FabricLedger::connect(&profile(folder.path(), port), "BankMSP", Caller::User).unwrap();
    let error = ledger.channel(ChannelId::from_bytes([1; 32])).await.unwrap_err();
    assert!(matches!(error, LedgerError::Unavailable { .. }) && error.is_temporary(), "{error:?}");
    for named in ["BankMSP", &format!("127.0.0.1:{port}"), "try again"] {
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
    let mut events = ledger.events(EventStart::Block(0)).await.unwrap();
    for _interruption in 0..2 {
        let error = events.next().await.unwrap().unwrap_err();
        assert!(error.is_temporary(), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_missing_in_the_profile_is_named_before_anything_is_dialled() {
    let folder = tempfile::tempdir().unwrap();
    let good = profile(folder.path(), 1);
    let connect = |profile: &Profile, msp_id: &str, caller| {
        FabricLedger::connect(profile, msp_id, caller).map(drop).unwrap_err().to_string()
    };
    assert!(connect(&good, "VendorMSP", Caller::User).contains("VendorMSP"));
    assert!(connect(&good, "BankMSP", Caller::Admin).contains("admin"));

    let key = folder.path().join("user.key");
    std::fs::write(&key, "nonsense").unwrap();
    assert!(connect(&good, "BankMSP", Caller::User).contains("organizations[BankMSP].user.key"));
    std::fs::remove_file(&key).unwrap();
    assert!(connect(&good, "BankMSP", Caller::User).contains(&*key.to_string_lossy()));
    std::fs::write(folder.path().join("user.pem"), "nonsense").unwrap();
    assert!(connect(&good, "BankMSP", Caller::User).contains("organizations[BankMSP].user.cert"));
}
