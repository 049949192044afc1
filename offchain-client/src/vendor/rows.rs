//! Channels in one phase. A row that cannot be read costs its own channel alone: the others are closed all the same.

use super::shared::Shared;
use crate::store::{JournalError, Phase, StoredChannel};

/// Channels in one page of the journal.
const PAGE: u32 = 100;

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
