//! What must hold after every event.

use lockstep_protocol::Units;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState, Standing};

use crate::fixture::{CHANNELS, DEPOSIT, PRICE, UNITS, fixture};
use crate::world::World;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its name.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

type Invariant = fn(&World) -> Result<(), String>;

/// All of them, by name.
const INVARIANTS: [(&str, Invariant); 5] = [
    ("no_unit_is_created_or_lost", no_unit_is_created_or_lost),
    ("a_vendor_never_loses_an_accepted_payment", a_vendor_never_loses_an_accepted_payment),
    ("a_client_never_loses_more_than_it_released", a_client_never_loses_more_than_it_released),
    ("a_reserve_is_freed_once", a_reserve_is_freed_once),
    ("no_two_payments_with_one_number_are_signed", no_two_payments_with_one_number_are_signed),
];

/// Checks all of them.
///
/// # Errors
/// The first that does not hold.
pub(crate) fn check(world: &World) -> Result<(), Broken> {
    for (invariant, holds) in INVARIANTS {
        holds(world).map_err(|found| Broken { invariant, found })?;
    }
    Ok(())
}

/// Checks what must hold when nothing is left to do: nothing is stuck.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_end(world: &World) -> Result<(), Broken> {
    check(world)?;
    for (channel, book) in world.bank.books.channels.iter().enumerate() {
        let stuck = book.granted && (book.reserved != 0 || book.withheld != 0);
        if stuck && !world.bank.books.alarm {
            let record = world.ledger.record(channel).map(ChannelRecord::state);
            let found = format!(
                "channel {channel} ({record:?}): {} reserved, {} withheld at the end",
                book.reserved, book.withheld
            );
            return Err(Broken { invariant: "a_reserve_is_freed_once", found });
        }
        if world.vendor_keeps_its_promises() && !world.is_over(channel) {
            let found = format!("channel {channel}: the vendor has not ended it");
            return Err(Broken { invariant: "a_vendor_never_loses_an_accepted_payment", found });
        }
    }
    Ok(())
}

/// Client's and vendor's balances, reserves and what is withheld are the deposit, and nothing is below zero.
fn no_unit_is_created_or_lost(world: &World) -> Result<(), String> {
    let books = &world.bank.books;
    let held: i128 = books.channels.iter().map(|book| book.reserved + book.withheld).sum();
    let sum = books.client + books.vendor + held;
    if sum != i128::from(DEPOSIT) {
        return Err(format!("{sum} micro-units of {DEPOSIT}"));
    }
    let below = books.channels.iter().any(|book| book.reserved < 0 || book.withheld < 0);
    if below || books.client < 0 || books.vendor < 0 {
        return Err(format!("an account is below zero: {books:?}"));
    }
    Ok(())
}

/// The units that a record pays to the vendor, if they cannot change any more.
fn paid(record: &ChannelRecord) -> Option<u32> {
    let units = match record.standing() {
        Standing::ClosedByRelease(release) => release.fields.released,
        Standing::ClosedByToken(claim) | Standing::Claimed(_, claim) => claim.units,
        Standing::Resolved(_, _, resolve) => resolve.units,
        Standing::Refunded(_) | Standing::Cancelled => Units::ZERO,
        Standing::Open | Standing::Frozen(_) => return None,
    };
    Some(units.as_count())
}

/// An honest vendor whose clock is within D is paid what it has acknowledged, whatever ends the channel.
fn a_vendor_never_loses_an_accepted_payment(world: &World) -> Result<(), String> {
    if !world.vendor_keeps_its_promises() {
        return Ok(());
    }
    for (channel, seen) in world.seen.iter().enumerate() {
        let Some(record) = world.ledger.record(channel) else { continue };
        if let Some(paid) = paid(record)
            && paid < seen.acknowledged
        {
            let state = record.state();
            return Err(format!(
                "channel {channel} is {state}: {paid} units of {} acknowledged",
                seen.acknowledged
            ));
        }
    }
    Ok(())
}

/// An honest client pays the vendor no more than the tokens that left it, by the ledger and by the books.
fn a_client_never_loses_more_than_it_released(world: &World) -> Result<(), String> {
    if world.setup.client_cheats {
        return Ok(());
    }
    for (channel, (seen, book)) in world.seen.iter().zip(&world.bank.books.channels).enumerate() {
        let paid = world.ledger.record(channel).and_then(paid).unwrap_or_default();
        let posted = book.to_vendor / i128::from(PRICE);
        if paid > seen.sent || posted > i128::from(seen.sent) {
            return Err(format!("channel {channel}: {paid} units paid, {posted} posted, {} sent", seen.sent));
        }
    }
    Ok(())
}

/// What left reserve and withheld is the total at most, is the total once the channel has ended, and needs the ledger's word.
fn a_reserve_is_freed_once(world: &World) -> Result<(), String> {
    let total = i128::from(UNITS) * i128::from(PRICE);
    for (channel, book) in world.bank.books.channels.iter().enumerate() {
        let whole = !book.granted || book.reserved + book.withheld + book.freed == total;
        let word = world.ledger.record(channel).is_some_and(|record| record.state() != ChannelState::Open);
        if !whole || book.freed > total || (book.freed > 0 && !word) {
            return Err(format!("channel {channel}: {book:?}"));
        }
    }
    Ok(())
}

/// No second payment under one number leaves an honest wallet; after a rollback behind its back, none that the vendor showed.
fn no_two_payments_with_one_number_are_signed(world: &World) -> Result<(), String> {
    if world.setup.client_cheats {
        return Ok(());
    }
    for (channel, seen) in world.seen.iter().enumerate().take(CHANNELS) {
        if let Some(number) = seen.twice {
            let id = fixture().id(channel);
            return Err(format!("channel {id}: another payment {}", number.as_index()));
        }
    }
    Ok(())
}

impl World {
    /// The vendor is honest, and no endorser has found its clock off.
    pub(crate) fn vendor_keeps_its_promises(&self) -> bool {
        !self.setup.vendor_cheats && !self.vendor_clock_was_off
    }
}
