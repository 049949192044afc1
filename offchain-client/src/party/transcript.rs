//! A channel's receipts as a file: a line of JSON with the opening, then one for each receipt, in order.
//!
//! Whoever has the file can check every line: σ₀ by the bank's key, each payment by the client's, and that nothing is missing
//! in between [Spec §7]. Reading holds one line at a time.

use std::io::{BufRead, Read as _, Write};

use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::receipt::Receipt;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::transcript::{Transcript, TranscriptError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What the first line names itself.
const FORMAT: &str = "lockstep/1/transcript";
/// The longest line: a receipt with the longest memo in hexadecimal.
const LINE_BYTES: u64 = 16 * 1024;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heading {
    format: String,
    opening: SignedOpening,
}

/// What is wrong with a transcript.
#[derive(Debug, thiserror::Error)]
pub enum BadTranscript {
    /// The file cannot be read.
    #[error("the transcript cannot be read")]
    Io(#[from] std::io::Error),
    /// It is none.
    #[error("line {line} is not what a transcript has there")]
    Line {
        /// From 1.
        line: u64,
    },
    /// The bank did not sign the opening.
    #[error("the opening is not good: {0}")]
    Opening(Refusal),
    /// A receipt is wrong.
    #[error(transparent)]
    Receipt(#[from] TranscriptError),
}

/// Writes the first line.
///
/// # Errors
/// The writer's.
pub fn write_heading(to: &mut impl Write, opening: &SignedOpening) -> std::io::Result<()> {
    write_line(to, &Heading { format: FORMAT.to_owned(), opening: opening.clone() })
}

/// Writes the next receipt.
///
/// # Errors
/// The writer's.
pub fn write_receipt(to: &mut impl Write, receipt: &Receipt) -> std::io::Result<()> {
    write_line(to, receipt)
}

fn write_line(to: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}

/// A transcript whose every line was checked.
#[derive(Debug)]
pub struct Checked {
    /// The opening, by the bank that it names: whether that is a bank to be trusted is for the caller.
    pub opening: SignedOpening,
    /// The transcript behind its last receipt.
    pub transcript: Transcript,
}

/// Reads a transcript to its end and checks every line; tells after each how many receipts were good.
///
/// # Errors
/// [`BadTranscript`], at the first line that is wrong.
pub fn check(from: &mut impl BufRead, mut progress: impl FnMut(u32)) -> Result<Checked, BadTranscript> {
    let mut line = 1;
    let heading: Heading = read_line(from, line)?.ok_or(BadTranscript::Line { line })?;
    if heading.format != FORMAT {
        return Err(BadTranscript::Line { line });
    }
    let mut transcript = Transcript::begin(&heading.opening).map_err(BadTranscript::Opening)?;
    loop {
        line += 1;
        let Some(receipt) = read_line::<Receipt>(from, line)? else { break };
        transcript.add(&receipt)?;
        progress(transcript.number().as_index());
    }
    Ok(Checked { opening: heading.opening, transcript })
}

fn read_line<T: DeserializeOwned>(from: &mut impl BufRead, line: u64) -> Result<Option<T>, BadTranscript> {
    let mut bytes = Vec::new();
    from.by_ref().take(LINE_BYTES).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    // A line that was cut is no line: the file is not whole.
    if bytes.pop() != Some(b'\n') {
        return Err(BadTranscript::Line { line });
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|_| BadTranscript::Line { line })
}
