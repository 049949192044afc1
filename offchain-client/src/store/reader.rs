//! All of a journal's channels, past rows that cannot be read.

use std::collections::BTreeSet;

use super::{Journal, JournalError, StoredChannel};

/// Channels in one page.
const PAGE: u32 = 100;
/// Behind the last place that there can be.
const END: i64 = i64::MAX - 1;

/// How far the journal has been read in the order of creation.
#[derive(Debug, Default)]
pub(crate) struct ChannelReader {
    /// Place of the last channel that was read.
    place: i64,
    /// Places before it that could not be read. They are tried again, since not every failure lasts.
    skipped: BTreeSet<i64>,
}

impl ChannelReader {
    /// The channels that were not read yet; none when there are no more.
    pub(crate) async fn next(&mut self, journal: &dyn Journal) -> Result<Vec<StoredChannel>, JournalError> {
        let mut found = self.try_again(journal).await;
        match journal.channels(self.place, PAGE).await {
            Ok(page) => {
                self.place = page.last().map_or(self.place, |last| last.place);
                found.extend(page);
            }
            Err(error) => found.extend(self.next_alone(journal, error).await?),
        }
        Ok(found)
    }

    /// How many rows there are before its place that could not be read.
    pub(crate) fn skipped(&self) -> usize {
        self.skipped.len()
    }

    async fn try_again(&mut self, journal: &dyn Journal) -> Vec<StoredChannel> {
        let mut found = Vec::new();
        for place in std::mem::take(&mut self.skipped) {
            match journal.channels(place.saturating_sub(1), 1).await {
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
        journal: &dyn Journal,
        error: JournalError,
    ) -> Result<Vec<StoredChannel>, JournalError> {
        for _ in 0..PAGE {
            match journal.channels(self.place, 1).await {
                Ok(one) => {
                    self.place = one.last().map_or(self.place, |stored| stored.place);
                    return Ok(one);
                }
                Err(of_this) => {
                    // A journal that answers nothing at all is not read past.
                    journal.channels(END, 1).await?;
                    self.place = self.place.saturating_add(1);
                    self.skipped.insert(self.place);
                    tracing::error!(place = self.place, error = %of_this, "a channel's row cannot be read: nothing is done for it");
                }
            }
        }
        Err(error)
    }
}
