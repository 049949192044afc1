//! The ledger port over a gateway: against a network where `LOCKSTEP_LEDGER_PROFILE` names the profile of one on which the
//! contract is deployed, against a peer that follows a script, and against none.
#![cfg(test)]

mod live;
mod scripted;
mod stages;
mod unreachable;
