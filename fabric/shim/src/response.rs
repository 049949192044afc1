//! What a chaincode answers.

use hlf_proto::protos;

/// Status of a success.
const OK: i32 = 200;
/// Status of a failure.
const ERROR: i32 = 500;
/// From here on endorsers do not endorse.
const FIRST_ERROR: i32 = 400;

/// The answer to one call, numbered like HTTP.
///
/// Below 400 the peer endorses, and everything in the answer, the message too, becomes part of what it signs: it must be
/// the same on every peer. From 400 on the transaction fails, and nothing that it wrote counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: i32,
    message: String,
    payload: Vec<u8>,
}

impl Response {
    /// A success with a result, status 200.
    #[must_use]
    pub fn success(payload: impl Into<Vec<u8>>) -> Self {
        Self { status: OK, message: String::new(), payload: payload.into() }
    }

    /// A failure with its text, status 500.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self { status: ERROR, message: message.into(), payload: Vec::new() }
    }

    /// The same answer with another status. One below 200 is not an answer that clients understand; the shim turns it
    /// into a failure.
    #[must_use]
    pub fn with_status(mut self, status: i32) -> Self {
        self.status = status;
        self
    }

    /// The same answer with another message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The number.
    #[must_use]
    pub fn status(&self) -> i32 {
        self.status
    }

    /// The text, empty for most successes.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The result.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// `Ok` for a success, the answer itself for a failure.
    ///
    /// # Errors
    ///
    /// The answer, if it is a failure.
    pub fn ok(self) -> Result<(), Self> {
        if self.is_success() { Ok(()) } else { Err(self) }
    }

    /// Whether endorsers endorse it.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (OK..FIRST_ERROR).contains(&self.status)
    }
}

impl From<Response> for protos::Response {
    fn from(response: Response) -> Self {
        if response.status < OK {
            let message = format!("the chaincode answered with status {}", response.status);
            return Self { status: ERROR, message, payload: Vec::new() };
        }
        Self { status: response.status, message: response.message, payload: response.payload }
    }
}

impl From<protos::Response> for Response {
    fn from(response: protos::Response) -> Self {
        Self { status: response.status, message: response.message, payload: response.payload }
    }
}
