//! What can happen in a history.

use proptest::collection::vec;
use proptest::prelude::*;

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The client's wallet.
    Wallet,
    /// The vendor.
    Vendor,
    /// The bank.
    Bank,
}

/// One event. Numbers are taken modulo what there is to choose from; what cannot happen now does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The next step of the usual course of a channel, whatever it is now: see `guide.rs`. The number is a payment's units.
    Go(u8, u8),
    /// The vendor's wish for a release arrives; without one the client releases.
    Settle(u8),
    /// The client asks for a channel; the answer may get lost.
    Grant(u8, bool),
    /// The client submits the opening.
    Open(u8),
    /// The client opens a stream; messages of the one before may still arrive.
    Connect(u8),
    /// The client makes payments: how many, of how many units.
    Pay(u8, u8, u8),
    /// The client releases the vendor's last payment.
    Release(u8),
    /// Somebody submits a refund, dated this many seconds off its clock.
    Refund(u8, i8),
    /// The oldest change of a role becomes durable, and what waits for it is sent.
    Flush(Role),
    /// A message arrives, in any order.
    Deliver(u8),
    /// A message is lost.
    Drop(u8),
    /// A message arrives twice.
    Duplicate(u8),
    /// A role dies: what was not durable is gone.
    Crash(Role),
    /// A role starts from its store.
    Restart(Role),
    /// Somebody copies a role's store.
    Copy(Role),
    /// A role starts from the copy.
    Rollback(Role),
    /// A transaction is committed, in any order.
    Order(u8),
    /// A transaction is lost.
    Lose(u8),
    /// The bank reads the next event.
    Post,
    /// The bank reads its last event again.
    PostAgain,
    /// The vendor's operator closes a channel.
    Close(u8),
    /// The bank's operator has a channel frozen.
    Freeze(u8),
    /// Time passes: this many steps of five seconds, in each of which vendor and bank make their rounds.
    Tick(u8),
    /// A clock is set: 0 client, 1 vendor, 2 bank; seconds off.
    SetClock(u8, i8),
    /// A cheating client: bad lock, second payment under a number, used token, bad release, good release.
    CheatPay(u8, u8),
    /// A cheating vendor: overclaim, invented close, low claim, false acknowledgement, false greeting.
    CheatTake(u8, u8),
}

fn channel() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0), 1 => Just(1)]
}

fn party() -> impl Strategy<Value = Role> + Clone {
    prop_oneof![Just(Role::Wallet), Just(Role::Vendor)]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![3 => Just(Role::Wallet), 3 => Just(Role::Vendor), 1 => Just(Role::Bank)]
}

/// A role whose store can be replaced by an older one: a vendor that loses its journal loses what is in it.
fn restored() -> impl Strategy<Value = Role> {
    prop_oneof![3 => Just(Role::Wallet), 1 => Just(Role::Bank)]
}

fn go() -> impl Strategy<Value = Action> {
    (channel(), 1..4_u8).prop_map(|(c, units)| Action::Go(c, units))
}

fn action() -> impl Strategy<Value = Action> {
    let steps = prop_oneof![14 => 1..7_u8, 1 => 20..45_u8];
    prop_oneof![
        180 => go(),
        4 => channel().prop_map(Action::Settle),
        1 => (channel(), any::<bool>()).prop_map(|(c, lost)| Action::Grant(c, lost)),
        1 => channel().prop_map(Action::Open),
        3 => channel().prop_map(Action::Connect),
        5 => (channel(), 1..4_u8, 1..3_u8).prop_map(|(c, n, k)| Action::Pay(c, n, k)),
        1 => channel().prop_map(Action::Release),
        1 => (channel(), -60..60_i8).prop_map(|(c, s)| Action::Refund(c, s)),
        6 => party().prop_map(Action::Flush),
        8 => any::<u8>().prop_map(Action::Deliver),
        4 => any::<u8>().prop_map(Action::Drop),
        3 => any::<u8>().prop_map(Action::Duplicate),
        9 => role().prop_map(Action::Crash),
        2 => role().prop_map(Action::Restart),
        4 => restored().prop_map(Action::Copy),
        3 => restored().prop_map(Action::Rollback),
        3 => any::<u8>().prop_map(Action::Order),
        1 => any::<u8>().prop_map(Action::Lose),
        4 => Just(Action::Post),
        2 => Just(Action::PostAgain),
        2 => channel().prop_map(Action::Close),
        1 => channel().prop_map(Action::Freeze),
        7 => steps.prop_map(Action::Tick),
        1 => (0..3_u8, -45..45_i8).prop_map(|(p, s)| Action::SetClock(p, s)),
        12 => (channel(), 0..5_u8).prop_map(|(c, kind)| Action::CheatPay(c, kind)),
        8 => (channel(), 0..5_u8).prop_map(|(c, kind)| Action::CheatTake(c, kind)),
    ]
}

/// Who lies, and whose clock is off, from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// The client cheats.
    pub client_cheats: bool,
    /// The vendor cheats.
    pub vendor_cheats: bool,
    /// Seconds by which the clocks of client, vendor, bank and both endorsers are off. Endorsers' and bank's are within D/2.
    pub offsets: [i8; 5],
}

/// A history: who is who, and what happens. It begins with a few steps of the usual course, so that most histories get somewhere.
pub fn history() -> impl Strategy<Value = (Setup, Vec<Action>)> {
    let honest = prop_oneof![4 => Just((false, false)), 1 => Just((true, false)), 1 => Just((false, true))];
    let anybody = || prop_oneof![3 => -8..8_i8, 1 => -45..45_i8];
    let offsets = (anybody(), anybody(), -15..16_i8, -15..16_i8, -15..16_i8);
    let setup = (honest, offsets).prop_map(|((client_cheats, vendor_cheats), (c, v, b, e, f))| Setup {
        client_cheats,
        vendor_cheats,
        offsets: [c, v, b, e, f],
    });
    // Most defects show in a short history, and many short ones are lived through in the time of a long one.
    let then = prop_oneof![5 => vec(action(), 0..12), 1 => vec(action(), 30..80)];
    (setup, beginning(), then).prop_map(|(setup, first, then)| (setup, [first, then].concat()))
}

/// The usual course of one channel, in most histories with a death in it.
fn beginning() -> impl Strategy<Value = Vec<Action>> {
    let death = prop_oneof![7 => party().prop_map(|role| vec![Action::Crash(role)]), 1 => Just(Vec::new())];
    channel().prop_flat_map(move |c| {
        let go = || (1..4_u8).prop_map(move |units| Action::Go(c, units));
        (vec(go(), 6..18), death.clone(), vec(go(), 6..16))
            .prop_map(|(before, death, after)| [before, death, after].concat())
    })
}
