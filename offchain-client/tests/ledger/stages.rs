//! What becomes of a submission when a stage ends otherwise than well.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use hlf_proto::gateway::ChaincodeEventsResponse;
use hlf_proto::protos::{ChaincodeEvent, TxValidationCode};
use lockstep::ledger::fabric::{Caller, FabricLedger};
use lockstep::ledger::profile::Profile;
use lockstep::ledger::{EventStart, Ledger, LedgerError, Submitted};
use lockstep_protocol::hash::ShortText;
use lockstep_protocol::ledger::{BankRegistration, Command as _, RegisterBank};
use lockstep_protocol::{LedgerId, MaxDrift, Refusal, SecretKey};
use tonic::{Code, Status};

use crate::scripted::{Script, ScriptedPeer, said};
use crate::unreachable::identity;

struct World {
    _folder: tempfile::TempDir,
    peer: ScriptedPeer,
    ledger: FabricLedger,
    command: RegisterBank,
}

/// A ledger whose one peer follows a script, and replies with a bank's registration.
fn world(mut script: Script) -> World {
    let folder = tempfile::tempdir().unwrap();
    let command = registration();
    if script.reply.is_empty() {
        script.reply = reply(&command);
    }
    let peer = ScriptedPeer::start(folder.path(), script);
    let profile = profile(folder.path(), &peer, "");
    let ledger = FabricLedger::connect(&profile, "BankMSP", Caller::User).unwrap();
    World { _folder: folder, peer, ledger, command }
}

fn registration() -> RegisterBank {
    let key = SecretKey::from_bytes(&[1; 32]).unwrap();
    let name = |text| ShortText::new(text).unwrap();
    let ledger_id = LedgerId::of(&name("payments"), &name("lockstep"));
    RegisterBank::sign(&ledger_id, name("BankMSP"), MaxDrift::DEFAULT, &key)
}

fn reply(command: &RegisterBank) -> Vec<u8> {
    command.to_json().replacen('{', "{\"ts\":1,", 1).into_bytes()
}

/// A profile with the own organisation's peer, and more organisations perhaps.
fn profile(folder: &Path, peer: &ScriptedPeer, others: &str) -> Profile {
    identity(folder);
    let text = format!(
        r#"name = "own"
           version = "3.1.5"
           channel = "payments"
           chaincode = "lockstep"
           [[organizations]]
           name = "Bank"
           msp_id = "BankMSP"
           user = {{ cert = "user.pem", key = "user.key" }}
           peers = [{{ address = "{}", server_name = "peer0.bank.lockstep.test", tls_ca = "tls.pem" }}]
           {others}"#,
        peer.address
    );
    std::fs::write(folder.join("profile.toml"), text).unwrap();
    Profile::read(&folder.join("profile.toml")).unwrap()
}

async fn submit(world: &World) -> Result<Submitted<BankRegistration>, LedgerError> {
    world.ledger.register_bank(&world.command).await
}

fn conflict() -> Result<i32, Status> {
    Ok(TxValidationCode::MvccReadConflict.into())
}

#[tokio::test]
async fn a_conflict_is_proposed_afresh() {
    let world = world(Script { commit: VecDeque::from([conflict(), conflict()]), ..Script::default() });
    let submitted = submit(&world).await.unwrap();
    let proposed = world.peer.seen(|script| script.proposed.clone());
    assert_eq!(proposed.len(), 3);
    assert!(proposed[0] != proposed[1] && proposed[1] != proposed[2]);
    assert_eq!(submitted.tx_id.as_str(), proposed[2]);
    assert_eq!(submitted.block, 7);
    assert_eq!(submitted.record.bank_key(), world.command.bank_key());
}

#[tokio::test]
async fn any_other_verdict_is_final() {
    let code = TxValidationCode::EndorsementPolicyFailure;
    let world = world(Script { commit: VecDeque::from([Ok(code.into())]), ..Script::default() });
    let error = submit(&world).await.unwrap_err();
    assert!(
        matches!(&error, LedgerError::NotCommitted { code, .. } if code == "ENDORSEMENT_POLICY_FAILURE"),
        "{error}"
    );
    assert_eq!(world.peer.seen(|script| script.proposed.len()), 1);
}

#[tokio::test]
async fn a_lost_answer_of_the_orderer_hands_the_same_transaction_in_again() {
    let lost = || Status::unavailable("the orderer went away");
    let world = world(Script { submit: VecDeque::from([lost(), lost()]), ..Script::default() });
    let submitted = submit(&world).await.unwrap();
    let (proposed, handed_in) = world.peer.seen(|script| (script.proposed.clone(), script.handed_in.clone()));
    assert_eq!(proposed.len(), 1, "a second transaction was started while the first was open");
    assert_eq!(handed_in, vec![submitted.tx_id.as_str(); 3]);
}

#[tokio::test]
async fn a_transaction_that_may_have_been_ordered_is_asked_for_whatever_the_last_answer_says() {
    // The first answer is lost on the way; the second says, of its own call, that nothing was passed on.
    let lost = Status::unavailable("the orderer went away");
    let denied = Status::permission_denied("the certificate has expired");
    let submit_answers = VecDeque::from([lost, denied]);
    let world = world(Script { submit: submit_answers, ..Script::default() });
    let submitted = submit(&world).await.unwrap();
    let (proposed, asked_for) = world.peer.seen(|script| (script.proposed.clone(), script.asked_for));
    assert_eq!((proposed.len(), asked_for), (1, 1));
    assert_eq!(submitted.tx_id.as_str(), proposed[0]);
}

#[tokio::test]
async fn a_commit_that_nobody_tells_of_is_asked_for_again_and_then_unknown() {
    let lost = || Err(Status::deadline_exceeded("no block yet"));
    let world = world(Script { commit: VecDeque::from([lost(), lost(), lost()]), ..Script::default() });
    let error = submit(&world).await.unwrap_err();
    let (proposed, asked_for) = world.peer.seen(|script| (script.proposed.clone(), script.asked_for));
    assert!(
        matches!(&error, LedgerError::OutcomeUnknown { tx_id, .. } if tx_id.as_str() == proposed[0]),
        "{error}"
    );
    assert_eq!((proposed.len(), asked_for), (1, 2));
}

#[tokio::test]
async fn the_second_answer_about_a_commit_counts() {
    let lost = Err(Status::unavailable("the peer restarts"));
    let world = world(Script { commit: VecDeque::from([lost, Ok(0)]), ..Script::default() });
    submit(&world).await.unwrap();
    assert_eq!(world.peer.seen(|script| script.asked_for), 2);
}

#[tokio::test]
async fn a_refusal_by_the_own_peer_is_final_and_by_a_lagging_one_is_not() {
    let refusal =
        |msp_id| said(Code::Aborted, msp_id, &format!("chaincode response 500, {}", Refusal::UnknownBank));
    let own = world(Script { endorse: VecDeque::from([refusal("BankMSP")]), ..Script::default() });
    assert_eq!(submit(&own).await.unwrap_err().refusal(), Some(&Refusal::UnknownBank));
    assert_eq!(own.peer.seen(|script| script.proposed.len()), 1);

    let lagging = world(Script { endorse: VecDeque::from([refusal("VendorMSP")]), ..Script::default() });
    submit(&lagging).await.unwrap();
    assert_eq!(lagging.peer.seen(|script| script.proposed.len()), 2);
}

/// A process that is stopped, or a network that swallows packets: the connection stands, and nobody is there.
#[tokio::test]
async fn an_own_peer_that_hangs_keeps_a_submission_from_no_other_peer() {
    let (folder, command) = (tempfile::tempdir().unwrap(), registration());
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let own = ScriptedPeer::start(folder.path(), Script { hangs: true, ..Script::default() });
    let other = ScriptedPeer::start(&elsewhere, Script { reply: reply(&command), ..Script::default() });
    let others = format!(
        r#"[[organizations]]
           name = "Client"
           msp_id = "ClientMSP"
           peers = [{{ address = "{}", server_name = "peer0.bank.lockstep.test", tls_ca = "elsewhere/tls.pem" }}]"#,
        other.address
    );
    let profile = profile(folder.path(), &own, &others);
    let bound = Duration::from_secs(3);
    let ledger = FabricLedger::connect(&profile, "BankMSP", Caller::User).unwrap().with_bound(bound);
    // The own peer has not endorsed it, and tells of the commit.
    let submitted = tokio::time::timeout(bound, ledger.register_bank(&command)).await.unwrap().unwrap();
    let proposed = other.seen(|script| script.proposed.clone());
    assert_eq!([submitted.tx_id.as_str()], proposed[..]);
    assert_eq!((own.seen(|script| script.proposed.len()), own.seen(|script| script.handed_in.len())), (1, 0));
}

#[tokio::test]
async fn peers_that_do_not_know_one_another_yet_are_asked_again() {
    let early =
        Status::failed_precondition("no combination of peers can be derived which satisfy the policy");
    let world = world(Script { endorse: VecDeque::from([early]), ..Script::default() });
    submit(&world).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_the_network_does_not_take_is_told_at_once() {
    let denied = said(Code::PermissionDenied, "BankMSP", "access denied");
    let world = world(Script { endorse: VecDeque::from([denied]), ..Script::default() });
    let error = submit(&world).await.unwrap_err();
    assert!(matches!(error, LedgerError::Rejected { .. }), "{error}");
    assert_eq!(world.peer.seen(|script| script.proposed.len()), 1);
}

#[tokio::test]
async fn a_reply_that_is_no_record_is_a_violation() {
    let world = world(Script { reply: b"{}".to_vec(), ..Script::default() });
    let error = submit(&world).await.unwrap_err();
    assert!(matches!(error, LedgerError::Violation { .. }), "{error}");
}

#[tokio::test]
async fn reads_are_addressed_to_the_own_organisation() {
    let world = world(Script::default());
    world.ledger.bank(world.command.bank_key()).await.unwrap().unwrap();
    assert_eq!(world.peer.seen(|script| script.read_from.clone()), [["BankMSP"]]);
}

#[tokio::test]
async fn an_event_that_is_not_the_contract_s_ends_the_stream() {
    let event = |tx_id: &str, payload: &str| ChaincodeEvent {
        chaincode_id: "lockstep".to_owned(),
        tx_id: tx_id.to_owned(),
        event_name: "ChannelOpened".to_owned(),
        payload: payload.as_bytes().to_vec(),
    };
    let channel = "ab".repeat(32);
    let newer = format!("[{{\"channel_id\":\"{channel}\",\"state\":\"sold\"}}]");
    let block =
        ChaincodeEventsResponse { events: vec![event("a", "[]"), event("b", &newer)], block_number: 3 };
    let world = world(Script { events: vec![block], ..Script::default() });
    let mut events = world.ledger.events(EventStart::Block(0)).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().block, 3);
    let error = events.next().await.unwrap().unwrap_err();
    let LedgerError::UnreadableEvent { at, channels, .. } = error else { panic!("{error}") };
    assert_eq!((at.block, at.tx_id.as_str()), (3, "b"));
    assert_eq!(channels, [channel.parse().unwrap()]);
    let end = tokio::time::timeout(Duration::from_secs(20), events.next()).await;
    assert!(end.expect("the stream ends").is_none());
}
