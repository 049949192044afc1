//! The channel contract as any client of the network sees it, every call observed.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use hlf_gateway::{
    CallError, ChaincodeEvent, Code, Contract, EndorseError, Endpoint, ErrorDetail, Gateway, Identity,
    Network, P256Signer, ProposalBuilder, StageCause, Tls, Transaction,
};
use lockstep::ledger::profile::{Organization, Profile};
use lockstep_protocol::ledger::Command;
use lockstep_protocol::{Refusal, Timestamp};

use crate::observation::{Outcome, Recorder, normalise};
use crate::scenario::Failure;

/// How long an event of a committed transaction may take to arrive.
const EVENT: Duration = Duration::from_secs(20);

/// What a gateway peer says when endorsements differ.
const PEERS_DIFFER: &str = "ProposalResponsePayloads do not match";

/// How long peers may differ because one of them is behind.
const CATCH_UP: Duration = Duration::from_secs(10);

/// How long to wait before a proposal is made afresh.
const BEFORE_ANOTHER_PROPOSAL: Duration = Duration::from_millis(100);

/// The contract, called as one identity of one organisation.
#[derive(Debug, Clone)]
pub struct ObservedContract {
    network: Network,
    contract: Contract,
    recorder: Arc<Recorder>,
    scenario: &'static str,
    clock_off_by: i64,
    msp_id: String,
    /// Who is to endorse; empty: whom the gateway chooses.
    endorsers: Vec<String>,
}

/// What a call came to.
#[derive(Debug, Clone)]
pub struct Call {
    /// As it is recorded.
    pub outcome: Outcome,
    /// The answer's bytes, if there is one.
    pub payload: Vec<u8>,
    /// What the chaincode said, if it refused.
    pub message: Option<String>,
    /// The transaction's id and block, if it was committed.
    pub committed: Option<(String, u64)>,
}

impl Call {
    /// The refusal that the contract answered.
    ///
    /// # Errors
    /// If there was none, or one without a code.
    pub fn refusal(&self) -> Result<Refusal, Failure> {
        let message =
            self.message.as_deref().ok_or_else(|| Failure::new(format!("no refusal: {:?}", self.outcome)))?;
        Refusal::find_in(message).map_err(|_| Failure::new(format!("a refusal without a code: {message}")))
    }

    /// The answer as JSON.
    ///
    /// # Errors
    /// If there was none.
    pub fn json(&self) -> Result<serde_json::Value, Failure> {
        serde_json::from_slice(&self.payload)
            .map_err(|_| Failure::new(format!("no JSON answer: {:?}", self.outcome)))
    }
}

/// As whom of an organisation a scenario calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// Its administrator.
    Admin,
    /// Its user.
    User,
}

impl ObservedContract {
    /// The profile's contract.
    ///
    /// # Errors
    /// If the profile's files cannot be used.
    pub fn new(
        profile: &Profile,
        msp_id: &str,
        caller: As,
        recorder: Arc<Recorder>,
        scenario: &'static str,
    ) -> Result<Self, Failure> {
        let organization = profile.organization(msp_id)?;
        let gateway = gateway(organization, caller)?;
        let network = gateway.network(&profile.channel);
        let contract = network.contract(&profile.chaincode);
        let (clock_off_by, endorsers) = (0, Vec::new());
        Ok(Self { network, contract, recorder, scenario, clock_off_by, msp_id: msp_id.to_owned(), endorsers })
    }

    /// The same contract with another recorder.
    #[must_use]
    pub fn recording_to(&self, recorder: Arc<Recorder>) -> Self {
        Self { recorder, ..self.clone() }
    }

    /// The same contract for a caller whose clock is off by so many milliseconds.
    #[must_use]
    pub fn with_clock_off_by(&self, millis: i64) -> Self {
        Self { clock_off_by: millis, ..self.clone() }
    }

    /// The same contract for a caller that has these organisations and no other endorse what it submits.
    #[must_use]
    pub fn endorsed_by(&self, organizations: &[&str]) -> Self {
        let endorsers = organizations.iter().map(|msp_id| (*msp_id).to_owned()).collect();
        Self { endorsers, ..self.clone() }
    }

    /// Has a function endorsed as if it were called at this time; to be submitted later.
    ///
    /// # Errors
    /// If it is not endorsed.
    pub async fn endorsed_at(
        &self,
        time: Timestamp,
        command: &impl Command,
    ) -> Result<Transaction, EndorseError> {
        let time = UNIX_EPOCH + Duration::from_millis(time.as_unix_millis());
        self.proposal(function_of(command), &[command.to_json().into_bytes()])
            .timestamp(time)
            .build()
            .endorse()
            .await
    }

    fn proposal(&self, function: &str, arguments: &[Vec<u8>]) -> ProposalBuilder {
        let off = Duration::from_millis(self.clock_off_by.unsigned_abs());
        let now = SystemTime::now();
        let time = if self.clock_off_by < 0 { now - off } else { now + off };
        let proposal = self.contract.proposal(function).arguments(arguments.to_vec()).timestamp(time);
        let endorsers = self.endorsers.iter().map(String::as_str);
        if self.endorsers.is_empty() { proposal } else { proposal.organizations(endorsers) }
    }

    /// Submits, waits for the commit, and notes what came of it, with the event if there is one.
    pub async fn submit(&self, step: &str, function: &str, arguments: &[Vec<u8>]) -> Call {
        let call = self.try_submit(function, arguments).await;
        self.recorder.note(self.scenario, step, call.outcome.clone());
        call
    }

    /// Asks a peer of the caller's organisation and notes what came of it.
    pub async fn evaluate(&self, step: &str, function: &str, arguments: &[Vec<u8>]) -> Call {
        let call =
            match self.proposal(function, arguments).organizations([self.msp_id.as_str()]).evaluate().await {
                Ok(payload) => Call::answered(payload),
                Err(error) => Call::failed("evaluate", error.cause(), error.chaincode_message()),
            };
        self.recorder.note(self.scenario, step, call.outcome.clone());
        call
    }

    /// Waits for the event of a committed transaction and notes it.
    ///
    /// # Errors
    /// If none comes.
    pub async fn event(&self, step: &str, call: &Call) -> Result<ChaincodeEvent, Failure> {
        let Some((transaction, block)) = &call.committed else {
            return Err(Failure::new(format!("nothing was committed: {:?}", call.outcome)));
        };
        let stream = self.network.chaincode_events(self.contract.chaincode()).from_block(*block).stream();
        let wanted = stream.filter_map(async |event| match event {
            Ok(event) if event.transaction_id.as_str() == transaction => Some(Ok(event)),
            Ok(_other) => None,
            Err(error) => Some(Err(Failure::new(format!("the event stream broke: {error}")))),
        });
        let mut wanted = std::pin::pin!(wanted);
        let event = tokio::time::timeout(EVENT, wanted.next())
            .await
            .map_err(|_elapsed| Failure::new(format!("no event of transaction {transaction} came")))?
            .ok_or_else(|| Failure::new("the event stream ended"))??;
        let payload = normalise(&String::from_utf8_lossy(&event.payload));
        self.recorder.note(self.scenario, step, Outcome::Event { name: event.name.clone(), payload });
        Ok(event)
    }

    /// Peers that have not yet committed the block before this call read other versions than those that have, and the
    /// gateway then has endorsements that differ: propose again until they have caught up.
    async fn try_submit(&self, function: &str, arguments: &[Vec<u8>]) -> Call {
        let give_up = Instant::now() + CATCH_UP;
        loop {
            let call = self.submit_once(function, arguments).await;
            if !call.peers_differ() || Instant::now() >= give_up {
                return call;
            }
            tokio::time::sleep(BEFORE_ANOTHER_PROPOSAL).await;
        }
    }

    async fn submit_once(&self, function: &str, arguments: &[Vec<u8>]) -> Call {
        let proposal = self.proposal(function, arguments).build();
        let transaction = match proposal.endorse().await {
            Ok(transaction) => transaction,
            Err(error) => return Call::failed("endorse", error.cause(), error.chaincode_message()),
        };
        let commit = match transaction.submit().await {
            Ok(commit) => commit,
            Err(error) => return Call::failed("submit", error.cause(), error.chaincode_message()),
        };
        match commit.status().await {
            Ok(status) => {
                let payload = transaction.result().to_vec();
                let text = normalise(&String::from_utf8_lossy(&payload));
                let outcome = Outcome::Committed { code: status.code().to_string(), payload: text };
                let committed = Some((status.transaction_id().to_string(), status.block_number()));
                Call { outcome, payload, message: None, committed }
            }
            Err(error) => Call::failed("commit status", error.cause(), error.chaincode_message()),
        }
    }
}

impl Call {
    fn peers_differ(&self) -> bool {
        matches!(&self.outcome, Outcome::Error { details, .. } if details.iter().any(|d| d == PEERS_DIFFER))
    }

    fn answered(payload: Vec<u8>) -> Self {
        let text = normalise(&String::from_utf8_lossy(&payload));
        let outcome = Outcome::Answer { status: 200, payload: text };
        Self { outcome, payload, message: None, committed: None }
    }

    fn failed(stage: &str, cause: &StageCause, message: Option<&str>) -> Self {
        let (grpc, details) = match cause {
            StageCause::Call(call) => (call.code(), details(call)),
            other => (Code::Unknown, vec![normalise(&other.to_string())]),
        };
        let outcome = Outcome::Error { stage: stage.to_owned(), grpc: format!("{grpc:?}"), details };
        Self { outcome, payload: Vec::new(), message: message.map(ToOwned::to_owned), committed: None }
    }
}

fn function_of<T: Command>(_: &T) -> &'static str {
    T::FUNCTION
}

/// Peers answer in no certain order, and how many of them the gateway asked is its own business.
fn details(call: &CallError) -> Vec<String> {
    let mut messages: Vec<_> =
        call.details().iter().map(|detail: &ErrorDetail| normalise(&detail.message)).collect();
    if messages.is_empty() {
        messages.push(normalise(call.message()));
    }
    messages.sort_unstable();
    messages.dedup();
    messages
}

fn gateway(organization: &Organization, caller: As) -> Result<Gateway, Failure> {
    let identity = match caller {
        As::Admin => organization.admin.as_ref(),
        As::User => organization.user.as_ref(),
    };
    let identity = identity.ok_or_else(|| Failure::new("the profile lacks an identity"))?;
    let endpoints = organization
        .peers
        .iter()
        .map(|peer| {
            Ok(Endpoint::tls(
                &peer.address,
                Tls::new(std::fs::read(&peer.tls_ca)?).server_name(&peer.server_name),
            ))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let gateway = Gateway::builder(Identity::new(&organization.msp_id, std::fs::read(&identity.cert)?)?)
        .signer(P256Signer::from_pem(&std::fs::read(&identity.key)?)?)
        .endpoints(endpoints)
        .connect_lazy()?;
    Ok(gateway)
}
