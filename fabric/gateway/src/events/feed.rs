//! Streams of events themselves.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use tonic::Streaming;

use super::error::EventError;
use crate::backoff::Backoff;
use crate::connection::{Failover, Services};
use crate::error::CallError;
use crate::session::Session;
use crate::sign::{SignError, Signable};

/// A stream of events or blocks. Dropping it ends the request.
pub struct EventStream<T>(BoxStream<'static, Result<T, EventError>>);

impl<T: Send + 'static> EventStream<T> {
    /// One request. The stream ends after its first error.
    pub(super) fn once<S: Subscription<Item = T>>(subscription: S) -> Self {
        Self::new(subscription, Mode::Once)
    }

    /// The same with this request, which may be signed already.
    pub(super) fn given<S: Subscription<Item = T>>(subscription: S, request: Signable) -> Self {
        Self::new(subscription, Mode::Given(request))
    }

    /// A request again and again, each from where the one before got.
    pub(super) fn resuming<S: Subscription<Item = T>>(subscription: S, backoff: Backoff) -> Self {
        Self::new(subscription, Mode::Resuming(backoff))
    }

    fn new<S: Subscription<Item = T>>(subscription: S, mode: Mode) -> Self {
        let feed = Feed {
            subscription,
            mode,
            ready: VecDeque::new(),
            connection: None,
            attempted: Instant::now(),
            failures: 0,
            ended: false,
        };
        Self(stream::unfold(feed, async |mut feed| feed.next().await.map(|item| (item, feed))).boxed())
    }
}

impl<T> Stream for EventStream<T> {
    type Item = Result<T, EventError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream(…)")
    }
}

/// What is streamed: how it is asked for from where one got, and what of an answer is new.
pub(super) trait Subscription: Send + Sync + 'static {
    /// One message of the peer's.
    type Message: Send + 'static;
    /// What is handed out.
    type Item: Send + 'static;

    fn session(&self) -> &Session;

    /// The request from here on to this peer, to be signed.
    fn request(&self, peer: &Services) -> Vec<u8>;

    /// Sends the signed request to one peer.
    fn connect(
        peer: Services,
        request: Vec<u8>,
        signature: Vec<u8>,
    ) -> impl Future<Output = Result<Streaming<Self::Message>, tonic::Status>> + Send;

    /// Takes what has come and answers what is new of it. The position is then after it.
    fn admit(&mut self, message: Self::Message) -> Result<Vec<Self::Item>, EventError>;
}

enum Mode {
    /// With a request that was made before it was known to which peer it goes.
    Given(Signable),
    Once,
    Resuming(Backoff),
}

struct Feed<S: Subscription> {
    subscription: S,
    mode: Mode,
    /// What has come and is not handed out yet.
    ready: VecDeque<S::Item>,
    connection: Option<Streaming<S::Message>>,
    /// When the last connection was attempted.
    attempted: Instant,
    /// How many connections in a row brought nothing.
    failures: u32,
    ended: bool,
}

impl<S: Subscription> Feed<S> {
    async fn next(&mut self) -> Option<Result<S::Item, EventError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            if self.ended {
                return None;
            }
            let admitted = match self.receive().await {
                Ok(message) => self.subscription.admit(message),
                Err(error) => Err(error),
            };
            match admitted {
                Ok(items) => {
                    self.failures = 0;
                    self.ready.extend(items);
                }
                Err(error) => {
                    self.interrupt();
                    return Some(Err(error));
                }
            }
        }
    }

    async fn receive(&mut self) -> Result<S::Message, EventError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let connection = self.open().await?;
                self.connection.insert(connection)
            }
        };
        match connection.message().await {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(EventError::Ended),
            Err(status) => Err(CallError::from_status(&status).into()),
        }
    }

    /// Connects. A peer gives no sign before the first event, so this may take as long as that, and has no deadline.
    async fn open(&mut self) -> Result<Streaming<S::Message>, EventError> {
        if let Mode::Resuming(backoff) = &self.mode {
            tokio::time::sleep(backoff.after(self.failures)).await;
        }
        self.attempted = Instant::now();
        let (subscription, mode) = (&self.subscription, &self.mode);
        // An interruption is to be seen by the caller, so it is not bridged silently on another peer.
        let connection = subscription.session().connection();
        let opened =
            connection.on_some_peer(Failover::Unsent, |peer| open_at(subscription, mode, peer)).await?;
        opened.map_err(EventError::Sign)
    }

    fn interrupt(&mut self) {
        self.connection = None;
        match &self.mode {
            Mode::Given(_) | Mode::Once => self.ended = true,
            Mode::Resuming(backoff) => {
                // A connection that lasted was a good one, even if there was nothing to say.
                let lasted = self.attempted.elapsed() > backoff.longest;
                self.failures = if lasted { 1 } else { self.failures.saturating_add(1) };
            }
        }
    }
}

/// Connects to one peer. Without a signature there is nothing to ask another peer either: that is no [`CallError`].
async fn open_at<S: Subscription>(
    subscription: &S,
    mode: &Mode,
    peer: Services,
) -> Result<Result<Streaming<S::Message>, SignError>, CallError> {
    let session = subscription.session();
    let made;
    let request = match mode {
        Mode::Given(request) => request,
        Mode::Once | Mode::Resuming(_) => {
            made = session.signable(subscription.request(&peer));
            &made
        }
    };
    let signature = match request.sign(session.signer()).await {
        Ok(signature) => signature,
        Err(error) => return Ok(Err(error)),
    };
    let stream = S::connect(peer, request.message().to_vec(), signature).await;
    stream.map(Ok).map_err(|status| CallError::from_status(&status))
}
