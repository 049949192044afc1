//! Channels whose rows cannot be read are told of once, not in every round.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use lockstep_protocol::hash::ChannelId;

use crate::store::JournalError;

/// Those that were told of.
#[derive(Debug, Default)]
pub(super) struct Unreadable(Mutex<HashSet<ChannelId>>);

impl Unreadable {
    pub(super) fn tell(&self, channel: ChannelId, error: &JournalError) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(channel) {
            tracing::error!(%channel, %error, "the channel's row cannot be read: nothing is done for it");
        }
    }
}
