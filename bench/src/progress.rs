//! What a person sees while it runs: one bar over all cells, or a line for each where there is no terminal.

use indicatif::ProgressBar;
use lockstep::cli::Output;

/// Progress of a run, on standard error.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    output: Output,
}

impl Progress {
    pub(crate) fn new(cells: usize, output: &Output) -> Self {
        let bar = output.progress(u64::try_from(cells).unwrap_or(u64::MAX), "measuring");
        bar.enable_steady_tick(std::time::Duration::from_millis(250));
        Self { bar, output: output.clone() }
    }

    /// A cell is begun.
    pub(crate) fn begin(&self, what: &str) {
        if self.bar.is_hidden() {
            let (at, of) = (self.bar.position() + 1, self.bar.length().unwrap_or_default());
            self.output.note(&format!("{at:>4}/{of} {what}"));
        } else {
            self.bar.println(what);
        }
    }

    /// A cell is measured, or was before.
    pub(crate) fn done(&self) {
        self.bar.inc(1);
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
