//! Presignatures of one run of payments, drawn ahead on a second thread [Spec §2].

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use lockstep_protocol::presignature::Presignature;

/// Presignatures drawn at once: many share one inversion, and few are lost when the run ends early.
const ROW: u32 = 128;
/// Rows that may lie ready.
const AHEAD: usize = 4;

/// Presignatures for one run on one channel. They live in memory alone, and what is left is wiped with this.
#[derive(Debug)]
pub struct Presignatures {
    ready: Vec<Presignature>,
    rows: Receiver<Vec<Presignature>>,
    to_draw: Arc<ToDraw>,
    /// The process that drew them. A fork of it has the same ones, and not the thread that draws.
    process: u32,
}

/// How many are still to be drawn, by whichever thread comes first.
#[derive(Debug)]
struct ToDraw(AtomicU32);

impl ToDraw {
    /// Draws the next row from the operating system's randomness; `None` when all are drawn, or there is no randomness.
    fn row(&self) -> Option<Vec<Presignature>> {
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            (left > 0).then(|| left.saturating_sub(ROW))
        });
        let count = before.ok()?.min(ROW);
        match Presignature::draw(&mut getrandom::SysRng, usize::try_from(count).ok()?) {
            Ok(row) => Some(row),
            Err(error) => {
                tracing::warn!(%error, "no presignatures: payments are signed by RFC 6979");
                self.0.store(0, Ordering::Relaxed);
                None
            }
        }
    }

    fn draw_all(&self, out: &SyncSender<Vec<Presignature>>) {
        while let Some(row) = self.row() {
            // Nobody wants them any more.
            if out.send(row).is_err() {
                return;
            }
        }
    }
}

impl Presignatures {
    /// Begins to draw `count` of them.
    #[must_use]
    pub fn start(count: u32) -> Self {
        let to_draw = Arc::new(ToDraw(AtomicU32::new(count)));
        let (out, rows) = sync_channel(AHEAD);
        let drawing = Arc::clone(&to_draw);
        std::thread::spawn(move || drawing.draw_all(&out));
        Self { ready: Vec::new(), rows, to_draw, process: std::process::id() }
    }

    /// Takes `count`; draws as well while none lie ready. `None` if so many are not to be had, and RFC 6979 serves instead:
    /// so it is in a fork of the process, which discards those that it shares with it.
    pub fn take(&mut self, count: u32) -> Option<Vec<Presignature>> {
        if self.process != std::process::id() {
            self.ready.clear();
            return None;
        }
        let count = usize::try_from(count).ok()?;
        while self.ready.len() < count {
            let row = self.rows.try_recv().ok().or_else(|| self.to_draw.row());
            // The last row is being drawn by the other thread, or there is none.
            let row = row.or_else(|| self.rows.recv().ok())?;
            self.ready.extend(row);
        }
        Some(self.ready.split_off(self.ready.len() - count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_were_asked_for_can_be_taken_and_no_more() {
        let mut presignatures = Presignatures::start(300);
        for count in [1, 255, 0, 44] {
            assert_eq!(presignatures.take(count).unwrap().len(), usize::try_from(count).unwrap());
        }
        assert!(presignatures.take(1).is_none());
        assert!(Presignatures::start(10).take(11).is_none());
    }

    #[test]
    fn another_process_discards_what_it_was_forked_with() {
        let mut presignatures = Presignatures::start(10);
        let ready = presignatures.take(10).unwrap();
        // As a fork finds them: drawn, not used, and by another process than itself.
        let mut forked = Presignatures { ready, process: std::process::id() ^ 1, ..presignatures };
        assert!(forked.take(0).is_none());
        assert!(forked.ready.is_empty());
    }
}
