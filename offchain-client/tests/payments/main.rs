//! Wallet and vendor over real TLS with real journals; the ledger alone is a stand-in, which runs the protocol's own rules.
#![cfg(test)]

mod claims;
mod crash;
mod endings;
mod faulty;
mod fraud;
mod happy;
mod late;
mod ledger;
mod opening;
mod presigned;
mod refusals;
mod settle;
mod stranger;
mod together;
mod unacknowledged;
mod world;
