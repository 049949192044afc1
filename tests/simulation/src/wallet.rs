//! The client: the wallet's own machine [`lockstep::wallet::Machine`] between a journal and the network.

use lockstep::party::replay;
use lockstep::store::{Advance, Change, NewChannel, Phase};
use lockstep::stream::{ToClient, ToVendor, Welcome};
use lockstep::wallet::{Ending, Machine, NotReleased, Stop};
use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::payer::{Poisoned, Released, Resuming};
use lockstep_protocol::payment::{Ack, Batch, Head, Payment};
use lockstep_protocol::{Memo, PaymentNumber, Timestamp, Units};

use crate::driver::Driver;
use crate::fixture::{CHANNELS, fixture};

/// A message for a connection.
pub(crate) type Out = (usize, u32, ToVendor);

/// A stream to the vendor.
#[derive(Debug)]
struct Session {
    connection: u32,
    machine: Option<Machine>,
    acknowledged: Ack,
}

/// The client.
#[derive(Debug, Default)]
pub(crate) struct Wallet {
    pub(crate) alive: bool,
    pub(crate) driver: Driver<Out>,
    sessions: [Option<Session>; CHANNELS],
    connections: u32,
    /// Payments asked for so far: no two have the same memo.
    asked: u32,
    /// Planted: the vendor's last payment is not compared with the journal.
    pub(crate) trusting: bool,
}

impl Wallet {
    pub(crate) fn new() -> Self {
        Self { alive: true, ..Self::default() }
    }

    /// The stream that is open, and whether payments can be made on it.
    pub(crate) fn session(&self, channel: usize) -> Option<(u32, bool)> {
        let session = self.sessions.get(channel)?.as_ref()?;
        Some((session.connection, session.machine.is_some()))
    }

    pub(crate) fn phase(&self, channel: usize) -> Option<Phase> {
        self.driver.journal.channel(fixture().id(channel)).map(|stored| stored.phase)
    }

    /// Takes what the bank has granted into the journal.
    pub(crate) fn remember(&mut self, channel: usize) {
        let opening = fixture().opening(channel).opening();
        let head = replay::encode_state(Head::start(opening));
        let new =
            NewChannel { channel: fixture().id(channel), phase: Phase::Granted, head, facts: String::new() };
        self.save(&Change::Create(new));
    }

    /// Opens a stream, once the ledger has the channel.
    pub(crate) fn connect(&mut self, channel: usize, record: Option<&ChannelRecord>) -> Vec<Out> {
        // What the last session signed is still on its way to the disk; it is not sent any more.
        while !self.driver.is_idle() {
            let _ = self.driver.step();
        }
        let id = fixture().id(channel);
        if self.phase(channel) == Some(Phase::Granted) && record.is_some() {
            self.save(&Change::Advance(Advance::new(id, Phase::Granted, Phase::Open)));
        }
        if !matches!(self.phase(channel), Some(Phase::Open | Phase::Released)) {
            return Vec::new();
        }
        self.connections += 1;
        let acknowledged = Head::start(fixture().opening(channel).opening()).ack();
        self.set(channel, Some(Session { connection: self.connections, machine: None, acknowledged }));
        vec![(channel, self.connections, ToVendor::Hello(id))]
    }

    /// Makes payments.
    pub(crate) fn pay(&mut self, channel: usize, count: u8, units: u8, now: Timestamp) -> Vec<Out> {
        let Some(session) = self.sessions.get_mut(channel).and_then(Option::as_mut) else {
            return Vec::new();
        };
        let connection = session.connection;
        let Some(machine) = &mut session.machine else { return Vec::new() };
        self.asked += 1;
        let memo = Memo::new(self.asked.to_string()).unwrap_or_default();
        let Ok(paid) = machine.pay(count.into(), Units::from_count(units.into()), &memo, now) else {
            return Vec::new();
        };
        self.driver.start(paid.effects, |message| (channel, connection, message)).into_iter().collect()
    }

    /// Releases the vendor's last payment.
    pub(crate) fn release(&mut self, channel: usize, asked: Option<Ack>) -> Vec<Out> {
        let id = fixture().id(channel);
        let Some(session) = self.sessions.get_mut(channel).and_then(Option::as_mut) else {
            return Vec::new();
        };
        let vendor = asked.unwrap_or(session.acknowledged);
        let connection = session.connection;
        let Some(machine) = session.machine.take() else { return Vec::new() };
        let own = self.driver.journal.payment(id, vendor.number);
        match machine.release(&vendor, own, None) {
            Ok((_, effects)) => {
                self.driver.start(effects, |message| (channel, connection, message)).into_iter().collect()
            }
            Err(NotReleased::NothingPaid | NotReleased::Damaged) => Vec::new(),
            Err(NotReleased::Stop(stop)) => self.stop(channel, *stop),
        }
    }

    /// Takes a message of the vendor.
    pub(crate) fn take(
        &mut self,
        (channel, connection): (usize, u32),
        message: ToClient,
        record: Option<&ChannelRecord>,
    ) -> Vec<Out> {
        let current = self.sessions.get(channel).and_then(Option::as_ref).map(|session| session.connection);
        if current != Some(connection) {
            return Vec::new();
        }
        match message {
            ToClient::Welcome(welcome) => self.welcomed((channel, connection), welcome, record),
            ToClient::Acknowledged(ack) => self.acknowledged(channel, ack),
            ToClient::ReleaseWanted(ack) => match self.phase(channel) {
                Some(Phase::Released) => self.release_again((channel, connection), &ack),
                _ => self.release(channel, Some(ack)),
            },
            ToClient::Refused(_) => {
                self.set(channel, None);
                Vec::new()
            }
            ToClient::Unlocked(_) | ToClient::Settled(_) => Vec::new(),
        }
    }

    fn welcomed(
        &mut self,
        (channel, connection): (usize, u32),
        Welcome { last, .. }: Welcome,
        record: Option<&ChannelRecord>,
    ) -> Vec<Out> {
        if self.phase(channel) == Some(Phase::Released) {
            return self.release_again((channel, connection), &last);
        }
        let (id, fixture) = (fixture().id(channel), fixture());
        let (Some(record), Some(stored)) = (record, self.driver.journal.channel(id)) else {
            return Vec::new();
        };
        if stored.phase != Phase::Open || !self.driver.is_idle() {
            return Vec::new();
        }
        let head = stored.head;
        let Ok(resuming) = Resuming::new(record, fixture.opening(channel), &fixture.seed, head) else {
            return Vec::new();
        };
        let shown = if self.trusting { head.ack() } else { last };
        let own = self.driver.journal.payment(id, shown.number);
        let machine = match Machine::reconcile(resuming, &shown, own) {
            Ok(machine) => machine,
            Err(stop) => return self.stop(channel, *stop),
        };
        self.set(channel, Some(Session { connection, machine: Some(machine), acknowledged: shown }));
        let payments = self.driver.journal.channel(id).map(|stored| stored.payments.clone());
        let lacking: Vec<Payment> = payments
            .unwrap_or_default()
            .into_iter()
            .filter(|payment| payment.number() > last.number)
            .collect();
        let again = Batch::of(&lacking).map(|batch| (channel, connection, ToVendor::Batch(batch.encode())));
        again.into_iter().collect()
    }

    fn acknowledged(&mut self, channel: usize, ack: Ack) -> Vec<Out> {
        let id = fixture().id(channel);
        let agrees = ack == Head::start(fixture().opening(channel).opening()).ack()
            || self.driver.journal.payment(id, ack.number).is_some_and(|own| own.ack() == ack);
        if agrees || self.trusting {
            if let Some(session) = self.sessions.get_mut(channel).and_then(Option::as_mut)
                && ack.number > session.acknowledged.number
            {
                session.acknowledged = ack;
            }
            return Vec::new();
        }
        let at =
            self.driver.journal.channel(id).map_or(PaymentNumber::OPENING, |stored| stored.head.number());
        self.stop(channel, Stop::of(Poisoned { channel: id, vendor: ack }, at))
    }

    fn release_again(&self, (channel, connection): (usize, u32), asked: &Ack) -> Vec<Out> {
        let stored = self.driver.journal.channel(fixture().id(channel));
        let ending = stored.and_then(|stored| replay::decode_note::<Ending>(&stored.ending).ok());
        let released: Option<Released> = ending.and_then(|ending| ending.released).map(Into::into);
        let same = released.filter(|released| released.last() == asked);
        same.map(|released| (channel, connection, ToVendor::Release(*released.signature())))
            .into_iter()
            .collect()
    }

    /// Marks a channel on which nothing is signed any more, before anything else happens.
    fn stop(&mut self, channel: usize, stop: Stop) -> Vec<Out> {
        if let Some(change) = stop.effects.persist {
            self.save(&change);
        }
        self.set(channel, None);
        Vec::new()
    }

    /// What the journal does not take it has moved past.
    fn save(&mut self, change: &Change) {
        let _ = self.driver.journal.apply(change);
    }

    fn set(&mut self, channel: usize, session: Option<Session>) {
        if let Some(place) = self.sessions.get_mut(channel) {
            *place = session;
        }
    }

    /// Dies.
    pub(crate) fn crash(&mut self) {
        self.alive = false;
        self.driver.crash();
        self.sessions = Default::default();
    }
}
