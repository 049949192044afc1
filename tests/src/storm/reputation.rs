//! Reputations have changed exactly as the ledger's releases, proven frauds and the operator's decisions say [Spec §9].

use std::collections::{BTreeMap, BTreeSet};

use lockstep::bank::books::{ReputationChange, Statement};
use lockstep_protocol::ChannelId;

use super::evidence::Evidence;
use super::model::{Ended, Ending, Scales};
use super::script::Plan;
use super::tally::{Fraud, Note, Notes};
use crate::scenario::Failure;

/// How many changes a statement shows.
const SHOWN: usize = 500;

/// A new account's reputation.
const FULL: u8 = 100;

/// Checks every account; gives how many frauds there were and how many changes.
pub(super) fn check(
    scales: &mut Scales,
    evidence: &Evidence,
    notes: &Notes,
    ended: &BTreeMap<ChannelId, Ended>,
    owners: &BTreeMap<ChannelId, String>,
) -> Result<(usize, usize), Failure> {
    let frauds: BTreeSet<_> =
        evidence.booked.iter().filter(|booked| booked.fraud).map(|booked| booked.channel_id).collect();
    for id in &frauds {
        let cheated = notes.channels.get(id).is_some_and(|note| note.fraud != Fraud::None);
        scales
            .hold(|| format!("the client of {id} was convicted and had locked everything well"), cheated)?;
    }
    for (id, note) in &notes.channels {
        let provable =
            ended.get(id).is_some_and(|channel| is_provable(note, channel.ending == Ending::Released));
        scales.hold(
            || format!("the client of {id} cheated and was not convicted"),
            !provable || frauds.contains(id),
        )?;
    }
    let mut changes = 0;
    for account in &evidence.accounts {
        let pages = evidence.statements.get(&account.key).map(Vec::as_slice).unwrap_or_default();
        let seen = pages.last().map(|page| page.reputation_changes.as_slice()).unwrap_or_default();
        changes += seen.len();
        let whole = seen.len() < SHOWN;
        let mut points = if whole { FULL } else { seen.first().map_or(FULL, |c| c.before.as_points()) };
        let mut causes = BTreeSet::new();
        let mut pardons = 0;
        for change in seen {
            let key = &account.key;
            scales.equal(
                || format!("{key}: the reputation before a change"),
                &change.before.as_points(),
                &points,
            )?;
            let (after, just) = judge(change, key, notes, ended, owners, &frauds);
            let cause = &change.cause;
            scales.hold(|| format!("{key}: {cause} for {:?} has no reason", change.channel), just)?;
            points = after.unwrap_or_else(|| change.after.as_points());
            scales.equal(
                || format!("{key}: the reputation after {cause}"),
                &change.after.as_points(),
                &points,
            )?;
            pardons += u64::from(change.channel.is_none());
            let fresh = change.channel.is_none() || causes.insert((change.channel, cause.clone()));
            scales.hold(|| format!("{key}: {cause} for {:?} twice", change.channel), fresh)?;
        }
        scales.equal(|| format!("the reputation of {}", account.key), &account.reputation, &points)?;
        let granted = notes.pardons.get(&account.key).copied().unwrap_or_default();
        scales.hold(|| format!("{} was restored {pardons} times", account.key), pardons <= granted)?;
        if whole {
            complete(scales, &account.key, seen, pages, (notes, ended, owners, &frauds))?;
        }
    }
    Ok((frauds.len(), changes))
}

/// Whether the bank must come to hear of a fraud: the vendor has said that its walk failed, or it has the release, and whether it
/// closed with it before the walk or behind, the walk must have found the bad lock.
pub(super) fn is_provable(note: &Note, is_released: bool) -> bool {
    note.fraud == Fraud::Proven || (note.plan == Plan::BadLock && is_released)
}

/// What a change must lead to, and whether there is a reason for it.
fn judge(
    change: &ReputationChange,
    key: &str,
    notes: &Notes,
    ended: &BTreeMap<ChannelId, Ended>,
    owners: &BTreeMap<ChannelId, String>,
    frauds: &BTreeSet<ChannelId>,
) -> (Option<u8>, bool) {
    let before = change.before.as_points();
    let Some(id) = change.channel else { return (None, change.cause == "operator") };
    let Some(channel) = ended.get(&id) else { return (None, false) };
    let (buys, sells) = (owners.get(&id).is_some_and(|owner| owner == key), channel.vendor == key);
    match change.cause.as_str() {
        "clean_settlement" => {
            (Some(before.saturating_add(1).min(FULL)), channel.ending == Ending::Released && (buys || sells))
        }
        "fraud_proof" => (Some(before.saturating_sub(60)), frauds.contains(&id) && buys),
        "failed_delivery" => {
            (Some(before.saturating_sub(20)), sells && notes.channels.get(&id).is_some_and(|n| n.at_fault))
        }
        _ => (None, false),
    }
}

/// Nothing that had to change a reputation is missing. A release does not change a full one.
fn complete(
    scales: &mut Scales,
    key: &str,
    seen: &[ReputationChange],
    pages: &[Statement],
    (notes, ended, owners, frauds): (
        &Notes,
        &BTreeMap<ChannelId, Ended>,
        &BTreeMap<ChannelId, String>,
        &BTreeSet<ChannelId>,
    ),
) -> Result<(), Failure> {
    let has = |id, cause: &str| seen.iter().any(|c| c.channel == Some(id) && c.cause == cause);
    for (id, channel) in ended {
        let (buys, sells) = (owners.get(id).is_some_and(|owner| owner == key), channel.vendor == key);
        if buys && frauds.contains(id) {
            scales.hold(|| format!("{key}: the fraud on {id} cost nothing"), has(*id, "fraud_proof"))?;
        }
        if sells && notes.channels.get(id).is_some_and(|note| note.at_fault) {
            scales.hold(|| format!("{key}: the fault on {id} cost nothing"), has(*id, "failed_delivery"))?;
        }
        if (buys || sells) && channel.ending == Ending::Released && !has(*id, "clean_settlement") {
            let what =
                || format!("{key}: the clean settlement of {id} gave no point to a reputation below 100");
            scales.hold(what, was_full(seen, pages, *id))?;
        }
    }
    Ok(())
}

/// Whether the reputation was full at some moment within the millisecond in which a channel's close was posted.
fn was_full(seen: &[ReputationChange], pages: &[Statement], id: ChannelId) -> bool {
    let mut lines = pages.iter().flat_map(|page| &page.lines);
    let Some(posted) = lines.find(|line| line.channel == Some(id) && line.cause.as_str() == "closed") else {
        // A release of nothing moves nothing for the vendor, so its statement has no line of it.
        return true;
    };
    let before = seen.iter().rev().find(|c| c.at < posted.at).map_or(FULL, |c| c.after.as_points());
    before == FULL || seen.iter().any(|c| c.at == posted.at && c.after.as_points() == FULL)
}
