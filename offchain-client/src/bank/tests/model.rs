//! Random lives of a bank against a model in plain numbers: nothing is made, lost, or below zero.

use std::collections::BTreeMap;

use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::IdentityRoot;
use lockstep_protocol::ledger::ChannelState;
use proptest::collection::vec;
use proptest::prelude::*;

use super::submission::{Submission, submission};
use super::world::{Granted, World, secret};
use crate::bank::books::{Direction, Transfer};
use crate::ledger::LedgerEvent;

/// Two clients, two vendors.
const PARTIES: [u8; 4] = [1, 2, 3, 4];

#[derive(Clone, Debug)]
enum Step {
    Deposit { party: usize, micros: u64 },
    Withdraw { party: usize, micros: u64 },
    Grant { client: usize, vendor: usize, units: u32, price: u64 },
    Submit(usize, Submission),
    Replay(usize),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let any = || 0..64_usize;
    prop_oneof![
        2 => (0..4_usize, 1..2_000_u64).prop_map(|(party, micros)| Step::Deposit { party, micros }),
        1 => (0..4_usize, 1..2_000_u64).prop_map(|(party, micros)| Step::Withdraw { party, micros }),
        4 => (0..2_usize, 2..4_usize, 1..20_u32, 1..40_u64)
            .prop_map(|(client, vendor, units, price)| Step::Grant { client, vendor, units, price }),
        4 => any().prop_map(|channel| Step::Submit(channel, Submission::Open)),
        10 => (any(), submission(22)).prop_map(|(channel, submission)| Step::Submit(channel, submission)),
        1 => any().prop_map(Step::Replay),
        1 => Just(Step::Restart),
    ]
}

/// balance, reserved, withheld.
type Holdings = [i128; 3];

#[derive(Debug, Default)]
struct Model {
    holdings: BTreeMap<u8, Holdings>,
    reputation: BTreeMap<u8, u8>,
    paid_in: i128,
}

struct Channel {
    granted: Granted,
    client: u8,
    vendor: u8,
    total: i128,
    price: i128,
    claimed: i128,
}

struct Run {
    world: World,
    model: Model,
    identities: Vec<IdentityRoot>,
    channels: Vec<Channel>,
    references: u32,
}

impl Run {
    async fn new(world: World) -> Self {
        let mut identities = Vec::new();
        let mut model = Model::default();
        for party in PARTIES {
            identities.push(world.join(party).await);
            model.holdings.insert(party, [0; 3]);
            model.reputation.insert(party, 100);
        }
        Self { world, model, identities, channels: Vec::new(), references: 0 }
    }

    async fn transfer(&mut self, party: usize, micros: u64, direction: Direction) {
        self.references += 1;
        let reference = self.references.to_string();
        let key = *secret(PARTIES[party]).public_key();
        let transfer =
            Transfer { key: &key, direction, amount: Amount::from_micros(micros), reference: &reference };
        let signed = if direction == Direction::Deposit { i128::from(micros) } else { -i128::from(micros) };
        let balance = &mut self.model.holdings.get_mut(&PARTIES[party]).unwrap()[0];
        let allowed = *balance + signed >= 0;
        let books = self.world.bank.books();
        assert_eq!(books.transfer(transfer.clone(), self.world.now()).await.is_ok(), allowed);
        if allowed {
            *balance += signed;
            self.model.paid_in += signed;
            books.transfer(transfer, self.world.now()).await.unwrap();
        }
    }

    async fn grant(&mut self, client: usize, vendor: usize, units: u32, price: u64) {
        let serial = u8::try_from(self.channels.len() + 1).unwrap();
        let (payer, payee) = (PARTIES[client], PARTIES[vendor]);
        let granted = self.world.grant((payer, self.identities[client]), payee, (units, price), serial).await;
        let total = i128::from(units) * i128::from(price);
        let holdings = self.model.holdings.get_mut(&payer).unwrap();
        assert_eq!(granted.is_ok(), holdings[0] >= total);
        if let Ok(granted) = granted {
            holdings[0] -= total;
            holdings[1] += total;
            let price = i128::from(price);
            self.channels.push(Channel { granted, client: payer, vendor: payee, total, price, claimed: 0 });
        }
    }

    /// What the ledger lets happen is posted; what it refuses changes nothing.
    async fn submit(&mut self, index: usize, submission: Submission) {
        let count = self.channels.len();
        let Some(channel) = self.channels.get_mut(index % count.max(1)) else { return };
        let Ok(Some(event)) = self.world.submit(&mut channel.granted, submission) else { return };
        let units = i128::from(submission.units());
        follow(&mut self.model, channel, &event, units, matches!(submission, Submission::Release(_)));
        let before = self.world.now();
        self.world.set_time(self.world.expired(&self.channels[index % count].granted).transaction);
        let applied = self.world.see(&event).await;
        self.world.set_time(before);
        assert_eq!((applied.posted, applied.alarms), (1, 0), "{event:?}");
    }

    async fn check(&self) {
        for (party, holdings) in &self.model.holdings {
            let account = self.world.account(*party).await;
            let found = [account.balance, account.reserved, account.withheld]
                .map(|part| i128::from(part.as_micros()));
            assert_eq!(found, *holdings, "party {party}");
            assert_eq!(account.reputation.as_points(), self.model.reputation[party]);
        }
        let audit = self.world.bank.books().audit().await.unwrap();
        assert!(audit.adds_up(), "{audit:?}");
        assert_eq!(i128::from(audit.holders.as_micros()), self.model.paid_in);
        assert_eq!((audit.suspense.as_micros(), audit.alarms.len()), (0, 0));
    }
}

/// [Spec §9]'s table, once more and in other words than the protocol crate's.
fn follow(model: &mut Model, channel: &mut Channel, event: &LedgerEvent, units: i128, release: bool) {
    let worth = units * channel.price;
    let mut add = |party: u8, part: usize, micros: i128| {
        let holding = &mut model.holdings.get_mut(&party).unwrap()[part];
        *holding += micros;
        assert!(*holding >= 0);
    };
    let (client, vendor, total) = (channel.client, channel.vendor, channel.total);
    match event.changes[0].state {
        ChannelState::Open => {}
        ChannelState::Cancelled | ChannelState::Refunded => {
            add(client, 0, total);
            add(client, 1, -total);
        }
        ChannelState::Closed => {
            add(client, 1, -total);
            add(vendor, 0, worth);
            add(client, 0, total - worth);
        }
        ChannelState::Frozen => {
            add(client, 1, -total);
            add(client, 2, total);
        }
        ChannelState::Claimed => {
            add(client, 2, -worth);
            add(vendor, 0, worth);
            channel.claimed = worth;
        }
        ChannelState::Resolved => {
            add(client, 2, channel.claimed - total);
            add(vendor, 0, worth - channel.claimed);
            add(client, 0, total - worth);
        }
    }
    if release {
        for party in [client, vendor] {
            let points = model.reputation.get_mut(&party).unwrap();
            *points = (*points + 1).min(100);
        }
    }
}

async fn live(world: World, steps: Vec<Step>) {
    let mut run = Run::new(world).await;
    for step in steps {
        match step {
            Step::Deposit { party, micros } => run.transfer(party, micros, Direction::Deposit).await,
            Step::Withdraw { party, micros } => run.transfer(party, micros, Direction::Withdrawal).await,
            Step::Grant { client, vendor, units, price } => run.grant(client, vendor, units, price).await,
            Step::Restart => assert_eq!(run.world.restart().await, 0),
            Step::Replay(index) => {
                let history = run.world.ledger.history();
                if let Some(event) = history.get(index % history.len().max(1)) {
                    let before = run.world.now();
                    run.world.set_time(before.checked_add(std::time::Duration::from_secs(7_200)).unwrap());
                    let applied = run.world.see(event).await;
                    run.world.set_time(before);
                    assert_eq!((applied.posted, applied.already_done, applied.alarms), (0, 1, 0));
                }
            }
            Step::Submit(index, submission) => run.submit(index, submission).await,
        }
        run.check().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_books_agree_with_the_model_after_every_step(steps in vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { live(World::new().await, steps).await });
    }
}

/// The same on PostgreSQL, where `LOCKSTEP_TEST_POSTGRES` names a database.
#[tokio::test]
async fn one_life_on_postgresql() {
    if std::env::var("LOCKSTEP_TEST_POSTGRES").is_err() {
        eprintln!("skipped: LOCKSTEP_TEST_POSTGRES names no database");
        return;
    }
    let world = World::new().await;
    let mut steps = vec![Step::Deposit { party: 0, micros: 5_000 }, Step::Deposit { party: 1, micros: 900 }];
    for channel in 0..6 {
        steps.push(Step::Grant { client: channel % 2, vendor: 2, units: 10, price: 20 });
        steps.push(Step::Submit(channel, Submission::Open));
    }
    steps.extend([
        Step::Submit(0, Submission::Release(4)),
        Step::Submit(1, Submission::Token(10)),
        Step::Submit(2, Submission::Freeze),
        Step::Submit(2, Submission::Token(3)),
        Step::Restart,
    ]);
    steps.extend([
        Step::Submit(2, Submission::Resolve(5)),
        Step::Submit(3, Submission::Refund),
        Step::Replay(1),
        Step::Replay(7),
    ]);
    steps.extend([Step::Withdraw { party: 2, micros: 100 }, Step::Withdraw { party: 0, micros: 90_000 }]);
    live(world, steps).await;
}

/// The worlds of this database ask the server for less (see `World::new`).
#[tokio::test]
async fn a_commit_on_postgresql_is_on_the_disk_whatever_the_server_is_set_to() {
    if std::env::var("LOCKSTEP_TEST_POSTGRES").is_err() {
        eprintln!("skipped: LOCKSTEP_TEST_POSTGRES names no database");
        return;
    }
    let world = World::new().await;
    let mut tx = world.bank.books().write().await.unwrap();
    let row = sqlx::query("SHOW synchronous_commit").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(sqlx::Row::try_get::<String, _>(&row, 0).unwrap(), "on");
    let refused = world.bank.books().backup(&world.folder.path().join("copy")).await.unwrap_err();
    assert!(matches!(refused, crate::bank::books::BackupError::OnServer), "{refused}");
}
