//! `RegisterBank`, `Open` and `Cancel`: every refusal [Spec §8].

use lockstep_protocol::ledger::{Cancel, ChannelState, Open, RegisterBank};
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::rules::{self, Clocks, Outcome, Submitter};
use lockstep_protocol::{Amount, LedgerId, MaxDrift, Refusal, Reputation};

use crate::scene::{DRIFT, EXPIRY, OPEN_BY, OPENED, Scene, at, changed, clocks, drift, refused, text, units};

fn submitter(msp: &str, is_admin: bool) -> Submitter {
    Submitter { msp_id: text(msp), is_admin }
}

#[test]
fn a_bank_registers_once_and_for_ever() {
    let scene = Scene::new();
    let register = |stored, command: &RegisterBank, who: &Submitter, clocks| {
        rules::register_bank(stored, command, who, &scene.ledger, clocks)
    };
    let command = RegisterBank::sign(&scene.ledger, text("BankMSP"), drift(), &scene.bank);
    let admin = submitter("BankMSP", true);
    let now = clocks(OPENED);
    let Outcome::Changed(stored) = register(None, &command, &admin, now).unwrap() else {
        panic!("nothing was there before")
    };
    assert_eq!(stored.max_drift(), drift());

    // The same again is success for anybody, later too, and verifies nothing.
    let anybody = submitter("ClientMSP", false);
    let again = register(Some(stored.clone()), &command, &anybody, clocks(EXPIRY)).unwrap();
    assert_eq!(again, Outcome::AlreadyDone(stored.clone()));
    let other_drift =
        RegisterBank::sign(&scene.ledger, text("BankMSP"), MaxDrift::from_millis(1000).unwrap(), &scene.bank);
    let other_msp = RegisterBank::sign(&scene.ledger, text("VendorMSP"), drift(), &scene.bank);
    for other in [other_drift, other_msp] {
        assert_eq!(
            refused(register(Some(stored.clone()), &other, &admin, now)),
            Refusal::BankRegisteredOtherwise
        );
    }
    assert_eq!(refused(register(None, &command, &submitter("BankMSP", false), now)), Refusal::NotAdmin);
    assert_eq!(refused(register(None, &command, &submitter("VendorMSP", true), now)), Refusal::NotAdmin);
    let elsewhere = LedgerId::of(&text("payments"), &text("other"));
    let foreign = RegisterBank::sign(&elsewhere, text("BankMSP"), drift(), &scene.bank);
    assert_eq!(refused(register(None, &foreign, &admin, now)), Refusal::BadBankSignature);
    let late = Clocks { transaction: at(OPENED), endorser: at(OPENED + DRIFT + 1) };
    assert_eq!(refused(register(None, &command, &admin, late)), Refusal::ClockOff);
    for millis in [0, 999, 600_001] {
        let json = command_json(&command).replace("30000", &millis.to_string());
        let odd = lockstep_protocol::ledger::decode_command::<RegisterBank>(json.as_bytes()).unwrap();
        assert_eq!(refused(register(None, &odd, &admin, late)), Refusal::DriftOutOfRange);
    }
}

fn command_json(command: &RegisterBank) -> String {
    serde_json::to_string(command).unwrap()
}

#[test]
fn an_opening_is_recorded() {
    let scene = Scene::new();
    let Outcome::Changed(transition) = scene.open_as(&scene.signed, clocks(OPENED)).unwrap() else {
        panic!("nothing was there before")
    };
    assert!(transition.created && transition.takes_client_key);
    assert_eq!(transition.change.state, ChannelState::Open);
    assert_eq!(transition.change.state.event_name(), "ChannelOpened");
    let record = transition.record;
    assert_eq!(record.signed_opening(), &scene.signed);
    assert_eq!(record.max_drift(), drift());
}

#[test]
fn openings_that_break_a_rule_are_refused() {
    let scene = Scene::new();
    let now = clocks(OPENED);
    let open = |change: fn(&mut lockstep_protocol::opening::OpeningTerms)| {
        refused(scene.open_as(&scene.signed_with(change), now))
    };
    assert_eq!(open(|t| t.ledger = LedgerId::from_bytes([0; 32])), Refusal::OtherLedger);
    assert_eq!(open(|t| t.total = Amount::from_micros(999_999)), Refusal::TotalMismatch);
    assert_eq!(
        open(|t| (t.token_count, t.total) = (units(0), Amount::from_micros(0))),
        Refusal::TokenCountOutOfRange
    );
    assert_eq!(
        open(|t| (t.token_count, t.total) = (units(1_048_577), Amount::from_micros(10_485_770_000))),
        Refusal::TokenCountOutOfRange
    );
    assert_eq!(
        open(|t| (t.unit_price, t.total) = (Amount::from_micros(0), Amount::from_micros(0))),
        Refusal::UnitPriceOutOfRange
    );
    assert_eq!(
        open(|t| (t.unit_price, t.total) =
            (Amount::from_micros(10_000_001), Amount::from_micros(1_000_000_100))),
        Refusal::UnitPriceOutOfRange
    );
    assert_eq!(open(|t| t.unit_price = Amount::from_micros(u64::MAX)), Refusal::UnitPriceOutOfRange);
    assert_eq!(open(|t| t.open_by = at(OPENED)), Refusal::OpenByOutOfRange);
    assert_eq!(open(|t| t.open_by = at(OPENED + 3_600_001)), Refusal::OpenByOutOfRange);
    assert_eq!(open(|t| t.expiry = at(OPEN_BY + 4 * DRIFT - 1)), Refusal::ExpiryTooEarly);
    for points in [0, 49, 101, 255] {
        let low = scene.signed_with(|t| t.client_reputation = Reputation::from_points(points));
        assert_eq!(refused(scene.open_as(&low, now)), Refusal::ReputationOutOfRange);
        let low = scene.signed_with(|t| t.vendor_reputation = Reputation::from_points(points));
        assert_eq!(refused(scene.open_as(&low, now)), Refusal::ReputationOutOfRange);
    }
    assert_eq!(open(|t| t.client_key = t.bank_key), Refusal::KeysNotDistinct);
    assert_eq!(open(|t| t.vendor_key = t.bank_key), Refusal::KeysNotDistinct);
    assert_eq!(open(|t| t.vendor_key = t.client_key), Refusal::KeysNotDistinct);
    // The bounds themselves are allowed: ten dollars, one unit, 4D, one hour.
    let edge = scene.signed_with(|t| {
        (t.unit_price, t.token_count, t.total) =
            (Amount::from_micros(10_000_000), units(1), Amount::from_micros(10_000_000));
        (t.open_by, t.expiry) = (at(OPENED + 3_600_000), at(OPENED + 3_600_000 + 4 * DRIFT));
    });
    changed(scene.open_as(&edge, now));
}

#[test]
fn openings_at_the_wrong_time_or_by_the_wrong_bank_are_refused() {
    let scene = Scene::new();
    let open = |at| scene.open_as(&scene.signed, at);
    changed(open(clocks(OPEN_BY)));
    assert_eq!(refused(open(clocks(OPEN_BY + 1))), Refusal::OpenByPassed);
    changed(open(Clocks { transaction: at(OPENED), endorser: at(OPENED + DRIFT) }));
    for off in [OPENED + DRIFT + 1, OPENED - DRIFT - 1] {
        assert_eq!(refused(open(Clocks { transaction: at(OPENED), endorser: at(off) })), Refusal::ClockOff);
    }
    let forged = SignedOpening::sign(scene.signed.opening().clone(), &scene.account);
    assert_eq!(refused(scene.open_as(&forged, clocks(OPENED))), Refusal::BadBankSignature);
    let command = Open::new(scene.signed.clone());
    let unknown = rules::open(None, None, None, &command, &scene.ledger, clocks(OPENED));
    assert_eq!(refused(unknown), Refusal::UnknownBank);
    let other = crate::scene::register(&scene.account, &scene.ledger);
    let unknown = rules::open(Some(&other), None, None, &command, &scene.ledger, clocks(OPENED));
    assert_eq!(refused(unknown), Refusal::UnknownBank);
}

#[test]
fn one_payment_key_opens_one_channel() {
    let scene = Scene::new();
    let owner = Some(scene.signed.opening().channel_id());
    let second = scene.signed_with(|t| t.memo_hash = lockstep_protocol::MemoHash::from_bytes([1; 32]));
    let command = Open::new(second);
    let taken = rules::open(Some(&scene.registration), None, owner, &command, &scene.ledger, clocks(OPENED));
    assert_eq!(refused(taken), Refusal::ClientKeyUsed);
    // The same opening again is the same again, though its key is taken: by itself.
    let record = scene.open();
    let command = Open::new(scene.signed.clone());
    let again = rules::open(
        Some(&scene.registration),
        Some(record.clone()),
        owner,
        &command,
        &scene.ledger,
        clocks(EXPIRY),
    );
    assert_eq!(again, Ok(Outcome::AlreadyDone(record)));
}

#[test]
fn an_opening_is_cancelled_when_it_can_no_longer_be_opened() {
    let scene = Scene::new();
    let due = OPEN_BY + DRIFT + 1;
    assert_eq!(refused(scene.cancel_as(&scene.signed, clocks(due - 1))), Refusal::OpenByNotPassed);
    let record = changed(scene.cancel_as(&scene.signed, clocks(due)));
    assert_eq!(record.state(), ChannelState::Cancelled);
    assert_eq!(record.change().unwrap().to_client, Amount::from_micros(1_000_000));
    // No rule of an opening, and no client key, stands in the way of cancelling it.
    let broken = scene.signed_with(|t| t.total = Amount::from_micros(7));
    changed(scene.cancel_as(&broken, clocks(due)));
    let foreign = scene.signed_with(|t| t.ledger = LedgerId::from_bytes([0; 32]));
    assert_eq!(refused(scene.cancel_as(&foreign, clocks(due))), Refusal::OtherLedger);
    let forged = SignedOpening::sign(scene.signed.opening().clone(), &scene.account);
    assert_eq!(refused(scene.cancel_as(&forged, clocks(due))), Refusal::BadBankSignature);
    let command = Cancel::new(scene.signed.clone());
    let unknown = rules::cancel(None, None, &command, &scene.ledger, clocks(due));
    assert_eq!(refused(unknown), Refusal::UnknownBank);
}
