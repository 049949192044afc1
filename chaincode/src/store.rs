//! Loading and storing. Stored bytes are never compared or returned, because CouchDB reorders JSON: they are parsed, and our own
//! struct is written again, which gives the same bytes everywhere [Spec §8].

use hlf_shim::Stub;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::{BankRegistration, ChannelRecord};
use lockstep_protocol::refusal::Refusal;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::keys;

/// The registration under a bank's key.
pub(crate) async fn bank(stub: &Stub, key: &PublicKey) -> Result<Option<BankRegistration>, Failure> {
    load(stub, &keys::bank(key)).await
}

/// The record under a channel's id.
pub(crate) async fn channel(stub: &Stub, id: ChannelId) -> Result<Option<ChannelRecord>, Failure> {
    load(stub, &keys::channel(id)).await
}

/// The channel that a client's payment key opened with a bank. Reading exactly this key, and no range, keeps openings in one block
/// from conflicting.
pub(crate) async fn channel_of_client(
    stub: &Stub,
    client: &PublicKey,
    bank: &PublicKey,
) -> Result<Option<ChannelId>, Failure> {
    let stored = stub.get(&keys::client_entry(client, bank).to_string()).await?;
    stored.map(|bytes| channel_id(&bytes)).transpose()
}

/// The channel id that an index entry holds.
pub(crate) fn channel_id(stored: &[u8]) -> Result<ChannelId, Failure> {
    let text = str::from_utf8(stored).map_err(|_bytes| Refusal::UnreadableRecord)?;
    Ok(text.parse().map_err(|_text| Refusal::UnreadableRecord)?)
}

/// Stores a registration.
pub(crate) async fn put_bank(stub: &Stub, registration: &BankRegistration) -> Result<(), Failure> {
    Ok(stub.put(&keys::bank(registration.bank_key()), json(registration)).await?)
}

/// Stores a record.
pub(crate) async fn put_channel(stub: &Stub, record: &ChannelRecord) -> Result<(), Failure> {
    Ok(stub.put(&keys::channel(record.channel_id()), json(record)).await?)
}

/// Writes the entries by which a new channel is found by bank and by vendor. They are the channel's own keys: whoever writes them
/// has read that the record was not there.
pub(crate) async fn put_index(stub: &Stub, record: &ChannelRecord) -> Result<(), Failure> {
    let (id, terms) = (record.channel_id(), record.opening().terms());
    for entry in [keys::bank_entry(&terms.bank_key, id), keys::vendor_entry(&terms.vendor_key, id)] {
        stub.put(&entry.to_string(), id.to_string()).await?;
    }
    Ok(())
}

/// Writes that a client's payment key has opened a channel with a bank.
pub(crate) async fn put_client_key(stub: &Stub, record: &ChannelRecord) -> Result<(), Failure> {
    let terms = record.opening().terms();
    let entry = keys::client_entry(&terms.client_key, &terms.bank_key);
    Ok(stub.put(&entry.to_string(), record.channel_id().to_string()).await?)
}

/// What was stored as JSON.
pub(crate) fn parse<T: DeserializeOwned>(stored: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(stored).map_err(|error| {
        tracing::error!(%error, "a stored record cannot be read");
        Refusal::UnreadableRecord.into()
    })
}

/// Our own struct in JSON, the same bytes on every peer.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("records have text keys and plain values only")
}

async fn load<T: DeserializeOwned>(stub: &Stub, key: &str) -> Result<Option<T>, Failure> {
    stub.get(key).await?.map(|stored| parse(&stored)).transpose()
}
