//! All parties, their clocks, the network and the ledger; one event at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Duration;

use lockstep::store::Phase;
use lockstep::stream::{ToClient, ToVendor};
use lockstep_protocol::ledger::{ChannelRecord, FreezeReason, Open, Refund};
use lockstep_protocol::payment::{Batch, Head, Payment};
use lockstep_protocol::rules::{self, Clocks, Outcome};
use lockstep_protocol::{EvidenceHash, PaymentNumber, Timestamp, TxHash};

use crate::action::{Action, Role, Setup};
use crate::bank::{Bank, Books};
use crate::cheat;
use crate::fixture::{CHANNELS, START, at, fixture};
use crate::journal::Journal;
use crate::ledger::{Command, Ledger};
use crate::network::{Letter, Network};
use crate::reached::Stage;
use crate::vendor::{Look, Vendor, Wish};
use crate::wallet::{self, Wallet};

/// One step of time, in milliseconds: less than L, so that everybody has a turn within every bound.
const STEP: u64 = 5_000;

/// A defect that is put into a role, to see that its invariant is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// None.
    Nothing,
    /// The vendor acknowledges before it has saved.
    VendorAnswersBeforeItSaves,
    /// The wallet sends before it has saved.
    WalletSendsBeforeItSaves,
    /// The vendor takes payments up to D before expiry, without a margin.
    VendorWithoutMargin,
    /// The vendor's journal takes payments on a channel that is closing.
    VendorAcceptsWhileClosing,
    /// The wallet goes on whatever the vendor remembers.
    WalletDoesNotCompare,
    /// The bank posts an event as often as it reads it.
    BankPostsTwice,
    /// The bank frees the reserve of an opening that seems not to come.
    BankFreesUnseenReserves,
    /// The bank pays the vendor what goes back to the client.
    BankPaysTheRestToTheVendor,
}

/// What the observer knows of one channel.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How far the channel came.
    pub(crate) stage: Stage,
    /// Units that an honest vendor has acknowledged.
    pub(crate) acknowledged: u32,
    /// Units that an honest client has sent.
    pub(crate) sent: u32,
    /// Payments that left an honest client, by number.
    pub(crate) payments: BTreeMap<PaymentNumber, TxHash>,
    /// The end of the chain that left it last.
    head: Option<Head>,
    /// The last number that the vendor showed in its newest greeting.
    pub(crate) shown: PaymentNumber,
    /// What an honest client signed a second time, if it did.
    pub(crate) twice: Option<PaymentNumber>,
}

/// The world of a history.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) setup: Setup,
    now: u64,
    /// Milliseconds: client, vendor, bank, both endorsers.
    pub(crate) offsets: [i64; 5],
    pub(crate) ledger: Ledger,
    pub(crate) network: Network,
    pub(crate) wallet: Wallet,
    pub(crate) vendor: Vendor,
    pub(crate) bank: Bank,
    pub(crate) payer: cheat::Payer,
    pub(crate) seen: [Seen; CHANNELS],
    /// What is worth counting.
    pub(crate) marks: BTreeSet<&'static str>,
    pub(crate) copies: (Option<Journal>, Option<Books>),
    pub(crate) rolled_back: bool,
    /// The vendor's clock was beyond D of an endorser's: it promises nothing then but to accept nothing.
    pub(crate) vendor_clock_was_off: bool,
}

/// The record of a channel as `Open` makes it at the start.
pub(crate) fn opened(channel: usize) -> &'static ChannelRecord {
    static OPENED: OnceLock<Vec<ChannelRecord>> = OnceLock::new();
    let records = OPENED.get_or_init(|| {
        let fixture = fixture();
        let clocks = Clocks { transaction: at(START), endorser: at(START) };
        let open = |opening: &lockstep_protocol::opening::SignedOpening| {
            let open = Open::new(opening.clone());
            match rules::open(Some(&fixture.registration), None, None, &open, &fixture.ledger, clocks) {
                Ok(Outcome::Changed(transition)) => transition.record,
                other => panic!("{other:?}"),
            }
        };
        fixture.openings.iter().map(open).collect()
    });
    records.get(channel % CHANNELS).expect("taken modulo their number")
}

impl World {
    pub(crate) fn new(setup: Setup, planted: Planted) -> Self {
        let mut terms = fixture().terms.clone();
        if planted == Planted::VendorWithoutMargin {
            (terms.commit_bound, terms.release_wait) = (Duration::ZERO, Duration::ZERO);
        }
        let mut world = Self {
            setup,
            now: START + 1000,
            offsets: setup.offsets.map(|seconds| i64::from(seconds) * 1000),
            ledger: Ledger::default(),
            network: Network::default(),
            wallet: Wallet::new(),
            vendor: Vendor::new(terms),
            bank: Bank::default(),
            payer: cheat::Payer::default(),
            seen: Default::default(),
            marks: BTreeSet::new(),
            copies: (None, None),
            rolled_back: false,
            vendor_clock_was_off: false,
        };
        world.vendor.driver.hasty = planted == Planted::VendorAnswersBeforeItSaves;
        world.vendor.driver.journal.heedless = planted == Planted::VendorAcceptsWhileClosing;
        world.wallet.driver.hasty = planted == Planted::WalletSendsBeforeItSaves;
        world.wallet.trusting = planted == Planted::WalletDoesNotCompare;
        world.bank.forgetful = planted == Planted::BankPostsTwice;
        world.bank.generous = planted == Planted::BankFreesUnseenReserves;
        world.bank.lavish = planted == Planted::BankPaysTheRestToTheVendor;
        world
    }

    pub(crate) fn clock(&self, party: usize) -> Timestamp {
        let offset = self.offsets.get(party).copied().unwrap_or_default();
        at(self.now.saturating_add_signed(offset))
    }

    /// One event.
    pub(crate) fn step(&mut self, action: Action) {
        self.apply(action);
        for channel in 0..CHANNELS {
            if self.ledger.record(channel).is_some() {
                self.reach(channel, Stage::Opened);
            }
        }
    }

    fn apply(&mut self, action: Action) {
        let channel = |number: u8| usize::from(number) % CHANNELS;
        match action {
            Action::Grant(c, lost) => self.grant(channel(c), lost),
            Action::Open(c) => self.open(channel(c)),
            Action::Connect(c) => self.connect(channel(c)),
            Action::Pay(c, count, units) if self.wallet.alive && !self.setup.client_cheats => {
                let now = self.clock(0);
                let out = self.wallet.pay(channel(c), count, units, now);
                self.leave(out);
            }
            Action::Release(c) if self.wallet.alive => {
                let out = self.wallet.release(channel(c), None);
                self.leave(out);
            }
            Action::Refund(c, skew) => {
                let id = fixture().id(channel(c));
                let ts = at(self.clock(0).as_unix_millis().saturating_add_signed(i64::from(skew) * 1000));
                let _ = self.submit(channel(c), &Command::Refund(Refund::new(id)), ts);
            }
            Action::Flush(role) => self.flush(role),
            Action::Deliver(which) => {
                if let Some(letter) = self.network.take(which.into()) {
                    self.deliver(letter);
                }
            }
            Action::Drop(which) => drop(self.network.take(which.into())),
            Action::Duplicate(which) => self.network.repeat(which.into()),
            Action::Crash(role) => self.crash(role),
            Action::Restart(role) => self.restart(role),
            Action::Copy(role) => self.copy(role),
            Action::Rollback(role) => self.roll_back(role),
            Action::Order(which) => self.ledger.commit(which.into()),
            Action::Lose(which) => self.ledger.lose(which.into()),
            Action::Post | Action::PostAgain if self.bank.alive => {
                let now = self.clock(2);
                self.bank.post(&self.ledger, now, action == Action::PostAgain);
            }
            Action::Close(c) if self.vendor.alive => self.vendor.mark_closing(channel(c)),
            Action::Freeze(c) if self.bank.alive => {
                let evidence = EvidenceHash::from_bytes([8; 32]);
                self.bank.decide_freeze(channel(c), FreezeReason::CourtOrder, evidence);
            }
            Action::Tick(steps) => (0..steps).for_each(|_| self.tick()),
            Action::SetClock(party, seconds) => self.set_clock(party, seconds),
            Action::CheatPay(c, kind) if self.setup.client_cheats => self.cheat_pay(channel(c), kind),
            Action::CheatTake(c, kind) if self.setup.vendor_cheats => self.cheat_take(channel(c), kind),
            _ => {}
        }
    }

    fn grant(&mut self, channel: usize, lost: bool) {
        let now = self.clock(2);
        if self.bank.alive && self.bank.grant(channel, now) && !lost && self.wallet.alive {
            self.wallet.remember(channel);
            self.reach(channel, Stage::Granted);
        }
    }

    /// An opening that the wallet holds may be submitted by anybody, at any time.
    fn open(&mut self, channel: usize) {
        if self.wallet.phase(channel).is_some() {
            let open = Command::Open(Open::new(fixture().opening(channel).clone()));
            let _ = self.submit(channel, &open, self.clock(0));
        }
    }

    fn connect(&mut self, channel: usize) {
        if self.setup.client_cheats {
            let hello = ToVendor::Hello(fixture().id(channel));
            self.network.send(Letter::ToVendor(channel, 0, hello));
        } else if self.wallet.alive {
            let out = self.wallet.connect(channel, self.ledger.record(channel));
            self.leave(out);
        }
    }

    pub(crate) fn submit(
        &mut self,
        channel: usize,
        command: &Command,
        ts: Timestamp,
    ) -> Result<bool, lockstep_protocol::Refusal> {
        let endorsers = [self.clock(3), self.clock(4)];
        self.ledger.submit(channel, command, ts, (self.now, endorsers))
    }

    pub(crate) fn reach(&mut self, channel: usize, stage: Stage) {
        if let Some(seen) = self.seen.get_mut(channel) {
            seen.stage.reach(stage);
        }
    }

    /// Messages leave the client: what is in them is in the world.
    fn leave(&mut self, out: Vec<wallet::Out>) {
        for (channel, connection, message) in out {
            if let ToVendor::Batch(bytes) = &message {
                self.note_sent(channel, bytes);
            }
            self.network.send(Letter::ToVendor(channel, connection, message));
        }
    }

    fn note_sent(&mut self, channel: usize, bytes: &[u8]) {
        let Ok(batch) = Batch::decode(bytes, 64) else { return };
        let start = Head::start(fixture().opening(channel).opening());
        let before = batch.first.previous().unwrap_or_default();
        let stored = self.wallet.driver.journal.payment(fixture().id(channel), before).map(Head::after);
        let Some(seen) = self.seen.get_mut(channel) else { return };
        let last = seen.head.filter(|head| head.number() == before);
        let head = if before == PaymentNumber::OPENING { Some(start) } else { stored.or(last) };
        let Some(mut head) = head else { return };
        for record in &batch.records {
            let Ok(payment) = Payment::chain(&head, record) else { return };
            head = Head::after(&payment);
            let before = seen.payments.insert(payment.number(), payment.tx());
            // After a rollback behind the wallet's back only what the vendor shows can tell it [Spec §4].
            let blameless = self.rolled_back && payment.number() > seen.shown;
            if before.is_some_and(|before| before != payment.tx()) && !blameless {
                seen.twice = Some(payment.number());
            }
            seen.sent = seen.sent.max(payment.fields().released.as_count());
        }
        seen.head = Some(head);
    }

    fn grant_wishes(&mut self, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Say((channel, connection, message)) => {
                    if let (ToClient::Acknowledged(ack), Some(seen)) = (&message, self.seen.get_mut(channel))
                        && ack.released.as_count() > seen.acknowledged
                    {
                        seen.acknowledged = ack.released.as_count();
                        seen.stage.reach(Stage::Acknowledged);
                        seen.stage.reach(Stage::PaidAgain);
                    }
                    self.network.send(Letter::ToClient(channel, connection, message));
                }
                Wish::Submit(channel, command, latest) => {
                    let now = self.clock(1);
                    let ts = latest.map_or(now, |latest| latest.min(now));
                    if let Err(refusal) = self.submit(channel, &command, ts) {
                        self.vendor.refused(channel, &command, refusal);
                        if latest.is_some() && refusal == lockstep_protocol::Refusal::ClockOff {
                            self.vendor.date_refused(channel);
                        }
                    }
                }
                Wish::Accuse(channel, proof) => self.network.send(Letter::Proof(channel, proof)),
            }
        }
    }

    fn clock_is_off(&self) -> bool {
        // Its own organisation's peer is the second endorser.
        self.ledger.refuses_clock(self.clock(1), self.clock(4).as_unix_millis())
    }

    fn deliver(&mut self, letter: Letter) {
        match letter {
            Letter::ToVendor(channel, connection, message) if self.vendor.alive => {
                let (now, clock_off) = (self.clock(1), self.clock_is_off());
                let record = self.ledger.record(channel);
                let look = Look { now, record, clock_off };
                let wishes = self.vendor.take((channel, connection), message, look);
                self.grant_wishes(wishes);
            }
            Letter::ToClient(channel, connection, message) if self.wallet.alive => {
                // A greeting while a payment is being saved is passed over: that payment was signed before it.
                if let (ToClient::Welcome(welcome), Some(seen)) = (&message, self.seen.get_mut(channel))
                    && self.wallet.driver.is_idle()
                {
                    seen.shown = welcome.last.number;
                }
                let record = self.ledger.record(channel);
                let out = self.wallet.take((channel, connection), message, record);
                self.leave(out);
                if self.wallet.session(channel).is_some_and(|(_, ready)| ready) {
                    self.reach(channel, Stage::Connected);
                    self.reach(channel, Stage::Reconnected);
                }
            }
            Letter::Proof(channel, proof) if self.bank.alive => {
                self.marks.insert("client accused");
                self.bank.take_proof(channel, &proof);
            }
            _ => {}
        }
    }

    fn flush(&mut self, role: Role) {
        match role {
            Role::Wallet => {
                let out = self.wallet.driver.step().ok().flatten();
                self.leave(out.into_iter().collect());
            }
            Role::Vendor => {
                let wish = self.vendor.flush();
                self.grant_wishes(wish.into_iter().collect());
            }
            // The books' changes are transactions.
            Role::Bank => {}
        }
    }

    /// Time passes. Everybody who lives makes a round; a vendor is never down for longer than a step.
    pub(crate) fn tick(&mut self) {
        self.now += STEP;
        self.ledger.settle(self.now);
        self.vendor.alive = true;
        for channel in 0..CHANNELS {
            let off = self.clock_is_off()
                || self.ledger.refuses_clock(self.clock(1), self.clock(3).as_unix_millis());
            self.vendor_clock_was_off |= off;
            if off {
                self.marks.insert("vendor's clock refused");
            }
            let (now, clock_off) = (self.clock(1), self.clock_is_off());
            let look = Look { now, record: self.ledger.record(channel), clock_off };
            let wishes = self.vendor.round(channel, look, self.ledger.is_busy(channel));
            self.grant_wishes(wishes);
            let now = self.clock(2);
            if self.bank.alive
                && !self.ledger.is_busy(channel)
                && let Some(command) = self.bank.keep(channel, self.ledger.record(channel), now)
            {
                let _ = self.submit(channel, &command, now);
            }
        }
    }

    /// Everybody comes back, and time passes until nothing is left to do.
    pub(crate) fn end(&mut self) {
        [Role::Wallet, Role::Vendor, Role::Bank].into_iter().for_each(|role| self.restart(role));
        for _ in 0..90 {
            self.tick();
            (0..3).for_each(|_| self.step(Action::Post));
            if (0..CHANNELS).all(|channel| self.is_settled(channel)) {
                return;
            }
        }
    }

    /// Whether nobody has anything left to do for a channel.
    fn is_settled(&self, channel: usize) -> bool {
        let booked =
            self.bank.books.channels.get(channel).is_none_or(|book| book.reserved == 0 && book.withheld == 0);
        booked && self.is_over(channel) && !self.ledger.is_busy(channel) && self.bank.has_read(&self.ledger)
    }

    /// Whether a channel has reached an ending on the ledger.
    pub(crate) fn is_over(&self, channel: usize) -> bool {
        self.vendor.phase(channel).is_none_or(|phase| phase == Phase::Closed)
    }
}
