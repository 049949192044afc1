//! One channel's stream to its vendor, as the wallet uses it.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use lockstep_protocol::hash::ChannelId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};

use crate::stream::{
    DialError, Malformed, Refused, Terms, ToClient, ToVendor, Welcome, WireCount, dial, wire,
};

/// Messages on their way to gRPC.
const OUTGOING: usize = 4;
/// How long the vendor may be silent when it owes an answer. Above its own wait for the disk and the ledger's view.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// Why the vendor gave no answer, or not one that can be used.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It cannot be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The call failed.
    #[error("the payment stream broke ({}); see that `lockstep vendor serve` runs, then use the channel again", .0.message())]
    Call(Box<tonic::Status>),
    /// The stream ended without a reason.
    #[error(
        "the vendor ended the payment stream without a word; payments that it has not acknowledged are sent again next time"
    )]
    Ended,
    /// Nothing came for too long.
    #[error("the vendor does not answer; payments that it has not acknowledged are sent again next time")]
    Silent,
    /// A message that no vendor sends, or not at this point.
    #[error("the vendor does not keep to the protocol")]
    Malformed(#[from] Malformed),
    /// It sent something that belongs elsewhere.
    #[error("the vendor does not keep to the protocol: {0} was not to be expected here")]
    Unexpected(&'static str),
    /// It refused.
    #[error("the vendor refused: {0}")]
    Refused(#[from] Refused),
}

impl From<tonic::Status> for LineError {
    fn from(status: tonic::Status) -> Self {
        Self::Call(Box::new(status))
    }
}

/// An open stream.
#[derive(Debug)]
pub struct Line {
    out: mpsc::Sender<ToVendor>,
    incoming: Streaming<wire::ToClient>,
    wire: WireCount,
    terms: Terms,
}

impl Line {
    /// Connects, asks for the terms, names the channel, and waits for the welcome.
    ///
    /// # Errors
    /// [`LineError`].
    pub async fn connect(url: &str, pinned: &Path, channel: ChannelId) -> Result<(Self, Welcome), LineError> {
        let mut vendor = dial(url, pinned).await?;
        let terms = ask_terms(&mut vendor.client).await?;
        let (out, outgoing) = mpsc::channel(OUTGOING);
        // There is room: nothing has been sent.
        out.send(ToVendor::Hello(channel)).await.map_err(|_| LineError::Ended)?;
        let messages = ReceiverStream::new(outgoing).map(wire::ToVendor::from);
        let call = vendor.client.pay(Request::new(messages));
        let incoming =
            tokio::time::timeout(SILENCE, call).await.map_err(|_| LineError::Silent)??.into_inner();
        let mut line = Self { out, incoming, wire: vendor.wire, terms };
        match line.answer().await? {
            ToClient::Welcome(welcome) => Ok((line, welcome)),
            _ => Err(LineError::Unexpected("a message before the welcome")),
        }
    }

    /// Where messages to the vendor go.
    pub(super) fn sender(&self) -> mpsc::Sender<ToVendor> {
        self.out.clone()
    }

    /// What the vendor asks of payments.
    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What has passed the wire so far, the handshake included.
    pub(super) fn wire(&self) -> &WireCount {
        &self.wire
    }

    /// The next message, however long it takes; a refusal is an error. May be cancelled: nothing is lost.
    ///
    /// # Errors
    /// [`LineError`].
    pub(super) async fn next(&mut self) -> Result<ToClient, LineError> {
        let message = self.incoming.message().await?.ok_or(LineError::Ended)?;
        match ToClient::try_from(message)? {
            ToClient::Refused(refused) => Err(refused.into()),
            message => Ok(message),
        }
    }

    /// The next message, which the vendor owes.
    ///
    /// # Errors
    /// [`LineError`].
    pub(super) async fn answer(&mut self) -> Result<ToClient, LineError> {
        tokio::time::timeout(SILENCE, self.next()).await.map_err(|_| LineError::Silent)?
    }
}

async fn ask_terms(
    client: &mut crate::stream::PaymentStreamClient<tonic::transport::Channel>,
) -> Result<Terms, LineError> {
    let reply = tokio::time::timeout(SILENCE, client.terms(wire::TermsRequest {}))
        .await
        .map_err(|_| LineError::Silent)??;
    Ok(Terms::try_from(reply.into_inner())?)
}

/// A vendor's terms.
///
/// # Errors
/// [`LineError`].
pub async fn terms(url: &str, pinned: &Path) -> Result<Terms, LineError> {
    let mut vendor = dial(url, pinned).await?;
    ask_terms(&mut vendor.client).await
}
