//! All pairs of state and command [Spec §8]: what moves on, what is the same again, what is refused.

use lockstep_protocol::ledger::{
    Cancel, ChannelRecord, ChannelState, CloseByToken, Freeze, FreezeReason, Open, Resolve,
};
use lockstep_protocol::rules::{self, Changed, Outcome};
use lockstep_protocol::{EvidenceHash, Refusal};

use crate::scene::{DRIFT, EXPIRY, OPEN_BY, OPENED, Scene, changed, clocks};

/// What is expected of a pair.
#[derive(Debug, PartialEq)]
enum Expected {
    To(ChannelState),
    Same,
    No(Refusal),
}

use ChannelState::{Cancelled, Claimed, Closed, Frozen, Open as Opened, Refunded, Resolved};
use Expected::{No, Same, To};

/// `No(WrongState)` is most of the table.
const NO: Expected = No(Refusal::WrongState);
/// No record yet.
const NONE: Expected = No(Refusal::UnknownChannel);

/// Every command at a time when nothing but the state can stand in its way.
const COMMANDS: [&str; 11] = [
    "open",
    "cancel",
    "release 3",
    "release 2",
    "token 3",
    "token 2",
    "refund",
    "freeze",
    "freeze otherwise",
    "resolve 5",
    "resolve 6",
];

fn run(scene: &Scene, stored: Option<ChannelRecord>, command: &str) -> Result<Changed, Refusal> {
    let (bank, ledger) = (Some(&scene.registration), &scene.ledger);
    let channel = scene.signed.opening().channel_id();
    let (soon, late) = (clocks(OPENED + 10_000), clocks(EXPIRY + DRIFT));
    let token = |c: u32| -> CloseByToken { scene.token_command(c) };
    let resolve = |count: u32| -> Resolve { scene.resolve_command(count) };
    match command {
        "open" => rules::open(bank, stored, None, &Open::new(scene.signed.clone()), ledger, soon),
        "cancel" => {
            let due = clocks(OPEN_BY + DRIFT + 1);
            rules::cancel(bank, stored, &Cancel::new(scene.signed.clone()), ledger, due)
        }
        "release 3" => rules::close_by_release(stored, &scene.release_command(3), soon),
        "release 2" => rules::close_by_release(stored, &scene.release_command(2), soon),
        "token 3" => rules::close_by_token(stored, &token(3), soon),
        "token 2" => rules::close_by_token(stored, &token(2), soon),
        "refund" => rules::refund(stored, &scene.refund_command(), late),
        "freeze" => rules::freeze(stored, &scene.freeze_command(), soon),
        "freeze otherwise" => {
            let evidence = EvidenceHash::from_bytes([1; 32]);
            let other = Freeze::sign(channel, FreezeReason::VendorConduct, evidence, &scene.bank);
            rules::freeze(stored, &other, soon)
        }
        "resolve 5" => rules::resolve(stored, &resolve(5), late),
        "resolve 6" => rules::resolve(stored, &resolve(6), late),
        other => panic!("no command {other}"),
    }
}

/// A record brought into a state by commands.
fn after(scene: &Scene, commands: &[&str]) -> Option<ChannelRecord> {
    commands.iter().fold(None, |stored, command| Some(changed(run(scene, stored, command))))
}

#[test]
fn every_pair() {
    let scene = Scene::new();
    let table: Vec<(&[&str], [Expected; 11])> = vec![
        (&[], [To(Opened), To(Cancelled), NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE]),
        (
            &["open"],
            [
                Same,
                NO,
                To(Closed),
                To(Closed),
                To(Closed),
                To(Closed),
                To(Refunded),
                To(Frozen),
                To(Frozen),
                NO,
                NO,
            ],
        ),
        (&["cancel"], [NO, Same, NO, NO, NO, NO, NO, NO, NO, NO, NO]),
        // A release and a token close with equal c are different.
        (&["open", "release 3"], [Same, NO, Same, NO, NO, NO, NO, NO, NO, NO, NO]),
        (&["open", "token 3"], [Same, NO, NO, NO, Same, NO, NO, NO, NO, NO, NO]),
        (&["open", "refund"], [Same, NO, NO, NO, NO, NO, Same, NO, NO, NO, NO]),
        (
            &["open", "freeze"],
            [Same, NO, NO, NO, To(Claimed), To(Claimed), NO, Same, NO, To(Resolved), To(Resolved)],
        ),
        (
            &["open", "freeze", "token 3"],
            [Same, NO, NO, NO, Same, NO, NO, Same, NO, To(Resolved), To(Resolved)],
        ),
        (&["open", "freeze", "token 3", "resolve 5"], [Same, NO, NO, NO, Same, NO, NO, Same, NO, Same, NO]),
        (&["open", "freeze", "resolve 5"], [Same, NO, NO, NO, NO, NO, NO, Same, NO, Same, NO]),
    ];
    for (history, row) in table {
        let stored = after(&scene, history);
        for (command, expected) in COMMANDS.into_iter().zip(row) {
            let found = match run(&scene, stored.clone(), command) {
                Ok(Outcome::Changed(transition)) => {
                    assert_eq!(transition.change.state, transition.record.state());
                    assert_eq!(transition.takes_client_key, command == "open");
                    To(transition.record.state())
                }
                Ok(Outcome::AlreadyDone(record)) => {
                    // The answer is the record as it stands.
                    assert_eq!(Some(&record), stored.as_ref());
                    Same
                }
                Err(refusal) => No(refusal),
            };
            assert_eq!(found, expected, "{history:?} then {command}");
        }
    }
}

#[test]
fn every_record_survives_json_in_any_order_of_fields() {
    let scene = Scene::new();
    let histories: [&[&str]; 9] = [
        &["open"],
        &["cancel"],
        &["open", "release 3"],
        &["open", "token 3"],
        &["open", "refund"],
        &["open", "freeze"],
        &["open", "freeze", "token 3"],
        &["open", "freeze", "token 3", "resolve 5"],
        &["open", "freeze", "resolve 5"],
    ];
    for history in histories {
        let record = after(&scene, history).unwrap();
        let json = record.to_json();
        assert_eq!(ChannelRecord::from_json(&json).unwrap(), record);
        // serde_json's map sorts fields by name, as CouchDB does.
        let sorted: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let reread = ChannelRecord::from_json(sorted.to_string().as_bytes()).unwrap();
        assert_eq!(reread.to_json(), json);
        for state in ChannelState::ALL {
            assert_eq!(record.change_to(state).is_ok(), record.reached(state), "{history:?} {state}");
        }
    }
}

#[test]
fn records_that_contradict_themselves_are_not_read() {
    let scene = Scene::new();
    let closed = after(&scene, &["open", "release 3"]).unwrap();
    let spoil = |path: &str, value: serde_json::Value| {
        let mut document: serde_json::Value = serde_json::from_slice(&closed.to_json()).unwrap();
        *document.pointer_mut(path).unwrap() = value;
        ChannelRecord::from_json(document.to_string().as_bytes())
    };
    assert!(spoil("/state", "closed".into()).is_ok());
    for (path, value) in [
        ("/state", "open".into()),
        ("/state", "resolved".into()),
        ("/channel_id", "00".repeat(32).into()),
        ("/opening/expiry", (EXPIRY + 1).into()),
        ("/ending/number", 4.into()),
        ("/ending/released", 4.into()),
        ("/ending/to_vendor", "1".into()),
        ("/ending/last_amount", "1".into()),
        ("/ending/kind", "token".into()),
        ("/max_drift", 1.into()),
    ] {
        assert_eq!(spoil(path, value), Err(Refusal::UnreadableRecord), "{path}");
    }
}

#[test]
fn the_paper_s_fields_are_readable_in_the_record() {
    let scene = Scene::new();
    let document = |history: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&after(&scene, history).unwrap().to_json()).unwrap()
    };
    let open = document(&["open"]);
    assert_eq!(open["state"], "open");
    assert_eq!(open["opening"]["total"], "1000000");
    assert_eq!(open["channel_id"], scene.signed.opening().channel_id().to_string());
    assert!(open["opening"]["client_identity"].is_string() && open["bank_signature"].is_string());
    let closed = document(&["open", "release 3"]);
    assert_eq!(closed["ending"]["kind"], "release");
    assert_eq!((&closed["ending"]["number"], &closed["ending"]["last_amount"]), (&3.into(), &"10000".into()));
    assert_eq!(closed["ending"]["to_vendor"], "30000");
    assert!(closed["ending"]["client_signature"].is_string());
}
