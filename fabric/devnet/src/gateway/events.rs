//! Chaincode events: of valid transactions, block by block, from any block on.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use hlf_proto::common::Block;
use hlf_proto::gateway::{ChaincodeEventsRequest, ChaincodeEventsResponse, SignedChaincodeEventsRequest};
use hlf_proto::orderer::seek_position::Type as Seek;
use hlf_proto::protos::{ChaincodeEvent, TxValidationCode};
use prost::Message;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{EventStream, GatewayService, stopping};
use crate::core::block::{code_byte, codes, event_of};
use crate::peer::access::Access;
use crate::peer::channel::Channel;
use crate::store::StoreError;

/// Answers an events request with a stream that ends only with the client or the network.
///
/// # Errors
/// As a Fabric gateway.
pub(super) fn chaincode_events(
    gateway: &GatewayService,
    signed: &SignedChaincodeEventsRequest,
) -> Result<EventStream, Status> {
    if signed.request.is_empty() {
        return Err(Status::invalid_argument("a chaincode events request is required"));
    }
    let request = ChaincodeEventsRequest::decode(signed.request.as_slice())
        .map_err(|error| Status::invalid_argument(format!("invalid chaincode events request: {error}")))?;
    gateway
        .channel
        .check_access(
            &request.channel_id,
            Access::Readers,
            &request.identity,
            &signed.request,
            &signed.signature,
        )
        .map_err(|error| Status::permission_denied(error.to_string()))?;
    let height = gateway.channel.height.subscribe();
    let next = start_block(&gateway.channel, &request, &height)?;
    let reader = Reader {
        channel: Arc::clone(&gateway.channel),
        shutdown: gateway.shutdown.clone(),
        filter: Filter::new(request),
        height,
        next,
    };
    Ok(events(reader).boxed())
}

/// The block of the transaction after which to resume; else the block asked for; else the next one to come.
fn start_block(
    channel: &Channel,
    request: &ChaincodeEventsRequest,
    height: &watch::Receiver<u64>,
) -> Result<u64, Status> {
    let after = &request.after_transaction_id;
    if !after.is_empty() {
        let found = channel.store.outcome(after).map_err(|error| Status::aborted(error.to_string()))?;
        if let Some(found) = found {
            return Ok(found.block);
        }
    }
    match request.start_position.as_ref().and_then(|position| position.r#type.as_ref()) {
        None | Some(Seek::NextCommit(_)) => Ok(*height.borrow()),
        Some(Seek::Specified(specified)) => Ok(specified.number),
        Some(Seek::Newest(_)) => {
            Err(Status::invalid_argument("invalid start position type: *orderer.SeekPosition_Newest"))
        }
        Some(Seek::Oldest(_)) => {
            Err(Status::invalid_argument("invalid start position type: *orderer.SeekPosition_Oldest"))
        }
    }
}

/// Which events go to the client: those of its chaincode, after the transaction that it names.
#[derive(Debug)]
struct Filter {
    chaincode: String,
    after: Option<String>,
}

impl Filter {
    fn new(request: ChaincodeEventsRequest) -> Self {
        let after = Some(request.after_transaction_id).filter(|after| !after.is_empty());
        Self { chaincode: request.chaincode_id, after }
    }

    /// Fabric's rule: nothing passes until an event of the named transaction was seen, that one included.
    fn passes(&mut self, event: &ChaincodeEvent) -> bool {
        match &self.after {
            Some(after) => {
                if *after == event.tx_id {
                    self.after = None;
                }
                false
            }
            None => event.chaincode_id == self.chaincode,
        }
    }
}

struct Reader {
    channel: Arc<Channel>,
    shutdown: CancellationToken,
    filter: Filter,
    height: watch::Receiver<u64>,
    next: u64,
}

impl Reader {
    /// The next block with matching events; waits for it if need be.
    async fn read(&mut self) -> Result<ChaincodeEventsResponse, Status> {
        loop {
            tokio::select! {
                height = self.height.wait_for(|height| *height > self.next) => {
                    height.map_err(|_| stopping())?;
                }
                () = self.shutdown.cancelled() => return Err(stopping()),
            }
            let aborted = |error: StoreError| Status::aborted(error.to_string());
            let block = self.channel.store.block(self.next).map_err(aborted)?;
            let block = block.ok_or_else(|| aborted(StoreError::Damaged("a block is missing")))?;
            let block_number = self.next;
            self.next += 1;
            let mut events = events_of(&block);
            events.retain(|event| self.filter.passes(event));
            if !events.is_empty() {
                return Ok(ChaincodeEventsResponse { events, block_number });
            }
        }
    }
}

fn events(reader: Reader) -> impl Stream<Item = Result<ChaincodeEventsResponse, Status>> + Send {
    stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        let item = reader.read().await;
        let rest = item.is_ok().then_some(reader);
        Some((item, rest))
    })
}

/// The events of a block's valid transactions, in order.
fn events_of(block: &Block) -> Vec<ChaincodeEvent> {
    let envelopes = block.data.iter().flat_map(|data| &data.data);
    let valid = |code: &&u8| **code == code_byte(TxValidationCode::Valid);
    let transactions = envelopes.zip(codes(block)).filter(|(_, code)| valid(code));
    transactions.filter_map(|(envelope, _)| event_of(envelope)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(chaincode: &str, tx_id: &str) -> ChaincodeEvent {
        ChaincodeEvent { chaincode_id: chaincode.into(), tx_id: tx_id.into(), ..ChaincodeEvent::default() }
    }

    #[test]
    fn resuming_skips_up_to_the_named_transaction() {
        let request = ChaincodeEventsRequest {
            chaincode_id: "cc".into(),
            after_transaction_id: "2".into(),
            ..ChaincodeEventsRequest::default()
        };
        let mut filter = Filter::new(request);
        let all = [event("cc", "1"), event("other", "2"), event("other", "3"), event("cc", "4")];
        let passed: Vec<bool> = all.iter().map(|event| filter.passes(event)).collect();
        assert_eq!(passed, [false, false, false, true]);
    }

    #[test]
    fn without_a_transaction_all_events_of_the_chaincode_pass() {
        let mut filter =
            Filter::new(ChaincodeEventsRequest { chaincode_id: "cc".into(), ..Default::default() });
        assert!(filter.passes(&event("cc", "1")));
        assert!(!filter.passes(&event("other", "2")));
    }
}
