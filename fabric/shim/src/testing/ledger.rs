//! The ledger: state, history, and the calls that change them.

use std::collections::BTreeMap;
use std::sync::Arc;

use hlf_proto::Timestamp;
use hlf_proto::msp::SerializedIdentity;
use hlf_proto::queryresult::KeyModification;

use super::call::{Call, Defaults, Done, Event};
use super::simulation::Simulation;
use crate::connection::answer;
use crate::{Chaincode, Proposal};

/// What transactions that are valid have left.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) values: BTreeMap<String, Vec<u8>>,
    /// Changes by key, the oldest first.
    pub(super) history: BTreeMap<String, Vec<KeyModification>>,
}

/// A ledger in memory, for one chaincode on one channel.
#[derive(Clone, Debug)]
pub struct MemoryLedger {
    state: Arc<State>,
    channel_id: String,
    chaincode: String,
    timestamp: Timestamp,
    creator: SerializedIdentity,
    calls: u64,
}

impl MemoryLedger {
    /// An empty ledger of a chaincode, on the channel `channel`, at the beginning of 2026, whose callers are of
    /// `Org1MSP` and have no certificate.
    pub fn new(chaincode: impl Into<String>) -> Self {
        Self {
            state: Arc::default(),
            channel_id: "channel".to_owned(),
            chaincode: chaincode.into(),
            timestamp: Timestamp { seconds: 1_767_225_600, nanos: 0 },
            creator: SerializedIdentity { mspid: "Org1MSP".to_owned(), id_bytes: Vec::new() },
            calls: 0,
        }
    }

    /// Sets the channel of further calls.
    pub fn set_channel_id(&mut self, channel_id: impl Into<String>) {
        self.channel_id = channel_id.into();
    }

    /// Sets the time of further calls.
    pub fn set_timestamp(&mut self, timestamp: Timestamp) {
        self.timestamp = timestamp;
    }

    /// Sets who makes further calls: an MSP id and a certificate in PEM.
    pub fn set_creator(&mut self, msp_id: &str, certificate: impl Into<Vec<u8>>) {
        self.creator = SerializedIdentity { mspid: msp_id.to_owned(), id_bytes: certificate.into() };
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.state.values.get(key).map(Vec::as_slice)
    }

    /// Writes a value, past any chaincode and without history.
    pub fn put(&mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) {
        Arc::make_mut(&mut self.state).values.insert(key.into(), value.into());
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.state.values.keys().map(String::as_str)
    }

    /// Makes a call, and commits what it wrote if the answer is a success.
    pub async fn submit<C: Chaincode>(&mut self, chaincode: &C, call: Call) -> Done {
        let (done, timestamp) = self.simulate(chaincode, call).await;
        if done.response.is_success() {
            let state = Arc::make_mut(&mut self.state);
            for (key, value) in &done.writes {
                let change = KeyModification {
                    tx_id: done.tx_id.clone(),
                    value: value.clone().unwrap_or_default(),
                    timestamp,
                    is_delete: value.is_none(),
                };
                state.history.entry(key.clone()).or_default().push(change);
                match value {
                    Some(value) => state.values.insert(key.clone(), value.clone()),
                    None => state.values.remove(key),
                };
            }
        }
        done
    }

    /// Makes a call and commits nothing.
    pub async fn evaluate<C: Chaincode>(&mut self, chaincode: &C, call: Call) -> Done {
        self.simulate(chaincode, call).await.0
    }

    async fn simulate<C: Chaincode>(&mut self, chaincode: &C, call: Call) -> (Done, Option<Timestamp>) {
        self.calls = self.calls.saturating_add(1);
        let invocation = call.into_invocation(Defaults {
            channel_id: self.channel_id.clone(),
            chaincode: self.chaincode.clone(),
            tx_id: format!("{:064x}", self.calls),
            timestamp: self.timestamp,
            creator: self.creator.clone(),
        });
        let tx_id = invocation.key.tx_id.clone();
        let proposal = invocation.proposal.clone().and_then(|proposal| Proposal::parse(proposal).ok());
        let timestamp = proposal.and_then(|proposal| proposal.channel_header().timestamp);

        let simulation = Arc::new(Simulation::new(Arc::clone(&self.state), tx_id.clone()));
        let ending = answer(chaincode, invocation, Arc::<Simulation>::clone(&simulation)).await;
        let event = ending.event.map(|event| Event { name: event.event_name, payload: event.payload });
        let done = Done { tx_id, response: ending.response, event, writes: simulation.take_writes() };
        (done, timestamp)
    }
}
