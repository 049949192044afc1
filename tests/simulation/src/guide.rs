//! What the next step of the usual course is: without it hardly a history would come to a second payment.

use lockstep::store::Phase;
use lockstep::stream::ToClient;

use crate::action::{Action, Role};
use crate::fixture::CHANNELS;
use crate::network::Letter;
use crate::world::World;

impl World {
    /// The event that an action is now. One that depends on the state becomes one that does not.
    pub(crate) fn resolve(&self, action: Action) -> Action {
        match action {
            Action::Go(c, units) => self.next(c, units),
            Action::Settle(c) if self.setup.client_cheats => Action::CheatPay(c, 4),
            Action::Settle(c) => {
                let wanted = |letter: &Letter| matches!(letter, Letter::ToClient(of, _, ToClient::ReleaseWanted(_)) if *of == channel(c));
                self.network.position(wanted).map_or(Action::Release(c), Action::Deliver)
            }
            other => other,
        }
    }

    fn next(&self, c: u8, units: u8) -> Action {
        let down = [
            (Role::Wallet, self.wallet.alive),
            (Role::Vendor, self.vendor.alive),
            (Role::Bank, self.bank.alive),
        ];
        if let Some((role, _)) = down.into_iter().find(|(_, alive)| !alive) {
            return Action::Restart(role);
        }
        let channel = channel(c);
        if self.wallet.phase(channel).is_none() {
            return Action::Grant(c, false);
        }
        if self.ledger.record(channel).is_none() {
            return self.ledger.position(channel).map_or(Action::Open(c), Action::Order);
        }
        if self.setup.client_cheats {
            return self.next_of_cheat(c, units);
        }
        if !matches!(self.wallet.phase(channel), Some(Phase::Granted | Phase::Open)) {
            return Action::Post;
        }
        let Some((connection, ready)) = self.wallet.session(channel) else { return Action::Connect(c) };
        let due = |letter: &Letter| match letter {
            Letter::ToVendor(of, on, _) => (*of, *on) == (channel, connection),
            // A client that is asked for a release may go on paying for a while.
            Letter::ToClient(_, _, ToClient::ReleaseWanted(_)) | Letter::Proof(..) => false,
            Letter::ToClient(of, on, _) => (*of, *on) == (channel, connection),
        };
        if let Some(at) = self.network.position(due) {
            Action::Deliver(at)
        } else if !self.wallet.driver.is_idle() {
            Action::Flush(Role::Wallet)
        } else if !self.vendor.driver.is_idle() {
            Action::Flush(Role::Vendor)
        } else if ready {
            Action::Pay(c, 1, units)
        } else {
            Action::Connect(c)
        }
    }

    fn next_of_cheat(&self, c: u8, units: u8) -> Action {
        let due = |letter: &Letter| {
            matches!(letter, Letter::Proof(..))
                || matches!(letter, Letter::ToVendor(of, ..) if *of == channel(c))
        };
        if let Some(at) = self.network.position(due) {
            Action::Deliver(at)
        } else if !self.vendor.driver.is_idle() {
            Action::Flush(Role::Vendor)
        } else if self.vendor.phase(channel(c)).is_none() {
            Action::Connect(c)
        } else {
            // Every third payment has a bad lock; the other cheats are events of their own.
            Action::CheatPay(c, if units == 3 { 0 } else { 9 })
        }
    }
}

fn channel(c: u8) -> usize {
    usize::from(c) % CHANNELS
}
