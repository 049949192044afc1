//! Makes payments on a thread of its own, so that signing never waits for the disk or the wire, nor they for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lockstep_protocol::memo::Memo;
use lockstep_protocol::payment::PaymentRecord;
use lockstep_protocol::units::Units;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::WalletError;
use super::config::PaymentsConfig;
use super::machine::{Machine, PaidBatch, PayError};
use super::pace::{Due, Pace};
use super::presignatures::Presignatures;
use crate::party::Clock;
use crate::stream::BatchBounds;

/// Batches that are signed and not yet taken over.
const AHEAD: usize = 2;
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

/// The signing thread, as the pump sees it.
#[derive(Debug)]
pub(super) struct Signing {
    batches: mpsc::Receiver<PaidBatch>,
    /// One permit for each payment that the vendor may have without acknowledging it. Closed to stop.
    window: Arc<Semaphore>,
    thread: JoinHandle<(Machine, Result<(), PayError>)>,
}

impl Signing {
    /// Starts signing.
    pub(super) fn start(
        machine: Machine,
        order: Order,
        bounds: BatchBounds,
        payments: PaymentsConfig,
        clock: Clock,
    ) -> Self {
        let permits = usize::try_from(payments.window).unwrap_or(Semaphore::MAX_PERMITS);
        let window = Arc::new(Semaphore::new(permits));
        let (out, batches) = mpsc::channel(AHEAD);
        let presignatures = payments.presign.then(|| Presignatures::start(order.count));
        let signer = Signer { machine, order, bounds, window: Arc::clone(&window), clock, presignatures };
        let handle = Handle::current();
        let thread = tokio::task::spawn_blocking(move || signer.run(&handle, &out));
        Self { batches, window, thread }
    }

    /// The next batch; `None` when everything is signed. May be cancelled.
    pub(super) async fn next(&mut self) -> Option<PaidBatch> {
        self.batches.recv().await
    }

    /// So many payments have been acknowledged.
    pub(super) fn make_room(&self, payments: u32) {
        self.window.add_permits(usize::try_from(payments).unwrap_or_default());
    }

    /// Stops signing and gives the machine back, with the reason for which it stopped by itself.
    ///
    /// # Errors
    /// [`WalletError::SignerDied`].
    pub(super) async fn end(self) -> Result<(Machine, Result<(), PayError>), WalletError> {
        self.window.close();
        drop(self.batches);
        self.thread.await.map_err(|_| WalletError::SignerDied)
    }
}

/// A signing thread's work.
#[derive(Debug)]
struct Signer {
    machine: Machine,
    order: Order,
    bounds: BatchBounds,
    window: Arc<Semaphore>,
    clock: Clock,
    presignatures: Option<Presignatures>,
}

impl Signer {
    /// Signs until everything is paid, or nobody wants it any more. Blocks; gives the machine back.
    fn run(mut self, handle: &Handle, out: &mpsc::Sender<PaidBatch>) -> (Machine, Result<(), PayError>) {
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
            let batch = self.sign(count)?;
            if out.blocking_send(batch).is_err() {
                return Ok(());
            }
            done = done.saturating_add(count);
        }
        Ok(())
    }

    fn sign(&mut self, count: u32) -> Result<PaidBatch, PayError> {
        let Order { units, memo, .. } = &self.order;
        let drawn = self.presignatures.as_mut().and_then(|presignatures| presignatures.take(count));
        match drawn {
            Some(drawn) => self.machine.pay_presigned(drawn, *units, memo, self.clock.now()),
            None => self.machine.pay(count, *units, memo, self.clock.now()),
        }
    }

    /// Payments that fit a batch by number and by bytes; one always does.
    fn largest_batch(&self) -> u32 {
        let each = PaymentRecord::FIXED_BYTES.saturating_add(self.order.memo.as_str().len());
        let by_bytes =
            u32::try_from(each).ok().and_then(|each| self.bounds.bytes.checked_div(each)).unwrap_or(1);
        self.bounds.payments.min(by_bytes).max(1)
    }
}
