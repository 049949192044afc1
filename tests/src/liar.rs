//! An endorser that lies: the contract as it is, with a clock that may be off, and a function that writes any record.
//!
//! Two organisations that run it can put anything on the ledger: the endorsement policy asks for two of three.

use hlf_shim::{Chaincode, Response, Stub};
use lockstep_chaincode::{ChannelContract, Clock, SystemClock};
use lockstep_protocol::Timestamp;
use lockstep_protocol::ledger::ChannelRecord;

/// The function that writes the record that it is given, and announces it, whatever the rules say.
pub const LIE: &str = "Lie";

/// A clock that is off.
#[derive(Clone, Copy, Debug)]
pub struct SkewedClock {
    millis: i64,
}

impl SkewedClock {
    /// The machine's clock and so many milliseconds.
    #[must_use]
    pub const fn off_by(millis: i64) -> Self {
        Self { millis }
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Option<Timestamp> {
        let millis = SystemClock.now()?.as_unix_millis().checked_add_signed(self.millis)?;
        Timestamp::from_unix_millis(millis).ok()
    }
}

/// The lying contract.
#[derive(Clone, Copy, Debug)]
pub struct Liar {
    honest: ChannelContract<SkewedClock>,
}

impl Liar {
    /// An endorser with this clock.
    #[must_use]
    pub const fn new(clock: SkewedClock) -> Self {
        Self { honest: ChannelContract::new(clock) }
    }
}

impl Chaincode for Liar {
    async fn invoke(&self, stub: &Stub) -> Response {
        match stub.args() {
            [function, record] if function == LIE.as_bytes() => lie(stub, record).await,
            _ => self.honest.invoke(stub).await,
        }
    }
}

async fn lie(stub: &Stub, record: &[u8]) -> Response {
    let Ok(record) = ChannelRecord::from_json(record) else { return Response::error("no record") };
    let Ok(change) = record.change() else { return Response::error("a record of no change") };
    let Ok(payload) = serde_json::to_vec(&[change]) else { return Response::error("no event") };
    let key = format!("channel:{}", record.channel_id());
    if stub.put(&key, record.to_json()).await.is_err()
        || stub.set_event(change.state.event_name(), payload).is_err()
    {
        return Response::error("nothing was written");
    }
    Response::success(record.to_json())
}
