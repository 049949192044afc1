//! A whole network in one process: devnet, three chaincode processes on the shim, clients on the gateway library.
#![cfg(test)]

mod contract;
mod events;
mod harness;
mod ledger;
mod refusals;
mod restart;
mod transactions;
