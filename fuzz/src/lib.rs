//! What must hold of every decoder of outside bytes: no panic, no unbounded work, and what was read is written as it was read.
//!
//! A [`Target`] is a family of decoders; the first byte of an input chooses one, the rest is what it reads. The fuzzer
//! (`scripts/fuzz`, the package in `targets/`) and the test over the stored corpora (`tests/corpora.rs`, part of
//! `cargo test`) call the same function.
//!
//! | target | decoders |
//! | --- | --- |
//! | [`PAYMENTS`] | openings, payments, batches, acknowledgements, receipts, fraud proofs in bytes |
//! | [`DOCUMENTS`] | the ledger's commands, records, registrations and changes, opening requests, credentials, disclosures in JSON |
//! | [`TEXTS`] | keys, signatures, hashes, memos, amounts, times, spans, refusals as text |
//! | [`STREAM`] | the payment stream's messages |
//! | [`BANK`] | bodies of the bank's HTTP interface, both ways |
//! | [`FILES`] | transcripts, network profiles, the bank's log of openings and decisions |
//! | [`CONTRACT`] | arguments of the channel contract, on a ledger with a bank and an open channel |
//! | [`GATEWAY`] | a gateway peer's errors, transactions and events, and what the roles make of them |
//! | [`SHIM`] | a peer's messages to a chaincode, composite keys, callers, proposals |
//! | [`DEVNET`] | proposals, envelopes, certificates, read and write sets, policies that devnet reads |

mod bank;
mod contract;
mod devnet;
mod documents;
mod files;
mod gateway;
mod payments;
mod property;
pub mod scene;
mod shim;
mod stream;
mod texts;

pub use bank::BANK;
pub use contract::{CONTRACT, SEPARATOR};
pub use devnet::DEVNET;
pub use documents::DOCUMENTS;
pub use files::FILES;
pub use gateway::GATEWAY;
pub use payments::PAYMENTS;
pub use shim::SHIM;
pub use stream::STREAM;
pub use texts::TEXTS;

/// All targets.
pub const TARGETS: [Target; 10] =
    [PAYMENTS, DOCUMENTS, TEXTS, STREAM, BANK, FILES, CONTRACT, GATEWAY, SHIM, DEVNET];

/// Reads bytes, panics if a property of the decoder does not hold, and tells whether it took them.
pub type Decoder = fn(&[u8]) -> bool;

/// A family of decoders.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its corpus.
    pub name: &'static str,
    /// By the first byte of an input: name and decoder.
    pub decoders: &'static [(&'static str, Decoder)],
}

impl Target {
    /// Gives an input to the decoder that its first byte names; tells whether that took it.
    ///
    /// # Panics
    /// When a property of the decoder does not hold: that is the finding.
    #[must_use]
    pub fn run(&self, input: &[u8]) -> bool {
        let Some((selector, bytes)) = input.split_first() else { return false };
        self.decoders.get(usize::from(*selector)).is_some_and(|(_, decode)| decode(bytes))
    }

    /// An input for the decoder of this name; `None` if there is none.
    #[must_use]
    pub fn input(&self, decoder: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let selector = self.decoders.iter().position(|(name, _)| *name == decoder)?;
        Some([&[u8::try_from(selector).ok()?], bytes].concat())
    }
}
