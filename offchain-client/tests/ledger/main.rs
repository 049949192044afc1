//! The ledger port over a gateway: against a network where `LOCKSTEP_LEDGER_PROFILE` names the profile of one on which the
//! contract is deployed, and without any network for what happens then.
#![cfg(test)]

mod live;
mod unreachable;
