//! What the fuzz targets call: the decoders of a peer's words. No part of the interface.

use hlf_proto::Message as _;
use hlf_proto::common::{Block, Envelope};
use hlf_proto::gateway::ChaincodeEventsResponse;
use tokio::runtime::Runtime;
use tonic::{Code, Status};

use crate::convert::{ProposalFacts, TransactionFacts, decode};
use crate::error::{CallError, EndorseError, EvaluateError};
use crate::events::{ChaincodeEvent, admitted};
use crate::{Endpoint, Gateway, Identity, MalformedMessage, TransactionId};

/// A call's failure as both stages that the chaincode can refuse see it, read from a received status.
#[must_use]
pub fn failures(code: i32, message: &str, details: &[u8]) -> (EvaluateError, EndorseError) {
    let status = Status::with_details(Code::from_i32(code), message, details.to_vec().into());
    let id = TransactionId::from(String::from("00"));
    let call = CallError::from_status(&status);
    (EvaluateError::new(&id, call.clone().into()), EndorseError::new(&id, call.into()))
}

/// What the chaincode answered, from the transaction that a gateway peer hands out to be signed for a proposal.
///
/// # Errors
/// [`MalformedMessage`].
pub fn transaction(proposal: &[u8], envelope: &[u8]) -> Result<Vec<u8>, MalformedMessage> {
    let envelope: Envelope = decode("the envelope", envelope)?;
    let facts = TransactionFacts::try_from(&envelope)?;
    facts.check_against(&ProposalFacts::decode(proposal)?)?;
    Ok(facts.result)
}

/// The new events of received messages, each with its length in two bytes before it.
#[must_use]
pub fn events(mut bytes: &[u8]) -> Vec<ChaincodeEvent> {
    let mut responses = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (message, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
        responses.extend(ChaincodeEventsResponse::decode(message));
        bytes = rest;
    }
    admitted(responses)
}

/// SHA-256 in hexadecimal, which makes transaction ids.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// The stages of a transaction and the requests for events, as they come back from bytes.
#[derive(Debug)]
pub struct Stages {
    gateway: Gateway,
    /// What connections are made in, though none is used.
    _runtime: Runtime,
}

impl Stages {
    /// A gateway that reaches nobody, for the holder of this certificate.
    ///
    /// # Panics
    /// When the certificate cannot be read, or there is no runtime.
    #[must_use]
    pub fn new(certificate_pem: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let gateway = {
            let _entered = runtime.enter();
            let identity = Identity::new("Org1MSP", certificate_pem).expect("a certificate");
            let endpoint = Endpoint::plaintext("127.0.0.1:1");
            Gateway::builder(identity).endpoint(endpoint).connect_lazy().expect("an address")
        };
        Self { gateway, _runtime: runtime }
    }

    /// The bytes of the stage that these bytes stand for, by its number: a proposal, a transaction, a commit, a request for
    /// a chaincode's events, a request for blocks. Its digest can be taken too.
    #[must_use]
    pub fn rewrite(&self, stage: u8, bytes: &[u8]) -> Option<Vec<u8>> {
        match stage {
            0 => self.gateway.proposal_from_bytes(bytes).ok().map(|stage| (stage.digest(), stage.bytes())),
            1 => self.gateway.transaction_from_bytes(bytes).ok().map(|stage| (stage.digest(), stage.bytes())),
            2 => self.gateway.commit_from_bytes(bytes).ok().map(|stage| (stage.digest(), stage.bytes())),
            3 => self
                .gateway
                .chaincode_events_from_bytes(bytes)
                .ok()
                .map(|stage| (stage.digest(), stage.bytes())),
            4 => {
                let request = self.gateway.block_events_from_bytes::<Block>(bytes);
                request.ok().map(|stage| (stage.digest(), stage.bytes()))
            }
            _ => None,
        }
        .map(|(_, bytes)| bytes)
    }
}
