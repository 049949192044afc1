//! `lockstep client init`.

use std::path::PathBuf;

use clap::Args;
use lockstep_protocol::key::PublicKey;
use serde::Serialize;
use zeroize::Zeroizing;

use super::super::party::PartyArgs;
use super::super::{CliError, HomeArgs, Output, PassphraseArgs};
use super::SEED_FILE;
use crate::entropy::random_bytes;
use crate::keystore;
use crate::wallet::NewWallet;

/// Flags of `client init`.
#[derive(Args, Debug)]
#[command(after_help = "JSON: {home, account_key, bank_key, encrypted}.")]
pub struct Init {
    #[command(flatten)]
    home: HomeArgs,
    #[command(flatten)]
    party: PartyArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// What `client init` made.
#[derive(Debug, Serialize)]
struct Made {
    home: PathBuf,
    account_key: PublicKey,
    bank_key: PublicKey,
    encrypted: bool,
}

impl Init {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let party = self.party.look().await?;
        let home = self.home.create()?;
        let _lock = home.lock()?;
        let passphrase = self.passphrase.to_create()?;
        let account_key = party.write(&home, passphrase.as_ref())?;
        let seed = Zeroizing::new(random_bytes::<32>()?);
        keystore::save_seed(&home.path(SEED_FILE), &seed, passphrase.as_ref())?;
        let new =
            NewWallet { profile: party.profile, organization: party.organization, bank: party.bank.clone() };
        home.write_config(&new.to_toml())?;
        let made = Made {
            home: home.root().to_owned(),
            account_key,
            bank_key: party.bank.key,
            encrypted: passphrase.is_some(),
        };
        out.result(&made, |made| {
            format!("account {}\nbank {}\nhome {}", made.account_key, made.bank_key, made.home.display())
        });
        if passphrase.is_none() {
            out.note("The secret keys are not encrypted: no passphrase was given.");
        }
        out.note("Next: lockstep client account, then lockstep client open.");
        Ok(())
    }
}
