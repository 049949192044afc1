//! Makes payments on a thread of its own, so that signing never waits for the disk or the wire, nor they for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lockstep_protocol::memo::Memo;
use lockstep_protocol::payment::PaymentRecord;
use lockstep_protocol::units::Units;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use super::machine::{Machine, PaidBatch, PayError};
use super::pace::{Due, Pace};
use crate::party::Clock;
use crate::stream::BatchBounds;

/// Batches that are signed and not yet taken over.
pub(super) const AHEAD: usize = 2;
/// A thread that waits for its next payment looks this often whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// What to pay.
#[derive(Clone, Debug)]
pub struct Order {
    /// How many payments.
    pub count: u32,
    /// Units in each.
    pub units: Units,
    /// What each is for.
    pub memo: Memo,
    /// How fast.
    pub pace: Pace,
}

/// A signing thread's work.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) machine: Machine,
    pub(super) order: Order,
    pub(super) bounds: BatchBounds,
    /// One permit for each payment that the vendor may have without acknowledging it. Closed to stop.
    pub(super) window: Arc<Semaphore>,
    pub(super) clock: Clock,
}

impl Signer {
    /// Signs until everything is paid, or nobody wants it any more. Blocks; gives the machine back.
    pub(super) fn run(mut self, handle: &Handle, out: &mpsc::Sender<PaidBatch>) -> (Machine, Result<(), PayError>) {
        let result = self.sign_all(handle, out);
        (self.machine, result)
    }

    fn sign_all(&mut self, handle: &Handle, out: &mpsc::Sender<PaidBatch>) -> Result<(), PayError> {
        let (began, mut done) = (Instant::now(), 0);
        while done < self.order.count && !out.is_closed() {
            let most = self.largest_batch().min(self.order.count.saturating_sub(done));
            let count = match self.order.pace.due(began.elapsed(), done, most) {
                Due::Now(count) => count,
                Due::In(wait) => {
                    std::thread::sleep(wait.min(LOOK));
                    continue;
                }
            };
            let Ok(room) = handle.block_on(self.window.acquire_many(count)) else { return Ok(()) };
            // Acknowledgements give it back.
            room.forget();
            let batch = self.machine.pay(count, self.order.units, &self.order.memo, self.clock.now())?;
            if out.blocking_send(batch).is_err() {
                return Ok(());
            }
            done = done.saturating_add(count);
        }
        Ok(())
    }

    /// Payments that fit a batch by number and by bytes; one always does.
    fn largest_batch(&self) -> u32 {
        let each = PaymentRecord::FIXED_BYTES.saturating_add(self.order.memo.as_str().len());
        let by_bytes = u32::try_from(each).ok().and_then(|each| self.bounds.bytes.checked_div(each)).unwrap_or(1);
        self.bounds.payments.min(by_bytes).max(1)
    }
}
