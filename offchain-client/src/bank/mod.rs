//! The bank: keeps accounts and reputations, signs openings, posts what the ledger says [Spec §3, §4, §9].
//!
//! ```text
//! client, vendor ──► http ──► Bank ──► books (SQL)            opening: books, log, then the answer
//!                              │  └──► log (file)
//! Ledger (port) ──► settling ──┤                              event: re-check, postings and checkpoint at once
//!        ▲───────── keeper ◄───┘                              what is due: cancel, refund, freeze, resolve
//! ```
//!
//! **Nothing leaves before it is saved**: an opening is answered, and a decision is acted on, when it stands in the books
//! and in the log.
//! **A reserve is freed by a ledger event only.** **An event is applied once**, however often it is read.

pub mod books;
pub mod challenge;
pub mod client;
pub mod config;
pub mod credentials;
pub mod decision;
pub mod fraud;
pub mod http;
pub mod keeper;
pub mod log;
pub mod opening;
pub mod reconciling;
pub mod renewal;
pub mod replay;
pub mod settling;
pub mod wire;

use std::time::Duration;

use lockstep_protocol::hash::{LedgerId, ShortText};
use lockstep_protocol::key::{PublicKey, SecretKey};
use lockstep_protocol::time::MaxDrift;

use self::books::Books;
use self::challenge::Challenges;
use self::log::BankLog;
use self::wire::Info;
use crate::entropy::NoEntropy;
use crate::party::Clock;

/// What the operator has decided for this bank.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The MSP id of the bank's organisation.
    pub organization: ShortText,
    /// D of the bank's registration.
    pub max_drift: MaxDrift,
    /// Longest time from an opening to its expiry.
    pub max_life: Duration,
    /// How long a credential is valid.
    pub credential_life: Duration,
}

/// A bank with its key, its books and its log.
#[derive(Debug)]
pub struct Bank {
    secret: SecretKey,
    ledger: LedgerId,
    settings: Settings,
    books: Books,
    log: BankLog,
    challenges: Challenges,
    clock: Clock,
}

impl Bank {
    /// Puts a bank together. The books must be its own ([`Books::claim`]).
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new(
        secret: SecretKey,
        ledger: LedgerId,
        settings: Settings,
        books: Books,
        log: BankLog,
        clock: Clock,
    ) -> Result<Self, NoEntropy> {
        Ok(Self { secret, ledger, settings, books, log, challenges: Challenges::new()?, clock })
    }

    /// The bank's key.
    pub fn key(&self) -> &PublicKey {
        self.secret.public_key()
    }

    /// The bank's books.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// What anybody may know of the bank.
    pub fn info(&self) -> Info {
        Info {
            bank_key: *self.key(),
            ledger: self.ledger,
            organization: self.settings.organization.to_string(),
            max_drift: self.settings.max_drift,
            max_life: u64::try_from(self.settings.max_life.as_millis()).unwrap_or(u64::MAX),
            time: self.clock.now(),
        }
    }
}

#[cfg(test)]
mod tests;
