//! Clients convicted of fraud: the reputation is cut once for each channel, in the transaction that marks it [Spec §9].

use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::hash::{ChannelId, EvidenceHash};
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState, FreezeReason};
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::Reputation;

use super::channel::RESERVED;
use super::decision::insert_freeze;
use super::{Books, ChannelRow, StoreError, Tx, account, channel, pending, stored_time, text_in};

impl Books {
    /// Keeps a fraud proof that has been checked against the ledger's record, cuts the client's reputation and
    /// decides that the channel is to be frozen if it is not ended or frozen yet. A channel convicts once: the
    /// answer is the evidence that did. `None`: the books do not know the channel.
    ///
    /// # Errors
    /// The database fails.
    pub async fn convict(
        &self,
        id: &ChannelId,
        proof: &FraudProof,
        now: Timestamp,
    ) -> Result<Option<EvidenceHash>, StoreError> {
        let mut tx = self.write().await?;
        let Some(row) = channel::find(&mut tx, id).await? else {
            return Ok(None);
        };
        let evidence = proof.evidence();
        let before = convict(&mut tx, &row, &evidence, &hex::encode(proof.encode()), now).await?;
        tx.commit().await?;
        Ok(Some(before.unwrap_or(evidence)))
    }
}

/// Convicts the client of a channel; the evidence that did before, if one did. A client that nobody knows, since the
/// suspense account pays, is convicted all the same and loses its points when it is known: [`cut_when_known`].
pub(super) async fn convict(
    tx: &mut Tx,
    row: &ChannelRow,
    evidence: &EvidenceHash,
    proof: &str,
    at: Timestamp,
) -> Result<Option<EvidenceHash>, StoreError> {
    let id = &row.channel;
    let before = convicted_by(tx, id).await?;
    if before.is_some() {
        return Ok(before);
    }
    sqlx::query("INSERT INTO frauds (channel, evidence, proof, at) VALUES ($1, $2, $3, $4)")
        .bind(id.to_string())
        .bind(evidence.to_string())
        .bind(proof)
        .bind(stored_time(at)?)
        .execute(&mut **tx)
        .await?;
    if let Some(client) = &row.account {
        cut(tx, id, client, at).await?;
    }
    if row.state == RESERVED || row.state == ChannelState::Open.name() {
        insert_freeze(tx, id, FreezeReason::FraudProof, evidence, "", at).await?;
        pending::look_at(tx, id, 0).await?;
    }
    Ok(None)
}

/// The ledger's record shows a freeze for fraud, which only this bank can have signed, after it had checked a proof:
/// books that know of no conviction have lost it, and the vendor will not bring its proof again.
pub(super) async fn convict_as_recorded(
    tx: &mut Tx,
    row: &ChannelRow,
    record: &ChannelRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    match record.freeze() {
        Some(freeze) if freeze.reason == FreezeReason::FraudProof => {
            convict(tx, row, &freeze.evidence, "", now).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// The client of a channel has become known: a conviction of before costs it its points now.
pub(super) async fn cut_when_known(
    tx: &mut Tx,
    id: &ChannelId,
    client: &PublicKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    if convicted_by(tx, id).await?.is_some() { cut(tx, id, client, now).await } else { Ok(()) }
}

async fn cut(tx: &mut Tx, id: &ChannelId, client: &PublicKey, at: Timestamp) -> Result<(), StoreError> {
    account::change_reputation(tx, client, "fraud_proof", Some(id), at, Reputation::after_fraud).await
}

async fn convicted_by(tx: &mut Tx, id: &ChannelId) -> Result<Option<EvidenceHash>, StoreError> {
    let known = sqlx::query("SELECT evidence FROM frauds WHERE channel = $1")
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    known.map(|known| text_in(&known, "evidence")).transpose()
}
