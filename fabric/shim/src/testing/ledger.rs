//! The ledger: state, history, and the calls that change them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hlf_proto::Timestamp;
use hlf_proto::msp::SerializedIdentity;

use super::call::{Call, Defaults, Done, Event};
use super::caller::Caller;
use super::chaincodes::Chaincodes;
use super::collection::Collection;
use super::simulation::{Setting, Simulation};
use super::state::{Place, State, Writes};
use crate::connection::answer;
use crate::handler::Ending;
use crate::invocation::Offers;
use crate::{Chaincode, Proposal, Response};

/// As Fabric's sample configuration has it.
const OFFERS: Offers = Offers { write_batch: Some(1000), get_multiple: Some(1000) };

/// A ledger in memory, for one chaincode on one channel, and perhaps others that it calls.
#[derive(Clone, Debug)]
pub struct MemoryLedger {
    state: Arc<State>,
    chaincodes: Arc<Chaincodes>,
    collections: Arc<BTreeMap<(String, String), Collection>>,
    channel_id: String,
    chaincode: String,
    timestamp: Timestamp,
    creator: SerializedIdentity,
    local_msp_id: Option<Arc<str>>,
    offers: Offers,
    calls: u64,
}

impl MemoryLedger {
    /// An empty ledger of a chaincode, on the channel `channel`, at the beginning of 2026, on a peer of `Org1MSP`, whose
    /// callers are of `Org1MSP` and have no certificate. Every collection is there and open to all, until one is
    /// [defined](Self::define_collection).
    pub fn new(chaincode: impl Into<String>) -> Self {
        Self {
            state: Arc::default(),
            chaincodes: Arc::default(),
            collections: Arc::default(),
            channel_id: "channel".to_owned(),
            chaincode: chaincode.into(),
            timestamp: Timestamp { seconds: 1_767_225_600, nanos: 0 },
            creator: SerializedIdentity { mspid: "Org1MSP".to_owned(), id_bytes: Vec::new() },
            local_msp_id: Some("Org1MSP".into()),
            offers: OFFERS,
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

    /// Moves the time of further calls on, by whole seconds.
    pub fn advance(&mut self, time: Duration) {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        self.timestamp.seconds = self.timestamp.seconds.saturating_add(seconds);
    }

    /// Sets who makes further calls: an MSP id and a certificate in PEM.
    pub fn set_creator(&mut self, msp_id: &str, certificate: impl Into<Vec<u8>>) {
        self.creator = SerializedIdentity { mspid: msp_id.to_owned(), id_bytes: certificate.into() };
    }

    /// Sets who makes further calls, with a certificate made for the test.
    pub fn set_caller(&mut self, caller: &Caller) {
        self.set_creator(caller.msp_id(), caller.certificate());
    }

    /// Sets on whose peer further calls run; `None` if the chaincode was not told.
    pub fn set_local_msp_id(&mut self, msp_id: Option<&str>) {
        self.local_msp_id = msp_id.map(Into::into);
    }

    /// Whether the peer offers write batches and reads of several keys, as Fabric does from 3.1 on. It does unless told.
    pub fn set_batching(&mut self, offered: bool) {
        self.offers = if offered { OFFERS } else { Offers::default() };
    }

    /// Adds a chaincode that calls can call: by its name, or by `name/channel` if it is on another channel.
    pub fn add_chaincode(&mut self, name: impl Into<String>, chaincode: impl Chaincode) {
        Arc::make_mut(&mut self.chaincodes).add(name.into(), chaincode);
    }

    /// Defines a collection of this ledger's chaincode. From the first one on there are no others, but for those of
    /// single organisations (`_implicit_org_…`).
    pub fn define_collection(&mut self, collection: Collection) {
        let place = (self.chaincode.clone(), collection.name.clone());
        Arc::make_mut(&mut self.collections).insert(place, collection);
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.state.values.get(&self.place("", key)).map(Vec::as_slice)
    }

    /// Writes a value, past any chaincode and without history.
    pub fn put(&mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) {
        let place = self.place("", &key.into());
        Arc::make_mut(&mut self.state).values.insert(place, value.into());
    }

    /// The private value of a key.
    #[must_use]
    pub fn get_private(&self, collection: &str, key: &str) -> Option<&[u8]> {
        self.state.values.get(&self.place(collection, key)).map(Vec::as_slice)
    }

    /// Writes a private value, past any chaincode.
    pub fn put_private(&mut self, collection: &str, key: impl Into<String>, value: impl Into<Vec<u8>>) {
        let place = self.place(collection, &key.into());
        Arc::make_mut(&mut self.state).values.insert(place, value.into());
    }

    /// The endorsement policy that a key has for itself, encoded. An empty collection is the public state.
    #[must_use]
    pub fn validation_parameter(&self, collection: &str, key: &str) -> Option<&[u8]> {
        self.state.policies.get(&self.place(collection, key)).map(Vec::as_slice)
    }

    /// All public keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.state.between(&self.chaincode, "", "", "").map(|(key, _)| key)
    }

    /// All keys of a collection, in order.
    pub fn private_keys(&self, collection: &str) -> impl Iterator<Item = &str> {
        self.state.between(&self.chaincode, collection, "", "").map(|(key, _)| key)
    }

    /// Makes a call, and commits what it wrote if the answer is a success.
    pub async fn submit<C: Chaincode>(&mut self, chaincode: &C, call: Call) -> Done {
        let (done, writes, timestamp) = self.simulate(chaincode, call).await;
        if done.response.is_success() {
            Arc::make_mut(&mut self.state).commit(writes, &done.tx_id, timestamp);
        }
        done
    }

    /// Makes a call and commits nothing.
    pub async fn evaluate<C: Chaincode>(&mut self, chaincode: &C, call: Call) -> Done {
        self.simulate(chaincode, call).await.0
    }

    async fn simulate<C: Chaincode>(
        &mut self,
        chaincode: &C,
        call: Call,
    ) -> (Done, Writes, Option<Timestamp>) {
        self.calls = self.calls.saturating_add(1);
        let invocation = call.into_invocation(Defaults {
            channel_id: self.channel_id.clone(),
            chaincode: self.chaincode.clone(),
            tx_id: format!("{:064x}", self.calls),
            timestamp: self.timestamp,
            creator: self.creator.clone(),
            offers: self.offers,
        });
        let proposal = invocation.proposal.clone().and_then(|proposal| Proposal::parse(proposal).ok());
        let timestamp = proposal.as_ref().and_then(|proposal| proposal.channel_header().timestamp);
        let creator = proposal.and_then(|proposal| proposal.creator().ok()).unwrap_or_default();
        let setting = Setting {
            state: Arc::clone(&self.state),
            chaincodes: Arc::clone(&self.chaincodes),
            collections: Arc::clone(&self.collections),
            key: invocation.key.clone(),
            caller_msp_id: creator.mspid,
            local_msp_id: self.local_msp_id.clone(),
            offers: self.offers,
            proposal: invocation.proposal.clone(),
            is_init: invocation.is_init,
        };
        let tx_id = invocation.key.tx_id.clone();
        let simulation = Simulation::new(setting, self.chaincode.clone());
        let peer = Arc::new(simulation.clone());
        let (response, event) = match answer(chaincode, invocation, self.local_msp_id.clone(), peer).await {
            Ending::Answer { response, event } => (response, event),
            Ending::Failure { text } => (Response::error(text), None),
        };
        let event = event.map(|event| Event { name: event.event_name, payload: event.payload });
        let writes = simulation.take_writes();
        (self.done(tx_id, response, event, &writes), writes, timestamp)
    }

    /// What came of a call, of which only this ledger's chaincode's own writes are told.
    fn done(&self, tx_id: String, response: Response, event: Option<Event>, writes: &Writes) -> Done {
        let mut done = Done {
            tx_id,
            response,
            event,
            writes: BTreeMap::new(),
            private_writes: BTreeMap::new(),
            policies: BTreeMap::new(),
        };
        for ((_, collection, key), write) in
            writes.values.iter().filter(|((of, ..), _)| *of == self.chaincode)
        {
            if collection.is_empty() {
                done.writes.insert(key.clone(), write.value());
            } else {
                done.private_writes.insert((collection.clone(), key.clone()), write.value());
            }
        }
        for ((_, collection, key), policy) in
            writes.policies.iter().filter(|((of, ..), _)| *of == self.chaincode)
        {
            done.policies.insert((collection.clone(), key.clone()), policy.clone());
        }
        done
    }

    fn place(&self, collection: &str, key: &str) -> Place {
        (self.chaincode.clone(), collection.to_owned(), key.to_owned())
    }
}
