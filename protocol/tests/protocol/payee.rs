//! The vendor's rules for channels and payments [Spec §6].

use std::time::Duration;

use lockstep_protocol::ledger::{ChannelRecord, ChannelState};
use lockstep_protocol::payee::{Acceptance, LedgerView, Receiving, VendorTerms, acknowledge_repeat};
use lockstep_protocol::payment::{Head, Payment, PaymentRecord};
use lockstep_protocol::rules;
use lockstep_protocol::{Amount, Lock, MaxDrift, Memo, PaymentNumber, Refusal, StreamMeaning};

use crate::scene::{DRIFT, EXPIRY, OPENED, Scene, at, changed, clocks, refused, units};

const NOW: u64 = OPENED + 5000;

fn number(index: u32) -> PaymentNumber {
    PaymentNumber::from_index(index)
}

/// A vendor that took the first payments.
fn behind(scene: &Scene, payments: &[Payment]) -> Receiving {
    let mut receiving = scene.receiving();
    for payment in payments {
        let _ = accept(scene, &mut receiving, payment).unwrap();
    }
    receiving
}

fn accept(scene: &Scene, receiving: &mut Receiving, payment: &Payment) -> Result<Acceptance, Refusal> {
    receiving.accept(payment.number(), &payment.record(), at(NOW), scene.view(NOW))
}

#[test]
fn honest_payments_are_taken_as_the_client_made_them() {
    let scene = Scene::new();
    let payments = scene.payments(20);
    let mut receiving = scene.receiving();
    for payment in &payments {
        assert_eq!(accept(&scene, &mut receiving, payment), Ok(Acceptance::New(payment.clone())));
        assert_eq!(receiving.head().ack(), payment.ack());
    }
}

#[test]
fn a_repeat_is_acknowledged_and_a_used_number_is_not_given_away_again() {
    let scene = Scene::new();
    let payments = scene.payments(3);
    let mut receiving = behind(&scene, &payments);
    let head = *receiving.head();
    assert_eq!(accept(&scene, &mut receiving, &payments[1]), Ok(Acceptance::Used(number(2))));
    assert_eq!(acknowledge_repeat(&head, &payments[1], &payments[1].record()), Ok(head.ack()));
    let changes: [fn(&mut PaymentRecord); 4] = [
        |record| record.memo = Memo::new("other").unwrap(),
        |record| record.lock = Lock::ZERO,
        |record| record.units = units(2),
        |record| record.ts = at(NOW + 1),
    ];
    for change in changes {
        let mut other = payments[1].record();
        change(&mut other);
        assert_eq!(acknowledge_repeat(&head, &payments[1], &other), Err(Refusal::NumberUsed));
    }
    assert_eq!(*receiving.head(), head);
}

#[test]
fn bad_payments_are_refused_and_change_nothing() {
    let scene = Scene::new();
    let payments = scene.payments(5);
    let mut receiving = behind(&scene, &payments[..2]);
    let head = *receiving.head();
    let mut judge = |index: u32, change: fn(&mut PaymentRecord)| {
        let mut record = payments[2].record();
        change(&mut record);
        let result = receiving.accept(number(index), &record, at(NOW), scene.view(NOW));
        assert_eq!(*receiving.head(), head);
        assert!(result.as_ref().err().is_none_or(|refusal| refusal.stream_meaning().is_some()));
        result
    };
    assert_eq!(refused(judge(4, |_| {})), Refusal::NumberAhead);
    assert_eq!(refused(judge(0, |_| {})), Refusal::MalformedMessage);
    assert_eq!(refused(judge(3, |r| r.units = units(0))), Refusal::UnitsAboveTerms);
    assert_eq!(refused(judge(3, |r| r.units = units(101))), Refusal::UnitsAboveTerms);
    assert_eq!(refused(judge(3, |r| r.units = units(99))), Refusal::ChannelExhausted);
    assert_eq!(refused(judge(3, |r| r.units = units(2))), Refusal::WrongPaymentToken);
    assert_eq!(
        refused(judge(3, |r| r.token = lockstep_protocol::Token::from_bytes([0; 32]))),
        Refusal::WrongPaymentToken
    );
    assert_eq!(refused(judge(3, |r| r.ts = at(OPENED))), Refusal::TimeRunsBackwards);
    assert_eq!(refused(judge(3, |r| r.ts = at(NOW + 5001))), Refusal::TimeAhead);
    assert!(judge_ok(&scene, &payments, |r| r.ts = at(NOW + 5000)));
}

fn judge_ok(scene: &Scene, payments: &[Payment], change: fn(&mut PaymentRecord)) -> bool {
    let mut record = payments[2].record();
    change(&mut record);
    let mut receiving = behind(scene, &payments[..2]);
    receiving.accept(number(3), &record, at(NOW), scene.view(NOW)).is_ok()
}

#[test]
fn ten_dollars_are_the_most_of_one_payment() {
    let scene = Scene::with(4, 10, 4_000_000);
    let mut receiving = scene.receiving();
    let terms = scene.signed.opening().terms();
    let record = |count| PaymentRecord {
        units: units(count),
        ts: terms.opened,
        token: scene.token(count),
        lock: Lock::ZERO,
        memo: Memo::default(),
    };
    let result = receiving.accept(number(1), &record(3), at(NOW), scene.view(NOW));
    assert_eq!(refused(result), Refusal::PaymentTooLarge);
    assert!(receiving.accept(number(1), &record(2), at(NOW), scene.view(NOW)).is_ok());
}

#[test]
fn the_view_of_the_ledger_must_be_fresh_and_open() {
    let scene = Scene::new();
    let payment = scene.payments(1).remove(0);
    // D + 3L + R = 30 + 30 + 20 s, and a millisecond above.
    let margin = scene.terms().safety_margin(crate::scene::drift());
    assert_eq!(margin, Duration::from_millis(80_001));
    let judge = |state, seen: u64| {
        let view = LedgerView { state, seen: at(seen) };
        scene.receiving().accept(number(1), &payment.record(), at(NOW), view)
    };
    assert!(judge(ChannelState::Open, NOW - 40_000).is_ok());
    assert_eq!(refused(judge(ChannelState::Open, NOW - 40_001)), Refusal::LedgerViewStale);
    for state in ChannelState::ALL.into_iter().filter(|state| *state != ChannelState::Open) {
        // An ending is final: the view may be old.
        for seen in [NOW, NOW - 40_001, NOW + 5001] {
            assert_eq!(refused(judge(state, seen)), Refusal::NotOpenOnLedger);
        }
    }
    // A view from the future, as after a clock was put back, has no age.
    assert!(judge(ChannelState::Open, NOW + 5000).is_ok());
    assert_eq!(refused(judge(ChannelState::Open, NOW + 5001)), Refusal::LedgerViewStale);
}

#[test]
fn payments_stop_a_safety_margin_before_expiry() {
    let scene = Scene::new();
    let payment = scene.payments(1).remove(0);
    let judge = |now: u64| {
        let mut receiving = scene.receiving();
        let result = receiving.accept(number(1), &payment.record(), at(now), scene.view(now));
        assert_eq!(result.is_err(), receiving.is_running_out(at(now)));
        result
    };
    // Age alone is never a refusal: the payment was dated a day before.
    assert!(judge(EXPIRY - 80_002).is_ok());
    assert_eq!(refused(judge(EXPIRY - 80_001)), Refusal::ExpiryNear);
}

fn take(scene: &Scene, record: &ChannelRecord, change: fn(&mut VendorTerms)) -> Refusal {
    let mut terms = scene.terms();
    change(&mut terms);
    let refusal = refused(Receiving::take(record, terms, at(NOW)));
    assert!(refusal.stream_meaning().is_some(), "{refusal} says neither retry nor over");
    refusal
}

#[test]
fn channels_that_miss_the_terms_are_not_taken() {
    let scene = Scene::new();
    let open = scene.open();
    assert_eq!(take(&scene, &open, |t| t.pinned_banks.clear()), Refusal::BankNotPinned);
    assert_eq!(take(&scene, &open, |t| t.vendor_key = t.pinned_banks[0]), Refusal::OtherVendor);
    assert_eq!(
        take(&scene, &open, |t| t.least_price = Amount::from_micros(10_001)),
        Refusal::PriceBelowTerms
    );
    assert_eq!(
        take(&scene, &open, |t| t.highest_price = Amount::from_micros(9_999)),
        Refusal::PriceAboveTerms
    );
    assert_eq!(
        take(&scene, &open, |t| t.largest_drift = MaxDrift::from_millis(DRIFT - 1).unwrap()),
        Refusal::DriftAboveTerms
    );
    assert_eq!(
        take(&scene, &open, |t| t.longest_life = Duration::from_secs(3600)),
        Refusal::LifeOutsideTerms
    );
    assert_eq!(
        take(&scene, &open, |t| t.least_life = Duration::from_secs(86_400)),
        Refusal::LifeOutsideTerms
    );
    let closed = changed(rules::close_by_token(Some(scene.open()), &scene.token_command(0), clocks(NOW)));
    assert_eq!(take(&scene, &closed, |_| {}), Refusal::NotOpenOnLedger);
    let mut forged = serde_json::to_value(&open).unwrap();
    forged["bank_signature"] = "01".repeat(64).into();
    let forged = ChannelRecord::from_json(forged.to_string().as_bytes()).unwrap();
    assert_eq!(take(&scene, &forged, |_| {}), Refusal::BadBankSignature);
    assert_eq!(Refusal::BadBankSignature.stream_meaning(), Some(StreamMeaning::Over));
    let foreign = Head::start(Scene::with(9, 10, 10).signed.opening());
    assert_eq!(refused(Receiving::resume(&open, scene.terms(), foreign)), Refusal::OpeningMismatch);
}

#[test]
fn a_restart_goes_on_where_the_journal_ends() {
    let scene = Scene::new();
    let payments = scene.payments(4);
    let head = *behind(&scene, &payments[..3]).head();
    let mut again = Receiving::resume(&scene.open(), scene.terms(), head).unwrap();
    assert_eq!(accept(&scene, &mut again, &payments[3]), Ok(Acceptance::New(payments[3].clone())));
}
