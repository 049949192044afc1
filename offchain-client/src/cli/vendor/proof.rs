//! `lockstep vendor proof`.

use std::path::PathBuf;

use clap::Args;
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::hash::ChannelId;

use super::super::party;
use super::super::{CliError, Exit, HomeArgs, Output, PassphraseArgs};
use crate::bank::client::BankClient;
use crate::party::replay;
use crate::store::{Advance, Change, Journal as _, JournalError, Phase};
use crate::vendor::{Ending, FRAUD_PROOF, Facts};

/// Flags of `vendor proof`.
///
/// Brings the proof that a channel's client cheated to the bank that signed the channel. The running `vendor serve` does so itself
/// where that is the bank of its configuration; `vendor channels` says which proofs are left. The same proof again is safe.
#[derive(Args, Debug)]
#[command(after_help = "JSON: {channel_id, evidence, state, frozen}, as the bank answers.")]
pub struct Proof {
    #[command(flatten)]
    home: HomeArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// The channel's id
    channel: ChannelId,
    /// The bank that signed the channel: https://host:port
    #[arg(long, value_name = "URL")]
    bank: String,
    /// That bank's certificate, as it handed it out (its tls-cert.pem)
    #[arg(long, value_name = "PEM")]
    bank_ca: PathBuf,
}

impl Proof {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let home = self.home.open()?;
        let journal = party::journal(&home).await?;
        let unknown = || CliError::new(Exit::Failed, format!("this vendor has no channel {}", self.channel));
        let stored = journal.channel(self.channel).await?.ok_or_else(unknown)?;
        let Facts { record } = replay::decode_note(&stored.facts)?;
        let evidence = journal.evidence(self.channel).await?;
        let found = evidence.iter().find(|found| found.kind == FRAUD_PROOF).ok_or_else(|| {
            CliError::new(Exit::Failed, format!("nothing is proven against the client of {}", self.channel))
        })?;
        let proof = FraudProof::decode(&found.bytes).map_err(|_| replay::DamagedRow)?;
        let key = party::account_key(&home, self.passphrase.to_open()?.as_ref())?;
        let bank = BankClient::new(&self.bank, &self.bank_ca, record.opening().terms().bank_key)?;
        let answer = bank.report_fraud(&key, self.channel, &proof).await?;

        let mut ending: Ending = replay::decode_note(&stored.ending)?;
        if stored.phase == Phase::Closed && ending.proof_elsewhere {
            ending.proof_elsewhere = false;
            let ending = Some(replay::encode_note(&ending));
            let heard = Advance { ending, ..Advance::new(self.channel, Phase::Closed, Phase::Closed) };
            match journal.save(Change::Advance(heard)).await {
                Ok(()) | Err(JournalError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        out.result(&answer, |answer| {
            let frozen = if answer.frozen { ", and the channel is frozen" } else { "" };
            format!("channel {}: the bank has the fraud proof{frozen}", answer.channel_id)
        });
        Ok(())
    }
}
