//! *Paper mode*: the protocol as the paper ran it. Signatures are 40 random characters, nothing is verified, H is SHA3-256, and a lock
//! is a signature XORed with as many bytes of SHA3-512 of the next one. Its figures stand beside the paper's like for like, but for
//! the machine and the language.

use std::time::Instant;

use rand::RngExt as _;
use rand::distr::Alphanumeric;
use sha3::{Digest as _, Sha3_256, Sha3_512};

use crate::error::BenchError;
use crate::results::PhaseRow;
use crate::samples::Cell;

/// The mode's name in the results.
pub(crate) const MODE: &str = "paper";

/// "We used 40-bit characters to represent bank-generated signature".
const SIGNATURE: usize = 40;
/// The paper's least reputation.
const REPUTATION: u8 = 50;

type Mock = [u8; SIGNATURE];

/// What travels for one payment: fᵢ, Txᵢ and ℓkᵢ [paper, section 4.3].
#[derive(Clone, Debug)]
struct Payment {
    token: [u8; 32],
    tx: [u8; 32],
    lock: Mock,
}

/// Measures one cell.
pub(crate) fn measure(count: u32, amount: u32, runs: u32) -> Result<Vec<PhaseRow>, BenchError> {
    let mut cell = Cell::default();
    for _ in 0..runs {
        let (sigma_0, mut tokens) = setup(count * amount, &mut cell);
        let (payments, last) = transaction(sigma_0, &mut tokens, (count, amount), &mut cell)?;
        let began = Instant::now();
        let mut receipts = Vec::with_capacity(payments.len());
        let bottom = payments.iter().rev().fold(last, |signature, payment| {
            receipts.push(signature);
            masked(&payment.lock, &signature)
        });
        cell.add("release", began.elapsed());
        if bottom != sigma_0 {
            return Err(BenchError::WrongResult("unlocking in paper mode"));
        }
        // The last payment carries σ_n as its lock: nothing more is sent.
        cell.bytes("release", 0);
    }
    Ok(cell.rows(MODE, count, amount))
}

/// The bank checks both reputations; the client receives total, signature and both partial identities.
fn setup(units: u32, cell: &mut Cell) -> (Mock, Vec<[u8; 32]>) {
    let began = Instant::now();
    let mut tokens = Vec::with_capacity(usize::try_from(units).unwrap_or_default() + 1);
    let mut token: [u8; 32] = rand::rng().random();
    for _ in 0..units {
        tokens.push(token);
        token = Sha3_256::digest(token).into();
    }
    tokens.push(token);
    let have_chain = Instant::now();
    let (client, vendor) = std::hint::black_box((100_u8, 50_u8));
    let admitted = client >= REPUTATION && vendor >= REPUTATION;
    let identities: [[u8; 32]; 2] = std::hint::black_box([[1; 32], [2; 32]]);
    let mut message = Vec::with_capacity(8 + SIGNATURE + 64);
    message.extend(u64::from(units).to_be_bytes());
    let signature = if admitted { sign() } else { [0; SIGNATURE] };
    message.extend(signature);
    message.extend(identities.as_flattened());
    let received = std::hint::black_box(message.clone());
    let ended = Instant::now();
    cell.add("setup", ended - began);
    cell.add("setup_keys_and_chain", have_chain - began);
    cell.add("setup_without_keys", ended - have_chain);
    cell.bytes("setup", received.len());
    cell.bytes("setup_without_keys", received.len());
    (signature, tokens)
}

fn transaction(
    sigma_0: Mock,
    tokens: &mut Vec<[u8; 32]>,
    (count, amount): (u32, u32),
    cell: &mut Cell,
) -> Result<(Vec<Payment>, Mock), BenchError> {
    let mut payments = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    let mut wire = Vec::new();
    let mut tx: [u8; 32] = Sha3_256::digest(b"the opening").into();
    let mut signature = sigma_0;
    tokens.pop();
    let began = Instant::now();
    for _ in 0..count {
        let mut token = None;
        for _ in 0..amount {
            token = tokens.pop();
        }
        let token = token.ok_or(BenchError::WrongResult("the token chain of paper mode"))?;
        tx = Sha3_256::digest(tx).into();
        let locking = sign();
        let payment = Payment { token, tx, lock: masked(&signature, &locking) };
        wire.extend(payment.token);
        wire.extend(payment.tx);
        wire.extend(payment.lock);
        payments.push(payment);
        signature = locking;
    }
    cell.add("transaction", began.elapsed());
    cell.bytes("transaction", std::hint::black_box(wire).len());
    Ok((payments, signature))
}

/// A signature of the paper's: random characters.
fn sign() -> Mock {
    let mut rng = rand::rng();
    std::array::from_fn(|_| rng.sample(Alphanumeric))
}

/// a ⊕ H(b): locks and unlocks.
fn masked(a: &Mock, b: &Mock) -> Mock {
    let mask = Sha3_512::digest(b);
    let mut out = *a;
    out.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    out
}
