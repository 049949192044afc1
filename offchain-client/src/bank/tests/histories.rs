//! Random histories of a bank that is restarted and restored from older copies, with its log kept or lost, while the
//! ledger goes on: whatever happens, the books come to say what the ledger says, and the loss lies in suspense alone.

use std::collections::BTreeMap;
use std::time::Duration;

use lockstep_protocol::hash::{EvidenceHash, IdentityRoot};
use lockstep_protocol::ledger::{ChannelState, FreezeReason};
use proptest::collection::vec;
use proptest::prelude::*;

use super::submission::{Submission, submission};
use super::world::{Backup, Granted, World, proven, secret, time};
use crate::ledger::LedgerEvent;

const CLIENTS: [u8; 2] = [1, 2];
const VENDOR: u8 = 3;

#[derive(Clone, Debug)]
enum Step {
    Deposit(usize, u64),
    Grant {
        client: usize,
        units: u32,
        price: u64,
    },
    AskAgain(usize),
    /// Somebody has the ledger do something to a channel, whether the bank is there or not.
    Submit(usize, Submission),
    /// The operator decides that a channel is frozen; the keeper does it.
    DecideFreeze(usize),
    /// The bank reads so many events.
    Deliver(usize),
    /// It reads one that it has read before.
    DeliverAgain(usize),
    /// It catches up from the records, as at a start.
    Replay,
    Backup,
    Restart,
    Restore {
        which: usize,
        keep_log: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let any = || 0..32_usize;
    prop_oneof![
        2 => (0..2_usize, 1..3_000_u64).prop_map(|(client, micros)| Step::Deposit(client, micros)),
        5 => (0..2_usize, 1..20_u32, 1..60_u64)
            .prop_map(|(client, units, price)| Step::Grant { client, units, price }),
        3 => any().prop_map(Step::AskAgain),
        6 => any().prop_map(|channel| Step::Submit(channel, Submission::Open)),
        12 => (any(), submission(20)).prop_map(|(channel, submission)| Step::Submit(channel, submission)),
        1 => any().prop_map(Step::DecideFreeze),
        4 => (1..6_usize).prop_map(Step::Deliver),
        1 => any().prop_map(Step::DeliverAgain),
        1 => Just(Step::Replay),
        2 => Just(Step::Backup),
        1 => Just(Step::Restart),
        3 => (any(), proptest::bool::ANY).prop_map(|(which, keep_log)| Step::Restore { which, keep_log }),
    ]
}

struct Channel {
    granted: Granted,
    client: u8,
}

struct History {
    world: World,
    identities: Vec<IdentityRoot>,
    channels: Vec<Channel>,
    /// Every deposit that was ever made, by its reference.
    deposits: Vec<(u8, u64)>,
    requests: u8,
    /// Copies of the books, each with how often the log had been lost.
    backups: Vec<(Backup, u32)>,
    logs_lost: u32,
}

impl History {
    async fn new() -> Self {
        let world = World::on_file().await;
        let mut identities = Vec::new();
        for party in CLIENTS {
            identities.push(world.join(party).await);
        }
        world.join(VENDOR).await;
        let backup = world.backup().await;
        Self {
            world,
            identities,
            channels: Vec::new(),
            deposits: Vec::new(),
            requests: 0,
            backups: vec![(backup, 0)],
            logs_lost: 0,
        }
    }

    async fn play(&mut self, step: Step) {
        // Every opening has a time of its own, so that the same request granted again is another channel.
        self.world.set_time(self.world.now().checked_add(Duration::from_millis(500)).unwrap());
        match step {
            Step::Deposit(client, micros) => {
                self.deposits.push((CLIENTS[client], micros));
                self.enter_deposit(self.deposits.len() - 1).await;
            }
            Step::Grant { client, units, price } => {
                self.requests += 1;
                let asker = (CLIENTS[client], self.identities[client]);
                let granted = self.world.grant(asker, VENDOR, (units, price), self.requests).await;
                self.channels.extend(granted.ok().map(|granted| Channel { granted, client: asker.0 }));
            }
            Step::AskAgain(index) => self.ask_again(index).await,
            Step::Deliver(count) => self.deliver(count).await,
            Step::DeliverAgain(index) => {
                let mut read: Vec<_> = self.world.ledger.history();
                let last = self.world.bank.books().checkpoint().await.unwrap();
                read.retain(|event| last.as_ref().is_some_and(|last| event.block <= last.block));
                if let Some(event) = read.get(index % read.len().max(1)) {
                    assert_eq!(self.see(event).await, (0, 1), "{event:?}");
                    // The stream does not go back; put the checkpoint where it was.
                    if let Some(newest) = read.last() {
                        self.see(newest).await;
                    }
                }
            }
            Step::Replay => self.replay().await,
            Step::Backup => {
                let backup = self.world.backup().await;
                self.backups.push((backup, self.logs_lost));
            }
            Step::Restart => assert_eq!(self.world.restart().await, 0),
            Step::Restore { which, keep_log } => {
                let (backup, lost) = self.backups[which % self.backups.len()].clone();
                if keep_log {
                    self.world.restore_rewriting(&backup, lost != self.logs_lost).await;
                } else {
                    self.logs_lost += 1;
                    self.world.restore(&backup, false).await;
                }
            }
            Step::DecideFreeze(index) => {
                if let Some(channel) = self.channels.get(index % self.channels.len().max(1)) {
                    let evidence = EvidenceHash::from_bytes([6; 32]);
                    let decision = (FreezeReason::VendorConduct, evidence);
                    let (id, now) = (channel.granted.id(), self.world.now());
                    // Refused for channels that are not open, or not known.
                    let decided = self.world.bank.books().decide_freeze(&id, decision, "words", now).await;
                    if decided.is_ok() {
                        self.world.set_time(long_after());
                        self.world.bank.keep(self.world.ledger.as_ref(), &id).await.unwrap();
                        self.world.set_time(now);
                    }
                }
            }
            Step::Submit(index, submission) => self.submit(index, submission),
        }
    }

    /// Refusals are the ledger's business.
    fn submit(&mut self, index: usize, submission: Submission) {
        let count = self.channels.len().max(1);
        let Some(channel) = self.channels.get_mut(index % count) else { return };
        let _outcome = self.world.submit(&mut channel.granted, submission);
    }

    /// A client that has lost the answer asks the same again.
    async fn ask_again(&mut self, index: usize) {
        let Some(channel) = self.channels.get(index % self.channels.len().max(1)) else { return };
        let request = channel.granted.request.clone();
        let Ok(opening) = self.world.bank.grant(&proven(channel.client), request).await else { return };
        if self.channels.iter().all(|known| known.granted.opening != opening) {
            let again =
                Channel { granted: self.world.again(&channel.granted, opening), client: channel.client };
            self.channels.push(again);
        }
    }

    async fn enter_deposit(&self, index: usize) {
        let (client, micros) = self.deposits[index];
        self.world.deposit(client, micros, &format!("deposit {index}")).await;
    }

    /// Applies an event long after it happened; how many changes were posted, and how many had been.
    async fn see(&self, event: &LedgerEvent) -> (u32, u32) {
        let before = self.world.now();
        self.world.set_time(long_after());
        let applied = self.world.see(event).await;
        self.world.set_time(before);
        assert_eq!((applied.alarms, applied.halted), (0, 0), "{event:?}");
        (applied.posted, applied.already_done)
    }

    async fn deliver(&self, count: usize) {
        let last = self.world.bank.books().checkpoint().await.unwrap();
        let mut events = self.world.ledger.history();
        events.retain(|event| last.as_ref().is_none_or(|last| event.block > last.block));
        for event in events.iter().take(count) {
            self.see(event).await;
        }
    }

    async fn replay(&self) {
        let before = self.world.now();
        self.world.set_time(long_after());
        let replayed = self.world.bank.replay(self.world.ledger.as_ref()).await.unwrap();
        self.world.set_time(before);
        assert_eq!(replayed.alarms, 0);
    }

    async fn check(&self) {
        let audit = self.world.bank.books().audit().await.unwrap();
        assert!(audit.adds_up(), "{audit:?}");
    }

    /// Everything comes to its end: the bank reads all, deposits are entered again, what is due is done.
    async fn end(&mut self) {
        self.deliver(usize::MAX).await;
        for index in 0..self.deposits.len() {
            self.enter_deposit(index).await;
        }
        for index in 0..self.channels.len() {
            self.ask_again(index).await;
        }
        self.world.set_time(long_after());
        self.world.keep().await;
        self.check().await;
        let mut balances: BTreeMap<u8, i128> = BTreeMap::new();
        for (client, micros) in &self.deposits {
            *balances.entry(*client).or_default() += i128::from(*micros);
        }
        let mut suspense = 0;
        for channel in &self.channels {
            let Some(record) = self.world.ledger.record(channel.granted.id()) else { continue };
            let row = self.world.bank.books().channel(&record.channel_id()).await.unwrap().unwrap();
            assert_eq!(row.state, record.state().name());
            assert!(!row.halted);
            let changes = ChannelState::ALL.into_iter().filter(|state| record.reached(*state));
            let paid = changes.map(|state| record.change_to(state).unwrap().to_vendor.as_micros());
            let paid: i128 = paid.map(i128::from).sum();
            *balances.entry(VENDOR).or_default() += paid;
            match row.account {
                Some(account) => {
                    assert_eq!(account, *secret(channel.client).public_key());
                    let owed = i128::from(row.stand_in.as_micros());
                    suspense -= owed;
                    *balances.entry(channel.client).or_default() -= paid - owed;
                }
                None => {
                    assert!(self.logs_lost > 0, "the log knows whose channel it is");
                    suspense -= paid;
                }
            }
        }
        for party in [CLIENTS[0], CLIENTS[1], VENDOR] {
            let account = self.world.account(party).await;
            let expected = balances.get(&party).copied().unwrap_or_default();
            assert_eq!(i128::from(account.balance.as_micros()), expected, "party {party}");
            // Every reserve was freed, once.
            assert_eq!((account.reserved.as_micros(), account.withheld.as_micros()), (0, 0));
        }
        let audit = self.world.bank.books().audit().await.unwrap();
        assert_eq!(i128::from(audit.suspense.as_micros()), suspense);
        if self.logs_lost == 0 {
            // The log has brought back everything, and the deposits too.
            assert_eq!((suspense, audit.alarms.len()), (0, 0));
        }
    }
}

/// When every channel of a history has expired.
fn long_after() -> lockstep_protocol::time::Timestamp {
    time(super::world::START + 100_000_000)
}

async fn live(steps: Vec<Step>) {
    let mut history = History::new().await;
    for step in steps {
        history.play(step).await;
        history.check().await;
    }
    history.end().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_restored_the_books_come_to_say_what_the_ledger_says(steps in vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(steps));
    }
}
