//! An opening that the bank is asked for.
//!
//! The request is written down before the bank sees it. Should this process die, or the answer get lost, the same bytes are asked
//! again, which gets the same answer [Spec §4]: no reserve is left behind that nobody remembers, and none is made twice.

use std::path::PathBuf;
use std::time::Duration;

use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::memo::Memo;
use lockstep_protocol::opening::{SignedOpening, SignedRequest};
use lockstep_protocol::units::Units;
use serde::{Deserialize, Serialize};

use super::{Facts, VendorLink, Wallet, WalletError};
use crate::bank::client::BankError;
use crate::home::{Access, HomeError, read_small_text, write_atomic};
use crate::party::replay;
use crate::store::Phase;

/// File of the request in the wallet's folder.
const FILE: &str = "opening-request.json";
/// The longest time that the ledger has to take an opening.
const OPEN_WITHIN: Duration = Duration::from_secs(300);
/// Times are whole milliseconds, so spans between them may be off by one.
const ROUNDING: Duration = Duration::from_millis(2);
/// Channels in one page of the journal.
const PAGE: u32 = 100;

/// What the wallet must remember of a request until it has the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The request, signed by the account key and by the payment key.
    pub signed: SignedRequest,
    /// Where the vendor is.
    pub vendor: VendorLink,
    /// What the channel is for.
    pub memo: Memo,
}

impl Asked {
    /// The order behind the request.
    #[must_use]
    pub fn wish(&self) -> Wish {
        let request = self.signed.request();
        let rest = request.expiry.distance(request.open_by);
        Wish {
            vendor: self.vendor.url.clone(),
            unit_price: request.unit_price,
            token_count: request.token_count,
            // The inverse of what `Wish::open_within` leaves of a life.
            life: rest.saturating_add(rest.min(OPEN_WITHIN)),
            memo: self.memo.clone(),
        }
    }
}

/// Why there is no opening. What was asked stays written down unless the bank has refused it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The request cannot be written or read.
    #[error(transparent)]
    File(#[from] HomeError),
    /// The file holds something else.
    #[error("{} is not an opening request; move it away", .0.display())]
    NotARequest(PathBuf),
    /// Another request waits for its answer.
    #[error("the opening request in {} waits for the bank's answer; take it up first", .0.display())]
    Waiting(PathBuf),
    /// The bank.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// The journal.
    #[error(transparent)]
    Wallet(#[from] WalletError),
}

/// What a client orders when it opens a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Where the vendor is.
    pub vendor: String,
    /// The price of a unit.
    pub unit_price: Amount,
    /// How many units.
    pub token_count: Units,
    /// Time until the channel expires.
    pub life: Duration,
    /// What the channel is for.
    pub memo: Memo,
}

impl Wish {
    /// How long the ledger has to take the opening.
    #[must_use]
    pub fn open_within(&self) -> Duration {
        OPEN_WITHIN.min(self.life / 2)
    }

    /// Whether an opening is what was ordered.
    #[must_use]
    pub fn is(&self, facts: &Facts) -> bool {
        let terms = facts.given.opening().terms();
        let rest = self.life.saturating_sub(self.open_within());
        facts.vendor.url == self.vendor
            && facts.memo == self.memo
            && (terms.unit_price, terms.token_count) == (self.unit_price, self.token_count)
            && terms.expiry.distance(terms.open_by).abs_diff(rest) <= ROUNDING
    }
}

impl Wallet {
    /// The request that an earlier process left without an answer.
    ///
    /// # Errors
    /// [`AskError::File`], [`AskError::NotARequest`].
    pub fn asked(&self) -> Result<Option<Asked>, AskError> {
        let path = self.folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = read_small_text(&path)?;
        serde_json::from_str(&text).map(Some).map_err(|_| AskError::NotARequest(path))
    }

    /// Writes a request down, asks the bank, and keeps the channel that it gives.
    ///
    /// # Errors
    /// [`AskError`]. After a failure that is not the bank's refusal [`Wallet::take_up`] goes on.
    pub async fn request(
        &self,
        asked: Asked,
        bank: impl AsyncFn(&SignedRequest) -> Result<SignedOpening, BankError>,
    ) -> Result<ChannelId, AskError> {
        let path = self.folder.join(FILE);
        if path.exists() {
            return Err(AskError::Waiting(path));
        }
        write_atomic(&path, replay::encode_note(&asked).as_bytes(), Access::Private)?;
        self.finish(asked, bank).await
    }

    /// Takes up the request that an earlier process left, if there is one: asks the same again and keeps the channel.
    ///
    /// # Errors
    /// As [`Wallet::request`].
    pub async fn take_up(
        &self,
        bank: impl AsyncFn(&SignedRequest) -> Result<SignedOpening, BankError>,
    ) -> Result<Option<ChannelId>, AskError> {
        let Some(asked) = self.asked()? else { return Ok(None) };
        if asked.signed.request().open_by <= self.clock.now() {
            // Too late for the ledger: whatever the bank reserved is freed by its `Cancel` [Spec §9].
            self.forget_request()?;
            return Ok(None);
        }
        self.finish(asked, bank).await.map(Some)
    }

    async fn finish(
        &self,
        asked: Asked,
        bank: impl AsyncFn(&SignedRequest) -> Result<SignedOpening, BankError>,
    ) -> Result<ChannelId, AskError> {
        let given = match bank(&asked.signed).await {
            Ok(given) => given,
            Err(error) => {
                // Refused: nothing is reserved, and asking again would be refused again. After any other failure the bank may have
                // reserved the money, and only the same bytes find that reserve again.
                if error.refusal().is_some() && !error.is_temporary() {
                    self.forget_request()?;
                }
                return Err(error.into());
            }
        };
        let channel = self.remember(&Facts { given, memo: asked.memo, vendor: asked.vendor }).await?;
        self.forget_request()?;
        Ok(channel)
    }

    pub(super) fn forget_request(&self) -> Result<(), AskError> {
        let path = self.folder.join(FILE);
        std::fs::remove_file(&path).map_err(|source| HomeError::Io { action: "remove", path, source }.into())
    }

    /// A channel that the bank has given for this very order, that no ledger was seen to hold yet, and that it can still take: the
    /// rest of an `open` that was interrupted.
    ///
    /// # Errors
    /// [`WalletError`].
    pub async fn unopened(&self, wish: &Wish) -> Result<Option<ChannelId>, WalletError> {
        let (mut after, now) = (0, self.clock.now());
        loop {
            let page = self.journal.channels_in(Phase::Granted, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(None) };
            after = last.place;
            for stored in &page {
                let facts: Facts = replay::decode_note(&stored.facts)?;
                if wish.is(&facts) && facts.given.opening().terms().open_by > now {
                    return Ok(Some(stored.channel));
                }
            }
        }
    }
}
