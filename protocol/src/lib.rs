//! The rules of continuous micropayments by lockable signatures: no I/O, no clock, no randomness of its own.

pub mod account;
pub mod amount;
pub mod codec;
pub mod hash;
pub mod key;
pub mod lock;
pub mod memo;
pub mod opening;
pub mod payment;
pub mod refusal;
pub mod signature;
pub mod time;
pub mod token_chain;
pub mod units;
pub mod wallet_seed;
