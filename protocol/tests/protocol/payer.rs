//! The client's phases [Spec §6, §7].

use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::payer::{NotPayable, PayError, Paying, ReleaseError, Released, Resuming, State};
use lockstep_protocol::payment::{Ack, Head};
use lockstep_protocol::presignature::Presignature;
use lockstep_protocol::rules;
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{Memo, PaymentNumber, Refusal, TxHash};

use crate::scene::{OPENED, Scene, at, changed, clocks, lie, rng, units};

#[test]
fn payments_count_up_and_are_chained() {
    let scene = Scene::new();
    let mut paying = scene.paying();
    let memo = Memo::default;
    let first = paying.pay(units(2), memo(), at(OPENED + 9)).unwrap();
    // A clock that runs backwards does not date a payment before the one before it.
    let second = paying.pay(units(3), memo(), at(OPENED + 1)).unwrap();
    assert_eq!(first.fields().previous, scene.signed.opening().channel_id().as_tx());
    assert_eq!(second.fields().previous, first.tx());
    assert_eq!(second.fields().previous_lock, *first.lock());
    assert_eq!(second.fields().ts, at(OPENED + 9));
    assert_eq!((second.number().as_index(), second.fields().released), (2, units(5)));
    let early = scene.paying().pay(units(1), memo(), at(5)).unwrap();
    assert_eq!(early.fields().ts, at(OPENED));
}

#[test]
fn a_restart_from_the_head_signs_the_same_payment() {
    let scene = Scene::new();
    let mut paying = scene.paying();
    let mut head = *paying.head();
    let memo = || Memo::new("x").unwrap();
    for _ in 0..5 {
        let mut again = scene.paying_from(head);
        let payment = paying.pay(units(1), memo(), at(OPENED + 5)).unwrap();
        assert_eq!(again.pay(units(1), memo(), at(OPENED + 5)).unwrap(), payment);
        head = Head::after(&payment);
    }
}

#[test]
fn what_cannot_be_paid_changes_nothing() {
    let scene = Scene::with(3, 10, 4_000_000);
    let mut paying = scene.paying();
    let before = *paying.head();
    let pay = |paying: &mut Paying, count| paying.pay(units(count), Memo::default(), at(OPENED));
    assert_eq!(pay(&mut paying, 0), Err(PayError::NoUnits));
    assert_eq!(pay(&mut paying, 3), Err(PayError::AboveLimit));
    assert_eq!(pay(&mut paying, 11), Err(PayError::Exhausted { left: units(10) }));
    assert_eq!(pay(&mut paying, u32::MAX), Err(PayError::Exhausted { left: units(10) }));
    assert_eq!(*paying.head(), before);
    assert!((0..5).all(|_| pay(&mut paying, 2).is_ok()));
    assert_eq!(pay(&mut paying, 1), Err(PayError::Exhausted { left: units(0) }));
}

#[test]
fn only_the_opening_that_the_bank_gave_is_paid_on() {
    let scene = Scene::new();
    let start = Head::start(scene.signed.opening());
    let resume = |record: &ChannelRecord, given: &SignedOpening, seed: &WalletSeed, head| {
        Resuming::new(record, given, seed, head).unwrap_err()
    };
    let closed =
        changed(rules::close_by_token(Some(scene.open()), &scene.token_command(0), clocks(OPENED + 9)));
    assert!(matches!(resume(&closed, &scene.signed, &scene.seed, start), NotPayable::State { .. }));
    let given = scene.signed_with(|t| t.expiry = at(t.expiry.as_unix_millis() + 1));
    assert_eq!(resume(&scene.open(), &given, &scene.seed, start), NotPayable::OtherOpening);
    // σ₀ is locked as the record has it, so another one than the given must be the bank's too.
    let forged = lie(&scene.open(), "/bank_signature", "01".repeat(64).into());
    assert_eq!(
        resume(&forged, &scene.signed, &scene.seed, start),
        NotPayable::Refused(Refusal::BadBankSignature)
    );
    let stranger = WalletSeed::from_bytes([1; 32]);
    assert_eq!(resume(&scene.open(), &scene.signed, &stranger, start), NotPayable::OtherSeed);
    let foreign = Head::start(Scene::with(9, 10, 10).signed.opening());
    assert_eq!(resume(&scene.open(), &scene.signed, &scene.seed, foreign), NotPayable::OtherHead);
}

#[test]
fn a_damaged_head_is_not_paid_on() {
    let scene = Scene::new();
    let head = Head::after(&scene.payments(2)[1]);
    assert!(scene.resuming(head).is_ok());
    let with = |field: &str, value: serde_json::Value| {
        let mut document = serde_json::to_value(head).unwrap();
        document[field] = value;
        scene.resuming(serde_json::from_value(document).unwrap()).map(|_| ())
    };
    // Another number of units than the token's, beyond the end, or fewer than payments.
    for released in [1, 3, 101, u32::MAX] {
        assert_eq!(with("released", released.into()), Err(NotPayable::OtherHead), "{released}");
    }
    assert_eq!(with("token", scene.token(3).to_string().into()), Err(NotPayable::OtherHead));
    assert_eq!(with("number", 3.into()), Err(NotPayable::OtherHead));
}

#[test]
fn a_vendor_that_remembers_otherwise_poisons_the_channel() {
    let scene = Scene::new();
    let payments = scene.payments(5);
    let at_head =
        |ack: &Ack, journal| scene.resuming(Head::after(&payments[4])).unwrap().reconcile(ack, journal);
    let start = Head::start(scene.signed.opening()).ack();
    assert!(at_head(&start, None).is_ok());
    assert!(at_head(&payments[4].ack(), None).is_ok());
    assert!(at_head(&payments[2].ack(), Some(&payments[2])).is_ok());
    assert!(at_head(&payments[2].ack(), Some(&payments[1])).is_err());
    assert!(at_head(&payments[2].ack(), None).is_err());
    let other = Ack { tx: TxHash::from_bytes([1; 32]), ..payments[4].ack() };
    assert!(at_head(&other, None).is_err());
    let ahead = Ack { number: PaymentNumber::from_index(6), ..payments[4].ack() };
    assert!(at_head(&ahead, None).is_err());
    let miscounted = Ack { released: units(4), ..payments[4].ack() };
    assert!(at_head(&miscounted, Some(&payments[4])).is_err());
}

#[test]
fn a_release_is_for_the_vendors_last_payment() {
    let scene = Scene::new();
    let payments = scene.payments(5);
    let paying = || scene.paying_from(Head::after(&payments[4]));
    let released =
        |index: usize| paying().release(&payments[index].ack(), Some(&payments[index]), None).unwrap();
    for index in [2, 4] {
        let released = released(index);
        let digest = payments[index].tx().as_digest();
        assert!(scene.client.public_key().verify(&digest, released.signature()).is_ok());
        assert_eq!(Released::from_parts(*released.last(), *released.signature()), released);
    }
    let other = Ack { tx: TxHash::from_bytes([1; 32]), ..payments[4].ack() };
    assert!(matches!(paying().release(&other, None, None), Err(ReleaseError::Poisoned(_))));
    // A vendor without a payment gets nothing, and the channel goes on.
    let start = Head::start(scene.signed.opening()).ack();
    let Err(ReleaseError::NothingToRelease(mut same)) = paying().release(&start, None, None) else {
        panic!("something was released")
    };
    assert_eq!(same.head().ack(), payments[4].ack());
    assert!(same.pay(units(1), Memo::default(), at(OPENED + 9000)).is_ok());
    let miscounted = Ack { released: units(1), ..start };
    assert!(matches!(paying().release(&miscounted, None, None), Err(ReleaseError::Poisoned(_))));
}

#[test]
fn what_a_presignature_signed_is_never_signed_again() {
    let scene = Scene::new();
    let mut rng = rng(77);
    let mut paying = scene.paying();
    let mut states = vec![paying.state()];
    let mut payments = Vec::new();
    for drawn in Presignature::draw(&mut rng, 4).unwrap() {
        payments.push(paying.pay_presigned(drawn, units(1), Memo::default(), at(OPENED + 9)).unwrap());
        states.push(paying.state());
    }
    // An RFC 6979 payment on top: its lock hides the presigned σ₄.
    payments.push(paying.pay(units(1), Memo::default(), at(OPENED + 9)).unwrap());
    assert_eq!(states[0].signature, None);
    assert_eq!(paying.state().signature, None);
    let resumed = |state: State| Resuming::new(&scene.open(), &scene.signed, &scene.seed, state);
    let ready = |state: State| resumed(state).unwrap().reconcile(&state.head.ack(), None).unwrap();

    // 1. Every stored state goes on, and its σ opens every lock down to the bank's.
    for (place, state) in states.iter().enumerate().skip(1) {
        let last = &payments[place - 1];
        let released = ready(*state).release(&last.ack(), None, None).unwrap();
        assert_eq!(Some(*released.signature()), state.signature);
        let mut signature = *released.signature();
        for payment in payments[..place].iter().rev() {
            assert!(scene.client.public_key().verify(&payment.tx().as_digest(), &signature).is_ok());
            assert_ne!(signature, scene.client.sign(&payment.tx().as_digest()));
            signature = payment.lock().open(&signature);
        }
        assert_eq!(signature, *scene.signed.bank_signature());
        assert!(!format!("{state:?}").contains(&released.signature().to_string()));
    }

    // 2. A payment before the head is released by the stored signature alone.
    let (second, stored) = (&payments[1], states[2].signature);
    let released = ready(states[4]).release(&second.ack(), Some(second), stored).unwrap();
    assert_eq!(Some(*released.signature()), stored);
    let foreign = ready(states[4]).release(&second.ack(), Some(second), states[3].signature);
    assert!(matches!(foreign, Err(ReleaseError::OtherSignature)));

    // 3. A state with another payment's signature is no state of this channel.
    let mixed = State { signature: states[3].signature, ..states[4] };
    assert_eq!(resumed(mixed).unwrap_err(), NotPayable::OtherHead);
    let unpaid = State { signature: states[3].signature, ..states[0] };
    assert_eq!(resumed(unpaid).unwrap_err(), NotPayable::OtherHead);
}

#[test]
fn no_secret_is_printed() {
    let scene = Scene::new();
    let mut paying = scene.paying();
    let payment = paying.pay(units(1), Memo::default(), at(OPENED)).unwrap();
    let nonce = scene.signed.opening().terms().nonce;
    let chain_seed = scene.seed.chain_seed(&nonce);
    let chain = TokenChain::new(nonce, &chain_seed, units(100)).unwrap();
    let printed = format!("{paying:?} {chain:?} {chain_seed:?} {:?} {:?}", scene.seed, scene.client);
    let secrets = [
        hex::encode(chain_seed.dangerous_as_bytes()),
        scene.token(100).to_string(),
        scene.client.sign(&payment.tx().as_digest()).to_string(),
        scene.token(2).to_string(),
        hex::encode(scene.client.dangerous_to_bytes().as_ref()),
        hex::encode(scene.seed.dangerous_as_bytes()),
    ];
    assert!(secrets.iter().all(|secret| !printed.contains(secret)), "{printed}");
}
