//! `lockstep bank register`.

use clap::Args;
use lockstep_protocol::ledger::RegisterBank;

use super::super::{CliError, Exit, Output, PassphraseArgs};
use super::{BankArgs, secret_key};
use crate::bank::config::BankConfig;
use crate::home::Home;
use crate::ledger::Ledger;
use crate::ledger::fabric::{Caller, FabricLedger};
use crate::ledger::profile::Profile;

/// Flags of `bank register`.
#[derive(Args, Debug)]
pub struct Register {
    #[command(flatten)]
    bank: BankArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Register {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let (home, config) = self.bank.open()?;
        let key = secret_key(&home, &config, self.passphrase.to_open()?.as_ref())?;
        let ledger = connect(&home, &config, Caller::Admin)?;
        let command = RegisterBank::sign(&config.ledger, config.organization.clone(), config.max_drift, &key);
        let waiting = out.spinner("registering");
        let submitted = ledger.register_bank(&command).await;
        waiting.finish_and_clear();
        let submitted = submitted?;
        let result = serde_json::json!({
            "registration": submitted.record, "tx_id": submitted.tx_id, "block": submitted.block,
            "seconds": submitted.timing.total().as_secs_f64(),
        });
        out.result(&result, |_| {
            format!("bank {} is registered for {}", submitted.record.bank_key(), submitted.record.msp_id())
        });
        Ok(())
    }
}

/// The ledger that the configuration names.
pub(super) fn connect(home: &Home, config: &BankConfig, caller: Caller) -> Result<FabricLedger, CliError> {
    let profile = Profile::read(&home.path(&config.profile))?;
    let ledger = FabricLedger::connect(&profile, config.organization.as_str(), caller)?;
    if ledger.ledger_id() != config.ledger {
        let what = "the network profile names another channel or chaincode than this bank was made for";
        return Err(CliError::new(Exit::Setup, what));
    }
    Ok(ledger)
}
