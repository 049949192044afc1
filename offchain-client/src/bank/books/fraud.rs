//! Clients convicted of fraud: the reputation is cut once for each channel, in the transaction that marks it [Spec §9].

use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::hash::{ChannelId, EvidenceHash};
use lockstep_protocol::ledger::{ChannelState, FreezeReason};
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::Reputation;

use super::channel::RESERVED;
use super::decision::insert_freeze;
use super::{Books, StoreError, account, channel, pending, stored_time, text_in};

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
        let known = sqlx::query("SELECT evidence FROM frauds WHERE channel = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(known) = known {
            return text_in(&known, "evidence").map(Some);
        }
        let evidence = proof.evidence();
        sqlx::query("INSERT INTO frauds (channel, evidence, proof, at) VALUES ($1, $2, $3, $4)")
            .bind(id.to_string())
            .bind(evidence.to_string())
            .bind(hex::encode(proof.encode()))
            .bind(stored_time(now)?)
            .execute(&mut *tx)
            .await?;
        if let Some(client) = &row.account {
            let cut = Reputation::after_fraud;
            account::change_reputation(&mut tx, client, "fraud_proof", Some(id), now, cut).await?;
        }
        if row.state == RESERVED || row.state == ChannelState::Open.name() {
            insert_freeze(&mut tx, id, FreezeReason::FraudProof, &evidence, "", now).await?;
            pending::look_at(&mut tx, id, 0).await?;
        }
        tx.commit().await?;
        Ok(Some(evidence))
    }
}
