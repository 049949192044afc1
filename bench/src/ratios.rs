//! Times beside the times of what they need at least, measured in turns in one run, so that whatever slows this machine slows both.

use std::time::{Duration, Instant};

use keccak::Keccak;
use lockstep::wallet::{Machine, PaidBatch, PaymentsConfig, Presignatures};
use lockstep_protocol::payer::Resuming;
use lockstep_protocol::payment::Head;
use lockstep_protocol::{Memo, Signature, Units};
use secp256k1::{Message, Secp256k1};

use crate::error::{BenchError, Step as _};
use crate::in_process;
use crate::plan::Plan;
use crate::results::{RatioRow, Spread};
use crate::samples::spread;
use crate::scene::Scene;

/// Measures every ratio.
pub(crate) fn measure(scene: &Scene, plan: &Plan) -> Result<Vec<RatioRow>, BenchError> {
    Ok(vec![release(scene, plan)?, presigned(scene, plan)?, signing(scene, plan)?])
}

/// One ratio: `runs` times the one, then the other; the first pair only warms up.
fn interleaved(
    name: &str,
    limit: Option<f64>,
    runs: u32,
    mut pair: impl FnMut() -> Result<(Duration, Duration), BenchError>,
) -> Result<RatioRow, BenchError> {
    pair()?;
    let (mut over, mut under, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let (numerator, denominator) = pair()?;
        over.push(numerator.as_secs_f64());
        under.push(denominator.as_secs_f64());
        ratios.push(numerator.as_secs_f64() / denominator.as_secs_f64());
    }
    let Spread { median_s: median, q1_s: q1, q3_s: q3, .. } = spread(&ratios);
    let (numerator, denominator) = (spread(&over), spread(&under));
    Ok(RatioRow { name: name.to_owned(), limit, median, q1, q3, numerator, denominator })
}

/// Unlocking alone over as many permutations of Keccak-f[1600], one for each payment.
fn release(scene: &Scene, plan: &Plan) -> Result<RatioRow, BenchError> {
    let (given, payments, released) = in_process::paid_channel(scene, plan.ratio_payments)?;
    let mut receipts: Vec<Signature> = Vec::with_capacity(payments.len());
    let keccak = Keccak::new();
    let mut state = [0_u64; 25];
    interleaved("release_over_permutations", Some(1.5), plan.ratio_runs, || {
        receipts.clear();
        let began = Instant::now();
        let bottom = in_process::unlock(&payments, released, &mut receipts);
        let unlocked = began.elapsed();
        if bottom != *given.bank_signature() {
            return Err(BenchError::WrongResult("unlocking"));
        }
        let began = Instant::now();
        keccak.with_f1600(|permute| {
            for _ in &payments {
                permute(std::hint::black_box(&mut state));
            }
        });
        Ok((unlocked, began.elapsed()))
    })
}

/// Payments of one channel, signed and locked as a wallet does that draws presignatures ahead on a second thread [Spec §2]. Over
/// libsecp256k1's signing of as many digests one by one on one thread.
fn presigned(scene: &Scene, plan: &Plan) -> Result<RatioRow, BenchError> {
    let baseline = Libsecp256k1::new()?;
    interleaved("sign_lock_over_libsecp256k1", Some(1.0), plan.ratio_runs, || {
        let took = sign_and_lock(scene, plan.ratio_payments)?;
        Ok((took, baseline.sign(plan.ratio_payments)))
    })
}

/// Makes all payments by the wallet's own machine; everything is within the time, the drawing and the batches' encoding too.
fn sign_and_lock(scene: &Scene, count: u32) -> Result<Duration, BenchError> {
    let (given, record) = scene.channel(count)?;
    let start = Head::start(given.opening());
    let resuming = Resuming::new(&record, &given, &scene.seed, start).step("taking the channel up")?;
    let mut machine = Machine::reconcile(resuming, &start.ack(), None)
        .map_err(|_| BenchError::WrongResult("taking the channel up"))?;
    let (memo, units, now) = (Memo::default(), Units::from_count(1), crate::scene::now());
    let began = Instant::now();
    let mut presignatures = Presignatures::start(count);
    let mut left = count;
    while left > 0 {
        let batch = left.min(PaymentsConfig::DEFAULT.batch);
        let drawn = presignatures.take(batch).ok_or(BenchError::WrongResult("drawing presignatures"))?;
        let paid = machine.pay_presigned(drawn, units, &memo, now).step("a payment")?;
        let _: PaidBatch = std::hint::black_box(paid);
        left -= batch;
    }
    let took = began.elapsed();
    // σ_n of the chain that was made verifies, or the time is worth nothing.
    let state = machine.paying().state();
    let last = state.signature.ok_or(BenchError::WrongResult("signing with presignatures"))?;
    let client = &given.opening().terms().client_key;
    client
        .verify(&state.head.tx().as_digest(), &last)
        .map_err(|_| BenchError::WrongResult("signing with presignatures"))?;
    Ok(took)
}

/// Making payments as a wallet does that signs by RFC 6979, over libsecp256k1's signing of as many digests, both on one thread.
fn signing(scene: &Scene, plan: &Plan) -> Result<RatioRow, BenchError> {
    let baseline = Libsecp256k1::new()?;
    interleaved("sign_lock_rfc6979_over_libsecp256k1", None, plan.ratio_runs, || {
        let (given, record) = scene.channel(plan.ratio_payments)?;
        let mut paying = in_process::paying(scene, &given, &record)?;
        let now = crate::scene::now();
        let began = Instant::now();
        for _ in 0..plan.ratio_payments {
            let payment = paying.pay(Units::from_count(1), Memo::default(), now);
            std::hint::black_box(payment.step("a payment")?);
        }
        Ok((began.elapsed(), baseline.sign(plan.ratio_payments)))
    })
}

/// libsecp256k1, signing digests one by one on one thread.
#[derive(Debug)]
struct Libsecp256k1 {
    context: Secp256k1<secp256k1::All>,
    key: secp256k1::SecretKey,
}

impl Libsecp256k1 {
    fn new() -> Result<Self, BenchError> {
        let key = lockstep::entropy::random_key()?;
        let key = secp256k1::SecretKey::from_byte_array(*key.dangerous_to_bytes()).step("a key")?;
        Ok(Self { context: Secp256k1::new(), key })
    }

    /// Each digest is made of the signature before it, so that no two are alike.
    fn sign(&self, count: u32) -> Duration {
        let mut digest = [1; 32];
        let began = Instant::now();
        for _ in 0..count {
            let signature =
                self.context.sign_ecdsa(Message::from_digest(digest), &self.key).serialize_compact();
            digest.copy_from_slice(signature.first_chunk::<32>().unwrap_or(&[0; 32]));
        }
        began.elapsed()
    }
}
