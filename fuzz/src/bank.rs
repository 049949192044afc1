//! Bodies of the bank's HTTP interface: what the server reads, and what a client reads of a server.

use lockstep::bank::books::{Account, Statement};
use lockstep::bank::wire::{
    ChallengeDocument, CredentialRequest, FraudAnswer, FraudReport, Info, IssuedCredential, Nothing,
    OpeningDocument, Problem, Proven, StatementRequest,
};

use crate::Target;
use crate::property::json_returns;

/// Requests and answers.
pub const BANK: Target = Target {
    name: "bank",
    decoders: &[
        ("nothing", json_returns::<Proven<Nothing>>),
        ("credential-request", json_returns::<Proven<CredentialRequest>>),
        ("opening", json_returns::<Proven<OpeningDocument>>),
        ("statement-request", json_returns::<Proven<StatementRequest>>),
        ("fraud-report", json_returns::<Proven<FraudReport>>),
        ("info", json_returns::<Info>),
        ("challenge", json_returns::<ChallengeDocument>),
        ("issued-credential", json_returns::<IssuedCredential>),
        ("account", json_returns::<Account>),
        ("statement", json_returns::<Statement>),
        ("fraud-answer", json_returns::<FraudAnswer>),
        ("problem", problem),
    ],
};

fn problem(bytes: &[u8]) -> bool {
    if let Ok(problem) = serde_json::from_slice::<Problem>(bytes)
        && let Some(refusal) = problem.as_refusal()
    {
        assert_eq!(problem.refusal, Some(refusal.number()));
    }
    json_returns::<Problem>(bytes)
}
