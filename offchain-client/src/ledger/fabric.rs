//! The ledger port over a Fabric network's Gateway service.

pub(crate) mod answer;
mod connect;
pub(crate) mod events;
mod submit;

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use hlf_gateway::{Contract, Gateway, Network};
use lockstep_protocol::hash::{ChannelId, LedgerId};
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::{
    BankRegistration, Cancel, ChannelRecord, CloseByRelease, CloseByToken, Freeze, Open, Refund,
    RegisterBank, Resolve,
};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::time::Timestamp;
use serde::de::DeserializeOwned;

pub use self::connect::{Caller, ConnectError};
use super::{
    ChannelPage, EventStart, HistoryEntry, Ledger, LedgerError, LedgerEvents, PageRequest, Party, Submitted,
};

/// How long each stage of a question may take, failing over to other peers of the organisation included.
///
/// A commit is asked for twice: within this, then once more.
const DEADLINES: hlf_gateway::Deadlines = hlf_gateway::Deadlines::DEFAULT
    .with_evaluate(Duration::from_secs(10))
    .with_endorse(Duration::from_secs(20))
    .with_submit(Duration::from_secs(10))
    .with_commit_status(Duration::from_secs(20));

/// The contract on a Fabric channel, asked through the peers of one organisation. Cheap to clone.
///
/// While none of these can be reached, or none answers, submissions go through another organisation's: its gateway gathers the
/// endorsements and hands them to the orderers, so that a claim is not lost with a peer. Its word is taken for nothing: reads,
/// events and whether the transaction was committed are asked of the own peers alone, when they are back.
#[derive(Clone, Debug)]
pub struct FabricLedger {
    network: Network,
    contract: Contract,
    /// Through the other organisations' peers, where the profile has any.
    elsewhere: Option<Contract>,
    /// How long the own peers may take to endorse, and then the others.
    endorse: Duration,
    organization: String,
    ledger_id: LedgerId,
}

impl FabricLedger {
    pub(self) fn new(
        gateway: &Gateway,
        elsewhere: Option<&Gateway>,
        (channel, chaincode): (&str, &str),
        ledger_id: LedgerId,
    ) -> Self {
        let network = gateway.network(channel);
        let contract = network.contract(chaincode);
        let elsewhere = elsewhere.map(|gateway| gateway.network(channel).contract(chaincode));
        let organization = gateway.identity().msp_id().to_owned();
        Self { network, contract, elsewhere, endorse: DEADLINES.endorse, organization, ledger_id }
    }

    /// The same ledger for a caller that has only so long for a submission: a third of it is for the own peers' endorsement, and
    /// another for that of other organisations' peers. An own peer that hangs keeps nothing from these.
    #[must_use]
    pub fn with_bound(mut self, submission: Duration) -> Self {
        self.endorse = DEADLINES.endorse.min(submission / 3);
        self
    }

    /// Waits until the network would endorse a submission: after the contract is committed, peers need some seconds to
    /// learn of one another and of it. Nothing is submitted.
    ///
    /// # Errors
    /// The last [`LedgerError`] when `limit` has passed, or at once if it is not a temporary one.
    pub async fn wait_until_ready(&self, limit: Duration) -> Result<(), LedgerError> {
        let give_up = tokio::time::Instant::now() + limit;
        loop {
            let error = match self.probe().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !error.is_temporary() || tokio::time::Instant::now() + submit::FIRST_PAUSE >= give_up {
                return Err(error);
            }
            tracing::debug!(%error, "the network is not ready yet");
            tokio::time::sleep(submit::FIRST_PAUSE).await;
        }
    }

    /// Has a read endorsed by the network's policy, as a submission would be.
    async fn probe(&self) -> Result<(), LedgerError> {
        // Any key does: the answer is an empty page, which all peers give alike. This is the curve's generator.
        const ANY_KEY: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        let proposal = self.contract.proposal("Channels").arguments(["bank", ANY_KEY, "1", ""]).build();
        match proposal.endorse().await {
            Ok(_transaction) => Ok(()),
            Err(error) => Err(answer::of_endorse(&error, &self.organization)),
        }
    }

    /// Asks a peer of the own organisation; nobody else's, which the gateway would fail over to [Spec §8].
    async fn read<T: DeserializeOwned>(
        &self,
        function: &'static str,
        arguments: impl IntoIterator<Item = String>,
    ) -> Result<T, LedgerError> {
        let proposal = self.contract.proposal(function).arguments(arguments);
        match proposal.organizations([self.organization.as_str()]).evaluate().await {
            Ok(bytes) => answer::decode(function, &bytes),
            Err(error) => Err(answer::of_evaluate(&error, &self.organization)),
        }
    }
}

/// A record that the contract says it does not have is an answer, not a failure.
fn absent_as_none<T>(answer: Result<T, LedgerError>, absent: Refusal) -> Result<Option<T>, LedgerError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(LedgerError::Refused(refusal)) if refusal == absent => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Ledger for FabricLedger {
    fn ledger_id(&self) -> LedgerId {
        self.ledger_id
    }

    async fn register_bank(
        &self,
        command: &RegisterBank,
    ) -> Result<Submitted<BankRegistration>, LedgerError> {
        self.submit("RegisterBank", command).await
    }

    async fn open(&self, command: &Open) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit("Open", command).await
    }

    async fn close_by_release(
        &self,
        command: &CloseByRelease,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit("CloseByRelease", command).await
    }

    async fn cancel(&self, command: &Cancel) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit("Cancel", command).await
    }

    async fn close_by_token(
        &self,
        command: &CloseByToken,
        latest: Option<Timestamp>,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit_dated("CloseByToken", command, latest).await
    }

    async fn refund(&self, command: &Refund) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit("Refund", command).await
    }

    async fn freeze(&self, command: &Freeze) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit("Freeze", command).await
    }

    async fn resolve(&self, command: &Resolve) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit("Resolve", command).await
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRecord>, LedgerError> {
        absent_as_none(self.read("Channel", [id.to_string()]).await, Refusal::UnknownChannel)
    }

    async fn channels(&self, party: Party, page: PageRequest) -> Result<ChannelPage, LedgerError> {
        let arguments =
            [party.role().to_owned(), party.key().to_string(), page.size.to_string(), page.bookmark];
        self.read("Channels", arguments).await
    }

    async fn history(&self, id: ChannelId) -> Result<Vec<HistoryEntry>, LedgerError> {
        let history = self.read("History", [id.to_string()]).await;
        Ok(absent_as_none(history, Refusal::UnknownChannel)?.unwrap_or_default())
    }

    async fn bank(&self, key: &PublicKey) -> Result<Option<BankRegistration>, LedgerError> {
        absent_as_none(self.read("Bank", [key.to_string()]).await, Refusal::UnknownBank)
    }

    async fn events(&self, from: EventStart) -> Result<LedgerEvents, LedgerError> {
        Ok(events::follow(&self.network, self.contract.chaincode(), &self.organization, from).boxed())
    }
}
