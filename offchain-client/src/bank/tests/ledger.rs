//! A ledger in memory: the protocol crate's rules over a map, and whatever else a test wants to stand in it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use futures::StreamExt;
use lockstep_protocol::hash::{ChannelId, LedgerId};
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::{
    BankRegistration, Cancel, ChannelChange, ChannelRecord, ChannelState, CloseByRelease, CloseByToken,
    Freeze, Open, Refund, RegisterBank, Resolve,
};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::rules::{self, Changed, Clocks, Outcome};
use lockstep_protocol::time::Timestamp;

use crate::ledger::{
    ChannelPage, EventStart, HistoryEntry, Ledger, LedgerError, LedgerEvent, LedgerEvents, PageRequest,
    Party, Submitted, Timing, TransactionId,
};

#[derive(Debug)]
pub(super) struct TestLedger {
    id: LedgerId,
    registration: BankRegistration,
    clock: Arc<AtomicU64>,
    state: Mutex<State>,
}

/// What goes wrong with submissions and reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fault {
    #[default]
    None,
    /// Nobody answers.
    Down,
    /// Submissions are committed, and nobody hears of it.
    AnswersLost,
    /// Submissions are not taken; reads are.
    NotOrdered,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<ChannelId, ChannelRecord>,
    events: Vec<LedgerEvent>,
    fault: Fault,
}

impl TestLedger {
    pub(super) fn new(id: LedgerId, registration: BankRegistration, clock: Arc<AtomicU64>) -> Self {
        Self { id, registration, clock, state: Mutex::default() }
    }

    pub(super) fn set_fault(&self, fault: Fault) {
        self.state().fault = fault;
    }

    fn clocks(&self) -> Clocks {
        let now = Timestamp::from_unix_millis(self.clock.load(Ordering::SeqCst)).unwrap();
        Clocks { transaction: now, endorser: now }
    }

    /// What the contract does with a command of the bank.
    fn submit(
        &self,
        id: ChannelId,
        rule: impl FnOnce(Option<ChannelRecord>, Clocks) -> Result<Changed, Refusal>,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        let fault = self.state().fault;
        if [Fault::Down, Fault::NotOrdered].contains(&fault) {
            return unavailable();
        }
        self.commit(rule(self.record(id), self.clocks())).map_err(LedgerError::Refused)?;
        let tx_id = TransactionId::new("committed");
        if fault == Fault::AnswersLost {
            return Err(LedgerError::OutcomeUnknown { tx_id, reason: "the test".to_owned() });
        }
        let record = self.record(id).unwrap();
        Ok(Submitted { record, tx_id, block: 1, timing: Timing::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn record(&self, id: ChannelId) -> Option<ChannelRecord> {
        self.state().records.get(&id).cloned()
    }

    /// A peer that is behind: it has no record of the channel yet.
    pub(super) fn forget(&self, id: ChannelId) {
        self.state().records.remove(&id);
    }

    /// The channel that a client's payment key has opened.
    pub(super) fn opened_by(&self, client: &PublicKey) -> Option<ChannelId> {
        let opened = |record: &&ChannelRecord| {
            record.opening().terms().client_key == *client && record.state() != ChannelState::Cancelled
        };
        self.state().records.values().find(opened).map(ChannelRecord::channel_id)
    }

    /// Commits what a rule gave; the event, if there is one.
    pub(super) fn commit(&self, outcome: Result<Changed, Refusal>) -> Result<Option<LedgerEvent>, Refusal> {
        match outcome? {
            Outcome::AlreadyDone(_) => Ok(None),
            Outcome::Changed(transition) => Ok(Some(self.write(transition.record, transition.change))),
        }
    }

    /// Commits anything, as two lying peers can.
    pub(super) fn write(&self, record: ChannelRecord, change: ChannelChange) -> LedgerEvent {
        let mut state = self.state();
        let block = u64::try_from(state.events.len()).unwrap() + 5;
        let event = LedgerEvent {
            block,
            tx_id: TransactionId::new(format!("{block:064x}")),
            name: change.state.event_name().to_owned(),
            changes: vec![change],
        };
        state.records.insert(record.channel_id(), record);
        state.events.push(event.clone());
        event
    }

    pub(super) fn history(&self) -> Vec<LedgerEvent> {
        self.state().events.clone()
    }
}

fn unavailable<T>() -> Result<T, LedgerError> {
    Err(LedgerError::Unavailable { organization: "BankMSP".to_owned(), reason: "the test".to_owned() })
}

fn unused<T>() -> Result<T, LedgerError> {
    Err(LedgerError::Violation { what: "the bank does not ask for this".to_owned() })
}

#[async_trait]
impl Ledger for TestLedger {
    fn ledger_id(&self) -> LedgerId {
        self.id
    }

    async fn register_bank(&self, _: &RegisterBank) -> Result<Submitted<BankRegistration>, LedgerError> {
        unused()
    }

    async fn open(&self, _: &Open) -> Result<Submitted<ChannelRecord>, LedgerError> {
        unused()
    }

    async fn close_by_release(&self, _: &CloseByRelease) -> Result<Submitted<ChannelRecord>, LedgerError> {
        unused()
    }

    async fn cancel(&self, command: &Cancel) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit(command.channel_id(), |stored, clocks| {
            rules::cancel(Some(&self.registration), stored, command, &self.id, clocks)
        })
    }

    async fn close_by_token(
        &self,
        _: &CloseByToken,
        _: Option<Timestamp>,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        unused()
    }

    async fn refund(&self, command: &Refund) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit(command.channel_id(), |stored, clocks| rules::refund(stored, command, clocks))
    }

    async fn freeze(&self, command: &Freeze) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit(command.channel_id(), |stored, clocks| rules::freeze(stored, command, clocks))
    }

    async fn resolve(&self, command: &Resolve) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.submit(command.channel_id(), |stored, clocks| rules::resolve(stored, command, clocks))
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRecord>, LedgerError> {
        if self.state().fault == Fault::Down { unavailable() } else { Ok(self.record(id)) }
    }

    /// Two at once, so that there are pages.
    async fn channels(&self, party: Party, page: PageRequest) -> Result<ChannelPage, LedgerError> {
        if self.state().fault == Fault::Down {
            return unavailable();
        }
        let records = self.state().records.clone();
        let of_bank = |record: &ChannelRecord| record.opening().terms().bank_key == *party.key();
        let mut rest = records.into_iter().filter(|(id, _)| id.to_string() > page.bookmark);
        let channels: Vec<_> = rest.by_ref().take(2).map(|(_, record)| record).collect();
        let more = rest.next().is_some();
        let last = channels.last().map(|record| record.channel_id().to_string());
        let bookmark = last.filter(|_| more).unwrap_or_default();
        Ok(ChannelPage { channels: channels.into_iter().filter(of_bank).collect(), bookmark })
    }

    async fn history(&self, _: ChannelId) -> Result<Vec<HistoryEntry>, LedgerError> {
        unused()
    }

    async fn bank(&self, _: &PublicKey) -> Result<Option<BankRegistration>, LedgerError> {
        unused()
    }

    /// What is there from `from` on, then silence.
    async fn events(&self, from: EventStart) -> Result<LedgerEvents, LedgerError> {
        let all = self.state().events.clone();
        let rest: Vec<_> = match from {
            EventStart::Block(block) => all.into_iter().filter(|event| event.block >= block).collect(),
            EventStart::After(last) => all.into_iter().filter(|event| event.block > last.block).collect(),
            EventStart::Next => Vec::new(),
        };
        Ok(futures::stream::iter(rest.into_iter().map(Ok)).chain(futures::stream::pending()).boxed())
    }
}
