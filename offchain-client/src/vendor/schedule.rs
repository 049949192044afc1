//! When each channel is to be closed at the latest. Alone, that is its safety margin before it expires [Spec §6]. The margin counts on
//! every close being committed within L, which holds for as many closes at a time as the ledger path is trusted with: where more
//! channels expire around one time, the earlier ones in the order of expiry are closed earlier.
//!
//! The rule: at no time are more channels within their own R + 3 L than there are turns for closes that are due ([`super::turns`]). So
//! each of them always finds a turn, and all that the margin promises to a channel alone holds for each of many. It is the safe reading
//! of [Spec §6], which says nothing of many channels.
//!
//! From the last channel on, each one's time is its own latest, or R + 3 L before the time of the one so many places behind it, whichever
//! comes first. A channel that comes makes times earlier, one that goes makes them later; nothing else is remembered, so a restart finds
//! the same times from the journal alone. A channel is not taken if its coming left any channel too little time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::payee::VendorTerms;

use super::Facts;
use crate::party::replay;
use crate::store::StoredChannel;

/// Where a channel stands among those that are to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Unix millisecond at which it would have to be closed if it were alone.
    pub(super) latest: u64,
    pub(super) channel: ChannelId,
}

impl Place {
    pub(super) fn of(rules: &VendorTerms, record: &ChannelRecord) -> Self {
        let margin = millis(rules.safety_margin(record.max_drift()));
        let latest = record.opening().terms().expiry.as_unix_millis().saturating_sub(margin);
        Self { latest, channel: record.channel_id() }
    }

    /// A channel whose record cannot be read back may expire at any time: it is to be closed at once.
    pub(super) fn of_stored(rules: &VendorTerms, stored: &StoredChannel) -> Self {
        match replay::decode_note::<Facts>(&stored.facts) {
            Ok(Facts { record }) => Self::of(rules, &record),
            Err(_) => Self { latest: 0, channel: stored.channel },
        }
    }
}

/// The channels that the ledger has no ending of, by when they are to be closed.
#[derive(Debug)]
pub(super) struct Schedule {
    rows: Mutex<Vec<Row>>,
    /// Channels that may be within their own R + 3 L at a time.
    width: usize,
    /// R + 3 L, in milliseconds.
    window: u64,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    place: Place,
    at: u64,
    marked: bool,
}

impl Schedule {
    pub(super) fn new(width: usize, rules: &VendorTerms) -> Self {
        let window = millis(rules.commit_bound.saturating_mul(3).saturating_add(rules.release_wait));
        Self { rows: Mutex::default(), width: width.max(1), window }
    }

    /// Takes a channel in if no channel, itself included, would have to be closed before `floor` because of it; tells whether it is in.
    pub(super) fn admit(&self, place: Place, floor: u64) -> bool {
        let mut rows = self.rows();
        let Err(index) = find(&rows, &place) else { return true };
        rows.insert(index, Row::new(place));
        let earliest = self.settle(&mut rows, index + 1, index);
        if place.latest.min(earliest) >= floor {
            return true;
        }
        rows.remove(index);
        self.settle(&mut rows, index, index);
        false
    }

    /// Takes in channels that the journal has, whatever comes of it.
    pub(super) fn extend(&self, places: impl IntoIterator<Item = Place>) {
        let mut rows = self.rows();
        for place in places {
            if let Err(index) = find(&rows, &place) {
                rows.insert(index, Row::new(place));
            }
        }
        let all = rows.len();
        self.settle(&mut rows, all, 0);
    }

    /// The ledger has the channel's ending.
    pub(super) fn remove(&self, place: &Place) {
        let mut rows = self.rows();
        if let Ok(index) = find(&rows, place) {
            rows.remove(index);
            self.settle(&mut rows, index, index);
        }
    }

    /// How much earlier than if it were alone a channel is to be closed.
    pub(super) fn earlier(&self, place: &Place) -> Duration {
        let rows = self.rows();
        let row = find(&rows, place).ok().and_then(|index| rows.get(index));
        Duration::from_millis(row.map_or(0, |row| place.latest.saturating_sub(row.at)))
    }

    /// The channels whose time has come and that nobody has marked.
    pub(super) fn due(&self, now: u64) -> Vec<Place> {
        let rows = self.rows();
        let come = rows.iter().take_while(|row| row.at <= now);
        come.filter(|row| !row.marked).map(|row| row.place).collect()
    }

    /// The channel is marked closing, or further.
    pub(super) fn mark(&self, place: &Place) {
        let mut rows = self.rows();
        if let Some(row) = find(&rows, place).ok().and_then(|index| rows.get_mut(index)) {
            row.marked = true;
        }
    }

    /// All of them.
    pub(super) fn places(&self) -> Vec<Place> {
        self.rows().iter().map(|row| row.place).collect()
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the rows before `end` their times, where rows from `moved` on have moved; the earliest of those that changed.
    fn settle(&self, rows: &mut [Row], end: usize, moved: usize) -> u64 {
        let (mut earliest, mut unchanged) = (u64::MAX, 0);
        for index in (0..end).rev() {
            let behind = rows.get(index.saturating_add(self.width)).map_or(u64::MAX, |row| row.at);
            let Some(row) = rows.get_mut(index) else { continue };
            let at = row.place.latest.min(behind.saturating_sub(self.window));
            if at == row.at {
                unchanged += 1;
                // All that the rows below depend on is as it was, and where it was.
                if unchanged > self.width && index.saturating_add(self.width) < moved {
                    break;
                }
            } else {
                (row.at, unchanged) = (at, 0);
                earliest = earliest.min(at);
            }
        }
        earliest
    }
}

impl Row {
    fn new(place: Place) -> Self {
        Self { place, at: place.latest, marked: false }
    }
}

fn find(rows: &[Row], place: &Place) -> Result<usize, usize> {
    rows.binary_search_by(|row| row.place.cmp(place))
}

/// A span in whole milliseconds.
pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 50;

    fn schedule(width: usize) -> Schedule {
        Schedule { rows: Mutex::default(), width, window: WINDOW }
    }

    fn place(latest: u64, name: u8) -> Place {
        Place { latest, channel: ChannelId::from_bytes([name; 32]) }
    }

    fn times(schedule: &Schedule) -> Vec<u64> {
        schedule.rows().iter().map(|row| row.at).collect()
    }

    #[test]
    fn where_there_are_turns_for_all_nobody_is_closed_earlier() {
        let schedule = schedule(3);
        schedule.extend([place(1000, 1), place(1000, 2), place(1000, 3), place(1050, 4)]);
        assert_eq!(times(&schedule), [1000, 1000, 1000, 1050]);
        assert_eq!(schedule.earlier(&place(1000, 1)), Duration::ZERO);
    }

    #[test]
    fn channels_of_one_expiry_are_closed_so_many_at_a_time() {
        let schedule = schedule(2);
        schedule.extend((0..5).map(|name| place(1000, name)));
        assert_eq!(times(&schedule), [900, 950, 950, 1000, 1000]);
        assert_eq!(schedule.earlier(&place(1000, 0)), Duration::from_millis(100));
        // Those before them make room too.
        schedule.extend([place(930, 9)]);
        assert_eq!(times(&schedule), [900, 900, 950, 950, 1000, 1000]);
    }

    #[test]
    fn the_order_of_coming_and_going_makes_no_difference() {
        let latest = |name: u8| 10_000 + u64::from(name.wrapping_mul(37) % 90);
        for width in 1..7 {
            let (one_by_one, at_once) = (schedule(width), schedule(width));
            for name in 0..60 {
                assert!(one_by_one.admit(place(latest(name), name), 0));
                if name % 3 == 0 {
                    one_by_one.remove(&place(latest(name / 2), name / 2));
                }
            }
            let left = one_by_one.places();
            at_once.extend(left.iter().copied());
            assert_eq!(times(&one_by_one), times(&at_once), "width {width}");
            let all = times(&one_by_one);
            assert!(all.is_sorted());
            let windows = all.iter().zip(all.iter().skip(width));
            assert!(windows.into_iter().all(|(one, behind)| one + WINDOW <= *behind));
            left.iter().for_each(|gone| one_by_one.remove(gone));
            assert!(one_by_one.places().is_empty());
        }
    }

    #[test]
    fn a_channel_that_leaves_another_too_little_time_is_not_admitted() {
        let schedule = schedule(1);
        assert!(schedule.admit(place(1000, 1), 900));
        assert!(schedule.admit(place(1000, 2), 900));
        assert_eq!(times(&schedule), [950, 1000]);
        // The first of the three would have to be closed at 900.
        assert!(!schedule.admit(place(1000, 3), 901));
        assert!(!schedule.admit(place(1000, 0), 901));
        assert_eq!(times(&schedule), [950, 1000], "nothing has changed");
        assert!(schedule.admit(place(1000, 2), 2000), "it is in already");
        assert!(schedule.admit(place(1050, 4), 901), "it is in nobody's way");
        schedule.remove(&place(1000, 1));
        assert!(schedule.admit(place(1000, 3), 901));
    }

    #[test]
    fn what_is_due_is_told_until_it_is_marked() {
        let schedule = schedule(1);
        let (one, two) = (place(1000, 1), place(1000, 2));
        schedule.extend([one, two]);
        assert!(schedule.due(949).is_empty());
        assert_eq!(schedule.due(950), [one]);
        schedule.mark(&one);
        assert!(schedule.due(999).is_empty());
        assert_eq!(schedule.due(1000), [two]);
    }
}
