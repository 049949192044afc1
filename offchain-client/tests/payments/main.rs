//! Wallet and vendor over real TLS with real journals; the ledger alone is a stand-in, which runs the protocol's own rules.
#![cfg(test)]

mod bounded;
mod claims;
mod crash;
mod damaged;
mod due;
mod endings;
mod faulty;
mod fraud;
mod happy;
mod late;
mod ledger;
mod many;
mod opening;
mod presigned;
mod refusals;
mod settle;
mod stranger;
mod together;
mod unacknowledged;
mod world;
