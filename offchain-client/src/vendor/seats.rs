//! One paying stream for each channel at a time: a client that comes back takes its seat over from the connection that it lost.
//!
//! Anybody can name a channel, so a stream sits down only once it has shown that it is the client's; until then it visits, and
//! disturbs nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lockstep_protocol::hash::ChannelId;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

/// The channels that have a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats(Arc<Mutex<HashMap<ChannelId, Holder>>>);

#[derive(Debug, Default)]
struct Holder {
    /// Tells the stream that sits there to leave.
    leave: CancellationToken,
    /// Tells every stream that the channel is to be closed, for good.
    close: CancellationToken,
    turn: Arc<Turn<()>>,
    /// Streams of this channel; the entry goes with the last one.
    streams: usize,
}

/// A stream at its channel; it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Visit {
    seats: Seats,
    channel: ChannelId,
    close: CancellationToken,
    seat: Option<Seat>,
}

/// The right to take payments for the channel.
#[derive(Debug)]
struct Seat {
    leave: CancellationToken,
    _turn: OwnedMutexGuard<()>,
}

impl Seats {
    /// Comes to a channel without sitting down.
    pub(super) fn visit(&self, channel: ChannelId) -> Visit {
        let mut holders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = holders.entry(channel).or_default();
        holder.streams += 1;
        Visit { seats: self.clone(), channel, close: holder.close.clone(), seat: None }
    }

    /// Tells the streams of this channel, if there are any, that the channel is to be closed.
    pub(super) fn ask_to_close(&self, channel: ChannelId) {
        let holders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = holders.get(&channel) {
            holder.close.cancel();
        }
    }
}

impl Visit {
    /// Takes the channel's seat: whoever sits there is told to leave, and this waits until the seat is free.
    pub(super) async fn sit(&mut self) {
        if self.seat.is_some() {
            return;
        }
        let leave = CancellationToken::new();
        let turn = self.announce(&leave);
        self.seat = Some(Seat { leave, _turn: turn.lock_owned().await });
    }

    fn announce(&self, leave: &CancellationToken) -> Arc<Turn<()>> {
        let mut holders = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = holders.entry(self.channel).or_default();
        std::mem::replace(&mut holder.leave, leave.clone()).cancel();
        Arc::clone(&holder.turn)
    }

    /// Whether this stream sits.
    pub(super) fn sits(&self) -> bool {
        self.seat.is_some()
    }

    /// Resolves when another stream wants the seat on which this one sits.
    pub(super) async fn wanted(&self) {
        match &self.seat {
            Some(seat) => seat.leave.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// Resolves when the channel is to be closed.
    pub(super) async fn close_asked(&self) {
        self.close.cancelled().await;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.seat = None;
        let mut holders = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = holders.get_mut(&self.channel) {
            holder.streams = holder.streams.saturating_sub(1);
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
        let mut first = seats.visit(channel);
        first.sit().await;
        let second = tokio::spawn({
            let mut second = seats.visit(channel);
            async move {
                second.sit().await;
                second
            }
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
    async fn a_visitor_disturbs_nobody() {
        let (seats, channel) = (Seats::default(), ChannelId::from_bytes([1; 32]));
        let mut sitting = seats.visit(channel);
        sitting.sit().await;
        let visiting = seats.visit(channel);
        assert!(sitting.sits() && !visiting.sits());
        tokio::select! {
            biased;
            () = sitting.wanted() => panic!("a visit is no proof"),
            () = std::future::ready(()) => {}
        }
        seats.ask_to_close(channel);
        visiting.close_asked().await;
        sitting.close_asked().await;
    }
}
