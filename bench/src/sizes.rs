//! The true sizes of what the paper's table 4 counts, taken from values of this build.

use lockstep_protocol::payment::PaymentRecord;
use lockstep_protocol::{Lock, PaymentNumber, Signature, Token};

use crate::error::{BenchError, Step as _};
use crate::in_process;
use crate::plan::Plan;
use crate::results::SizeRow;
use crate::scene::Scene;

/// Payments of table 4.
const PAYMENTS: u32 = 10;

/// Measures them on values that were made for it.
pub(crate) fn look(plan: &Plan) -> Result<Vec<SizeRow>, BenchError> {
    let (_, payments, released) = in_process::paid_channel(&Scene::new()?, PAYMENTS)?;
    let payment = payments.first().ok_or(BenchError::WrongResult("making payments"))?;
    let signature = Signature::as_bytes(&released).len();
    let token = Token::as_bytes(&payment.fields().token).len();
    let serial = PaymentNumber::as_index(payment.number()).to_be_bytes().len();
    let lock = Lock::as_bytes(payment.lock()).len();
    let row = |symbol: &str, meaning: &str, bytes: usize| {
        let bytes = u64::try_from(bytes).step("a size")?;
        Ok::<_, BenchError>(SizeRow { symbol: symbol.to_owned(), meaning: meaning.to_owned(), bytes })
    };
    let mut rows = vec![
        row("sig", "a signature, r‖s", signature)?,
        row("f", "an amount of a payment: its token", token)?,
        row("s", "a serial number: the payment's number", serial)?,
        row("h", "a value of the hash: the mask of a lock, as long as the lock", lock)?,
    ];
    for members in &plan.committees {
        let notices = usize::try_from(members * PAYMENTS).step("a size")? * (serial + token);
        let meaning = "10 notices to each member: serial number and token";
        rows.push(row(&format!("m (e = {members})"), meaning, notices)?);
    }
    let record = row("record", "a whole payment on the wire without its memo", PaymentRecord::FIXED_BYTES)?;
    rows.push(record);
    Ok(rows)
}
