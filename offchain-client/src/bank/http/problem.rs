//! The one place where an error becomes an HTTP answer: a safe sentence outside, the whole chain in the log.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use lockstep_protocol::refusal::Refusal;

use crate::bank::books::{ReserveError, StoreError, is_unsaved};
use crate::bank::challenge::ChallengeError;
use crate::bank::credentials::IssueError;
use crate::bank::fraud::FraudError;
use crate::bank::opening::OpeningError;
use crate::bank::settling::SettlingError;
use crate::bank::wire::{PROBLEM_TYPE, Problem};
use crate::entropy::NoEntropy;

/// What a handler fails with.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The rules do not allow what is asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The body is not the document that the request takes.
    #[error("{0}")]
    Body(String),
    /// The body is too large.
    #[error("the body is larger than the request takes")]
    TooLarge,
    /// The request took too long.
    #[error("the request took too long")]
    TimedOut,
    /// There is nothing at this address.
    #[error("there is nothing at this address")]
    NotFound,
    /// The address does not take this method.
    #[error("the address does not take this method")]
    MethodNotAllowed,
    /// Too many requests.
    #[error("too many requests; try again in a few seconds")]
    Busy,
    /// The bank cannot work now; nothing was changed, or asking the same again finds what was.
    #[error("the bank cannot work now; ask the same again later")]
    Unavailable,
    /// Books or log cannot be written, and why. The bank stops; whoever asked is told no more than that it cannot work now.
    #[error("the bank cannot work now; ask the same again later")]
    Unsaved(String),
}

/// Stands in an answer whose request could not be saved, with the whole chain of reasons.
#[derive(Clone, Debug)]
pub(super) struct Unsaved(pub(super) String);

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => status_of(*refusal),
            Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::Unsaved(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

fn status_of(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::UnknownChallenge | Refusal::BadAccountSignature => StatusCode::UNAUTHORIZED,
        Refusal::UnknownAccount | Refusal::UnknownRequest | Refusal::UnknownChannel => StatusCode::NOT_FOUND,
        Refusal::NonceUsed | Refusal::PaymentKeyUsed | Refusal::AccountExists => StatusCode::CONFLICT,
        Refusal::MalformedDocument | Refusal::MalformedValue => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status();
        let refusal = if let Self::Refused(refusal) = &self { Some(*refusal) } else { None };
        let problem = Problem {
            kind: refusal
                .map_or_else(|| "about:blank".to_owned(), |r| format!("urn:lockstep:refusal:{}", r.name())),
            title: refusal.map_or_else(
                || status.canonical_reason().unwrap_or("error").to_owned(),
                |r| r.name().to_owned(),
            ),
            status: status.as_u16(),
            detail: refusal.map_or_else(|| self.to_string(), |r| r.sentence().to_owned()),
            refusal: refusal.map(Refusal::number),
        };
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, PROBLEM_TYPE)], body).into_response();
        if matches!(self, Self::Busy | Self::Unavailable | Self::Unsaved(_)) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        if let Self::Unsaved(reason) = self {
            response.extensions_mut().insert(Unsaved(reason));
        }
        response
    }
}

/// Logs what went wrong inside; the answer says that asking again later is safe.
fn inside(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut chain = error.to_string();
    let mut unsaved = matches!(error.downcast_ref(), Some(OpeningError::Log(_)))
        || matches!(error.downcast_ref(), Some(FraudError::Keeping(SettlingError::Log(_))));
    let mut next = error.source();
    while let Some(cause) = next {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        unsaved |= cause.downcast_ref().is_some_and(is_unsaved);
        next = cause.source();
    }
    tracing::error!(error = chain, "a request failed inside the bank");
    if unsaved { Failure::Unsaved(chain) } else { Failure::Unavailable }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        inside(&error)
    }
}

impl From<NoEntropy> for Failure {
    fn from(error: NoEntropy) -> Self {
        inside(&error)
    }
}

impl From<ChallengeError> for Failure {
    fn from(error: ChallengeError) -> Self {
        match error {
            ChallengeError::Refused(refusal) => refusal.into(),
            ChallengeError::Busy => Self::Busy,
        }
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Refused(refusal) => refusal.into(),
            IssueError::NotRecorded(_) => Self::Body(error.to_string()),
            IssueError::TooMany => Self::Busy,
            other => inside(&other),
        }
    }
}

impl From<FraudError> for Failure {
    fn from(error: FraudError) -> Self {
        match error {
            FraudError::Refused(refusal) => refusal.into(),
            other => inside(&other),
        }
    }
}

impl From<OpeningError> for Failure {
    fn from(error: OpeningError) -> Self {
        match error {
            OpeningError::Reserve(ReserveError::Refused(refusal)) => refusal.into(),
            OpeningError::Refused(refusal) => refusal.into(),
            other => inside(&other),
        }
    }
}
