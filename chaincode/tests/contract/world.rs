//! A ledger with the contract, a bank and a vendor, and openings and closes to put before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hlf_shim::Timestamp as Written;
use hlf_shim::testing::{Call, Done, MemoryLedger};
use lockstep_chaincode::{ChannelContract, Clock};
use lockstep_protocol::hash::{IdentityRoot, MemoHash, Nonce, ShortText, Token};
use lockstep_protocol::ledger::{
    BankRegistration, ChannelRecord, CloseByRelease, Command, Open, RegisterBank,
};
use lockstep_protocol::lock::Lock;
use lockstep_protocol::opening::{Opening, OpeningTerms, SignedOpening};
use lockstep_protocol::payment::PaymentFields;
use lockstep_protocol::{
    Amount, ChannelId, LedgerId, MaxDrift, PaymentNumber, Refusal, Reputation, SecretKey, Timestamp, Units,
};
use serde::de::DeserializeOwned;

/// The first transaction's time: 2026-01-01, in the middle of a second.
pub(crate) const NOW: u64 = 1_767_225_600_500;
pub(crate) const FABRIC_CHANNEL: &str = "payments";
pub(crate) const CHAINCODE: &str = "lockstep";

/// The endorser's clock, set by the test.
#[derive(Clone, Debug)]
pub(crate) struct SetClock(Arc<AtomicU64>);

impl Clock for SetClock {
    fn now(&self) -> Option<Timestamp> {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst)).ok()
    }
}

pub(crate) struct World {
    pub(crate) ledger: MemoryLedger,
    pub(crate) contract: ChannelContract<SetClock>,
    clock: Arc<AtomicU64>,
    pub(crate) bank: SecretKey,
    pub(crate) vendor: SecretKey,
}

impl World {
    /// A ledger on which nothing has happened.
    pub(crate) fn empty() -> Self {
        let clock = Arc::new(AtomicU64::new(NOW));
        let mut ledger = MemoryLedger::new(CHAINCODE);
        ledger.set_channel_id(FABRIC_CHANNEL);
        ledger.set_creator("ClientMSP", certificate("client"));
        let contract = ChannelContract::new(SetClock(Arc::clone(&clock)));
        let mut world = Self { ledger, contract, clock, bank: key(1), vendor: key(2) };
        world.set_time(NOW);
        world
    }

    /// A ledger with the bank registered.
    pub(crate) async fn new() -> Self {
        let mut world = Self::empty();
        let done = world.register(&world.registration()).await;
        let _: BankRegistration = answer(&done);
        world
    }

    /// Sets the submitters' clock and the endorser's.
    pub(crate) fn set_time(&mut self, millis: u64) {
        self.set_endorser_clock(millis);
        self.ledger.set_timestamp(written(millis));
    }

    pub(crate) fn set_endorser_clock(&self, millis: u64) {
        self.clock.store(millis, Ordering::SeqCst);
    }

    pub(crate) fn registration(&self) -> RegisterBank {
        RegisterBank::sign(&ledger_id(), name("BankMSP"), MaxDrift::DEFAULT, &self.bank)
    }

    /// Registers as the bank's admin.
    pub(crate) async fn register(&mut self, command: &RegisterBank) -> Done {
        let call = Call::new(RegisterBank::FUNCTION, [command.to_json()]);
        self.ledger.submit(&self.contract, call.creator("BankMSP", certificate("admin"))).await
    }

    pub(crate) async fn submit<T: Command>(&mut self, command: &T) -> Done {
        self.call(Call::new(T::FUNCTION, [command.to_json()])).await
    }

    pub(crate) async fn call(&mut self, call: Call) -> Done {
        self.ledger.submit(&self.contract, call).await
    }

    pub(crate) async fn read(&mut self, function: &str, arguments: &[&str]) -> Done {
        self.ledger.evaluate(&self.contract, Call::new(function, arguments.iter().copied())).await
    }

    /// The terms of channel number `count`: a hundred units of one cent.
    pub(crate) fn terms(&self, count: u8) -> OpeningTerms {
        OpeningTerms {
            ledger: ledger_id(),
            nonce: Nonce::from_bytes([count; 32]),
            bank_key: *self.bank.public_key(),
            client_key: *key(100 + count).public_key(),
            vendor_key: *self.vendor.public_key(),
            client_identity: IdentityRoot::from_bytes([4; 32]),
            vendor_identity: IdentityRoot::from_bytes([5; 32]),
            total: Amount::from_micros(1_000_000),
            unit_price: Amount::from_micros(10_000),
            token_count: Units::from_count(100),
            token_root: Token::from_bytes([6; 32]),
            client_reputation: Reputation::from_points(100),
            vendor_reputation: Reputation::from_points(50),
            opened: time(NOW),
            open_by: time(NOW + 60_000),
            expiry: time(NOW + 3_600_000),
            memo_hash: MemoHash::from_bytes([7; 32]),
        }
    }

    pub(crate) fn sign(&self, terms: OpeningTerms) -> Open {
        Open::new(SignedOpening::sign(Opening::new(terms), &self.bank))
    }

    /// The opening of channel number `count`.
    pub(crate) fn opening(&self, count: u8) -> Open {
        self.sign(self.terms(count))
    }

    /// Opens channel number `count`.
    pub(crate) async fn open(&mut self, count: u8) -> ChannelId {
        let opening = self.opening(count);
        let done = self.submit(&opening).await;
        let record: ChannelRecord = answer(&done);
        record.channel_id()
    }

    /// The close of channel number `count` after one payment with these fields.
    pub(crate) fn close(&self, count: u8, fields: PaymentFields) -> CloseByRelease {
        let signature = key(100 + count).sign(&fields.tx().as_digest());
        CloseByRelease::sign(fields, signature, &self.vendor)
    }

    /// A first payment of three units on channel number `count`.
    pub(crate) fn payment(&self, count: u8) -> PaymentFields {
        let channel = self.opening(count).channel_id();
        PaymentFields {
            channel,
            previous: channel.as_tx(),
            number: PaymentNumber::FIRST,
            units: Units::from_count(3),
            released: Units::from_count(3),
            token: Token::from_bytes([8; 32]),
            ts: time(NOW),
            memo_hash: MemoHash::from_bytes([9; 32]),
            previous_lock: Lock::ZERO,
        }
    }
}

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap()
}

pub(crate) fn time(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(millis).unwrap()
}

pub(crate) fn written(millis: u64) -> Written {
    let nanos = i32::try_from(millis % 1000).unwrap() * 1_000_000;
    Written { seconds: i64::try_from(millis / 1000).unwrap(), nanos }
}

pub(crate) fn name(text: &str) -> ShortText {
    ShortText::new(text).unwrap()
}

pub(crate) fn ledger_id() -> LedgerId {
    LedgerId::of(&name(FABRIC_CHANNEL), &name(CHAINCODE))
}

/// A certificate in PEM with this organisational unit, as Fabric's node OUs have it.
pub(crate) fn certificate(unit: &str) -> String {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::OrganizationalUnitName, unit);
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
}

/// The record that a call answered.
#[track_caller]
pub(crate) fn answer<T: DeserializeOwned>(done: &Done) -> T {
    assert_eq!(done.response.status(), 200, "{}", done.response.message());
    serde_json::from_slice(done.response.payload()).unwrap()
}

/// A call was refused with this code, and has no effect.
#[track_caller]
pub(crate) fn assert_refused(done: &Done, refusal: Refusal) {
    assert_eq!(done.response.status(), 500);
    assert_eq!(done.response.message(), refusal.to_string());
    assert!(done.writes.is_empty() && done.event.is_none(), "{done:?}");
}

/// A call succeeded without writing or announcing anything.
#[track_caller]
pub(crate) fn assert_same_again(done: &Done) {
    assert!(done.response.is_success(), "{}", done.response.message());
    assert!(done.writes.is_empty() && done.event.is_none(), "{done:?}");
}
