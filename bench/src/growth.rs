//! What a channel costs as its payments grow, with every party a process of its own.

use lockstep_protocol::ledger::{ChannelRecord, CloseByRelease, Command as _};
use serde_json::Value;

use crate::error::{BenchError, Step as _};
use crate::parties::{Parties, number, text};
use crate::results::GrowthRow;
use crate::uploads::NetworkUp;

/// Room for every channel at one cent a payment.
pub(crate) const DEPOSIT: &str = "100000";

/// Measures one channel.
pub(crate) async fn measure(
    parties: &Parties,
    network: &NetworkUp,
    payments: u32,
) -> Result<GrowthRow, BenchError> {
    let stores = async || {
        Ok::<_, BenchError>((parties.store_bytes("client").await?, parties.store_bytes("vendor").await?))
    };
    let (wallet_before, vendor_before) = stores().await?;
    let channel = parties.open(payments).await?;
    let paid = parties.run("client", &["pay", &channel, "--count", &payments.to_string()]).await?;
    let released = parties.run("client", &["release", &channel]).await?;
    let close = released.printed.get("close").cloned().unwrap_or_default();
    if text(&close, "kind")? != "release" {
        return Err(BenchError::WrongResult("the close of a long channel"));
    }
    let record = parties.record(&channel).await?;
    let (close_bytes, record_bytes) = sizes(&record)?;
    let (wallet_after, vendor_after) = stores().await?;
    Ok(GrowthRow {
        network: network.profile.name.clone(),
        payments,
        pay_s: number(&paid.printed, "seconds")?,
        bytes_per_payment: number(&paid.printed, "bytes_per_payment")?,
        wallet_peak_bytes: paid.peak_bytes,
        vendor_peak_bytes: parties.vendor_peak(),
        wallet_store_bytes: wallet_after.saturating_sub(wallet_before),
        vendor_store_bytes: vendor_after.saturating_sub(vendor_before),
        release_s: number(&released.printed, "unlock_seconds")?,
        close_s: number(&close, "seconds")?,
        close_bytes,
        record_bytes,
    })
}

/// The document that closed a channel, and the record that it left.
fn sizes(record: &Value) -> Result<(u64, u64), BenchError> {
    let json = serde_json::to_vec(record).step("the record")?;
    let record = ChannelRecord::from_json(&json).step("the record")?;
    let release = record.release().ok_or(BenchError::WrongResult("the close of a long channel"))?;
    // The vendor's key is in its home; a signature of any key is as long.
    let key = lockstep::entropy::random_key()?;
    let document = CloseByRelease::sign(release.fields, release.client_signature, &key).to_json();
    let size = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    Ok((size(document.len()), size(record.to_json().len())))
}
