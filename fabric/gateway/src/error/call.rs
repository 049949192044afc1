//! How a call to a gateway peer failed.

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::time::Duration;

use hlf_proto::Message as _;
use hlf_proto::{gateway, google};
use tonic::Code;

/// A call to a gateway peer that brought no answer, or a bad one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    code: Code,
    message: String,
    details: Vec<ErrorDetail>,
    origin: Origin,
}

impl CallError {
    /// The gRPC code. When no peer has answered it is UNAVAILABLE or DEADLINE_EXCEEDED, see [`Self::origin`].
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The gateway peer's message, or ours when there was no answer.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the single peers and orderers said that the gateway asked. Empty when the failure is the gateway's own.
    #[must_use]
    pub fn details(&self) -> &[ErrorDetail] {
        &self.details
    }

    /// Who says that the call failed.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn from_status(status: &tonic::Status) -> Self {
        let Some(source) = status.source() else {
            let details = details(status);
            return Self {
                code: status.code(),
                message: status.message().to_owned(),
                details,
                origin: Origin::Peer,
            };
        };

        // tonic attaches a source to the statuses that it makes itself, never to one that was received.
        let origin = origin(source);
        let code = match (origin, status.code()) {
            (Origin::Deadline, _) => Code::DeadlineExceeded,
            // A broken connection is UNAVAILABLE in gRPC; tonic says UNKNOWN or CANCELLED for some ways to break.
            (_, Code::Unknown | Code::Cancelled) => Code::Unavailable,
            (_, code) => code,
        };
        let message = chain(source);
        Self { code, message, details: Vec::new(), origin }
    }

    pub(crate) fn deadline(limit: Duration) -> Self {
        Self {
            code: Code::DeadlineExceeded,
            message: format!("no answer within {limit:?}"),
            details: Vec::new(),
            origin: Origin::Deadline,
        }
    }

    pub(crate) fn too_large(size: usize, limit: usize) -> Self {
        Self {
            code: Code::OutOfRange,
            message: format!("the request has {size} bytes, more than {limit}"),
            details: Vec::new(),
            origin: Origin::NotSent,
        }
    }

    /// None of several endpoints could be reached; `failures` has what each came to.
    pub(crate) fn not_connected(failures: &[String]) -> Self {
        Self {
            code: Code::Unavailable,
            message: format!("no gateway peer could be reached: {}", failures.join("; ")),
            details: Vec::new(),
            origin: Origin::NotSent,
        }
    }
}

/// `ABORTED: message [address (MSP): message; …]`, on one line unless a message has several.
impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", code_name(self.code), self.message)?;
        for (index, detail) in self.details.iter().enumerate() {
            write!(f, "{}{detail}", if index == 0 { " [" } else { "; " })?;
        }
        if self.details.is_empty() { Ok(()) } else { f.write_char(']') }
    }
}

impl StdError for CallError {}

/// Who says that a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The gateway peer: it has answered.
    Peer,
    /// We do: nobody could be connected to, or the request is too large. It has not left this process.
    NotSent,
    /// The connection broke. The peer may have acted on the request.
    Broken,
    /// The deadline passed. The peer may have acted on the request, or yet do so.
    Deadline,
}

/// What one peer or orderer said to the gateway peer that asked it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorDetail {
    /// Its address.
    pub address: String,
    /// Its organisation's MSP id.
    pub msp_id: String,
    /// What it said.
    pub message: String,
}

impl fmt::Display for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.address, self.msp_id, self.message)
    }
}

fn origin(source: &(dyn StdError + 'static)) -> Origin {
    let mut error = Some(source);
    while let Some(current) = error {
        if current.is::<tonic::ConnectError>() {
            return Origin::NotSent;
        }
        if current.is::<tonic::TimeoutExpired>() {
            return Origin::Deadline;
        }
        error = current.source();
    }
    Origin::Broken
}

/// The messages of an error and its causes. A message that the next one repeats is left out.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let message = current.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = current.source();
    }
    text
}

/// Decodes `grpc-status-details-bin`. What is not Fabric's, or no message at all, is skipped: the code and the message
/// still stand.
fn details(status: &tonic::Status) -> Vec<ErrorDetail> {
    let Ok(decoded) = google::rpc::Status::decode(status.details()) else { return Vec::new() };
    let ours = decoded.details.into_iter().filter(|any| any.type_url.ends_with("/gateway.ErrorDetail"));
    ours.filter_map(|any| gateway::ErrorDetail::decode(any.value.as_slice()).ok())
        .map(|detail| ErrorDetail { address: detail.address, msp_id: detail.msp_id, message: detail.message })
        .collect()
}

/// The name of a code as gRPC's documents write it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
