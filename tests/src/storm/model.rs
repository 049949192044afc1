//! The reckoning: what everybody must have, computed from the ledger's records and the storm's own notes by arithmetic of its own,
//! and compared with what the parties' books and stores say, to the unit.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_protocol::ChannelId;
use lockstep_protocol::ledger::{ChannelRecord, Standing};
use serde::Serialize;

use super::evidence::Evidence;
use super::reputation;
use super::script::Plan;
use super::tally::{Fraud, Note, Notes};
use crate::scenario::Failure;

/// How a channel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// By release.
    Released,
    /// By token.
    TokenClosed,
    /// By token at nothing: it was never used.
    ClosedUnused,
    /// After expiry, all to the client.
    Refunded,
    /// Never opened.
    Cancelled,
    /// Frozen, claimed, resolved.
    ClaimedResolved,
    /// Frozen, never claimed, resolved.
    Resolved,
}

/// A channel that has ended, in plain numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) id: ChannelId,
    pub(super) vendor: String,
    price: u64,
    total: u64,
    pub(super) ending: Ending,
    /// Units that the vendor got in all.
    units: u32,
    /// Units that the vendor itself showed: what its store must have.
    shown: Option<u32>,
}

impl Ended {
    /// Reads a record; none of the protocol's own sums is used.
    fn of(record: &ChannelRecord) -> Result<Self, Failure> {
        let terms = record.opening().terms();
        let (ending, units, shown) = match record.standing() {
            Standing::ClosedByRelease(release) => {
                let units = release.fields.released.as_count();
                (Ending::Released, units, Some(units))
            }
            Standing::ClosedByToken(claim) => {
                let units = claim.units.as_count();
                let ending = if units == 0 { Ending::ClosedUnused } else { Ending::TokenClosed };
                (ending, units, Some(units))
            }
            Standing::Refunded(_) => (Ending::Refunded, 0, None),
            Standing::Cancelled => (Ending::Cancelled, 0, None),
            Standing::Resolved(_, Some(claim), resolve) => {
                (Ending::ClaimedResolved, resolve.units.as_count(), Some(claim.units.as_count()))
            }
            Standing::Resolved(_, None, resolve) => (Ending::Resolved, resolve.units.as_count(), None),
            Standing::Open | Standing::Frozen(_) | Standing::Claimed(..) => {
                let (id, state) = (record.channel_id(), record.state());
                return Err(Failure::new(format!("channel {id} has no ending on the ledger: {state}")));
            }
        };
        Ok(Self {
            id: record.channel_id(),
            vendor: terms.vendor_key.to_string(),
            price: terms.unit_price.as_micros(),
            total: terms.total.as_micros(),
            ending,
            units,
            shown,
        })
    }

    /// What the vendor got, in micro-units.
    fn to_vendor(&self) -> u64 {
        self.price * u64::from(self.units)
    }

    /// The state's name in the bank's books.
    const fn state(&self) -> &'static str {
        match self.ending {
            Ending::Released | Ending::TokenClosed | Ending::ClosedUnused => "closed",
            Ending::Refunded => "refunded",
            Ending::Cancelled => "cancelled",
            Ending::ClaimedResolved | Ending::Resolved => "resolved",
        }
    }
}

/// What a storm came to, when everything agrees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reckoning {
    /// Channels that the ledger has.
    pub channels: usize,
    /// How many ended how.
    pub endings: BTreeMap<Ending, u64>,
    /// Payments that vendors accepted.
    pub payments: u64,
    /// Receipts that vendors recovered.
    pub receipts: u64,
    /// What vendors got, in micro-units.
    pub to_vendors: u64,
    /// What all accounts hold, in micro-units.
    pub money: u64,
    /// Clients convicted of fraud, a channel each.
    pub frauds: usize,
    /// Changes of reputations.
    pub reputation_changes: usize,
    /// Values that were compared.
    pub comparisons: u64,
}

/// Compares one value after the other and counts.
#[derive(Debug, Default)]
pub(super) struct Scales(u64);

impl Scales {
    pub(super) fn equal<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: impl FnOnce() -> String,
        found: &T,
        expected: &T,
    ) -> Result<(), Failure> {
        self.hold(|| format!("{}: expected {expected:?}, found {found:?}", what()), found == expected)
    }

    pub(super) fn hold(&mut self, what: impl FnOnce() -> String, so: bool) -> Result<(), Failure> {
        self.0 += 1;
        if so { Ok(()) } else { Err(Failure::new(what())) }
    }
}

/// Compares everything.
///
/// # Errors
/// The first disagreement.
pub fn reckon(evidence: &Evidence, notes: &Notes) -> Result<Reckoning, Failure> {
    let mut scales = Scales::default();
    let ended = ledger(&mut scales, evidence)?;
    let owners = owners(&mut scales, evidence, &ended)?;
    books(&mut scales, evidence, &ended, &owners)?;
    statements(&mut scales, evidence, &ended, &owners)?;
    let (payments, receipts) = vendors(&mut scales, evidence, notes, &ended)?;
    wallets(&mut scales, evidence, notes, &ended)?;
    plans(&mut scales, notes, &ended)?;
    let (frauds, reputation_changes) = reputation::check(&mut scales, evidence, notes, &ended, &owners)?;
    let mut endings = BTreeMap::new();
    for channel in ended.values() {
        *endings.entry(channel.ending).or_default() += 1;
    }
    Ok(Reckoning {
        channels: ended.len(),
        endings,
        payments,
        receipts,
        to_vendors: ended.values().map(Ended::to_vendor).sum(),
        money: evidence.accounts.iter().map(|account| account.balance).sum(),
        frauds,
        reputation_changes,
        comparisons: scales.0,
    })
}

/// All peers have the same records, and all of them have an ending.
fn ledger(scales: &mut Scales, evidence: &Evidence) -> Result<BTreeMap<ChannelId, Ended>, Failure> {
    let Some((first, records)) = evidence.ledgers.first() else {
        return Err(Failure::new("no ledger was asked"));
    };
    for (name, others) in &evidence.ledgers {
        scales.hold(|| format!("{name} and {first} have other records"), others == records)?;
    }
    let mut ended = BTreeMap::new();
    for record in records {
        let channel = Ended::of(record)?;
        scales.hold(
            || format!("channel {} has more units than it holds", channel.id),
            channel.to_vendor() <= channel.total,
        )?;
        ended.insert(channel.id, channel);
    }
    Ok(ended)
}

/// Whose each channel is: the wallet's that has it, or the account's that the bank reserved it on where no wallet has.
fn owners(
    scales: &mut Scales,
    evidence: &Evidence,
    ended: &BTreeMap<ChannelId, Ended>,
) -> Result<BTreeMap<ChannelId, String>, Failure> {
    let mut owners = BTreeMap::new();
    for (key, channels) in &evidence.bought {
        for bought in channels {
            let other = owners.insert(bought.channel_id, key.clone());
            scales.equal(|| format!("other owners of {}", bought.channel_id), &other, &None)?;
        }
    }
    for booked in &evidence.booked {
        let id = booked.channel_id;
        let account = booked.account.clone().unwrap_or_default();
        let owner = owners.entry(id).or_insert_with(|| account.clone());
        scales.equal(|| format!("the account of {id} in the books"), &account, owner)?;
        let state = ended.get(&id).map(Ended::state);
        scales.equal(|| format!("the state of {id} in the books"), &Some(booked.state.as_str()), &state)?;
        scales.hold(|| format!("posting of {id} is halted"), !booked.halted)?;
    }
    scales.equal(
        || "channels in the books".to_owned(),
        &evidence.booked.iter().map(|booked| booked.channel_id).collect::<BTreeSet<_>>(),
        &ended.keys().copied().collect(),
    )?;
    Ok(owners)
}

fn books(
    scales: &mut Scales,
    evidence: &Evidence,
    ended: &BTreeMap<ChannelId, Ended>,
    owners: &BTreeMap<ChannelId, String>,
) -> Result<(), Failure> {
    let audit = &evidence.audit;
    scales.equal(|| "the audit's findings".to_owned(), &audit.findings, &vec![])?;
    scales.equal(|| "the bank's alarms".to_owned(), &audit.alarms, &vec![])?;
    scales.equal(|| "the suspense account".to_owned(), &audit.suspense, &0)?;
    scales.equal(|| "what the holders have".to_owned(), &audit.holders, &audit.deposits)?;
    let mut sum = 0;
    for account in &evidence.accounts {
        let key = &account.key;
        let earned: u64 = ended.values().filter(|c| c.vendor == *key).map(Ended::to_vendor).sum();
        let spent: u64 =
            ended.values().filter(|c| owners.get(&c.id) == Some(key)).map(Ended::to_vendor).sum();
        let deposited = deposits(evidence, key);
        scales.equal(
            || format!("the balance of {key}"),
            &(account.balance + spent),
            &(deposited + earned),
        )?;
        scales.equal(|| format!("the reserve of {key}"), &account.reserved, &0)?;
        scales.equal(|| format!("what is withheld of {key}"), &account.withheld, &0)?;
        sum += account.balance;
    }
    scales.equal(|| "the sum of all accounts".to_owned(), &i64::try_from(sum).ok(), &Some(audit.deposits))
}

/// What was paid in, by the statement's own lines.
fn deposits(evidence: &Evidence, key: &str) -> u64 {
    let lines = evidence.statements.get(key).into_iter().flatten().flat_map(|page| &page.lines);
    let deposits = lines.filter(|line| line.cause.as_str() == "deposit").flat_map(|line| &line.movements);
    deposits.filter_map(|movement| u64::try_from(movement.amount.as_micros()).ok()).sum()
}

/// Every line of every statement: running totals, each cause once for a channel, and the channel's net what the ledger says.
fn statements(
    scales: &mut Scales,
    evidence: &Evidence,
    ended: &BTreeMap<ChannelId, Ended>,
    owners: &BTreeMap<ChannelId, String>,
) -> Result<(), Failure> {
    for (key, pages) in &evidence.statements {
        let mut standing: BTreeMap<&str, i64> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut net: BTreeMap<ChannelId, i64> = BTreeMap::new();
        for line in pages.iter().flat_map(|page| &page.lines) {
            if let Some(channel) = line.channel {
                let (cause, entry) = (line.cause.as_str(), line.entry);
                scales
                    .hold(|| format!("{key}: {cause} of {channel} twice"), seen.insert((channel, cause)))?;
                let known = ended.contains_key(&channel);
                scales.hold(|| format!("{key}: entry {entry} is about no channel of the ledger"), known)?;
            }
            for movement in &line.movements {
                let held = standing.entry(movement.bucket.as_str()).or_default();
                *held += movement.amount.as_micros();
                let what = || format!("{key}: {} after entry {}", movement.bucket, line.entry);
                scales.equal(what, &movement.standing.as_micros(), held)?;
                if let Some(channel) = line.channel {
                    *net.entry(channel).or_default() += movement.amount.as_micros();
                }
            }
        }
        for channel in ended.values() {
            let moved = i64::try_from(channel.to_vendor())?;
            let expected = if channel.vendor == *key {
                moved
            } else if owners.get(&channel.id) == Some(key) {
                -moved
            } else {
                0
            };
            let found = net.get(&channel.id).copied().unwrap_or_default();
            scales.equal(|| format!("{key}: all lines about {}", channel.id), &found, &expected)?;
        }
    }
    Ok(())
}

/// Every vendor has closed what it accepted, at what it accepted, and has accepted whatever it acknowledged.
fn vendors(
    scales: &mut Scales,
    evidence: &Evidence,
    notes: &Notes,
    ended: &BTreeMap<ChannelId, Ended>,
) -> Result<(u64, u64), Failure> {
    let (mut payments, mut receipts) = (0, 0);
    let mut known = BTreeMap::new();
    for (key, channels) in &evidence.sold {
        for sold in channels {
            let id = sold.channel_id;
            let Some(channel) = ended.get(&id) else {
                return Err(Failure::new(format!("vendor {key} has a channel {id} that no ledger has")));
            };
            scales.equal(|| format!("the vendor of {id}"), key, &channel.vendor)?;
            scales.equal(|| format!("the vendor's phase of {id}"), &sold.phase.as_str(), &"closed")?;
            // An ending without the vendor's word is fair only if it had accepted nothing.
            let accepted = channel.shown.unwrap_or(0);
            scales.equal(|| format!("units that the vendor of {id} accepted"), &sold.units, &accepted)?;
            let at_most = if channel.ending == Ending::Released { sold.payments } else { u32::MAX };
            scales.hold(|| format!("receipts of {id}"), sold.receipts <= at_most)?;
            payments += u64::from(sold.payments);
            receipts += u64::from(sold.receipts);
            known.insert(id, sold.units);
        }
    }
    for (id, Note { acknowledged, released, .. }) in &notes.channels {
        let accepted = known.get(id).copied().unwrap_or(0);
        scales.hold(
            || format!("the vendor of {id} acknowledged {acknowledged} units and has {accepted}"),
            *acknowledged <= accepted,
        )?;
        if let Some(released) = released {
            scales.equal(|| format!("the release of {id}, as the client was told"), &accepted, released)?;
        }
    }
    Ok((payments, receipts))
}

/// No client has lost more than it signed, and none has signed for another total than it was charged with.
fn wallets(
    scales: &mut Scales,
    evidence: &Evidence,
    notes: &Notes,
    ended: &BTreeMap<ChannelId, Ended>,
) -> Result<(), Failure> {
    for (key, channels) in &evidence.bought {
        for bought in channels {
            let id = bought.channel_id;
            let Some(channel) = ended.get(&id) else {
                return Err(Failure::new(format!("client {key} has a channel {id} that no ledger has")));
            };
            let behind = notes.channels.get(&id).map_or(0, |note| note.signed);
            let signed = bought.paid.max(channel.price * u64::from(behind));
            let shown = channel.price * u64::from(channel.shown.unwrap_or(0));
            scales
                .hold(|| format!("client {key} signed {signed} on {id} and lost {shown}"), shown <= signed)?;
            let cancelled = channel.ending == Ending::Cancelled;
            let what = || format!("the wallet's phase of {id}, which was cancelled: {}", bought.phase);
            scales.hold(what, !cancelled || bought.phase == "granted")?;
        }
    }
    Ok(())
}

/// What some plans must come to, whatever was killed.
fn plans(scales: &mut Scales, notes: &Notes, ended: &BTreeMap<ChannelId, Ended>) -> Result<(), Failure> {
    for (id, note) in &notes.channels {
        let Some(ending) = ended.get(id).map(|channel| channel.ending) else {
            return Err(Failure::new(format!("channel {id} was opened and no ledger has it")));
        };
        let fits = match note.plan {
            Plan::HoldBack => ending == Ending::Cancelled,
            Plan::Untouched | Plan::Forgery => {
                matches!(ending, Ending::Refunded | Ending::ClosedUnused)
            }
            // There never was a release to close it with.
            Plan::BadRelease => !matches!(ending, Ending::Released | Ending::Cancelled),
            _ => ending != Ending::Cancelled,
        };
        scales.hold(|| format!("channel {id} was for {} and ended as {ending:?}", note.plan), fits)?;
        let released = note.released.is_none() || ending == Ending::Released;
        scales
            .hold(|| format!("channel {id}: its client saw a release, it ended as {ending:?}"), released)?;
        let caught = note.fraud != Fraud::Proven || ending != Ending::Refunded;
        scales.hold(|| format!("channel {id}: a proven cheat got a refund"), caught)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
