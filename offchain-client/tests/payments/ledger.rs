//! A ledger in memory: the contract's rules over a map.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use lockstep::ledger::{
    ChannelPage, EventStart, HistoryEntry, Ledger, LedgerError, LedgerEvents, PageRequest, Party, Submitted,
    Timing, TransactionId,
};
use lockstep::party::Clock;
use lockstep_protocol::hash::{ChannelId, EvidenceHash, LedgerId, ShortText};
use lockstep_protocol::key::{PublicKey, SecretKey};
use lockstep_protocol::ledger::{
    BankRegistration, Cancel, ChannelRecord, CloseByRelease, CloseByToken, Freeze, FreezeReason, Open,
    Refund, RegisterBank, Resolve,
};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::rules::{self, Changed, Clocks, Outcome, Submitter};
use lockstep_protocol::time::Timestamp;

#[derive(Debug)]
pub(crate) struct MemLedger {
    state: Mutex<State>,
    /// The peers' clock.
    clock: Clock,
    /// The caller's clock, with which a gateway stamps what it asks.
    caller: Clock,
    down: AtomicBool,
    reads: AtomicU64,
    /// What the next closes by release come to instead of what they should.
    release_faults: Mutex<VecDeque<LedgerError>>,
    /// So many closes are taken and never heard of again, as if an orderer had lost them.
    losing: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    banks: BTreeMap<PublicKey, BankRegistration>,
    channels: BTreeMap<ChannelId, ChannelRecord>,
    client_keys: BTreeMap<(PublicKey, PublicKey), ChannelId>,
    block: u64,
}

impl MemLedger {
    pub(crate) fn new(clock: Clock, caller: Clock) -> Self {
        let (down, reads) = (AtomicBool::new(false), AtomicU64::new(0));
        let (release_faults, losing) = (Mutex::default(), AtomicU64::new(0));
        Self { state: Mutex::default(), clock, caller, down, reads, release_faults, losing }
    }

    /// No peer answers from now on, or they do again.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// The next closes by release fail so.
    pub(crate) fn fail_releases(&self, faults: impl IntoIterator<Item = LedgerError>) {
        self.release_faults.lock().unwrap().extend(faults);
    }

    /// The next closes are taken and never heard of again.
    pub(crate) fn lose_closes(&self, count: u64) {
        self.losing.store(count, Ordering::SeqCst);
    }

    /// Whether all closes that were to be lost are.
    pub(crate) fn has_lost_all(&self) -> bool {
        self.losing.load(Ordering::SeqCst) == 0
    }

    async fn order_close(&self) {
        let one_less = |left: u64| left.checked_sub(1);
        if self.losing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            std::future::pending().await
        }
    }

    /// The record as it stands.
    pub(crate) fn record(&self, id: ChannelId) -> ChannelRecord {
        self.state.lock().unwrap().channels.get(&id).unwrap().clone()
    }

    pub(crate) fn freeze(&self, id: ChannelId, bank: &SecretKey) {
        let freeze = Freeze::sign(id, FreezeReason::VendorConduct, EvidenceHash::from_bytes([3; 32]), bank);
        let mut state = self.state.lock().unwrap();
        let stored = state.channels.get(&id).cloned();
        let _ = state.apply(rules::freeze(stored, &freeze, self.clocks())).unwrap();
    }

    pub(crate) fn refund(&self, id: ChannelId) {
        let clocks = self.clocks();
        let mut state = self.state.lock().unwrap();
        let stored = state.channels.get(&id).cloned();
        let changed = rules::refund(stored, &Refund::new(id), clocks);
        let _ = state.apply(changed).unwrap();
    }

    fn clocks(&self) -> Clocks {
        Clocks { transaction: self.caller.now(), endorser: self.clock.now() }
    }

    fn end(
        &self,
        id: ChannelId,
        rule: impl FnOnce(Option<ChannelRecord>, Clocks) -> Result<Changed, Refusal>,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.up()?;
        let mut state = self.state.lock().unwrap();
        let stored = state.channels.get(&id).cloned();
        state.apply(rule(stored, self.clocks()))
    }

    fn up(&self) -> Result<(), LedgerError> {
        if self.down.load(Ordering::SeqCst) {
            let (organization, reason) = ("TestMSP".to_owned(), "down".to_owned());
            return Err(LedgerError::Unavailable { organization, reason });
        }
        Ok(())
    }
}

impl State {
    fn apply(&mut self, changed: Result<Changed, Refusal>) -> Result<Submitted<ChannelRecord>, LedgerError> {
        let record = match changed.map_err(LedgerError::Refused)? {
            Outcome::Changed(transition) => {
                let record = transition.record;
                if transition.takes_client_key {
                    let terms = record.opening().terms();
                    self.client_keys.insert((terms.client_key, terms.bank_key), record.channel_id());
                }
                self.channels.insert(record.channel_id(), record.clone());
                record
            }
            Outcome::AlreadyDone(record) => record,
        };
        Ok(self.committed(record))
    }

    fn committed<T>(&mut self, record: T) -> Submitted<T> {
        self.block += 1;
        let tx_id = TransactionId::new(format!("{:064x}", self.block));
        Submitted { record, tx_id, block: self.block, timing: Timing::default() }
    }
}

#[async_trait]
impl Ledger for MemLedger {
    fn ledger_id(&self) -> LedgerId {
        LedgerId::of(&ShortText::new("payments").unwrap(), &ShortText::new("lockstep").unwrap())
    }

    async fn register_bank(
        &self,
        command: &RegisterBank,
    ) -> Result<Submitted<BankRegistration>, LedgerError> {
        self.up()?;
        let submitter = Submitter { msp_id: command.msp_id().clone(), is_admin: true };
        let mut state = self.state.lock().unwrap();
        let stored = state.banks.get(command.bank_key()).cloned();
        let outcome = rules::register_bank(stored, command, &submitter, &self.ledger_id(), self.clocks());
        let (Outcome::Changed(bank) | Outcome::AlreadyDone(bank)) = outcome.map_err(LedgerError::Refused)?;
        state.banks.insert(*bank.bank_key(), bank.clone());
        Ok(state.committed(bank))
    }

    async fn open(&self, command: &Open) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.up()?;
        let mut state = self.state.lock().unwrap();
        let terms = command.opening().terms();
        let registration = state.banks.get(&terms.bank_key).cloned();
        let stored = state.channels.get(&command.channel_id()).cloned();
        let owner = state.client_keys.get(&(terms.client_key, terms.bank_key)).copied();
        let changed =
            rules::open(registration.as_ref(), stored, owner, command, &self.ledger_id(), self.clocks());
        state.apply(changed)
    }

    async fn close_by_release(
        &self,
        command: &CloseByRelease,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        if let Some(fault) = self.release_faults.lock().unwrap().pop_front() {
            return Err(fault);
        }
        self.order_close().await;
        self.end(command.channel_id(), |stored, clocks| rules::close_by_release(stored, command, clocks))
    }

    async fn cancel(&self, command: &Cancel) -> Result<Submitted<ChannelRecord>, LedgerError> {
        let key = command.opening().terms().bank_key;
        let registration = self.state.lock().unwrap().banks.get(&key).cloned();
        let ledger = self.ledger_id();
        self.end(command.channel_id(), |stored, clocks| {
            rules::cancel(registration.as_ref(), stored, command, &ledger, clocks)
        })
    }

    async fn close_by_token(
        &self,
        command: &CloseByToken,
        latest: Option<Timestamp>,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.order_close().await;
        self.end(command.channel_id(), |stored, clocks| {
            let transaction = latest.map_or(clocks.transaction, |latest| latest.min(clocks.transaction));
            rules::close_by_token(stored, command, Clocks { transaction, ..clocks })
        })
    }

    async fn refund(&self, command: &Refund) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.end(command.channel_id(), |stored, clocks| rules::refund(stored, command, clocks))
    }

    async fn freeze(&self, command: &Freeze) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.end(command.channel_id(), |stored, clocks| rules::freeze(stored, command, clocks))
    }

    async fn resolve(&self, command: &Resolve) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.end(command.channel_id(), |stored, clocks| rules::resolve(stored, command, clocks))
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRecord>, LedgerError> {
        self.up()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(self.state.lock().unwrap().channels.get(&id).cloned())
    }

    async fn channels(&self, _party: Party, _page: PageRequest) -> Result<ChannelPage, LedgerError> {
        unimplemented!("no role lists channels here")
    }

    async fn history(&self, _id: ChannelId) -> Result<Vec<HistoryEntry>, LedgerError> {
        unimplemented!("no role reads histories here")
    }

    async fn bank(&self, key: &PublicKey) -> Result<Option<BankRegistration>, LedgerError> {
        self.up()?;
        let registration = self.state.lock().unwrap().banks.get(key).cloned();
        if let Some(registration) = &registration {
            self.clocks().check(registration.max_drift()).map_err(LedgerError::Refused)?;
        }
        Ok(registration)
    }

    async fn events(&self, _from: EventStart) -> Result<LedgerEvents, LedgerError> {
        unimplemented!("no role follows events here")
    }
}
