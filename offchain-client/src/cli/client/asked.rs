//! An opening that the bank was asked for. It is written down before the bank sees it: should this process die in between, the
//! same request is asked again, which gets the same answer [Spec §4], and no reserve is left behind that nobody remembers.

use std::time::Duration;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::memo::Memo;
use lockstep_protocol::opening::{SignedOpening, SignedRequest};
use lockstep_protocol::time::MaxDrift;
use serde::{Deserialize, Serialize};

use super::OpenWallet;
use crate::bank::client::{BankClient, BankError};
use crate::cli::{CliError, Exit};
use crate::home::{Access, Home, HomeError, read_small_text};
use crate::party::Clock;
use crate::wallet::{Facts, VendorLink};

/// File of the request in the wallet's home folder.
const FILE: &str = "opening-request.json";
/// A bank that does not answer is asked the same again this often.
const ATTEMPTS: u32 = 5;

/// What the wallet must remember of a request until it has the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    pub(super) signed: SignedRequest,
    pub(super) vendor: VendorLink,
    pub(super) memo: Memo,
}

impl Asked {
    /// Writes the request down.
    pub(super) fn write(&self, home: &Home) -> Result<(), CliError> {
        let text = serde_json::to_string(self).map_err(|error| CliError::from_error(Exit::Failed, error))?;
        Ok(home.write(FILE, text.as_bytes(), Access::Private)?)
    }

    /// Takes up a request that an earlier process left, if there is one: asks again, and keeps the channel.
    pub(super) async fn take_up(
        open: &OpenWallet,
        bank: &BankClient,
        key: &SecretKey,
        drift: MaxDrift,
    ) -> Result<Option<ChannelId>, CliError> {
        if !open.home.path(FILE).exists() {
            return Ok(None);
        }
        let text = read_small_text(&open.home.path(FILE))?;
        let Ok(asked) = serde_json::from_str::<Self>(&text) else {
            let what = format!("{} is not an opening request; move it away", open.home.path(FILE).display());
            return Err(CliError::new(Exit::Setup, what));
        };
        if asked.signed.request().open_by <= Clock::system().now() {
            // Too late for the ledger: whatever the bank reserved is freed by its `Cancel` [Spec §9].
            forget(&open.home)?;
            return Ok(None);
        }
        asked.finish(open, bank, key, drift).await.map(Some)
    }

    /// Asks the bank and keeps the channel that it gives.
    pub(super) async fn finish(
        self,
        open: &OpenWallet,
        bank: &BankClient,
        key: &SecretKey,
        drift: MaxDrift,
    ) -> Result<ChannelId, CliError> {
        let given = match ask(bank, key, &self.signed, drift).await {
            Ok(given) => given,
            Err(error) => {
                // Refused: nothing is reserved, and asking again would be refused again.
                if error.refusal().is_some() {
                    forget(&open.home)?;
                }
                return Err(error.into());
            }
        };
        let channel = open.wallet.remember(&Facts { given, memo: self.memo, vendor: self.vendor }).await?;
        forget(&open.home)?;
        Ok(channel)
    }
}

fn forget(home: &Home) -> Result<(), CliError> {
    let path = home.path(FILE);
    std::fs::remove_file(&path).map_err(|source| HomeError::Io { action: "remove", path, source }.into())
}

async fn ask(
    bank: &BankClient,
    key: &SecretKey,
    signed: &SignedRequest,
    drift: MaxDrift,
) -> Result<SignedOpening, BankError> {
    let mut attempt = 1;
    loop {
        match bank.request_opening(key, signed, drift).await {
            Err(error) if error.is_temporary() && attempt < ATTEMPTS => {
                tracing::warn!(%error, "the bank is asked again");
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
                attempt += 1;
            }
            answer => return answer,
        }
    }
}
