//! A whole network in one process: devnet, three chaincode processes on the shim, clients on the gateway library.
#![cfg(test)]

mod contract;
mod deliver;
mod events;
mod harness;
mod ledger;
mod mutual_tls;
mod packages;
mod refusals;
mod restart;
mod stopping;
mod transactions;
