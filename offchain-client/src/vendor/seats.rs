//! One payment stream for each channel at a time: a client that comes back takes its seat over from the connection that it lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lockstep_protocol::hash::ChannelId;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

/// The channels that have a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats(Arc<Mutex<HashMap<ChannelId, Holder>>>);

#[derive(Debug)]
struct Holder {
    /// Tells the stream that sits there to leave.
    leave: CancellationToken,
    /// Tells it that somebody wants the channel closed.
    close: Arc<tokio::sync::Notify>,
    turn: Arc<Turn<()>>,
    /// Streams that sit or wait here; the entry goes with the last one.
    streams: usize,
}

/// A stream's right to its channel; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    channel: ChannelId,
    leave: CancellationToken,
    close: Arc<tokio::sync::Notify>,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Seats {
    /// Takes the channel's seat: whoever sits there is told to leave, and this waits until the seat is free.
    pub(super) async fn take(&self, channel: ChannelId) -> Seat {
        let leave = CancellationToken::new();
        let (turn, close) = self.announce(channel, &leave);
        // Made before waiting, so that a stream that is cancelled while it waits counts itself out.
        let mut seat = Seat { seats: self.clone(), channel, leave, close, turn: None };
        seat.turn = Some(turn.lock_owned().await);
        seat
    }

    fn announce(
        &self,
        channel: ChannelId,
        leave: &CancellationToken,
    ) -> (Arc<Turn<()>>, Arc<tokio::sync::Notify>) {
        let mut holders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = holders.entry(channel).or_insert_with(|| Holder {
            leave: leave.clone(),
            close: Arc::default(),
            turn: Arc::default(),
            streams: 0,
        });
        if holder.streams > 0 {
            holder.leave.cancel();
            holder.leave = leave.clone();
        }
        holder.streams += 1;
        (Arc::clone(&holder.turn), Arc::clone(&holder.close))
    }

    /// Tells the stream of this channel, if there is one, that the channel is to be closed.
    pub(super) fn ask_to_close(&self, channel: ChannelId) {
        let holders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = holders.get(&channel) {
            holder.close.notify_one();
        }
    }
}

impl Seat {
    /// Resolves when another stream wants the seat.
    pub(super) async fn wanted(&self) {
        self.leave.cancelled().await;
    }

    /// Resolves when the channel is to be closed.
    pub(super) async fn close_asked(&self) {
        self.close.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.turn = None;
        let mut holders = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = holders.get_mut(&self.channel) {
            holder.streams -= 1;
            if holder.streams == 0 {
                holders.remove(&self.channel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_later_stream_gets_the_seat_once_the_earlier_has_left() {
        let (seats, channel) = (Seats::default(), ChannelId::from_bytes([1; 32]));
        let first = seats.take(channel).await;
        let second = tokio::spawn({
            let seats = seats.clone();
            async move { seats.take(channel).await }
        });
        first.wanted().await;
        assert!(!second.is_finished(), "the first still sits there");
        drop(first);
        let second = second.await.unwrap();
        seats.ask_to_close(channel);
        second.close_asked().await;
        drop(second);
        assert!(seats.0.lock().unwrap().is_empty(), "nothing is kept for channels without a stream");
    }

    #[tokio::test]
    async fn channels_do_not_wait_for_each_other() {
        let seats = Seats::default();
        let _one = seats.take(ChannelId::from_bytes([1; 32])).await;
        let _two = seats.take(ChannelId::from_bytes([2; 32])).await;
        assert_eq!(seats.0.lock().unwrap().len(), 2);
    }
}
