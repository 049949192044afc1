//! What an orderer checks before it takes an envelope.

use hlf_proto::common::{ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader, Status};
use prost::Message;
use thiserror::Error;

use crate::peer::access::{Access, Denied};
use crate::peer::channel::Channel;
use crate::peer::proposal::{ProposalError, decode};

/// Largest envelope, in bytes (`AbsoluteMaxBytes` of Fabric's sample configuration).
pub(crate) const MAX_ENVELOPE: usize = 10 * 1024 * 1024;

/// Why an orderer refuses an envelope. The texts are Fabric's.
#[derive(Debug, Error)]
pub(crate) enum BroadcastError {
    /// The header does not decode.
    #[error("could not determine channel ID: {0}")]
    Malformed(#[from] ProposalError),
    /// There is no header.
    #[error("could not determine channel ID: header not set")]
    NoHeader,
    /// No such channel.
    #[error("channel does not exist")]
    NoChannel,
    /// Configuration changes are not supported.
    #[error("hlf-devnet does not support configuration transactions")]
    Configuration,
    /// Too large.
    #[error("message payload is {0} bytes and exceeds maximum allowed {MAX_ENVELOPE} bytes")]
    TooLarge(usize),
    /// The creator's certificate has expired.
    #[error("broadcast client identity expired")]
    Expired,
    /// The creator may not write, or the signature does not verify.
    #[error("{0}: permission denied")]
    Denied(#[from] Denied),
    /// The network is stopping.
    #[error("the network is stopping")]
    Stopping,
}

impl BroadcastError {
    /// The status that an orderer answers with.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Malformed(_)
            | Self::NoHeader
            | Self::NoChannel
            | Self::Configuration
            | Self::TooLarge(_)
            | Self::Expired => Status::BadRequest,
            Self::Denied(_) => Status::Forbidden,
            Self::Stopping => Status::ServiceUnavailable,
        }
    }
}

/// Checks an envelope as an orderer does.
///
/// # Errors
/// The first check that fails.
pub(crate) fn check(envelope: &Envelope, channel: &Channel) -> Result<(), BroadcastError> {
    let payload: Payload = decode("Payload", &envelope.payload)?;
    let header = payload.header.ok_or(BroadcastError::NoHeader)?;
    let channel_header: ChannelHeader = decode("ChannelHeader", &header.channel_header)?;
    if channel_header.channel_id != channel.name {
        return Err(BroadcastError::NoChannel);
    }
    let kind = HeaderType::try_from(channel_header.r#type);
    if matches!(kind, Ok(HeaderType::Config | HeaderType::ConfigUpdate | HeaderType::OrdererTransaction)) {
        return Err(BroadcastError::Configuration);
    }
    let size = envelope.encoded_len();
    if size > MAX_ENVELOPE {
        return Err(BroadcastError::TooLarge(size));
    }
    let signature_header: SignatureHeader = decode("SignatureHeader", &header.signature_header)?;
    let creator = &signature_header.creator;
    let now = (channel.clock)();
    if channel.msps.identify(creator).is_ok_and(|identity| identity.is_expired(now)) {
        return Err(BroadcastError::Expired);
    }
    Ok(channel.check_policy(Access::Writers, creator, &envelope.payload, &envelope.signature)?)
}
