//! Where a stream of events goes on, and what of it is new.

use std::collections::HashSet;

use hlf_proto::gateway::{ChaincodeEventsRequest, ChaincodeEventsResponse};
use hlf_proto::orderer::{SeekNextCommit, SeekPosition, SeekSpecified, seek_position};

use super::checkpoint::Checkpoint;
use super::event::ChaincodeEvent;
use crate::transaction_id::TransactionId;

/// Where a stream goes on.
///
/// A peer asked to go on after a transaction stays silent for ever if that transaction emitted no event. So it is asked
/// for the whole block again, and what is done with is left out here.
#[derive(Debug, Clone, Default)]
pub(super) struct Position {
    /// The block to go on with; the next one to come if there is none.
    block: Option<u64>,
    /// Events in that block up to this transaction's are done with.
    after: Option<TransactionId>,
    /// Events in that block that were handed out.
    handed_out: HashSet<TransactionId>,
    /// The peer is to look for this transaction and to start after it. Over once something has come.
    found_by_peer: Option<TransactionId>,
}

impl Position {
    pub(super) fn at_block(block: u64) -> Self {
        Self { block: Some(block), ..Self::default() }
    }

    pub(super) fn after(checkpoint: &Checkpoint) -> Self {
        Self { after: checkpoint.transaction_id(), ..Self::at_block(checkpoint.block_number()) }
    }

    pub(super) fn found_by_peer(self, transaction_id: TransactionId) -> Self {
        Self { found_by_peer: Some(transaction_id), ..self }
    }

    /// The position that a request names.
    pub(super) fn of_request(request: &ChaincodeEventsRequest) -> Self {
        let start = request.start_position.as_ref().and_then(|start| start.r#type.as_ref());
        let position = match start {
            Some(seek_position::Type::Specified(specified)) => Self::at_block(specified.number),
            _ => Self::default(),
        };
        match request.after_transaction_id.as_str() {
            "" => position,
            transaction_id => position.found_by_peer(transaction_id.into()),
        }
    }

    /// The transaction that the peer is to start after.
    pub(super) fn after_transaction_id(&self) -> String {
        self.found_by_peer.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    pub(super) fn seek(&self) -> SeekPosition {
        seek(self.block)
    }

    /// Takes what has come and hands out what is new of it. The position is then after it.
    pub(super) fn admit(&mut self, response: ChaincodeEventsResponse) -> Vec<ChaincodeEvent> {
        let number = response.block_number;
        if let Some(transaction_id) = self.found_by_peer.take() {
            // Where the transaction is, only the peer knew: perhaps before the block that was named.
            *self = Self { after: Some(transaction_id), ..Self::at_block(number) };
        }
        match self.block {
            Some(block) if number < block => return Vec::new(),
            Some(block) if number == block => {}
            // A later block: the one before is complete.
            _ => *self = Self::at_block(number),
        }

        let mut events: Vec<_> =
            response.events.into_iter().map(|event| ChaincodeEvent::from_wire(number, event)).collect();
        if let Some(last_done) = &self.after {
            // A transaction that is not there emitted no event; then where it was is not known, and twice is better
            // than never.
            if let Some(index) = events.iter().position(|event| event.transaction_id == *last_done) {
                events.drain(..=index);
            }
        }
        events.retain(|event| self.handed_out.insert(event.transaction_id.clone()));
        events
    }
}

/// A block, or the next one to come.
pub(super) fn seek(block: Option<u64>) -> SeekPosition {
    let kind = match block {
        Some(number) => seek_position::Type::Specified(SeekSpecified { number }),
        None => seek_position::Type::NextCommit(SeekNextCommit {}),
    };
    SeekPosition { r#type: Some(kind) }
}

#[cfg(test)]
mod tests {
    use hlf_proto::protos;
    use proptest::prelude::*;

    use super::*;

    fn block(number: u64, transactions: &[&str]) -> ChaincodeEventsResponse {
        let event = |id: &&str| protos::ChaincodeEvent { tx_id: (*id).to_owned(), ..Default::default() };
        ChaincodeEventsResponse { block_number: number, events: transactions.iter().map(event).collect() }
    }

    fn admitted(position: &mut Position, number: u64, transactions: &[&str]) -> Vec<String> {
        let events = position.admit(block(number, transactions));
        assert!(events.iter().all(|event| event.block_number == number));
        events.into_iter().map(|event| event.transaction_id.to_string()).collect()
    }

    #[test]
    fn all_is_new_at_first() {
        let mut position = Position::default();
        assert_eq!(position.block, None);
        assert_eq!(admitted(&mut position, 4, &["a", "b"]), ["a", "b"]);
        assert_eq!(position.seek(), Position::at_block(4).seek());
    }

    #[test]
    fn after_a_checkpoint_the_rest_of_the_block_follows() {
        let mut position = Position::after(&Checkpoint::after_transaction(4, "b"));
        assert_eq!(admitted(&mut position, 3, &["z"]), Vec::<String>::new());
        assert_eq!(admitted(&mut position, 4, &["a", "b", "c"]), ["c"]);
        assert_eq!(admitted(&mut position, 5, &["b"]), ["b"]);
    }

    #[test]
    fn a_checkpoint_at_a_transaction_without_event_loses_nothing() {
        let mut position = Position::after(&Checkpoint::after_transaction(4, "silent"));
        assert_eq!(admitted(&mut position, 4, &["a", "b"]), ["a", "b"]);

        let mut position = Position::after(&Checkpoint::after_transaction(4, "silent"));
        assert_eq!(admitted(&mut position, 6, &["c"]), ["c"]);
    }

    #[test]
    fn where_the_peer_finds_the_transaction_counts_and_not_the_block_that_was_named() {
        for named in [Position::default(), Position::at_block(0), Position::at_block(5)] {
            let mut position = named.found_by_peer("t".into());
            assert_eq!(admitted(&mut position, 3, &["a"]), ["a"]);
            assert_eq!(position.seek(), Position::at_block(3).seek());
            // Taken up again, the block comes whole.
            assert_eq!(position.after_transaction_id(), "");
            assert_eq!(admitted(&mut position, 3, &["before", "t", "a", "b"]), ["b"]);
            assert_eq!(admitted(&mut position, 4, &["c"]), ["c"]);
        }
    }

    #[test]
    fn a_block_may_come_in_parts() {
        let mut position = Position::at_block(1);
        assert_eq!(admitted(&mut position, 1, &["a"]), ["a"]);
        assert_eq!(admitted(&mut position, 1, &["b"]), ["b"]);
        assert_eq!(admitted(&mut position, 1, &["a"]), Vec::<String>::new());
    }

    proptest! {
        /// However often a stream is interrupted, each event comes once and in order.
        #[test]
        fn interruptions_lose_and_repeat_nothing(
            sizes in prop::collection::vec(0..4usize, 1..8),
            interruptions in prop::collection::vec(1..6usize, 0..8),
        ) {
            let ledger: Vec<_> = sizes.iter().enumerate().map(|(number, size)| {
                let ids: Vec<_> = (0..*size).map(|index| format!("{number}-{index}")).collect();
                (u64::try_from(number).unwrap(), ids)
            }).collect();
            let all: Vec<_> = ledger.iter().flat_map(|(_, ids)| ids.clone()).collect();

            let mut position = Position::at_block(0);
            let mut seen = Vec::new();
            // The last connection lasts.
            for lasting in interruptions.into_iter().chain([usize::MAX]) {
                let from = position.block.unwrap();
                let blocks = ledger.iter().filter(|(number, ids)| *number >= from && !ids.is_empty());
                for (number, ids) in blocks.take(lasting) {
                    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
                    seen.extend(admitted(&mut position, *number, &ids));
                }
            }
            prop_assert_eq!(seen, all);
        }
    }
}
