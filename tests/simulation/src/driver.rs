//! Save, then send: what `lockstep::party::Driver` does, one step at a time, so that a crash can fall between any two.

use std::collections::VecDeque;

use lockstep::party::Effects;
use lockstep::store::Change;

use crate::journal::{Conflict, Journal};

/// A role's journal, and what waits for it.
#[derive(Debug)]
pub(crate) struct Driver<M> {
    pub(crate) journal: Journal,
    waiting: VecDeque<(Option<Change>, Option<M>)>,
    /// Planted: what is to be sent leaves before it is saved.
    pub(crate) hasty: bool,
}

impl<M> Default for Driver<M> {
    fn default() -> Self {
        Self { journal: Journal::default(), waiting: VecDeque::new(), hasty: false }
    }
}

impl<M> Driver<M> {
    /// Queues effects; gives what leaves at once.
    pub(crate) fn start<N>(&mut self, effects: Effects<N>, address: impl FnOnce(N) -> M) -> Option<M> {
        let mut send = effects.send.map(address);
        let early = if self.hasty { send.take() } else { None };
        self.waiting.push_back((effects.persist, send));
        early
    }

    /// Makes the oldest change durable; gives what may leave then.
    ///
    /// # Errors
    /// [`Conflict`]: nothing leaves.
    pub(crate) fn step(&mut self) -> Result<Option<M>, Conflict> {
        let Some((change, send)) = self.waiting.pop_front() else { return Ok(None) };
        if let Some(change) = change {
            self.journal.apply(&change)?;
        }
        Ok(send)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What was not durable is gone.
    pub(crate) fn crash(&mut self) {
        self.waiting.clear();
    }
}
