//! The channel contract's arguments [Spec §8, §10].

use std::sync::OnceLock;

use futures::executor::block_on;
use hlf_shim::testing::{Call, MemoryLedger};
use lockstep_chaincode::{ChannelContract, Clock};
use lockstep_protocol::ledger::{Command as _, Open, RegisterBank};
use lockstep_protocol::{Refusal, Timestamp};

use crate::Target;
use crate::scene::{BANK_MSP, CHAINCODE, FABRIC_CHANNEL, Scene, after};

/// Ends an argument. It is in no UTF-8 text.
pub const SEPARATOR: u8 = 0xff;

/// Most keys that a call writes: a record and its indexes.
const MOST_WRITES: usize = 4;

/// Any function with any arguments, on a ledger with a bank and an open channel.
pub const CONTRACT: Target = Target {
    name: "contract",
    decoders: &[("call", |bytes| call(bytes, 2)), ("late-call", |bytes| call(bytes, 7_200_000))],
};

/// The endorser's clock.
#[derive(Clone, Copy, Debug)]
struct SetClock(Timestamp);

impl Clock for SetClock {
    fn now(&self) -> Option<Timestamp> {
        Some(self.0)
    }
}

fn written(time: Timestamp) -> hlf_shim::Timestamp {
    let millis = i64::try_from(time.as_unix_millis()).unwrap_or(i64::MAX);
    hlf_shim::Timestamp {
        seconds: millis / 1000,
        nanos: i32::try_from(millis % 1000).unwrap_or(0) * 1_000_000,
    }
}

/// A ledger on which the bank is registered and its channel is open.
fn world() -> &'static MemoryLedger {
    static WORLD: OnceLock<MemoryLedger> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut ledger = MemoryLedger::new(CHAINCODE);
        ledger.set_channel_id(FABRIC_CHANNEL);
        ledger.set_timestamp(written(after(1)));
        ledger.set_creator(BANK_MSP, admin_certificate());
        let (scene, contract) = (Scene::new(), ChannelContract::new(SetClock(after(1))));
        let commands = [
            (RegisterBank::FUNCTION, scene.registering().to_json()),
            (Open::FUNCTION, Open::new(scene.signed).to_json()),
        ];
        for (function, argument) in commands {
            let done = block_on(ledger.submit(&contract, Call::new(function, [argument])));
            assert!(done.response.is_success(), "{}", done.response.message());
        }
        ledger
    })
}

fn admin_certificate() -> String {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::OrganizationalUnitName, "admin");
    let key = rcgen::KeyPair::generate().expect("the library makes keys");
    params.self_signed(&key).expect("the library signs").pem()
}

/// Whatever is asked, the answer is a success or a refusal of the table, and a refusal writes nothing.
fn call(bytes: &[u8], millis: u64) -> bool {
    let mut ledger = world().clone();
    ledger.set_timestamp(written(after(millis)));
    let contract = ChannelContract::new(SetClock(after(millis)));
    let arguments = bytes.split(|byte| *byte == SEPARATOR).map(<[u8]>::to_vec).collect();
    let done = block_on(ledger.submit(&contract, Call::raw(arguments)));
    if done.response.is_success() {
        assert!(done.writes.len() <= MOST_WRITES, "{} keys were written", done.writes.len());
        assert_eq!(done.event.is_some(), done.writes.keys().any(|key| key.starts_with("channel:")));
        return true;
    }
    let message = done.response.message();
    let refusal = Refusal::find_in(message).expect("every answer that is no success has a code");
    assert_eq!(message, refusal.to_string());
    assert!(done.writes.is_empty() && done.event.is_none(), "a refusal left something");
    false
}
