//! What bank and vendor sign for the ledger [Spec §8].

use crate::hash::{ChannelId, Digest, EvidenceHash, Hasher, LedgerId, ShortText, Token, TxHash};
use crate::key::PublicKey;
use crate::units::Units;

/// The bank key's word for its registration: H(tag "bank" ‖ ledger id ‖ str MSP id ‖ bank key ‖ u64 D).
pub(super) fn bank_digest(
    ledger: &LedgerId,
    msp_id: &ShortText,
    key: &PublicKey,
    drift_millis: u64,
) -> Digest {
    let hash = Hasher::new("bank").bytes(ledger.as_bytes()).text(msp_id).bytes(key.as_bytes());
    Digest::from_bytes(hash.u64(drift_millis).finish())
}

/// The vendor's word for a close by release: H(tag "close" ‖ channel ‖ u32 c_n ‖ Tx_n).
#[must_use]
pub fn close_digest(channel: &ChannelId, released: Units, tx: &TxHash) -> Digest {
    let hash = Hasher::new("close").bytes(channel.as_bytes()).u32(released.as_count());
    Digest::from_bytes(hash.bytes(tx.as_bytes()).finish())
}

/// The vendor's word for a close by token: H(tag "claim" ‖ channel ‖ u32 c ‖ f_c).
#[must_use]
pub fn claim_digest(channel: &ChannelId, units: Units, token: &Token) -> Digest {
    let hash = Hasher::new("claim").bytes(channel.as_bytes()).u32(units.as_count());
    Digest::from_bytes(hash.bytes(token.as_bytes()).finish())
}

/// The bank's word for a freeze: H(tag "freeze" ‖ channel ‖ u16 reason ‖ evidence hash).
#[must_use]
pub fn freeze_digest(channel: &ChannelId, reason: u16, evidence: &EvidenceHash) -> Digest {
    let hash = Hasher::new("freeze").bytes(channel.as_bytes()).u16(reason);
    Digest::from_bytes(hash.bytes(evidence.as_bytes()).finish())
}

/// The bank's word for a resolution: H(tag "resolve" ‖ channel ‖ u32 units).
#[must_use]
pub fn resolve_digest(channel: &ChannelId, units: Units) -> Digest {
    let hash = Hasher::new("resolve").bytes(channel.as_bytes()).u32(units.as_count());
    Digest::from_bytes(hash.finish())
}
