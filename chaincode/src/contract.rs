//! Which function a call is for.

use hlf_shim::{Chaincode, Response, Stub};
use lockstep_protocol::ledger::{
    Cancel, CloseByRelease, CloseByToken, Command as _, Freeze, Open, Refund, RegisterBank, Resolve,
};
use lockstep_protocol::refusal::Refusal;

use crate::call::Call;
use crate::clock::Clock;
use crate::failure::Failure;

/// Most bytes of a function's name that are logged.
const LONGEST_NAME: usize = 64;

/// The channel contract, with the endorser's clock.
#[derive(Clone, Copy, Debug)]
pub struct ChannelContract<C> {
    clock: C,
}

impl<C: Clock> ChannelContract<C> {
    /// The contract on an endorser with this clock.
    pub const fn new(clock: C) -> Self {
        Self { clock }
    }

    async fn answer(&self, stub: &Stub) -> Result<Vec<u8>, Failure> {
        let (function, arguments) = stub.args().split_first().ok_or(Refusal::UnknownFunction)?;
        let call = Call::new(stub, arguments, &self.clock);
        match str::from_utf8(function).unwrap_or_default() {
            RegisterBank::FUNCTION => call.register_bank().await,
            Open::FUNCTION => call.open().await,
            Cancel::FUNCTION => call.cancel().await,
            CloseByRelease::FUNCTION => call.close_by_release().await,
            CloseByToken::FUNCTION => call.close_by_token().await,
            Refund::FUNCTION => call.refund().await,
            Freeze::FUNCTION => call.freeze().await,
            Resolve::FUNCTION => call.resolve().await,
            "Channel" => call.channel().await,
            "Channels" => call.channels().await,
            "History" => call.history().await,
            "Bank" => call.bank().await,
            _ => Err(Refusal::UnknownFunction.into()),
        }
    }
}

impl<C: Clock> Chaincode for ChannelContract<C> {
    async fn invoke(&self, stub: &Stub) -> Response {
        match self.answer(stub).await {
            Ok(answer) => Response::success(answer),
            Err(failure) => {
                tracing::info!(function = ?shown(stub), %failure, "refused");
                failure.into()
            }
        }
    }
}

/// The function that was asked for, as much of it as a log wants: the caller may have sent anything.
fn shown(stub: &Stub) -> String {
    let name = stub.args().first().map_or(&[][..], |name| name.get(..LONGEST_NAME).unwrap_or(name));
    String::from_utf8_lossy(name).into_owned()
}
