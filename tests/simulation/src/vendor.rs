//! The vendor: its own machine [`lockstep::vendor::Machine`] while it takes payments; closing goes through the same phases of the
//! protocol and of the journal as the vendor's settlement does.

use lockstep::party::replay;
use lockstep::store::{Advance, Change, Evidence, NewChannel, Phase};
use lockstep::stream::{Refused, ToClient, ToVendor, Welcome};
use lockstep::vendor::{Dates, Ending, FRAUD_PROOF, Machine};
use lockstep_protocol::ledger::{ChannelRecord, ChannelState, CloseByRelease, CloseByToken};
use lockstep_protocol::payee::{Claiming, Closing, LedgerView, NotReleased, Receiving, VendorTerms};
use lockstep_protocol::payment::{Batch, Head, PaymentRecord};
use lockstep_protocol::release::{NoRelease, Progress, Walk};
use lockstep_protocol::{ChannelId, Refusal, Signature, Timestamp, Token, Units};

use crate::cache::Cache;
use crate::driver::Driver;
use crate::fixture::{CHANNELS, COMMIT, DRIFT, EXPIRY, RELEASE_WAIT, START, fixture};
use crate::ledger::Command;

/// What [`Receiving::take`] gives by the vendor's clock; else it depends on record and terms.
static TAKEN: Cache<Timestamp, (ChannelRecord, VendorTerms), Result<Head, Refusal>> = Cache::new();

/// What [`Claiming::command`] gives by channel and c; else it depends on f_c. A vendor whose clock is refused claims every round.
static CLAIMS: Cache<(ChannelId, Units), Token, CloseByToken> = Cache::new();

/// A message for a connection.
pub(crate) type Out = (usize, u32, ToClient);

/// What the vendor sees when it looks at the ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) now: Timestamp,
    pub(crate) record: Option<&'a ChannelRecord>,
    /// The ledger refuses this vendor's clock.
    pub(crate) clock_off: bool,
}

/// What it wants done. A transaction is dated by the vendor's clock, and no later than is said beside it.
#[derive(Debug)]
pub(crate) enum Wish {
    Say(Out),
    Submit(usize, Box<Command>, Option<Timestamp>),
    Accuse(usize, Vec<u8>),
}

/// The vendor.
#[derive(Debug)]
pub(crate) struct Vendor {
    pub(crate) alive: bool,
    pub(crate) driver: Driver<Out>,
    machines: [Option<Machine>; CHANNELS],
    views: [Option<LedgerView>; CHANNELS],
    /// Since when, by its own clock, it waits for a release.
    waiting: [Option<u64>; CHANNELS],
    dates: [Option<Dates>; CHANNELS],
    connections: [u32; CHANNELS],
    terms: VendorTerms,
}

impl Vendor {
    pub(crate) fn new(terms: VendorTerms) -> Self {
        Self {
            alive: true,
            driver: Driver::default(),
            machines: Default::default(),
            views: Default::default(),
            waiting: Default::default(),
            dates: Default::default(),
            connections: Default::default(),
            terms,
        }
    }

    pub(crate) fn phase(&self, channel: usize) -> Option<Phase> {
        self.driver.journal.channel(fixture().id(channel)).map(|stored| stored.phase)
    }

    /// Takes a message of a client.
    pub(crate) fn take(
        &mut self,
        (channel, connection): (usize, u32),
        message: ToVendor,
        look: Look<'_>,
    ) -> Vec<Wish> {
        let answer = match message {
            ToVendor::Hello(_) => self.greet((channel, connection), look),
            ToVendor::Batch(bytes) => self.judge((channel, connection), &bytes, look),
            ToVendor::Release(signature) => self.released(channel, signature, look),
        };
        match answer {
            Ok(wishes) => wishes,
            Err(refusal) => {
                if matches!(refusal, Refusal::ExpiryNear | Refusal::NotOpenOnLedger | Refusal::VendorClockOff)
                {
                    self.mark_closing(channel);
                }
                vec![Wish::Say((channel, connection, ToClient::Refused(Refused::from(refusal))))]
            }
        }
    }

    fn greet(&mut self, (channel, connection): (usize, u32), look: Look<'_>) -> Result<Vec<Wish>, Refusal> {
        let id = fixture().id(channel);
        if self.driver.journal.channel(id).is_none() {
            let record = look.record.ok_or(Refusal::ChannelNotSeen)?;
            let arguments = (record.clone(), self.terms.clone());
            let taken = TAKEN.get(look.now, &arguments, || {
                Receiving::take(record, self.terms.clone(), look.now).map(|receiving| *receiving.head())
            });
            let head = replay::encode_state(taken?);
            let new = NewChannel { channel: id, phase: Phase::Open, head, facts: String::new() };
            self.save(&Change::Create(new));
        }
        set(&mut self.connections, channel, connection);
        let stored = self.driver.journal.channel(id).ok_or(Refusal::VendorUnavailable)?;
        let (last, closing) = (stored.head.ack(), stored.phase != Phase::Open);
        let mut wishes = vec![ToClient::Welcome(Welcome { last, closing })];
        if stored.phase == Phase::Closing {
            wishes.push(ToClient::ReleaseWanted(last));
        }
        Ok(wishes.into_iter().map(|message| Wish::Say((channel, connection, message))).collect())
    }

    fn judge(
        &mut self,
        (channel, connection): (usize, u32),
        bytes: &[u8],
        look: Look<'_>,
    ) -> Result<Vec<Wish>, Refusal> {
        let batch = Batch::decode(bytes, 64).map_err(|_| Refusal::MalformedMessage)?;
        let mut machine = self.machine(channel)?;
        let repeated = machine.repeated(&batch);
        let mut wishes = Vec::new();
        if repeated > 0 {
            // The journal must have them all before it is compared.
            wishes.extend(self.finish());
            machine = self.machine(channel)?;
            let known = self.compare(channel, &machine, &batch, repeated)?;
            wishes.push(Wish::Say((channel, connection, ToClient::Acknowledged(known))));
        }
        let fresh: Vec<PaymentRecord> = batch.records.iter().skip(repeated).cloned().collect();
        if fresh.is_empty() {
            set(&mut self.machines, channel, Some(machine));
            return Ok(wishes);
        }
        let view = self.view(channel, look)?;
        let first = u32::try_from(repeated).map_err(|_| Refusal::MalformedMessage)?;
        let first = lockstep_protocol::PaymentNumber::from_index(batch.first.as_index() + first);
        let judged = machine.accept(first, &fresh, look.now, view);
        set(&mut self.machines, channel, Some(machine));
        if let Some(effects) = judged.effects {
            let early = self.driver.start(effects, |message| (channel, connection, message));
            wishes.extend(early.map(Wish::Say));
        }
        if let Some(refusal) = judged.refused {
            wishes.extend(self.finish());
            if refusal == Refusal::ExpiryNear {
                self.mark_closing(channel);
            }
            wishes.push(Wish::Say((channel, connection, ToClient::Refused(Refused::from(refusal)))));
        }
        Ok(wishes)
    }

    /// The machine that takes payments, made from the journal if there is none.
    fn machine(&mut self, channel: usize) -> Result<Machine, Refusal> {
        if let Some(machine) = self.machines.get_mut(channel).and_then(Option::take) {
            return Ok(machine);
        }
        let stored = self.driver.journal.channel(fixture().id(channel)).ok_or(Refusal::ChannelNotSeen)?;
        if stored.phase != Phase::Open {
            return Err(Refusal::ChannelClosing);
        }
        let record = record_of(channel);
        Ok(Machine::new(Receiving::resume(&record, self.terms.clone(), stored.head)?))
    }

    fn compare(
        &self,
        channel: usize,
        machine: &Machine,
        batch: &Batch,
        repeated: usize,
    ) -> Result<lockstep_protocol::payment::Ack, Refusal> {
        let id = fixture().id(channel);
        let mut pairs = Vec::new();
        for (number, record) in batch.numbered().take(repeated) {
            pairs.push((self.driver.journal.payment(id, number).ok_or(Refusal::VendorUnavailable)?, record));
        }
        machine.check_repeats(pairs)
    }

    /// The view by which payments are judged: the last one while it is not too old, else a new one.
    fn view(&mut self, channel: usize, look: Look<'_>) -> Result<LedgerView, Refusal> {
        let oldest = self.terms.oldest_view(fixture().drift);
        let known = self.views.get(channel).copied().flatten();
        if let Some(view) = known
            && view.seen <= look.now
            && view.seen.distance(look.now) <= oldest
        {
            return Ok(view);
        }
        if look.clock_off {
            return Err(Refusal::VendorClockOff);
        }
        let state = look.record.ok_or(Refusal::NotOpenOnLedger)?.state();
        let view = LedgerView { state, seen: look.now };
        set(&mut self.views, channel, Some(view));
        Ok(view)
    }

    fn released(
        &mut self,
        channel: usize,
        signature: Signature,
        look: Look<'_>,
    ) -> Result<Vec<Wish>, Refusal> {
        let wishes = self.finish();
        let id = fixture().id(channel);
        let stored = self.driver.journal.channel(id).ok_or(Refusal::ChannelNotSeen)?;
        let from = stored.phase;
        if !matches!(from, Phase::Open | Phase::Closing) || look.record.is_none() {
            return Ok(wishes);
        }
        let closing = Closing::resume(&record_of(channel), stored.head)?;
        closing.asks_for()?;
        let head = stored.head;
        let last = self.driver.journal.payment(id, head.number()).ok_or(Refusal::VendorUnavailable)?;
        let (to, ending) = match closing.released(last, signature) {
            Ok(_) => (Phase::Released, Ending { release: Some(signature), ..Ending::default() }),
            Err(not) => match *not {
                NotReleased::Bad { reason: NoRelease::LastLock, .. } => (Phase::Claiming, Ending::default()),
                _ => return Err(Refusal::BadRelease),
            },
        };
        let advance = Advance {
            at: Some(head.number()),
            ending: Some(replay::encode_note(&ending)),
            ..Advance::new(id, from, to)
        };
        self.save(&Change::Advance(advance));
        set(&mut self.machines, channel, None);
        Ok(wishes)
    }

    /// Marks a channel closing: nothing that is not durable yet is accepted after it.
    pub(crate) fn mark_closing(&mut self, channel: usize) {
        self.save(&Change::Advance(Advance::new(fixture().id(channel), Phase::Open, Phase::Closing)));
        if !self.driver.journal.heedless {
            set(&mut self.machines, channel, None);
        }
    }

    /// What is to be done without anybody asking.
    pub(crate) fn round(&mut self, channel: usize, look: Look<'_>, busy: bool) -> Vec<Wish> {
        let now = look.now.as_unix_millis();
        let left = (START + EXPIRY).saturating_sub(now);
        let margin = u64::try_from(self.terms.safety_margin(fixture().drift).as_millis()).unwrap_or(u64::MAX);
        let connection = self.connections.get(channel).copied().unwrap_or_default();
        match self.phase(channel) {
            Some(Phase::Open) if left <= margin || look.clock_off => {
                self.mark_closing(channel);
                Vec::new()
            }
            Some(Phase::Closing) => {
                let stored = self.driver.journal.channel(fixture().id(channel));
                let Some(ack) = stored.map(|stored| stored.head.ack()) else { return Vec::new() };
                let since = self.waiting.get(channel).copied().flatten();
                if since.is_none() {
                    set(&mut self.waiting, channel, Some(now));
                }
                let waited = since.is_some_and(|since| now.saturating_sub(since) >= RELEASE_WAIT);
                let nothing = ack.number == lockstep_protocol::PaymentNumber::OPENING;
                if waited || nothing || left <= DRIFT + 3 * COMMIT {
                    self.advance(channel, Phase::Closing, Phase::Claiming);
                    return Vec::new();
                }
                vec![Wish::Say((channel, connection, ToClient::ReleaseWanted(ack)))]
            }
            Some(Phase::Released) => self.walk(channel),
            Some(phase @ (Phase::Unlocked | Phase::Disputed)) => {
                if ended(look.record) {
                    self.advance(channel, phase, Phase::Closed);
                } else if left <= DRIFT + 2 * COMMIT {
                    self.advance(channel, phase, Phase::Claiming);
                } else if !busy {
                    let command = self.release_command(channel).map(Command::Release);
                    return command
                        .map(|command| Wish::Submit(channel, Box::new(command), None))
                        .into_iter()
                        .collect();
                }
                Vec::new()
            }
            Some(Phase::Claiming) => {
                let id = fixture().id(channel);
                let Some(stored) = self.driver.journal.channel(id) else { return Vec::new() };
                let claimed = look.record.is_some_and(|record| record.claim().is_some());
                if claimed || ended(look.record) {
                    self.advance(channel, Phase::Claiming, Phase::Closed);
                    return Vec::new();
                }
                if busy {
                    return Vec::new();
                }
                let claiming = Claiming::resume(stored.head);
                let place = (id, stored.head.released());
                let claim = CLAIMS.get(place, stored.head.token(), || claiming.command(&fixture().vendor));
                let dates = self.dates.get_mut(channel);
                let latest = dates.and_then(|dates| {
                    dates.get_or_insert_with(|| Dates::of(&record_of(channel))).next(look.now)
                });
                vec![Wish::Submit(channel, Box::new(Command::Token(claim)), latest)]
            }
            _ => Vec::new(),
        }
    }

    /// The ledger refuses the close by release: only token closes are left.
    pub(crate) fn refused(&mut self, channel: usize, command: &Command, refusal: Refusal) {
        if matches!(command, Command::Release(_)) && refusal != Refusal::ClockOff {
            for phase in [Phase::Unlocked, Phase::Disputed] {
                self.advance(channel, phase, Phase::Claiming);
            }
        }
    }

    /// The ledger refuses the date of the last claim, which lay back.
    pub(crate) fn date_refused(&mut self, channel: usize) {
        if let Some(dates) = self.dates.get_mut(channel).and_then(Option::as_mut) {
            dates.refused();
        }
    }

    /// Recovers the receipts, or convicts the client.
    fn walk(&mut self, channel: usize) -> Vec<Wish> {
        let id = fixture().id(channel);
        let Some(stored) = self.driver.journal.channel(id) else { return Vec::new() };
        let mut down = stored.payments.iter().rev();
        let release = replay::decode_note::<Ending>(&stored.ending).ok().and_then(|ending| ending.release);
        let (Some(last), Some(signature)) = (down.next(), release) else { return Vec::new() };
        let walked = Walk::start(fixture().opening(channel), last, signature);
        let (_, mut progress) = walked.expect("the release was good when it was taken");
        for payment in down {
            let Progress::More(walk) = progress else { break };
            (_, progress) = walk.step(payment).expect("the journal's own chain");
        }
        match progress {
            Progress::Cheated(proof) => {
                let evidence = Evidence { kind: FRAUD_PROOF, bytes: proof.encode() };
                let advance = Advance {
                    evidence: Some(evidence),
                    ..Advance::new(id, Phase::Released, Phase::Disputed)
                };
                self.save(&Change::Advance(advance));
                vec![Wish::Accuse(channel, proof.encode())]
            }
            _ => {
                self.advance(channel, Phase::Released, Phase::Unlocked);
                Vec::new()
            }
        }
    }

    fn release_command(&self, channel: usize) -> Option<CloseByRelease> {
        let stored = self.driver.journal.channel(fixture().id(channel))?;
        let ending = replay::decode_note::<Ending>(&stored.ending).ok()?;
        Some(CloseByRelease::sign(*stored.payments.last()?.fields(), ending.release?, &fixture().vendor))
    }

    /// Makes everything durable; gives what may be said then.
    fn finish(&mut self) -> Vec<Wish> {
        let mut wishes = Vec::new();
        while !self.driver.is_idle() {
            wishes.extend(self.flush());
        }
        wishes
    }

    /// Makes the oldest change durable; on a conflict the machine is made anew from the journal.
    pub(crate) fn flush(&mut self) -> Option<Wish> {
        match self.driver.step() {
            Ok(message) => message.map(Wish::Say),
            Err(_) => {
                self.machines = Default::default();
                None
            }
        }
    }

    fn advance(&mut self, channel: usize, from: Phase, to: Phase) {
        self.save(&Change::Advance(Advance::new(fixture().id(channel), from, to)));
    }

    /// What the journal does not take it has moved past.
    fn save(&mut self, change: &Change) {
        let _ = self.driver.journal.apply(change);
    }

    /// Dies.
    pub(crate) fn crash(&mut self) {
        self.alive = false;
        self.driver.crash();
        self.machines = Default::default();
        self.views = Default::default();
        self.waiting = Default::default();
        self.dates = Default::default();
    }
}

fn set<T>(places: &mut [T; CHANNELS], channel: usize, value: T) {
    if let Some(place) = places.get_mut(channel) {
        *place = value;
    }
}

/// Whether the channel pays the vendor nothing more on the vendor's word.
fn ended(record: Option<&ChannelRecord>) -> bool {
    record.is_some_and(|record| !matches!(record.state(), ChannelState::Open | ChannelState::Frozen))
}

/// The record as the vendor kept it when it took the channel.
fn record_of(channel: usize) -> ChannelRecord {
    crate::world::opened(channel).clone()
}
