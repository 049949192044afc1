//! The vendor: takes channels on its terms, takes payments, unlocks the receipts, closes.
//!
//! A batch goes: payment stream → [`Machine`] judges it → journal (durable, one flush for many) → acknowledgement. Nothing that the
//! vendor holds for a channel grows with its number of payments: the head of the chain in memory, the rest in the journal.
//!
//! A channel that is released is settled by a task that follows the journal alone: receipts, then the close; at a restart it goes
//! on where it was. A channel that is not released in time is closed by token. Whatever fails is tried again until the ledger
//! has an ending: the vendor is paid what it accepted. That many channels expire around one time is no exception: no more closes
//! are under way than the ledger is trusted with, and some channels are closed earlier.

mod accuse;
mod close;
mod config;
mod dates;
mod end;
mod ending;
mod machine;
mod receipts;
mod repeats;
mod rounds;
mod rows;
mod schedule;
mod seats;
mod service;
mod session;
mod settle;
mod settlements;
mod shared;
mod take;
mod times;
mod turns;
mod unlock;
mod unreadable;
mod view;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::key::SecretKey;
use lockstep_protocol::payee::VendorTerms;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::accuse::FraudDesk;
pub use self::config::{ConfigError, LimitsConfig, NewVendor, TermsConfig, TimingConfig, VendorConfig};
pub use self::dates::Dates;
pub use self::ending::{Ending, Facts};
pub use self::machine::{Judged, Machine};
pub use self::receipts::{ReceiptReader, ReceiptsError};
pub use self::unlock::FRAUD_PROOF;

use self::rounds::{Rounds, watch_clock};
use self::service::Service;
use self::shared::Shared;
use crate::ledger::Ledger;
use crate::party::Clock;
use crate::store::{Journal, JournalError};
use crate::stream::{BatchBounds, MESSAGE_BYTES, PaymentStreamServer, Terms, accept};

/// How long running streams get to end.
const GOODBYE: Duration = Duration::from_secs(5);
/// An idle connection is asked for a sign of life this often.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// HTTP/2 flow-control window of a stream: a full batch.
const STREAM_WINDOW: u32 = 1 << 20;
/// HTTP/2 flow-control window of a connection: several full batches.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Streams on one connection; a wallet has one.
const STREAMS_OF_ONE: u32 = 16;

/// Why a vendor stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Saving failed: nothing is acknowledged any more.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Serving failed.
    #[error("the payment stream cannot be served")]
    Serve(#[from] tonic::transport::Error),
}

/// How a vendor presents itself, and how much it serves.
#[derive(Clone, Debug)]
pub struct Presence {
    /// The MSP id under which it acts on the ledger.
    pub organization: String,
    /// Bounds of one batch.
    pub batch: BatchBounds,
    /// Clients that pay at once.
    pub streams: usize,
    /// How long a stream may stay without a payment or a release that shows whose it is.
    pub proof_wait: Duration,
}

/// A proof wait that gives a slow client time.
pub const PROOF_WAIT: Duration = Duration::from_secs(60);

/// A vendor that is ready to serve.
#[derive(Debug)]
pub struct Vendor {
    shared: Shared,
}

impl Vendor {
    /// Puts a vendor together.
    #[must_use]
    pub fn new(
        journal: Arc<dyn Journal>,
        ledger: Arc<dyn Ledger>,
        key: SecretKey,
        rules: VendorTerms,
        presence: Presence,
        clock: Clock,
    ) -> Self {
        let terms = Terms {
            vendor_key: *key.public_key(),
            organization: presence.organization,
            ledger_id: ledger.ledger_id(),
            bank_keys: rules.pinned_banks.clone(),
            lowest_price: rules.least_price,
            highest_price: rules.highest_price,
            shortest_life: rules.least_life,
            longest_life: rules.longest_life,
            largest_k: rules.largest_units,
            margin: rules.safety_margin(rules.largest_drift),
            clock_tolerance: rules.clock_tolerance,
            largest_drift: rules.largest_drift,
            batch: presence.batch,
        };
        let shared =
            Shared::new((journal, ledger), key, rules, terms, clock, (presence.streams, presence.proof_wait));
        Self { shared }
    }

    /// The same vendor, which trusts its ledger path to commit so many closes a second.
    #[must_use]
    pub fn with_closes_per_second(mut self, closes: u32) -> Self {
        self.shared.trust_ledger_with(closes);
        self
    }

    /// The same vendor, which brings fraud proofs to its bank.
    #[must_use]
    pub fn with_bank(mut self, desk: Arc<dyn FraudDesk>) -> Self {
        self.shared.desk = Some(desk);
        self
    }

    /// Serves payment streams and settles released channels until `stop`, or until the journal fails.
    ///
    /// # Errors
    /// [`ServeError`].
    ///
    /// # Panics
    /// If the task that watches the channels or the one that watches the clock panicked: without them channels would expire.
    pub async fn serve(
        self,
        listener: TcpListener,
        tls: ServerConfig,
        stop: CancellationToken,
    ) -> Result<(), ServeError> {
        let shared = Arc::new(self.shared);
        let mut rounds = Rounds::new(Arc::clone(&shared));
        // The first round goes on with what was under way when the vendor stopped.
        rounds.make().await?;
        let mut watching = JoinSet::new();
        watching.spawn(rounds.run());
        watching.spawn(watch_clock(Arc::clone(&shared)));
        let service = PaymentStreamServer::new(Service(Arc::clone(&shared)))
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES);
        let stopped = shared.stop.clone();
        let served = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(STREAMS_OF_ONE)
            .add_service(service)
            .serve_with_incoming_shutdown(accept(listener, tls), async move {
                tokio::select! {
                    // Streams end when they are told to: the server's own graceful end would wait for the clients.
                    () = stop.cancelled() => stopped.cancel(),
                    () = stopped.cancelled() => {}
                }
            });
        let ended = async {
            shared.stop.cancelled().await;
            tokio::time::sleep(GOODBYE).await;
        };
        tokio::pin!(served);
        let (mut result, mut dead) = (Ok(()), None);
        tokio::select! {
            served = &mut served => result = served,
            () = ended => {}
            panic = panicked(&mut watching) => dead = Some(panic),
        }
        shared.stop.cancel();
        shared.tasks.close();
        if tokio::time::timeout(GOODBYE, shared.tasks.wait()).await.is_err() {
            tracing::warn!("some streams did not end in time");
        }
        watching.abort_all();
        if let Some(panic) = dead {
            tracing::error!("a task of the vendor panicked: the vendor stops");
            std::panic::resume_unwind(panic);
        }
        if let Some(failure) = shared.failure() {
            return Err(failure.into());
        }
        Ok(result?)
    }
}

/// Resolves when one of these tasks has panicked, with what it said.
async fn panicked(tasks: &mut JoinSet<()>) -> Box<dyn Any + Send> {
    loop {
        match tasks.join_next().await {
            Some(Err(error)) if error.is_panic() => return error.into_panic(),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}
