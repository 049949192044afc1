//! The contract's events over the gateway.

use futures::stream::{self, Stream, StreamExt as _};
use hlf_gateway::{Backoff, ChaincodeEvent, Checkpoint, Network};
use lockstep_protocol::ledger::ChannelChange;

use super::answer;
use crate::ledger::{EventStart, LedgerError, LedgerEvent, TransactionId};

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

fn decode(event: ChaincodeEvent) -> Result<LedgerEvent, LedgerError> {
    let changes: Vec<ChannelChange> =
        serde_json::from_slice(&event.payload).map_err(|error| LedgerError::Violation {
            what: format!("event {} of transaction {}: {error}", event.name, event.transaction_id),
        })?;
    Ok(LedgerEvent {
        block: event.block_number,
        tx_id: TransactionId::new(event.transaction_id.as_str()),
        name: event.name,
        changes,
    })
}
