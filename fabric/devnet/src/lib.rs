//! A Hyperledger Fabric network in one process, for development and tests.
//!
//! One process answers as the gateway peers of several organisations, over Fabric's own services with TLS. It checks
//! identities and signatures, simulates transactions with each endorsing organisation's own chaincode process and
//! compares the results, orders into blocks, validates by endorsement policy and read set, keeps state, history and
//! blocks in a durable store, and delivers events.
//!
//! It is a development tool: there is one channel, no gossip, no orderer consensus, and no protection against its own
//! operator, who holds every organisation's keys. What it does not support it refuses by name.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use hlf_devnet::{config::Config, network::Devnet};
//!
//! let config = Config::read("devnet.toml".as_ref())?;
//! let devnet = Devnet::start("network".as_ref(), config).await?;
//! devnet.stop().await?;
//! # Ok(())
//! # }
//! ```

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod chaincode;
pub mod cli;
pub mod config;
mod core;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
pub mod identity;
mod inspect;
pub mod network;
mod order;
mod peer;
mod profile;
mod services;
mod store;
