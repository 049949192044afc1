//! A chain of blocks on a ledger in memory, for the tests of the rules.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use hlf_proto::kvrwset::KvrwSet;
use hlf_proto::protos::TxValidationCode;
use hlf_proto::rwset::TxPvtReadWriteSet;
use prost::Message;

use super::definition::{Collection, Definition, Definitions};
use super::memory::{Committed, MemoryLedger};
use super::policy::{Policy, Principal, Role};
use super::private::PrivateWrites;
use super::rwset::ReadWriteSet;
use super::simulator::{Batch, Context, Page, Place, Setting, SimulationError, Simulator};
use super::snapshot::Snapshot;
use super::validation::{Candidate, Channel, Validated, validate};

pub(crate) const NAMESPACE: &str = "cc";

pub(crate) fn peer(msp_id: &str) -> Principal {
    Principal { msp_id: msp_id.into(), role: Role::Peer }
}

pub(crate) fn policy(text: &str) -> Policy {
    text.parse().unwrap()
}

pub(crate) fn collection(members: &str) -> Collection {
    Collection {
        members: policy(members),
        member_only_read: true,
        member_only_write: false,
        blocks_to_live: 0,
        endorsement: None,
    }
}

/// For whom and by whom `tx_id` is simulated: a client of A, at A's peer.
pub(crate) fn setting(tx_id: &str, definitions: &Definitions) -> Setting {
    Setting {
        channel: "ch".into(),
        tx_id: tx_id.into(),
        creator: Principal { msp_id: "A".into(), role: Role::Client },
        peer: "A".into(),
        definitions: Arc::new(definitions.clone()),
        couchdb: true,
    }
}

/// Calls of one chaincode in a simulation.
pub(crate) struct Run<'a> {
    pub(crate) simulator: &'a mut Simulator,
    pub(crate) context: Context,
}

impl Run<'_> {
    pub(crate) fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, SimulationError> {
        self.simulator.get(&self.context, Place { collection: "", key })
    }

    pub(crate) fn put(&mut self, key: &str, value: Vec<u8>) -> Result<(), SimulationError> {
        self.simulator.put(&self.context, Place { collection: "", key }, value)
    }

    pub(crate) fn put_private(&mut self, collection: &str, key: &str, value: &str) {
        self.simulator.put(&self.context, Place { collection, key }, value.into()).unwrap();
    }

    pub(crate) fn get_private(
        &mut self,
        collection: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, SimulationError> {
        self.simulator.get(&self.context, Place { collection, key })
    }

    pub(crate) fn set_policy(&mut self, collection: &str, key: &str, text: &str) {
        let policy = super::policy_envelope::to_envelope(&policy(text)).encode_to_vec();
        let metadata = BTreeMap::from([(super::snapshot::VALIDATION_PARAMETER.to_owned(), policy)]);
        self.simulator.put_metadata(&self.context, Place { collection, key }, metadata).unwrap();
    }

    pub(crate) fn range(
        &mut self,
        start: &str,
        end: &str,
        page: Option<&Page>,
    ) -> Result<Batch, SimulationError> {
        self.simulator.range(&self.context, "", (start, end), page)
    }

    pub(crate) fn next(&mut self, id: &str) -> Result<Batch, SimulationError> {
        self.simulator.next(id)
    }

    pub(crate) fn close(&mut self, id: &str) {
        self.simulator.close(id);
    }
}

/// A ledger and the blocks that are put on it.
pub(crate) struct Chain {
    pub(crate) ledger: MemoryLedger,
    pub(crate) height: u64,
    pub(crate) definitions: Definitions,
    pub(crate) private: RefCell<BTreeMap<String, TxPvtReadWriteSet>>,
}

impl Default for Chain {
    fn default() -> Self {
        let mut definitions = Definitions::new(["A", "B", "C"].map(str::to_owned));
        let definition = Definition {
            version: "1".into(),
            sequence: 1,
            policy: policy("AND('A.peer', 'B.peer')"),
            init_required: false,
            collections: BTreeMap::from([
                ("ab".to_owned(), collection("OR('A.member', 'B.member')")),
                ("bc".to_owned(), collection("OR('B.member', 'C.member')")),
            ]),
            terms: None,
        };
        definitions.define(NAMESPACE.into(), definition);
        Self { ledger: MemoryLedger::default(), height: 0, definitions, private: RefCell::default() }
    }
}

impl PrivateWrites for Chain {
    fn find(&self, tx_id: &str, _: &str, collection: &str, _: &[u8]) -> Option<KvrwSet> {
        let private = self.private.borrow();
        let mut sets = private.get(tx_id)?.ns_pvt_rwset.iter().flat_map(|set| &set.collection_pvt_rwset);
        let found = sets.find(|set| set.collection_name == collection)?;
        KvrwSet::decode(found.rwset.as_slice()).ok()
    }
}

impl Chain {
    /// A transaction with the endorsements of A and B.
    pub(crate) fn simulate(&self, tx_id: &str, work: impl FnOnce(&mut Run<'_>)) -> Candidate {
        self.simulate_at(setting(tx_id, &self.definitions), work)
    }

    pub(crate) fn simulate_at(&self, setting: Setting, work: impl FnOnce(&mut Run<'_>)) -> Candidate {
        let tx_id = setting.tx_id.clone();
        let mut simulator = Simulator::new(Arc::new(self.ledger.clone()), setting);
        let context = Context { namespace: NAMESPACE.into(), is_init: false };
        work(&mut Run { simulator: &mut simulator, context });
        let simulation = simulator.finish();
        if let Some(private) = simulation.private {
            self.private.borrow_mut().insert(tx_id.clone(), private);
        }
        Candidate {
            tx_id,
            form: TxValidationCode::Valid,
            contents: TxValidationCode::Valid,
            chaincode: NAMESPACE.into(),
            signers: vec![peer("A"), peer("B")],
            set: ReadWriteSet::decode(&simulation.set.encode()).unwrap(),
        }
    }

    pub(crate) fn commit(&mut self, candidates: &[Candidate]) -> Vec<TxValidationCode> {
        let channel = Channel { definitions: &self.definitions, snapshot: &self.ledger, private: self };
        let Validated { codes, updates } = validate(self.height, candidates, channel).unwrap();
        let transactions: Vec<_> = candidates
            .iter()
            .zip(&codes)
            .map(|(candidate, code)| Committed { tx_id: &candidate.tx_id, timestamp: None, code: *code })
            .collect();
        self.ledger.commit(self.height, &transactions, &updates);
        self.height += 1;
        codes
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.ledger.get(NAMESPACE, key).unwrap().map(|found| found.value)
    }
}
