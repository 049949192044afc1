//! End-to-end tests of lockstep on Hyperledger Fabric and on devnet, the demo, and what both need.

pub mod contract;
pub mod demo;
pub mod endorsers;
pub mod folder;
pub mod forge;
pub mod hostile;
pub mod liar;
pub mod network;
pub mod observation;
pub mod process;
mod runtime;
pub mod scenario;
pub mod scenarios;
pub mod small_disk;
pub mod storm;
pub mod suite;
pub mod witness;
pub mod world;
