//! The functions that read. They are evaluated; submitted, they write nothing [Spec §8].

use hlf_shim::KeyChange;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::{ChannelRecord, arguments, one_argument, parse_argument, text_argument};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::time::Timestamp;
use serde::Serialize;

use crate::call::Call;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::keys::Index;
use crate::store;

/// Most channels on a page.
const MAX_PAGE_SIZE: u32 = 100;

/// A page of records.
#[derive(Serialize)]
struct ChannelPage {
    channels: Vec<ChannelRecord>,
    bookmark: String,
}

/// One version of a record.
#[derive(Serialize)]
struct HistoryEntry {
    tx_id: String,
    timestamp: Timestamp,
    record: Option<ChannelRecord>,
}

impl<C: Clock> Call<'_, C> {
    /// `Channel`: one record.
    pub(crate) async fn channel(&self) -> Result<Vec<u8>, Failure> {
        let id: ChannelId = parse_argument(one_argument(self.arguments)?)?;
        let record = store::channel(self.stub, id).await?.ok_or(Refusal::UnknownChannel)?;
        Ok(store::json(&record))
    }

    /// `Channels`: a page of the records of a bank, a client or a vendor.
    pub(crate) async fn channels(&self) -> Result<Vec<u8>, Failure> {
        let [role, party, size, bookmark] = arguments(self.arguments)?;
        let index = Index::by_name(text_argument(role)?).ok_or(Refusal::MalformedValue)?;
        let party: PublicKey = parse_argument(party)?;
        let size: u32 = parse_argument(size)?;
        if !(1..=MAX_PAGE_SIZE).contains(&size) {
            return Err(Refusal::PageOutOfRange.into());
        }
        let bookmark = decode_bookmark(bookmark)?;

        let prefix = index.of(&party);
        let page = self.stub.composite_range_page(&prefix, size, &bookmark).await?;
        let mut channels = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            // A bookmark is a place in the whole of the ledger: one that was made up leads out of this party's entries.
            if !entry.key.starts_with(&prefix.to_string()) {
                return Err(Refusal::PageOutOfRange.into());
            }
            let record = store::channel(self.stub, store::channel_id(&entry.value)?).await?;
            channels.push(record.ok_or(Refusal::UnreadableRecord)?);
        }
        Ok(store::json(&ChannelPage { channels, bookmark: hex::encode(page.bookmark) }))
    }

    /// `History`: all versions of one record, oldest first.
    pub(crate) async fn history(&self) -> Result<Vec<u8>, Failure> {
        let id: ChannelId = parse_argument(one_argument(self.arguments)?)?;
        let changes = self.stub.history(&crate::keys::channel(id)).await?.collect().await?;
        if changes.is_empty() {
            return Err(Refusal::UnknownChannel.into());
        }
        // The peer gives the newest first.
        let entries: Vec<HistoryEntry> =
            changes.into_iter().rev().map(HistoryEntry::try_from).collect::<Result<_, _>>()?;
        Ok(store::json(&entries))
    }

    /// `Bank`: a registration, and a check of the caller's clock against this peer's with that bank's D.
    pub(crate) async fn bank(&self) -> Result<Vec<u8>, Failure> {
        let key: PublicKey = parse_argument(one_argument(self.arguments)?)?;
        let registration = store::bank(self.stub, &key).await?.ok_or(Refusal::UnknownBank)?;
        self.clocks()?.check(registration.max_drift())?;
        Ok(store::json(&registration))
    }
}

impl TryFrom<KeyChange> for HistoryEntry {
    type Error = Failure;

    fn try_from(change: KeyChange) -> Result<Self, Failure> {
        let written = change.timestamp.ok_or(Refusal::UnreadableRecord)?;
        let timestamp = Timestamp::from_seconds_and_nanos(written.seconds, written.nanos)
            .map_err(|_range| Refusal::UnreadableRecord)?;
        let record = change.value.as_deref().map(store::parse).transpose()?;
        Ok(Self { tx_id: change.tx_id, timestamp, record })
    }
}

/// A bookmark as a page before gave it: the peer's own, which may hold any character, in hexadecimal. Empty is the first page.
fn decode_bookmark(argument: &[u8]) -> Result<String, Refusal> {
    if argument.is_empty() {
        return Ok(String::new());
    }
    let bytes = hex::decode(text_argument(argument)?).map_err(|_digit| Refusal::PageOutOfRange)?;
    String::from_utf8(bytes).map_err(|_bytes| Refusal::PageOutOfRange)
}
