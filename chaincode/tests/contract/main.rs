//! The contract on a ledger in memory: what each function stores, announces, answers and refuses.
#![cfg(test)]

mod arguments;
mod closes;
mod openings;
mod reads;
mod registrations;
mod world;
