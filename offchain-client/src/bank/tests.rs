//! The bank in one process: real books, a real log, real TLS; a ledger and a clock that the tests drive.

mod api;
mod backup;
mod by_hand;
mod decisions;
mod histories;
mod keeping;
mod ledger;
mod log;
mod model;
mod openings;
mod own_money;
mod poison;
mod renewal;
mod restoring;
mod served;
mod settlement;
mod slow;
mod submission;
mod suspense;
mod world;
