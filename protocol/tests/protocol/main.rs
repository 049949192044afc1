//! The protocol's rules, tried through its public interface.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in the tests' helpers a failure is the test's"
)]

mod decoding;
mod games;
mod ledger_openings;
mod ledger_order;
mod ledger_refusals;
mod ledger_table;
mod locks;
mod model;
mod payee;
mod payer;
mod postings;
mod refusals;
mod release;
mod scene;
mod setup;
mod tokens;
mod wycheproof;
