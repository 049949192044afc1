//! What a command prints: a table for people or JSON for scripts on standard output; progress and notes on
//! standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::Args;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::exit::{CliError, Exit};

/// The flags about output, the same for every verb.
#[derive(Args, Clone, Debug, Default)]
pub struct OutputArgs {
    /// Print JSON on standard output, one document a line
    #[arg(long, global = true)]
    json: bool,
    /// Print nothing but results and errors
    #[arg(long, short, global = true)]
    quiet: bool,
}

impl OutputArgs {
    /// JSON, whatever else was said.
    pub(super) fn json() -> Self {
        Self { json: true, quiet: false }
    }
}

/// Where a verb prints to.
#[derive(Clone, Debug)]
pub struct Output {
    json: bool,
    quiet: bool,
    /// Why a result could not be printed, first of all.
    lost: Arc<OnceLock<io::Error>>,
}

impl From<OutputArgs> for Output {
    fn from(args: OutputArgs) -> Self {
        Self { json: args.json, quiet: args.quiet, lost: Arc::default() }
    }
}

impl Output {
    /// Whether results are printed as JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether only results and errors are printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints one result: `value` as a line of JSON, or the text that `human` makes of it.
    pub fn result<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) {
        let printed = if self.json {
            let line = serde_json::to_string(value).map_err(io::Error::from);
            line.and_then(|line| print_line(&mut io::stdout().lock(), &line))
        } else {
            print_line(&mut io::stdout().lock(), &human(value))
        };
        match printed {
            Ok(()) => {}
            // A reader that has gone away (`lockstep … | head`) is no error of ours.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                tracing::debug!("the reader of the output has gone away");
            }
            // The first one counts.
            Err(error) => drop(self.lost.set(error)),
        }
    }

    /// Fails if a result could not be printed although somebody wants it: a script must not take silence for success.
    ///
    /// # Errors
    /// [`Exit::Storage`]; what the verb did is done.
    pub fn check(&self) -> Result<(), CliError> {
        match self.lost.get() {
            None => Ok(()),
            Some(error) => {
                Err(CliError::new(Exit::Storage, format!("the result cannot be printed: {error}"))
                    .with_hint("what the command does is done; ask for its result again"))
            }
        }
    }

    /// Prints a remark for the person at the terminal on standard error; nothing with `--quiet` or `--json`.
    pub fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            say(text);
        }
    }

    /// A progress bar over `length` steps on standard error; hidden when that is no terminal, and with
    /// `--quiet` or `--json`.
    pub fn progress(&self, length: u64, what: &'static str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(length), self.draw_target());
        let style =
            ProgressStyle::with_template("{msg:>12} [{bar:32}] {human_pos}/{human_len} {per_sec} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what);
        bar
    }

    /// A spinner on standard error for work of unknown length; hidden as [`Output::progress`] is.
    pub fn spinner(&self, what: &'static str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, self.draw_target());
        bar.set_message(what);
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        bar
    }

    /// Prints why a verb failed, on standard error.
    pub fn error(&self, error: &CliError) {
        if self.json {
            let causes = error.causes();
            let value = serde_json::json!({ "error": {
                "message": error.to_string(), "refusal": error.refusal(), "hint": error.hint(),
                "causes": causes, "exit": error.exit().code(),
            }});
            return say(&value.to_string());
        }
        say(&format!("error: {error}"));
        for cause in error.causes() {
            say(&format!("  because: {cause}"));
        }
        if let Some(hint) = error.hint() {
            say(&format!("  hint: {hint}"));
        }
    }

    fn draw_target(&self) -> ProgressDrawTarget {
        if self.quiet || self.json || !io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        }
    }
}

/// An empty table with the columns `header`, in the one look that all verbs share.
pub fn table<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

fn print_line(to: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(to, "{text}").and_then(|()| to.flush())
}

/// Where standard error cannot be written there is nobody left to tell.
fn say(text: &str) {
    print_line(&mut io::stderr().lock(), text).unwrap_or_default();
}
