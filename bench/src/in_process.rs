//! The phases as the paper measured them, in one process and without a network, with real ECDSA.

use std::time::{Duration, Instant};

use lockstep::stream::BatchBounds;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState};
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::payee::{Acceptance, LedgerView, Receiving};
use lockstep_protocol::payer::{Paying, Resuming};
use lockstep_protocol::payment::{Ack, Batch, Head, Payment, PaymentFields};
use lockstep_protocol::release::{Progress, Walk};
use lockstep_protocol::{Lock, Memo, Signature, Units};

use crate::error::{BenchError, Step as _};
use crate::results::PhaseRow;
use crate::samples::Cell;
use crate::scene::{ChannelKeys, Scene, now};

/// The mode's name in the results.
pub(crate) const MODE: &str = "in_process";

/// Measures one cell.
pub(crate) fn measure(
    scene: &Scene,
    count: u32,
    amount: u32,
    runs: u32,
) -> Result<Vec<PhaseRow>, BenchError> {
    let mut cell = Cell::default();
    for _ in 0..runs {
        let granted = setup(scene, count * amount, &mut cell)?;
        let (payments, released) = transaction(scene, &granted, (count, amount), &mut cell)?;
        parts(scene, &granted, (count, amount), &mut cell)?;
        accepting(scene, &granted.record, &payments, &mut cell)?;
        release(&granted.given, &payments, released, &mut cell)?;
    }
    Ok(cell.rows(MODE, count, amount))
}

/// A channel whose setup was measured.
#[derive(Debug)]
struct Granted {
    given: SignedOpening,
    record: ChannelRecord,
}

fn setup(scene: &Scene, units: u32, cell: &mut Cell) -> Result<Granted, BenchError> {
    let nonce = Scene::fresh_nonce()?;
    let began = Instant::now();
    let keys = scene.keys(nonce, units)?;
    let have_keys = Instant::now();
    let request = scene.request(&keys)?;
    let wanted = request.request().clone();
    let asked = Instant::now();
    let given = scene.grant(request.clone())?;
    let granted = Instant::now();
    let given = scene.receive(&wanted, given)?;
    let received = Instant::now();

    cell.add("setup", received - began);
    cell.add("setup_keys_and_chain", have_keys - began);
    cell.add("setup_without_keys", received - have_keys);
    cell.add("setup_bank", granted - asked);
    let size = |value: Result<Vec<u8>, serde_json::Error>| value.map(|bytes| bytes.len()).step("JSON");
    let (asks, answer) = (size(serde_json::to_vec(&request))?, size(serde_json::to_vec(&given))?);
    cell.bytes("setup", asks + answer);
    cell.bytes("setup_without_keys", asks + answer);
    cell.bytes("setup_bank", answer);
    let record = scene.open(&given).step("Open")?;
    Ok(Granted { given, record })
}

/// The client's state before its first payment.
pub(crate) fn paying(
    scene: &Scene,
    given: &SignedOpening,
    record: &ChannelRecord,
) -> Result<Paying, BenchError> {
    let head = Head::start(given.opening());
    let resuming = Resuming::new(record, given, &scene.seed, head).step("taking the channel up")?;
    resuming.reconcile(&head.ack(), None).step("taking the channel up")
}

/// The client's part as the wallet does it: payments are made, and encoded for the journal and for the wire.
fn transaction(
    scene: &Scene,
    granted: &Granted,
    (count, amount): (u32, u32),
    cell: &mut Cell,
) -> Result<(Vec<Payment>, Signature), BenchError> {
    let mut paying = paying(scene, &granted.given, &granted.record)?;
    let batches = batches_of(count);
    let mut payments = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    let mut sent = 0;
    let began = Instant::now();
    let now = now();
    for _ in 0..count {
        payments.push(paying.pay(Units::from_count(amount), Memo::default(), now).step("a payment")?);
    }
    let made = Instant::now();
    let stored: usize = payments.iter().map(|payment| std::hint::black_box(payment.encode()).len()).sum();
    let encoded = Instant::now();
    for batch in payments.chunks(batch_size()) {
        if let Some(batch) = Batch::of(batch) {
            sent += std::hint::black_box(batch.encode()).len();
        }
    }
    let ended = Instant::now();

    cell.add("transaction", ended - began);
    cell.add("transaction_sign_and_lock", made - began);
    cell.add("transaction_storing", encoded - made);
    cell.add("transaction_sending", ended - encoded);
    cell.bytes("transaction", sent + batches * Ack::ENCODED_BYTES);
    cell.bytes("transaction_sending", sent);
    cell.bytes("transaction_storing", stored);
    let released = paying.release(&last_ack(&payments)?, None, None).step("the release")?;
    Ok((payments, *released.signature()))
}

fn last_ack(payments: &[Payment]) -> Result<Ack, BenchError> {
    payments.last().map(Payment::ack).ok_or(BenchError::WrongResult("making payments"))
}

fn batch_size() -> usize {
    usize::try_from(BatchBounds::DEFAULT.payments).unwrap_or(1)
}

fn batches_of(count: u32) -> usize {
    usize::try_from(count.div_ceil(BatchBounds::DEFAULT.payments)).unwrap_or_default()
}

/// The parts of making a payment, one by one, with the protocol's own functions in the order in which `Paying::pay` calls them.
fn parts(
    scene: &Scene,
    granted: &Granted,
    (count, amount): (u32, u32),
    cell: &mut Cell,
) -> Result<(), BenchError> {
    let opening = granted.given.opening();
    let nonce = opening.terms().nonce;
    let mut keys = scene.keys(nonce, count * amount)?;
    let (mut head, mut signature) = (Head::start(opening), *granted.given.bank_signature());
    let (mut hashing, mut signing, mut locking) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (now, units) = (now(), Units::from_count(amount));
    for _ in 0..count {
        let began = Instant::now();
        let fields = next_fields(&head, &mut keys, units, now)?;
        let tx = fields.tx();
        let hashed = Instant::now();
        let locking_signature = keys.payment.sign(&tx.as_digest());
        let signed = Instant::now();
        let lock = Lock::seal(&signature, &locking_signature);
        let locked = Instant::now();
        hashing += hashed - began;
        signing += signed - hashed;
        locking += locked - signed;
        head = Head::after(&made(&head, &fields, lock)?);
        signature = locking_signature;
    }
    cell.add("transaction_hashing", hashing);
    cell.add("transaction_signing", signing);
    cell.add("transaction_locking", locking);
    Ok(())
}

/// The fields of the payment behind `head`: the token, the memo's hash, and what is known.
pub(crate) fn next_fields(
    head: &Head,
    keys: &mut ChannelKeys,
    units: Units,
    now: lockstep_protocol::Timestamp,
) -> Result<PaymentFields, BenchError> {
    let released = head.released().checked_add(units).ok_or(BenchError::WrongResult("counting units"))?;
    Ok(PaymentFields {
        channel: head.channel(),
        previous: head.tx(),
        number: head.number().next().ok_or(BenchError::WrongResult("counting payments"))?,
        units,
        released,
        token: keys.chain.token(released).step("a token")?,
        ts: now.max(head.ts()),
        memo_hash: Memo::default().hash(),
        previous_lock: *head.lock(),
    })
}

/// The payment with these fields and this lock.
pub(crate) fn made(head: &Head, fields: &PaymentFields, lock: Lock) -> Result<Payment, BenchError> {
    let record = lockstep_protocol::payment::PaymentRecord {
        units: fields.units,
        ts: fields.ts,
        token: fields.token,
        lock,
        memo: Memo::default(),
    };
    Payment::chain(head, &record).step("a payment")
}

/// The vendor's part: every payment is judged as it arrives.
fn accepting(
    scene: &Scene,
    record: &ChannelRecord,
    payments: &[Payment],
    cell: &mut Cell,
) -> Result<(), BenchError> {
    let mut receiving = Receiving::take(record, scene.terms(), now()).step("taking the channel")?;
    let records: Vec<_> = payments.iter().map(|payment| (payment.number(), payment.record())).collect();
    let now = now();
    let view = LedgerView { state: ChannelState::Open, seen: now };
    let began = Instant::now();
    for (number, record) in &records {
        let accepted = receiving.accept(*number, record, now, view).step("accepting a payment")?;
        let _: Acceptance = std::hint::black_box(accepted);
    }
    cell.add("transaction_accepting", began.elapsed());
    if receiving.head().ack() == last_ack(payments)? {
        Ok(())
    } else {
        Err(BenchError::WrongResult("accepting"))
    }
}

/// The vendor's part after σ_n: unlocking alone, as in the paper, and unlocking with every signature verified.
fn release(
    given: &SignedOpening,
    payments: &[Payment],
    released: Signature,
    cell: &mut Cell,
) -> Result<(), BenchError> {
    let mut receipts = Vec::with_capacity(payments.len());
    let began = Instant::now();
    let bottom = unlock(payments, released, &mut receipts);
    cell.add("release", began.elapsed());
    if bottom != *given.bank_signature() {
        return Err(BenchError::WrongResult("unlocking"));
    }
    let began = Instant::now();
    let verified = walk(given, payments, released)?;
    cell.add("release_verified", began.elapsed());
    if verified != payments.len() {
        return Err(BenchError::WrongResult("unlocking with verification"));
    }
    for phase in ["release", "release_verified"] {
        cell.bytes(phase, released.as_bytes().len());
    }
    Ok(())
}

/// Unlocks from σ_n down; gives what the first payment's lock opens to.
pub(crate) fn unlock(payments: &[Payment], released: Signature, receipts: &mut Vec<Signature>) -> Signature {
    payments.iter().rev().fold(released, |signature, payment| {
        receipts.push(signature);
        payment.lock().open(&signature)
    })
}

/// Walks down with every check; gives the number of receipts.
fn walk(given: &SignedOpening, payments: &[Payment], released: Signature) -> Result<usize, BenchError> {
    let mut below = payments.iter().rev();
    let last = below.next().ok_or(BenchError::WrongResult("making payments"))?;
    let (_, mut progress) = Walk::start(given, last, released).step("the walk")?;
    let mut receipts = 1;
    for payment in below {
        let Progress::More(walk) = progress else { break };
        (_, progress) = walk.step(payment).step("the walk")?;
        receipts += 1;
    }
    if matches!(progress, Progress::Done) { Ok(receipts) } else { Err(BenchError::WrongResult("the walk")) }
}

/// A channel with payments of one dollar, for other measurements.
pub(crate) fn paid_channel(
    scene: &Scene,
    count: u32,
) -> Result<(SignedOpening, Vec<Payment>, Signature), BenchError> {
    let (given, record) = scene.channel(count)?;
    let mut paying = paying(scene, &given, &record)?;
    let now = now();
    let pay = |_| paying.pay(Units::from_count(1), Memo::default(), now).step("a payment");
    let payments = (0..count).map(pay).collect::<Result<Vec<_>, _>>()?;
    let released = paying.release(&last_ack(&payments)?, None, None).step("the release")?;
    Ok((given, payments, *released.signature()))
}
