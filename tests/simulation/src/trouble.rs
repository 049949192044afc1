//! Deaths, older stores, clocks that are set, and lies.

use crate::action::Role;
use crate::cheat;
use crate::fixture::{CHANNELS, fixture};
use crate::network::Letter;
use crate::reached::Stage;
use crate::world::World;

impl World {
    pub(crate) fn crash(&mut self, role: Role) {
        if role != Role::Bank {
            (0..CHANNELS).for_each(|channel| self.reach(channel, Stage::Crashed));
        }
        match role {
            Role::Wallet => self.wallet.crash(),
            Role::Vendor => self.vendor.crash(),
            Role::Bank => self.bank.alive = false,
        }
    }

    pub(crate) fn restart(&mut self, role: Role) {
        match role {
            Role::Wallet => self.wallet.alive = true,
            Role::Vendor => self.vendor.alive = true,
            Role::Bank => self.bank.alive = true,
        }
    }

    pub(crate) fn copy(&mut self, role: Role) {
        match role {
            Role::Wallet => self.copies.0 = Some(self.wallet.driver.journal.clone()),
            Role::Bank => self.copies.1 = Some(self.bank.books.clone()),
            // A vendor that loses its journal loses what is in it: nothing protects it from that.
            Role::Vendor => {}
        }
    }

    pub(crate) fn roll_back(&mut self, role: Role) {
        match role {
            Role::Wallet => {
                if let Some(copy) = self.copies.0.clone() {
                    self.wallet.crash();
                    self.wallet.driver.journal = copy;
                    self.wallet.alive = true;
                    self.rolled_back = true;
                    self.marks.insert("wallet rolled back");
                }
            }
            Role::Bank => {
                if let Some(copy) = self.copies.1.clone() {
                    self.bank.restore(copy);
                    self.marks.insert("books rolled back");
                }
            }
            Role::Vendor => {}
        }
    }

    pub(crate) fn set_clock(&mut self, party: u8, seconds: i8) {
        // The bank keeps its clock within D of the endorsers'; client and vendor are anybody.
        let bound = if party == 2 { 15_000 } else { 45_000 };
        if let Some(offset) = self.offsets.get_mut(usize::from(party)) {
            *offset = (i64::from(seconds) * 1000).clamp(-bound, bound);
        }
    }

    pub(crate) fn cheat_pay(&mut self, channel: usize, kind: u8) {
        let now = self.clock(0);
        let sent = |letter: &Letter| matches!(letter, Letter::ToVendor(of, ..) if *of == channel);
        if self.network.position(sent).is_none()
            && self.vendor.driver.is_idle()
            && let Some(stored) = self.vendor.driver.journal.channel(fixture().id(channel))
        {
            self.payer.resume(channel, stored.head.number());
        }
        // Honest payments between the bad ones, so that there is something to lie about.
        for kind in [9, kind] {
            if let Some(message) = self.payer.message(channel, kind, now) {
                self.network.send(Letter::ToVendor(channel, 0, message));
            }
        }
    }

    pub(crate) fn cheat_take(&mut self, channel: usize, kind: u8) {
        let Some(stored) = self.vendor.driver.journal.channel(fixture().id(channel)).cloned() else { return };
        if kind >= 3 {
            (1..8).for_each(|connection| {
                self.network.send(Letter::ToClient(channel, connection, cheat::answer(&stored, kind)));
            });
        } else if let Some(command) = cheat::command(channel, &stored, kind) {
            let _ = self.submit(channel, &command, self.clock(1));
        }
    }
}
