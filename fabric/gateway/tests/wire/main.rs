//! The client against a gateway peer in the same process: real gRPC over real sockets, with a service of our own behind
//! it that answers like Fabric, or as badly as a test wants.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, but not what they call")]

mod blocks;
mod caller;
mod connections;
mod deadlines;
mod errors;
mod events;
mod offline;
mod peer;
mod peers;
mod retrying;
mod robustness;
mod stages;
