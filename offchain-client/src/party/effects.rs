//! What a role's machine wants done, and the one driver that does it: save, then send.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::store::{Change, Journal, JournalError, Ticket};

/// What follows from one step of a role's machine. Nothing of it has happened yet.
#[derive(Debug)]
#[must_use = "a step takes effect only when the driver carries it out"]
pub struct Effects<M> {
    /// What must be durable before anything is sent.
    pub persist: Option<Change>,
    /// What the other party is told then.
    pub send: Option<M>,
}

impl<M> Effects<M> {
    /// Only something to say.
    pub fn send(message: M) -> Self {
        Self { persist: None, send: Some(message) }
    }

    /// Something to be durable, and then something to say.
    pub fn persist_then_send(change: Change, message: M) -> Self {
        Self { persist: Some(change), send: Some(message) }
    }
}

/// Why effects could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// Saving failed, so nothing was sent.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The other party has gone; what was to be saved is saved.
    #[error("the other side has closed the payment stream")]
    Gone,
}

/// Carries out effects in the order in which they are handed in: each message leaves only when its change, and every change
/// before it, is durable. Several changes may be on their way to the disk at once, so one flush serves many.
#[derive(Debug)]
pub struct Driver<M> {
    journal: Arc<dyn Journal>,
    out: mpsc::Sender<M>,
    waiting: VecDeque<(Option<Ticket>, Option<M>)>,
}

impl<M: Send> Driver<M> {
    /// A driver that saves in `journal` and sends through `out`.
    pub fn new(journal: Arc<dyn Journal>, out: mpsc::Sender<M>) -> Self {
        Self { journal, out, waiting: VecDeque::new() }
    }

    /// Starts carrying out effects: the change is queued for the disk.
    ///
    /// # Errors
    /// [`JournalError::Write`] if the journal takes nothing any more.
    pub async fn start(&mut self, effects: Effects<M>) -> Result<(), JournalError> {
        let ticket = match effects.persist {
            Some(change) => Some(self.journal.submit(change).await?),
            None => None,
        };
        self.waiting.push_back((ticket, effects.send));
        Ok(())
    }

    /// How many effects are not carried out yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.waiting.len()
    }

    /// Carries out the oldest effects; waits for ever if there are none. May be cancelled: nothing is lost.
    ///
    /// # Errors
    /// [`DriveError`]; the effects behind the failed ones must not be carried out.
    pub async fn step(&mut self) -> Result<(), DriveError> {
        let Some((ticket, _)) = self.waiting.front_mut() else { return std::future::pending().await };
        if let Some(waiting) = ticket {
            waiting.durable().await?;
            *ticket = None;
        }
        // Room first, so that a cancelled wait leaves the message in its place.
        let room = self.out.reserve().await.map_err(|_| DriveError::Gone)?;
        if let Some((_, Some(message))) = self.waiting.pop_front() {
            room.send(message);
        }
        Ok(())
    }

    /// Carries out everything that was started.
    ///
    /// # Errors
    /// [`DriveError`].
    pub async fn finish(&mut self) -> Result<(), DriveError> {
        while !self.waiting.is_empty() {
            self.step().await?;
        }
        Ok(())
    }
}
