//! Takes a fraud proof to the bank, which freezes the channel if it is still open [Spec §7, §9].
//!
//! Before the close the bank is asked once: the vendor's money does not wait for it. After the close it is told until it has heard.
//! A channel of another bank is none of its business, and the proof is left to the operator.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::refusal::Refusal;

use super::settle::{Pauses, SettleError};
use super::shared::Shared;
use super::unlock::FRAUD_PROOF;
use super::{Ending, Facts};
use crate::bank::client::{BankClient, BankError};
use crate::party::replay::{self, DamagedRow};
use crate::store::{Advance, Change, Phase, StoredChannel};

/// How long the bank may take at most.
const ANSWER: Duration = Duration::from_secs(10);

/// Where fraud proofs are brought.
#[async_trait]
pub trait FraudDesk: fmt::Debug + Send + Sync {
    /// Brings a proof; the same again is safe.
    ///
    /// # Errors
    /// [`BankError`].
    async fn report(
        &self,
        vendor: &SecretKey,
        channel: ChannelId,
        proof: &FraudProof,
    ) -> Result<(), BankError>;
}

#[async_trait]
impl FraudDesk for BankClient {
    async fn report(
        &self,
        vendor: &SecretKey,
        channel: ChannelId,
        proof: &FraudProof,
    ) -> Result<(), BankError> {
        let answer = self.report_fraud(vendor, channel, proof).await?;
        tracing::info!(%channel, frozen = answer.frozen, "the bank has the fraud proof");
        Ok(())
    }
}

/// Tells the bank once, as long as there is time for it.
pub(super) async fn before_the_close(
    shared: &Shared,
    stored: &StoredChannel,
    ending: &mut Ending,
) -> Result<(), SettleError> {
    let Facts { record } = replay::decode_note(&stored.facts)?;
    if ending.proof_due && shared.times(&record).close_can_wait() {
        tell(shared, stored, ending).await?;
    }
    Ok(())
}

/// Tells the bank until it has heard.
pub(super) async fn after_the_close(
    shared: &Shared,
    stored: &StoredChannel,
    mut ending: Ending,
) -> Result<(), SettleError> {
    let mut pauses = Pauses::new(shared);
    while ending.proof_due && shared.desk.is_some() {
        tell(shared, stored, &mut ending).await?;
        if !ending.proof_due {
            let ending = Some(replay::encode_note(&ending));
            let heard = Advance { ending, ..Advance::new(stored.channel, Phase::Closed, Phase::Closed) };
            shared.journal.save(Change::Advance(heard)).await?;
        } else {
            pauses.pause().await;
        }
    }
    Ok(())
}

/// Tells the bank. The proof is due no more if the bank took it, found that it proves nothing, or is not the channel's.
async fn tell(shared: &Shared, stored: &StoredChannel, ending: &mut Ending) -> Result<(), SettleError> {
    let Some(desk) = &shared.desk else { return Ok(()) };
    let evidence = shared.journal.evidence(stored.channel).await?;
    let found = evidence.iter().find(|found| found.kind == FRAUD_PROOF).ok_or(DamagedRow)?;
    let proof = FraudProof::decode(&found.bytes).map_err(|_| DamagedRow)?;
    // No more than L: before a close, two token closes must still fit in behind the bank's answer.
    let limit = ANSWER.min(shared.rules.commit_bound);
    let answer = tokio::time::timeout(limit, desk.report(&shared.key, stored.channel, &proof)).await;
    let channel = stored.channel;
    match answer {
        Ok(Ok(())) => ending.proof_due = false,
        Ok(Err(BankError::Refused(Refusal::OtherBank))) => {
            tracing::error!(
                %channel,
                "its client is proven a cheat, and another bank must hear of it: `lockstep vendor proof {channel}` brings the proof there"
            );
            (ending.proof_due, ending.proof_elsewhere) = (false, true);
        }
        Ok(Err(error)) => {
            tracing::warn!(%channel, %error, "the bank has not taken the fraud proof");
            ending.proof_due = !matches!(error, BankError::Refused(Refusal::BadFraudProof));
        }
        Err(_) => tracing::warn!(%channel, "the bank has not answered to the fraud proof"),
    }
    Ok(())
}
