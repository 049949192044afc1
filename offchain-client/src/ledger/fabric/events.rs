//! The contract's events over the gateway.

use futures::stream::{self, Stream, StreamExt as _};
use hlf_gateway::{Backoff, ChaincodeEvent, Checkpoint, Network};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::ChannelChange;

use super::answer;
use crate::ledger::{EventCheckpoint, EventStart, LedgerError, LedgerEvent, TransactionId};

/// Follows the events. An interruption is handed out and the stream goes on after the last event, on the next peer of the
/// organisation if the one is gone; anything else ends it.
pub(super) fn follow(
    network: &Network,
    chaincode: &str,
    organization: &str,
    from: EventStart,
) -> impl Stream<Item = Result<LedgerEvent, LedgerError>> + Send + use<> {
    let builder = network.chaincode_events(chaincode);
    let builder = match from {
        EventStart::Block(number) => builder.from_block(number),
        EventStart::After(checkpoint) => {
            builder.after(&Checkpoint::after_transaction(checkpoint.block, checkpoint.tx_id.as_str()))
        }
        EventStart::Next => builder,
    };
    let organization = organization.to_owned();
    let events = builder.stream_resuming(Backoff::default()).map(move |event| match event {
        Ok(event) => decode(event),
        Err(error) => Err(answer::of_events(&error, &organization)),
    });
    stream::unfold(Some(events), |events| async {
        let mut events = events?;
        let item = events.next().await?;
        let over = item.as_ref().is_err_and(|error| !error.is_temporary());
        Some((item, (!over).then_some(events)))
    })
}

/// Reads an event of the contract.
pub(crate) fn decode(event: ChaincodeEvent) -> Result<LedgerEvent, LedgerError> {
    let (block, tx_id) = (event.block_number, TransactionId::new(event.transaction_id.as_str()));
    match serde_json::from_slice::<Vec<ChannelChange>>(&event.payload) {
        Ok(changes) => Ok(LedgerEvent { block, tx_id, name: event.name, changes }),
        Err(error) => Err(LedgerError::UnreadableEvent {
            what: format!("event {} of transaction {tx_id}: {error}", event.name),
            at: EventCheckpoint { block, tx_id },
            channels: channels_in(&event.payload),
        }),
    }
}

/// The channels of an event whose changes cannot be read, as far as they can.
fn channels_in(payload: &[u8]) -> Vec<ChannelId> {
    let changes: Vec<serde_json::Value> = serde_json::from_slice(payload).unwrap_or_default();
    let channel = |change: &serde_json::Value| change.get("channel_id")?.as_str()?.parse().ok();
    changes.iter().filter_map(channel).collect()
}
