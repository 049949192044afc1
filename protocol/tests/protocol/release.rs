//! Release, walk, receipts, transcripts and fraud proofs [Spec §7].

use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::payee::{Closing, NotReleased, Receiving};
use lockstep_protocol::payment::{Head, Payment, PaymentFields, PaymentRecord};
use lockstep_protocol::receipt::Receipt;
use lockstep_protocol::release::{NoRelease, Progress, Walk};
use lockstep_protocol::rules;
use lockstep_protocol::transcript::{ReceiptFault, Transcript};
use lockstep_protocol::{Amount, Lock, Memo, PaymentNumber, Refusal, Signature};

use crate::scene::{OPEN_BY, OPENED, Scene, at, changed, clocks, refused, units};

fn released(scene: &Scene, payments: &[Payment]) -> Signature {
    scene.client.sign(&payments.last().unwrap().tx().as_digest())
}

/// Walks down; gives the receipts from the last to the first, and how it ended.
fn walk(scene: &Scene, payments: &[Payment]) -> (Vec<Receipt>, Progress) {
    let (last, rest) = payments.split_last().unwrap();
    let (receipt, mut progress) = Walk::start(&scene.signed, last, released(scene, payments)).unwrap();
    let mut receipts = vec![receipt];
    for payment in rest.iter().rev() {
        let Progress::More(walk) = progress else { break };
        assert_eq!(walk.expected(), payment.number());
        let (receipt, next) = walk.step(payment).unwrap();
        receipts.push(receipt);
        progress = next;
    }
    (receipts, progress)
}

/// The payments of a client that spoils the lock of some of them and is honest otherwise.
fn cheat(scene: &Scene, count: u32, bad: &[u32]) -> Vec<Payment> {
    let (mut head, mut signature) = (Head::start(scene.signed.opening()), *scene.signed.bank_signature());
    let mut payments = Vec::new();
    for honest in scene.payments(count) {
        let unlocked = PaymentRecord { lock: Lock::ZERO, ..honest.record() };
        let tx = Payment::chain(&head, &unlocked).unwrap().tx();
        let next = scene.client.sign(&tx.as_digest());
        let spoiled = bad.contains(&honest.number().as_index());
        let lock = if spoiled { Lock::from_bytes([1; 64]) } else { Lock::seal(&signature, &next) };
        let payment = Payment::chain(&head, &PaymentRecord { lock, ..unlocked }).unwrap();
        head = Head::after(&payment);
        signature = next;
        payments.push(payment);
    }
    payments
}

#[test]
fn the_walk_recovers_every_receipt_down_to_the_banks_signature() {
    let scene = Scene::new();
    for count in [1, 2, 30] {
        let payments = scene.payments(count);
        let (receipts, end) = walk(&scene, &payments);
        assert!(matches!(end, Progress::Done));
        assert_eq!(receipts.len(), payments.len());
        let mut transcript = Transcript::begin(&scene.signed).unwrap();
        for receipt in receipts.iter().rev() {
            receipt.verify(scene.client.public_key()).unwrap();
            transcript.add(receipt).unwrap();
        }
        assert_eq!((transcript.number().as_index(), transcript.released()), (count, units(count)));
        assert_eq!(transcript.amount().unwrap().as_micros(), u64::from(count) * 10_000);
    }
}

#[test]
fn the_vendor_closes_with_what_the_client_released() {
    let scene = Scene::new();
    let mut paying = scene.paying();
    let mut receiving: Receiving = scene.receiving();
    let mut payments = Vec::new();
    for _ in 0..4 {
        let payment = paying.pay(units(2), Memo::default(), at(OPENED + 5000)).unwrap();
        let now = OPENED + 5000;
        let _ = receiving.accept(payment.number(), &payment.record(), at(now), scene.view(now)).unwrap();
        payments.push(payment);
    }
    let closing = receiving.close();
    let asked = closing.asks_for().unwrap();
    let released = paying.release(&asked, None, None).unwrap();
    let settling = closing.released(&payments[3], *released.signature()).unwrap();
    assert!(matches!(settling.progress, Progress::More(_)));
    let command = settling.command(&scene.vendor);
    let now = clocks(OPENED + 9000);
    let closed = changed(rules::close_by_release(Some(scene.open()), &command, now));
    assert_eq!(closed.change().unwrap().to_vendor.as_micros(), 80_000);
    let claim = settling.claim().command(&scene.vendor);
    let claimed = changed(rules::close_by_token(Some(scene.open()), &claim, now));
    assert_eq!(claimed.change().unwrap(), closed.change().unwrap());
}

#[test]
fn a_bad_release_leaves_the_close_by_token() {
    let scene = Scene::new();
    let payments = scene.payments(3);
    let closing = || Closing::resume(&scene.open(), Head::after(&payments[2])).unwrap();
    let bad = closing().released(&payments[2], scene.client.sign(&payments[1].tx().as_digest())).unwrap_err();
    let NotReleased::Bad { reason, claiming } = *bad else { panic!("{bad}") };
    assert_eq!(reason, NoRelease::Signature);
    let command = claiming.command(&scene.vendor);
    let record = changed(rules::close_by_token(Some(scene.open()), &command, clocks(OPENED + 9000)));
    assert_eq!(record.change().unwrap().to_vendor.as_micros(), 30_000);
    // A lock of the last payment that opens to garbage proves nothing either.
    let spoiled = cheat(&scene, 3, &[3]);
    let closing = Closing::resume(&scene.open(), Head::after(&spoiled[2])).unwrap();
    let bad = closing.released(&spoiled[2], released(&scene, &spoiled)).unwrap_err();
    assert!(matches!(*bad, NotReleased::Bad { reason: NoRelease::LastLock, .. }));
    let unused = Closing::resume(&scene.open(), Head::start(scene.signed.opening())).unwrap();
    assert_eq!(unused.asks_for(), Err(Refusal::NothingToRelease));
    let command = unused.claim().command(&scene.vendor);
    changed(rules::close_by_token(Some(scene.open()), &command, clocks(OPENED + 9000)));
}

#[test]
fn a_damaged_journal_is_not_blamed_on_the_client() {
    let scene = Scene::new();
    let payments = scene.payments(3);
    let closing = Closing::resume(&scene.open(), Head::after(&payments[2])).unwrap();
    // The same Tx_n with another lock: n, c and Tx_n agree, the payment does not.
    let record = PaymentRecord { lock: Lock::from_bytes([1; 64]), ..payments[2].record() };
    let other_lock = Payment::chain(&Head::after(&payments[1]), &record).unwrap();
    assert_eq!(other_lock.ack(), payments[2].ack());
    let released = released(&scene, &payments);
    let not = closing.released(&other_lock, released).unwrap_err();
    let NotReleased::Journal(closing) = *not else { panic!("{not}") };
    let not = closing.released(&payments[1], released).unwrap_err();
    let NotReleased::Journal(closing) = *not else { panic!("{not}") };
    assert!(closing.released(&payments[2], released).is_ok());
}

#[test]
fn the_topmost_of_two_bad_locks_convicts_and_the_receipts_above_stand() {
    let scene = Scene::new();
    let payments = cheat(&scene, 8, &[3, 6]);
    let (receipts, end) = walk(&scene, &payments);
    let Progress::Cheated(proof) = end else { panic!("two bad locks went through") };
    assert_eq!(proof.earlier.number, PaymentNumber::from_index(6));
    let numbers: Vec<_> = receipts.iter().map(|receipt| receipt.fields().number.as_index()).collect();
    assert_eq!(numbers, [8, 7, 6]);
    assert!(proof.verify(&scene.signed).is_ok());
    // The lower one was never reached, but whoever has its signatures convicts by it as well.
    let sign = |payment: &Payment| scene.client.sign(&payment.tx().as_digest());
    let lower = FraudProof {
        later: *payments[3].fields(),
        later_signature: sign(&payments[3]),
        earlier: *payments[2].fields(),
        earlier_signature: sign(&payments[2]),
    };
    assert!(lower.verify(&scene.signed).is_ok() && lower.evidence() != proof.evidence());
}

#[test]
fn a_bad_lock_convicts_the_client() {
    let scene = Scene::new();
    for bad in [1, 2, 5, 7] {
        let payments = cheat(&scene, 8, &[bad]);
        let (receipts, end) = walk(&scene, &payments);
        let Progress::Cheated(proof) = end else { panic!("payment {bad} went through") };
        // The receipts down to the cheating payment stand.
        assert_eq!(receipts.len(), 8 - bad as usize + 1);
        assert!(receipts.iter().all(|receipt| receipt.verify(scene.client.public_key()).is_ok()));
        let bytes = proof.encode();
        assert_eq!(bytes.len(), 552);
        let received = FraudProof::decode(&bytes).unwrap();
        assert_eq!(received.verify(&scene.signed), Ok(proof.evidence()));
        let other = Scene::with(5, 100, 10_000);
        assert_eq!(refused(received.verify(&other.signed)), Refusal::BadFraudProof);
        assert!(FraudProof::decode(&bytes[1..]).is_err());
    }
}

#[test]
fn an_honest_client_cannot_be_convicted() {
    let scene = Scene::new();
    let payments = scene.payments(4);
    let sign = |payment: &Payment| scene.client.sign(&payment.tx().as_digest());
    let proof = |later: &Payment, earlier: &Payment| FraudProof {
        later: *later.fields(),
        later_signature: sign(later),
        earlier: *earlier.fields(),
        earlier_signature: sign(earlier),
    };
    for later in &payments {
        for earlier in &payments {
            assert_eq!(refused(proof(later, earlier).verify(&scene.signed)), Refusal::BadFraudProof);
        }
    }
    // Nor by a changed field or signature of a real pair.
    let good = proof(&payments[2], &payments[1]).encode();
    for place in 0..good.len() {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        let changed = FraudProof::decode(&bytes).map(|proof| proof.verify(&scene.signed));
        assert!(!matches!(changed, Ok(Ok(_))), "byte {place}");
    }
}

#[test]
fn a_damaged_journal_stops_the_walk() {
    let scene = Scene::new();
    let payments = scene.payments(4);
    let (_, progress) = Walk::start(&scene.signed, &payments[3], released(&scene, &payments)).unwrap();
    let Progress::More(walk) = progress else { panic!("four payments") };
    let error = walk.step(&payments[1]).unwrap_err();
    assert_eq!((error.expected, error.found), (PaymentNumber::from_index(3), PaymentNumber::from_index(2)));
    let other = cheat(&scene, 4, &[3]);
    let (_, progress) = Walk::start(&scene.signed, &payments[3], released(&scene, &payments)).unwrap();
    let Progress::More(walk) = progress else { panic!("four payments") };
    assert!(walk.step(&other[2]).is_err());
}

#[test]
fn a_transcript_with_a_receipt_missing_changed_or_foreign_is_refused() {
    let scene = Scene::new();
    let (mut receipts, _) = walk(&scene, &scene.payments(3));
    receipts.reverse();
    let fault = |index: usize, receipt: &Receipt| {
        let mut transcript = Transcript::begin(&scene.signed).unwrap();
        receipts[..index].iter().for_each(|receipt| transcript.add(receipt).unwrap());
        let error = transcript.add(receipt).unwrap_err();
        assert_eq!(transcript.number().as_index() as usize, index);
        error.fault
    };
    assert_eq!(fault(0, &receipts[1]), ReceiptFault::Chain);
    assert_eq!(fault(1, &receipts[0]), ReceiptFault::Chain);
    let change = |field: &str, value: &str| {
        let mut document = serde_json::to_value(&receipts[1]).unwrap();
        document[field] = value.into();
        serde_json::from_value::<Receipt>(document).unwrap()
    };
    assert_eq!(fault(1, &change("memo", "")), ReceiptFault::Signature);
    assert_eq!(fault(1, &change("client_signature", &"01".repeat(64))), ReceiptFault::Signature);
    let bad_lock = cheat(&scene, 3, &[1]);
    let cheated = |index: usize| {
        let payment = &bad_lock[index];
        Receipt::new(payment, scene.client.sign(&payment.tx().as_digest()))
    };
    assert_eq!(fault(1, &cheated(1)), ReceiptFault::Lock);
}

/// A receipt of the first payment with other fields, signed by the client itself.
fn first_receipt(scene: &Scene, change: impl Fn(&mut PaymentFields)) -> Receipt {
    let mut fields = *scene.payments(1)[0].fields();
    change(&mut fields);
    let signature = scene.client.sign(&fields.tx().as_digest());
    let memo = Memo::new("item 1").unwrap();
    serde_json::from_value(
        serde_json::json!({ "fields": fields, "memo": memo, "client_signature": signature }),
    )
    .unwrap()
}

#[test]
fn every_fault_of_a_receipt_has_its_name() {
    let scene = Scene::new();
    let add = |change: &dyn Fn(&mut PaymentFields)| {
        let mut transcript = Transcript::begin(&scene.signed).unwrap();
        transcript.add(&first_receipt(&scene, change)).map_err(|error| error.fault)
    };
    assert_eq!(add(&|_| {}), Ok(()));
    assert_eq!(
        add(&|f| f.channel = lockstep_protocol::ChannelId::from_bytes([0; 32])),
        Err(ReceiptFault::Chain)
    );
    assert_eq!(
        add(&|f| f.previous = lockstep_protocol::TxHash::from_bytes([0; 32])),
        Err(ReceiptFault::Chain)
    );
    assert_eq!(add(&|f| f.number = PaymentNumber::OPENING), Err(ReceiptFault::Chain));
    assert_eq!(add(&|f| f.units = units(0)), Err(ReceiptFault::Units));
    assert_eq!(add(&|f| f.released = units(2)), Err(ReceiptFault::Units));
    assert_eq!(add(&|f| (f.units, f.released) = (units(101), units(101))), Err(ReceiptFault::Units));
    assert_eq!(add(&|f| f.ts = at(OPENED - 1)), Err(ReceiptFault::Time));
    assert_eq!(add(&|f| f.previous_lock = Lock::from_bytes([1; 64])), Err(ReceiptFault::Lock));
    assert_eq!(add(&|f| f.memo_hash = Memo::default().hash()), Err(ReceiptFault::Signature));
    assert_eq!(add(&|f| f.token = scene.token(2)), Err(ReceiptFault::Token));
    assert_eq!(add(&|f| f.token = scene.token(0)), Err(ReceiptFault::Token));
    // More than ten dollars at once, though the channel holds it.
    let rich = Scene::with(6, 10, 4_000_000);
    let receipt = first_receipt(&rich, |f| {
        (f.units, f.released, f.token) = (units(3), units(3), rich.token(3));
    });
    let error = Transcript::begin(&rich.signed).unwrap().add(&receipt).unwrap_err();
    assert_eq!(error.fault, ReceiptFault::Units);
}

#[test]
fn a_strangers_transcript_costs_no_hashing_beyond_the_rules() {
    let scene = Scene::new();
    let free = scene.signed_with(|t| {
        (t.unit_price, t.total, t.token_count) = (Amount::ZERO, Amount::ZERO, units(u32::MAX));
    });
    assert_eq!(Transcript::begin(&free).unwrap_err(), Refusal::TokenCountOutOfRange);
    let free = scene.signed_with(|t| (t.unit_price, t.total) = (Amount::ZERO, Amount::ZERO));
    assert_eq!(Transcript::begin(&free).unwrap_err(), Refusal::UnitPriceOutOfRange);
    let short = scene.signed_with(|t| t.expiry = at(OPEN_BY + 3999));
    assert_eq!(Transcript::begin(&short).unwrap_err(), Refusal::ExpiryTooEarly);
    // D is not known here, so that of the most generous bank counts.
    assert!(Transcript::begin(&scene.signed_with(|t| t.expiry = at(OPEN_BY + 4000))).is_ok());
    let forged = SignedOpening::sign(scene.signed.opening().clone(), &scene.vendor);
    assert_eq!(Transcript::begin(&forged).unwrap_err(), Refusal::BadBankSignature);
    // An unsigned receipt is refused for its signature, before its token is looked at.
    let mut receipt = serde_json::to_value(first_receipt(&scene, |f| f.token = scene.token(2))).unwrap();
    receipt["client_signature"] = "01".repeat(64).into();
    let receipt: Receipt = serde_json::from_value(receipt).unwrap();
    let error = Transcript::begin(&scene.signed).unwrap().add(&receipt).unwrap_err();
    assert_eq!(error.fault, ReceiptFault::Signature);
}
