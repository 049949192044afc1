//! The vendor's side of a channel, one struct per phase [Spec §6, §7].
//!
//! ```text
//! Receiving ── accept ──► Receiving ── close ──► Closing ── released ──► Settling ── claim ──► Claiming
//!                                                   └────── claim ──────────────────────────► Claiming
//! ```
//!
//! The caller makes a payment durable, conditional on the previous n, before it acknowledges it, and marks the channel closing
//! before it asks for the release or signs any close. A release close is tried once and first, then only token closes.

mod closing;
mod receiving;
mod terms;

pub use closing::{Claiming, Closing, NotReleased, Settling};
pub use receiving::{Acceptance, LedgerView, Receiving, acknowledge_repeat};
pub use terms::VendorTerms;
