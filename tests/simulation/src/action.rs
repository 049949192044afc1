//! What can happen in a history.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

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

/// A number of this range; `drawn` is any.
const fn within(drawn: u8, range: std::ops::Range<u8>) -> u8 {
    range.start + drawn % (range.end - range.start)
}

/// A number of seconds up to `most` off.
const fn off(drawn: u8, most: u8) -> i8 {
    within(drawn, 0..2 * most).cast_signed().wrapping_sub(most.cast_signed())
}

/// Four times the first channel, once the second.
const fn channel(drawn: u8) -> u8 {
    within(drawn, 0..5) / 4
}

/// One of these.
fn role(drawn: u8, roles: &[Role]) -> Role {
    roles.iter().cycle().nth(drawn.into()).copied().unwrap_or(Role::Wallet)
}

/// Those with a journal.
const PARTIES: &[Role] = &[Role::Wallet, Role::Vendor];
/// Those that die.
const MORTALS: &[Role] =
    &[Role::Wallet, Role::Vendor, Role::Wallet, Role::Vendor, Role::Wallet, Role::Vendor, Role::Bank];
/// Those whose store can be replaced by an older one: a vendor that loses its journal loses what is in it.
const RESTORED: &[Role] = &[Role::Wallet, Role::Wallet, Role::Wallet, Role::Bank];

/// A kind of event, made of three numbers.
type Kind = fn(u8, u8, u8) -> Action;

/// What can happen, and how often beside the others.
const KINDS: &[(usize, Kind)] = &[
    (180, |c, units, _| Action::Go(channel(c), within(units, 1..4))),
    (7, |c, _, _| Action::Settle(channel(c))),
    (1, |c, lost, _| Action::Grant(channel(c), lost % 2 == 1)),
    (1, |c, _, _| Action::Open(channel(c))),
    (3, |c, _, _| Action::Connect(channel(c))),
    (5, |c, count, units| Action::Pay(channel(c), within(count, 1..4), within(units, 1..3))),
    (1, |c, _, _| Action::Release(channel(c))),
    (1, |c, skew, _| Action::Refund(channel(c), off(skew, 60))),
    (6, |_, who, _| Action::Flush(role(who, PARTIES))),
    (8, |_, which, _| Action::Deliver(which)),
    (4, |_, which, _| Action::Drop(which)),
    (3, |_, which, _| Action::Duplicate(which)),
    (9, |_, who, _| Action::Crash(role(who, MORTALS))),
    (2, |_, who, _| Action::Restart(role(who, MORTALS))),
    (10, |_, who, _| Action::Copy(role(who, RESTORED))),
    (8, |_, who, _| Action::Rollback(role(who, RESTORED))),
    (3, |_, which, _| Action::Order(which)),
    (1, |_, which, _| Action::Lose(which)),
    (8, |_, _, _| Action::Post),
    (12, |_, _, _| Action::PostAgain),
    (9, |c, _, _| Action::Close(channel(c))),
    (2, |c, _, _| Action::Freeze(channel(c))),
    (7, |_, long, steps| Action::Tick(within(steps, if within(long, 0..15) == 14 { 20..45 } else { 1..7 }))),
    (1, |_, party, seconds| Action::SetClock(within(party, 0..3), off(seconds, 45))),
    (16, |c, kind, _| Action::CheatPay(channel(c), within(kind, 0..5))),
    (8, |c, kind, _| Action::CheatTake(channel(c), within(kind, 0..5))),
];

/// Any event, selected from a list: a union of so many strategies took a tenth of a history's time to draw from.
fn action() -> impl Strategy<Value = Action> {
    let kinds = KINDS.iter().flat_map(|(often, kind)| std::iter::repeat_n(*kind, *often));
    let drawn = (select(kinds.collect::<Vec<_>>()), any::<[u8; 3]>());
    drawn.prop_map(|(kind, [first, second, third])| kind(first, second, third))
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
    let setup = (honest, prop_oneof![3 => offsets(4, 15, 5), 1 => offsets(1, 1, 1)]).prop_map(
        |((client_cheats, vendor_cheats), offsets)| Setup { client_cheats, vendor_cheats, offsets },
    );
    // Most defects show in a short history, and many short ones are lived through in the time of a long one.
    let then = prop_oneof![5 => vec(action(), 0..12), 1 => vec(action(), 30..80)];
    (setup, beginning(), then).prop_map(|(setup, first, then)| (setup, [first, then].concat()))
}

/// By how many seconds the clocks are off: those of client and vendor by whole steps of `near` or of `far`, those of bank and endorsers
/// by steps of `own`. Histories whose clocks agree have records in common, which are checked once (`cache.rs`).
fn offsets(near: i8, far: i8, own: i8) -> impl Strategy<Value = [i8; 5]> {
    let steps = |step: i8, most: i8| (-most / step..=most / step).prop_map(move |steps| steps * step);
    let anybody = move || prop_oneof![3 => steps(near, 8), 1 => steps(far, 45)];
    let ours = move || steps(own, 15);
    (anybody(), anybody(), ours(), ours(), ours()).prop_map(|(c, v, b, e, f)| [c, v, b, e, f])
}

/// The usual course of one channel, in most histories with a death in it.
fn beginning() -> impl Strategy<Value = Vec<Action>> {
    let death = prop_oneof![7 => any::<u8>().prop_map(Some), 1 => Just(None)];
    (any::<u8>(), vec(1..4_u8, 6..18), death, vec(1..4_u8, 6..16)).prop_map(|(c, before, death, after)| {
        let go = |units: Vec<u8>| units.into_iter().map(move |units| Action::Go(channel(c), units));
        let death = death.map(|who| Action::Crash(role(who, PARTIES)));
        go(before).chain(death).chain(go(after)).collect()
    })
}
