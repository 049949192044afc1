//! The vendor's credential while it serves: a bank names the vendor's newest one in every opening to it, and opens
//! nothing to a vendor without one. Taking payments does not wait for it.

use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::key::SecretKey;
use tokio_util::sync::CancellationToken;

use super::super::CliError;
use super::super::party::keep_credential;
use crate::bank::client::BankClient;
use crate::bank::renewal::renew_if_due;
use crate::home::Home;

/// How often the bank is asked: a bank that was restored refuses openings to this vendor for so long at most.
pub(crate) const PERIOD: Duration = Duration::from_secs(60);

/// Whose credential is kept in date, and where.
pub(crate) struct Renewal {
    pub(crate) home: Home,
    pub(crate) bank: Arc<BankClient>,
    pub(crate) key: SecretKey,
}

impl Renewal {
    /// Keeps the credential in date until `stop`.
    pub(crate) async fn run(self, period: Duration, stop: CancellationToken) {
        let renew_for_ever = async {
            let mut well = true;
            loop {
                match self.renew().await {
                    Ok(()) => well = true,
                    // Once for as long as it lasts.
                    Err(error) if well => {
                        well = false;
                        let hint = error.hint().unwrap_or("`lockstep vendor account` takes a credential");
                        tracing::warn!(%error, hint, "the vendor's credential is not known to be in date");
                    }
                    Err(error) => {
                        tracing::debug!(%error, "the vendor's credential is not known to be in date")
                    }
                }
                tokio::time::sleep(period).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = renew_for_ever => {}
        }
    }

    async fn renew(&self) -> Result<(), CliError> {
        if let Some(issued) = renew_if_due(&self.bank, &self.key).await? {
            keep_credential(&self.home, &issued)?;
            tracing::info!(identity = %issued.credential.root(), "a new credential was taken");
        }
        Ok(())
    }
}
