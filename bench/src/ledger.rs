//! A ledger in memory: the contract's rules over a map. Stands in where the ledger is not what is measured.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use lockstep::ledger::{
    ChannelPage, EventStart, HistoryEntry, Ledger, LedgerError, LedgerEvents, PageRequest, Party, Submitted,
    Timing, TransactionId,
};
use lockstep_protocol::LedgerId;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::{
    BankRegistration, Cancel, ChannelRecord, CloseByRelease, CloseByToken, Freeze, Open, Refund,
    RegisterBank, Resolve,
};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::rules::{self, Changed, Outcome, Submitter};
use lockstep_protocol::time::Timestamp;

use crate::scene::clocks;

/// The ledger of one measurement.
#[derive(Debug)]
pub(crate) struct MemoryLedger {
    id: LedgerId,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    banks: BTreeMap<PublicKey, BankRegistration>,
    channels: BTreeMap<ChannelId, ChannelRecord>,
    block: u64,
}

impl State {
    fn committed<T>(&mut self, record: T) -> Submitted<T> {
        self.block += 1;
        let tx_id = TransactionId::new(format!("{:064x}", self.block));
        Submitted { record, tx_id, block: self.block, timing: Timing::default() }
    }

    fn apply(&mut self, changed: Result<Changed, Refusal>) -> Result<Submitted<ChannelRecord>, LedgerError> {
        let record = match changed.map_err(LedgerError::Refused)? {
            Outcome::Changed(transition) => {
                self.channels.insert(transition.record.channel_id(), transition.record.clone());
                transition.record
            }
            Outcome::AlreadyDone(record) => record,
        };
        Ok(self.committed(record))
    }
}

impl MemoryLedger {
    pub(crate) fn new(id: LedgerId) -> Self {
        Self { id, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(
        &self,
        id: ChannelId,
        rule: impl FnOnce(Option<ChannelRecord>) -> Result<Changed, Refusal>,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        let mut state = self.state();
        let stored = state.channels.get(&id).cloned();
        state.apply(rule(stored))
    }
}

/// What no measured part asks.
fn not_here<T>() -> Result<T, LedgerError> {
    Err(LedgerError::Violation { what: "the benchmark's ledger has no such read".to_owned() })
}

#[async_trait]
impl Ledger for MemoryLedger {
    fn ledger_id(&self) -> LedgerId {
        self.id
    }

    async fn register_bank(
        &self,
        command: &RegisterBank,
    ) -> Result<Submitted<BankRegistration>, LedgerError> {
        let submitter = Submitter { msp_id: command.msp_id().clone(), is_admin: true };
        let mut state = self.state();
        let stored = state.banks.get(command.bank_key()).cloned();
        let outcome = rules::register_bank(stored, command, &submitter, &self.id, clocks());
        let (Outcome::Changed(bank) | Outcome::AlreadyDone(bank)) = outcome.map_err(LedgerError::Refused)?;
        state.banks.insert(*bank.bank_key(), bank.clone());
        Ok(state.committed(bank))
    }

    async fn open(&self, command: &Open) -> Result<Submitted<ChannelRecord>, LedgerError> {
        let bank = self.state().banks.get(&command.opening().terms().bank_key).cloned();
        self.end(command.channel_id(), |stored| {
            rules::open(bank.as_ref(), stored, None, command, &self.id, clocks())
        })
    }

    async fn close_by_release(
        &self,
        command: &CloseByRelease,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.end(command.channel_id(), |stored| rules::close_by_release(stored, command, clocks()))
    }

    async fn cancel(&self, _command: &Cancel) -> Result<Submitted<ChannelRecord>, LedgerError> {
        not_here()
    }

    async fn close_by_token(
        &self,
        command: &CloseByToken,
        _: Option<Timestamp>,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.end(command.channel_id(), |stored| rules::close_by_token(stored, command, clocks()))
    }

    async fn refund(&self, _command: &Refund) -> Result<Submitted<ChannelRecord>, LedgerError> {
        not_here()
    }

    async fn freeze(&self, _command: &Freeze) -> Result<Submitted<ChannelRecord>, LedgerError> {
        not_here()
    }

    async fn resolve(&self, _command: &Resolve) -> Result<Submitted<ChannelRecord>, LedgerError> {
        not_here()
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRecord>, LedgerError> {
        Ok(self.state().channels.get(&id).cloned())
    }

    async fn channels(&self, _party: Party, _page: PageRequest) -> Result<ChannelPage, LedgerError> {
        not_here()
    }

    async fn history(&self, _id: ChannelId) -> Result<Vec<HistoryEntry>, LedgerError> {
        not_here()
    }

    async fn bank(&self, key: &PublicKey) -> Result<Option<BankRegistration>, LedgerError> {
        Ok(self.state().banks.get(key).cloned())
    }

    async fn events(&self, _from: EventStart) -> Result<LedgerEvents, LedgerError> {
        not_here()
    }
}
