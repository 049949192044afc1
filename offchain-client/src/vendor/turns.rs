//! Turns of closes at the ledger. At most as many are under way at a time as the ledger path commits within L: with more of them the
//! ledger takes longer, closes are given up and handed in again, and it takes longer still.
//!
//! Half of the turns are for channels whose time has come, the earliest expiry first; [`super::schedule`] sees to it that there are never
//! more of those than turns, but for channels that are late, which are refused within a round trip. The others close with the rest, in the order
//! in which they ask.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::schedule::Place;

/// How often one that waits looks whether its time has come; the clock may be set meanwhile.
const LOOK: Duration = Duration::from_millis(250);

/// The turns.
#[derive(Debug)]
pub(super) struct Turns {
    due: Arc<Due>,
    rest: Arc<Semaphore>,
    /// Turns for channels whose time has come.
    pub(super) for_due: usize,
}

/// The right to have one close under way; it ends when this is dropped.
#[derive(Debug)]
pub(super) enum Turn {
    Due { _slot: Slot },
    Rest { _permit: Option<OwnedSemaphorePermit> },
}

impl Turns {
    /// As many turns as a ledger that commits so many closes a second takes within L.
    pub(super) fn new(closes_per_second: u32, commit_bound: Duration) -> Self {
        let all = u128::from(closes_per_second).saturating_mul(commit_bound.as_millis()) / 1000;
        let half = usize::try_from(all / 2).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        let line = Line { free: half, waiting: BTreeMap::new(), asked: 0 };
        Self { due: Arc::new(Due(Mutex::new(line))), rest: Arc::new(Semaphore::new(half)), for_due: half }
    }

    /// Waits for a channel's turn, whose time may come while it waits.
    pub(super) async fn take(&self, place: Place, is_due: impl Fn() -> bool) -> Turn {
        let mut rest = pin!(Arc::clone(&self.rest).acquire_owned());
        loop {
            if is_due() {
                return Turn::Due { _slot: self.due.take(place).await };
            }
            tokio::select! {
                permit = &mut rest => return Turn::Rest { _permit: permit.ok() },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

#[derive(Debug)]
struct Due(Mutex<Line>);

#[derive(Debug)]
struct Line {
    free: usize,
    /// Those who wait, by place and by when they asked: one channel may ask again before its last turn is back.
    waiting: BTreeMap<(Place, u64), oneshot::Sender<Slot>>,
    asked: u64,
}

/// A turn of one whose time has come; the next in line gets it when this is dropped.
#[derive(Debug)]
pub(super) struct Slot(Option<Arc<Due>>);

impl Due {
    async fn take(self: &Arc<Self>, place: Place) -> Slot {
        let called = {
            let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if line.free > 0 {
                line.free -= 1;
                return Slot(Some(Arc::clone(self)));
            }
            let (call, called) = oneshot::channel();
            line.asked += 1;
            let name = (place, line.asked);
            line.waiting.insert(name, call);
            called
        };
        // Whoever is in line is called, or is gone itself.
        called.await.unwrap_or(Slot(None))
    }

    fn give_back(self: Arc<Self>) {
        loop {
            let next = {
                let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let Some((_, call)) = line.waiting.pop_first() else {
                    line.free += 1;
                    return;
                };
                call
            };
            match next.send(Slot(Some(Arc::clone(&self)))) {
                Ok(()) => return,
                // It does not wait any more; the turn goes to the next one instead of coming back.
                Err(mut slot) => slot.0 = None,
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(due) = self.0.take() {
            due.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use lockstep_protocol::hash::ChannelId;

    use super::*;

    fn place(latest: u64) -> Place {
        Place { latest, channel: ChannelId::from_bytes([1; 32]) }
    }

    #[test]
    fn half_of_what_the_ledger_takes_within_l_is_for_what_is_due() {
        let half = |rate, bound| Turns::new(rate, Duration::from_millis(bound)).for_due;
        assert_eq!(
            (half(25, 10_000), half(1, 10), half(u32::MAX, 1 << 60)),
            (125, 1, Semaphore::MAX_PERMITS)
        );
    }

    #[tokio::test]
    async fn the_earliest_expiry_has_the_next_turn_and_those_who_left_have_none() {
        let turns = Arc::new(Turns::new(2, Duration::from_secs(1)));
        let first = turns.take(place(5), || true).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiting = [30, 10, 20].map(|latest| {
            let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
            tokio::spawn(async move {
                let turn = turns.take(place(latest), || true).await;
                order.lock().unwrap().push(latest);
                drop(turn);
            })
        });
        tokio::task::yield_now().await;
        let [_, gone, _] = &waiting;
        gone.abort();
        tokio::task::yield_now().await;
        assert!(order.lock().unwrap().is_empty(), "there is one turn");
        drop(first);
        for one in waiting {
            let _ = one.await;
        }
        assert_eq!(*order.lock().unwrap(), [20, 30]);
        assert_eq!(turns.due.0.lock().unwrap().free, 1);
    }

    #[tokio::test]
    async fn those_that_are_not_due_take_no_turn_of_those_that_are() {
        let turns = Turns::new(2, Duration::from_secs(1));
        let rest = turns.take(place(5), || false).await;
        let due = std::cell::Cell::new(false);
        let mut second = pin!(turns.take(place(6), || due.get()));
        tokio::select! {
            biased;
            _ = &mut second => panic!("there is one turn for the rest"),
            () = std::future::ready(()) => {}
        }
        due.set(true);
        assert!(matches!(second.await, Turn::Due { .. }));
        drop(rest);
    }
}
