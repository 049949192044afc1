//! The journal's channels for the rounds. A row that cannot be read costs its own channel alone: the others are closed all the same.

use std::collections::BTreeSet;

use super::shared::Shared;
use crate::store::{JournalError, Phase, StoredChannel};

/// Channels in one page of the journal.
const PAGE: u32 = 100;
/// Behind the last place that there can be.
const END: i64 = i64::MAX - 1;

/// How far the journal has been read in the order of creation.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Place of the last channel that was read.
    place: i64,
    /// Places before it that could not be read. They are tried again, since not every failure lasts.
    skipped: BTreeSet<i64>,
}

impl Reader {
    /// The channels that were not read yet; none when there are no more.
    pub(super) async fn next(&mut self, shared: &Shared) -> Result<Vec<StoredChannel>, JournalError> {
        let mut found = self.try_again(shared).await;
        match shared.journal.channels(self.place, PAGE).await {
            Ok(page) => {
                self.place = page.last().map_or(self.place, |last| last.place);
                found.extend(page);
            }
            Err(error) => found.extend(self.next_alone(shared, error).await?),
        }
        Ok(found)
    }

    async fn try_again(&mut self, shared: &Shared) -> Vec<StoredChannel> {
        let mut found = Vec::new();
        for place in std::mem::take(&mut self.skipped) {
            match shared.journal.channels(place.saturating_sub(1), 1).await {
                // Another place: there is no channel at this one.
                Ok(page) => found.extend(page.into_iter().filter(|stored| stored.place == place)),
                Err(_) => drop(self.skipped.insert(place)),
            }
        }
        found
    }

    /// The next channels, one at a time up to one that can be read: some row of the page cannot.
    async fn next_alone(
        &mut self,
        shared: &Shared,
        error: JournalError,
    ) -> Result<Vec<StoredChannel>, JournalError> {
        for _ in 0..PAGE {
            match shared.journal.channels(self.place, 1).await {
                Ok(one) => {
                    self.place = one.last().map_or(self.place, |stored| stored.place);
                    return Ok(one);
                }
                Err(of_this) => {
                    // A journal that answers nothing at all is not read past.
                    shared.journal.channels(END, 1).await?;
                    self.place = self.place.saturating_add(1);
                    self.skipped.insert(self.place);
                    tracing::error!(place = self.place, error = %of_this, "a channel's row cannot be read: nothing is done for it");
                }
            }
        }
        Err(error)
    }
}

/// Every channel in one phase that can be read.
pub(super) async fn in_phase(shared: &Shared, phase: Phase) -> Result<Vec<StoredChannel>, JournalError> {
    match page_by_page(shared, phase).await {
        Err(error) if !error.is_fatal() => one_by_one(shared, phase, error).await,
        found => found,
    }
}

async fn page_by_page(shared: &Shared, phase: Phase) -> Result<Vec<StoredChannel>, JournalError> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = shared.journal.channels_in(phase, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.place;
        found.extend(page);
    }
}

async fn one_by_one(
    shared: &Shared,
    phase: Phase,
    error: JournalError,
) -> Result<Vec<StoredChannel>, JournalError> {
    let places = shared.schedule.places();
    let (mut found, mut readable) = (Vec::new(), places.is_empty());
    for place in places {
        match shared.journal.channel(place.channel).await {
            Ok(stored) => {
                readable = true;
                found.extend(stored.filter(|stored| stored.phase == phase));
            }
            Err(error) => shared.unreadable.tell(place.channel, &error),
        }
    }
    // A journal that answers nothing at all is no journal without such channels.
    if readable { Ok(found) } else { Err(error) }
}
