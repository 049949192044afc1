//! The stream of events itself.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use hlf_proto::gateway::{ChaincodeEventsResponse, SignedChaincodeEventsRequest};
use tonic::Streaming;

use super::builder::{Backoff, EventsSource, sign};
use super::error::EventError;
use super::event::ChaincodeEvent;
use super::position::Position;
use crate::connection::Failover;
use crate::error::CallError;
use crate::sign::Signable;

/// A stream of events. Dropping it ends the request.
pub struct ChaincodeEvents(BoxStream<'static, Result<ChaincodeEvent, EventError>>);

impl ChaincodeEvents {
    pub(super) fn new(source: Source, position: Position) -> Self {
        let feed = Feed {
            source,
            position,
            ready: VecDeque::new(),
            connection: None,
            attempted: Instant::now(),
            failures: 0,
            ended: false,
        };
        Self(stream::unfold(feed, async |mut feed| feed.next().await.map(|item| (item, feed))).boxed())
    }
}

impl Stream for ChaincodeEvents {
    type Item = Result<ChaincodeEvent, EventError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for ChaincodeEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChaincodeEvents(…)")
    }
}

/// How requests are made.
pub(super) enum Source {
    /// One request, which may be signed already.
    Once(EventsSource, Signable),
    /// A request again and again, each from where the one before got.
    Resuming(EventsSource, Backoff),
}

struct Feed {
    source: Source,
    position: Position,
    /// What has come and is not handed out yet.
    ready: VecDeque<ChaincodeEvent>,
    connection: Option<Streaming<ChaincodeEventsResponse>>,
    /// When the last connection was attempted.
    attempted: Instant,
    /// How many connections in a row brought nothing.
    failures: u32,
    ended: bool,
}

impl Feed {
    async fn next(&mut self) -> Option<Result<ChaincodeEvent, EventError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            match self.receive().await {
                Ok(response) => {
                    self.failures = 0;
                    self.ready.extend(self.position.admit(response));
                }
                Err(error) => {
                    self.interrupt();
                    return Some(Err(error));
                }
            }
        }
    }

    async fn receive(&mut self) -> Result<ChaincodeEventsResponse, EventError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let connection = self.open().await?;
                self.connection.insert(connection)
            }
        };
        match connection.message().await {
            Ok(Some(response)) => Ok(response),
            Ok(None) => Err(EventError::Ended),
            Err(status) => Err(CallError::from_status(&status).into()),
        }
    }

    /// Connects. A peer gives no sign before the first event, so this may take as long as that, and has no deadline.
    async fn open(&mut self) -> Result<Streaming<ChaincodeEventsResponse>, EventError> {
        tokio::time::sleep(self.delay()).await;
        self.attempted = Instant::now();
        let request = self.request().await?;
        // An interruption is to be seen by the caller, so it is not bridged silently on another peer.
        let opened =
            self.events_source().session.connection().on_some_peer(Failover::Unsent, |mut client| {
                let request = request.clone();
                async move {
                    let response = client.chaincode_events(request).await;
                    response
                        .map(tonic::Response::into_inner)
                        .map_err(|status| CallError::from_status(&status))
                }
            });
        Ok(opened.await?)
    }

    async fn request(&self) -> Result<SignedChaincodeEventsRequest, EventError> {
        let signed = match &self.source {
            Source::Once(source, request) => sign(&source.session, request).await,
            Source::Resuming(source, _) => source.signed_request(&self.position).await,
        };
        signed.map_err(EventError::Sign)
    }

    fn events_source(&self) -> &EventsSource {
        match &self.source {
            Source::Once(source, _) | Source::Resuming(source, _) => source,
        }
    }

    fn interrupt(&mut self) {
        self.connection = None;
        match &self.source {
            Source::Once(..) => self.ended = true,
            Source::Resuming(_, backoff) => {
                // A connection that lasted was a good one, even if there was nothing to say.
                let lasted = self.attempted.elapsed() > backoff.longest;
                self.failures = if lasted { 1 } else { self.failures.saturating_add(1) };
            }
        }
    }

    /// The pause before the next connection: twice as long after each failure.
    fn delay(&self) -> Duration {
        match (&self.source, self.failures.checked_sub(1)) {
            (Source::Resuming(_, backoff), Some(doublings)) => {
                let factor = 2_u32.saturating_pow(doublings);
                backoff.first.saturating_mul(factor).min(backoff.longest)
            }
            _ => Duration::ZERO,
        }
    }
}
