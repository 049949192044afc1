//! Settlements that run, one for each channel at most, and what they have reached.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::refusal::Refusal;
use tokio::sync::watch;

use super::settle;
use super::shared::Shared;
use crate::stream::{Settled, Unlocked};

/// What a settlement has reached.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Every receipt is recovered and stored.
    Unlocked(Unlocked),
    /// The close is on the ledger.
    Settled(Settled),
    /// It cannot go on, or not now.
    Failed(Refusal),
}

/// Those who wait for a settlement see its steps so far.
pub(super) type Steps = watch::Receiver<Vec<Step>>;

/// The settlements that run.
#[derive(Debug, Default)]
pub(super) struct Settlements(Mutex<HashMap<ChannelId, Steps>>);

impl Settlements {
    /// The steps of a channel's settlement, which is started unless it runs. It goes on when nobody follows it.
    pub(super) fn follow(&self, shared: &Arc<Shared>, channel: ChannelId) -> Steps {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(steps) = running.get(&channel) {
            return steps.clone();
        }
        let (publish, steps) = watch::channel(Vec::new());
        running.insert(channel, steps.clone());
        let (shared, stop) = (Arc::clone(shared), shared.stop.clone());
        let tasks = shared.tasks.clone();
        tasks.spawn(async move {
            let running = Running { shared, channel };
            tokio::select! {
                () = settle::run(&running.shared, channel, &publish) => {}
                () = stop.cancelled() => {}
            }
        });
        steps
    }
}

/// A settlement that runs. However it ends, a panic included, the next round may start it again.
struct Running {
    shared: Arc<Shared>,
    channel: ChannelId,
}

impl Drop for Running {
    fn drop(&mut self) {
        let running = &self.shared.settlements.0;
        running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.channel);
    }
}
