//! What `lockstep client` and `lockstep vendor` have in common: the bank's address and certificate, the account, its statement.

use std::path::{Path, PathBuf};

use clap::Args;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::IdentityRoot;
use lockstep_protocol::key::{PublicKey, SecretKey};
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::Reputation;
use serde::Serialize;

use super::output::table;
use super::{CliError, Exit, HomeArgs, Output, PassphraseArgs};
use crate::bank::books::Statement;
use crate::bank::client::BankClient;
use crate::bank::wire::{Info, IssuedCredential};
use crate::entropy::random_key;
use crate::home::{Access, Home, read_small_text};
use crate::keystore::{self, Passphrase};
use crate::ledger::Ledger as _;
use crate::ledger::fabric::{Caller, FabricLedger};
use crate::ledger::profile::Profile;
use crate::party::replay::DamagedRow;
use crate::party::{
    ACCOUNT_KEY_FILE, BANK_CERTIFICATE_FILE, BankLink, CREDENTIAL_FILE, DriveError, JOURNAL_FILE,
};
use crate::store::{JournalError, SqliteJournal};

/// Where the party stands and which bank it uses.
#[derive(Args, Clone, Debug)]
pub(super) struct PartyArgs {
    /// The network's profile
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// The MSP id of the organisation whose peers are asked
    #[arg(long, value_name = "MSPID")]
    organization: String,
    /// The bank of the account: https://host:port
    #[arg(long, value_name = "URL")]
    bank: String,
    /// The bank's certificate, as the bank handed it out (its tls-cert.pem)
    #[arg(long, value_name = "PEM")]
    bank_ca: PathBuf,
}

/// What `init` found out.
pub(super) struct NewParty {
    pub(super) profile: PathBuf,
    pub(super) organization: String,
    pub(super) bank: BankLink,
    certificate: String,
}

impl PartyArgs {
    /// Checks profile and organisation, and asks the bank for its key, before anything is made.
    ///
    /// # Errors
    /// The profile cannot be used, or the bank does not answer.
    pub(super) async fn look(self) -> Result<NewParty, CliError> {
        let profile = absolute(&self.profile)?;
        let read = Profile::read(&profile)?;
        read.organization(self.organization.as_str())?;
        let certificate = read_small_text(&self.bank_ca)?;
        let Info { bank_key, .. } = BankClient::discover(&self.bank, &self.bank_ca).await?;
        let bank = BankLink { url: self.bank, certificate: BANK_CERTIFICATE_FILE.into(), key: bank_key };
        Ok(NewParty { profile, organization: self.organization, bank, certificate })
    }
}

impl NewParty {
    /// Makes the account key and keeps the bank's certificate.
    ///
    /// # Errors
    /// The home folder cannot be written.
    pub(super) fn write(&self, home: &Home, passphrase: Option<&Passphrase>) -> Result<PublicKey, CliError> {
        let key = random_key()?;
        let path = home.path(ACCOUNT_KEY_FILE);
        keystore::save_pkcs8(&path, &key.dangerous_to_pkcs8_der(), passphrase)?;
        home.write(BANK_CERTIFICATE_FILE, self.certificate.as_bytes(), Access::Public)?;
        Ok(*key.public_key())
    }
}

/// A path that stays good when the working directory changes.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|error| CliError::from_error(Exit::of_io(&error), error))
}

/// Reads the account key.
pub(super) fn account_key(home: &Home, passphrase: Option<&Passphrase>) -> Result<SecretKey, CliError> {
    let path = home.path(ACCOUNT_KEY_FILE);
    let der = keystore::load_pkcs8(&path, passphrase)?;
    let other = || CliError::new(Exit::Setup, format!("{} is not an account key", path.display()));
    SecretKey::from_pkcs8_der(&der).map_err(|_| other())
}

/// The bank, by its pinned certificate and key.
pub(super) fn bank(home: &Home, link: &BankLink) -> Result<BankClient, CliError> {
    Ok(BankClient::new(&link.url, &home.path(&link.certificate), link.key)?)
}

/// The ledger, through the own organisation's peers.
pub(super) fn ledger(home: &Home, profile: &Path, organization: &str) -> Result<FabricLedger, CliError> {
    let profile = Profile::read(&home.path(profile))?;
    Ok(FabricLedger::connect(&profile, organization, Caller::User)?)
}

/// The journal of the home folder.
pub(super) async fn journal(home: &Home) -> Result<SqliteJournal, CliError> {
    Ok(SqliteJournal::open(&home.path(JOURNAL_FILE)).await?)
}

/// The bank works on the ledger that the profile names.
pub(super) async fn check_bank(bank: &BankClient, ledger: &FabricLedger) -> Result<Info, CliError> {
    let info = bank.info().await?;
    if info.ledger == ledger.ledger_id() {
        return Ok(info);
    }
    let what = "the bank works on another ledger than the one that the profile names";
    Err(CliError::new(Exit::Setup, what).with_hint("compare channel and chaincode in the two profiles"))
}

/// What `account --json` prints.
pub(super) const ACCOUNT_JSON: &str = "JSON: {account_key, balance, reserved, withheld, reputation, identity, \
credential_expires}; amounts are micro-units as decimal strings.";
/// What `statement --json` prints.
pub(super) const STATEMENT_JSON: &str = "JSON: {account, lines: [{entry, at, cause, channel, reference, movements: [{bucket, \
amount, standing}]}], next, reputation_changes, alarms}; amounts are micro-units.";

/// Flags of `account` and `statement`.
#[derive(Args, Debug)]
pub struct AccountArgs {
    #[command(flatten)]
    pub(super) home: HomeArgs,
    #[command(flatten)]
    pub(super) passphrase: PassphraseArgs,
}

/// An account with its newest credential.
#[derive(Debug, Serialize)]
struct AccountShown {
    account_key: PublicKey,
    balance: Amount,
    reserved: Amount,
    withheld: Amount,
    reputation: Reputation,
    identity: IdentityRoot,
    credential_expires: Timestamp,
}

/// Opens the account, or finds it, and takes a fresh credential.
pub(super) async fn account(
    args: AccountArgs,
    link: impl FnOnce(&Home) -> Result<BankLink, CliError>,
    out: &Output,
) -> Result<(), CliError> {
    let home = args.home.open()?;
    let link = link(&home)?;
    let key = account_key(&home, args.passphrase.to_open()?.as_ref())?;
    let bank = bank(&home, &link)?;
    let account = bank.open_account(&key).await?;
    let issued = take_credential(&home, &bank, &key).await?;
    let shown = AccountShown {
        account_key: account.key,
        balance: account.balance,
        reserved: account.reserved,
        withheld: account.withheld,
        reputation: account.reputation,
        identity: *issued.credential.root(),
        credential_expires: issued.credential.expires(),
    };
    out.result(&shown, |shown| {
        format!(
            "account {}\nbalance {} reserved {} withheld {} dollars, reputation {}\nidentity {}",
            shown.account_key,
            shown.balance.to_dollars(),
            shown.reserved.to_dollars(),
            shown.withheld.to_dollars(),
            shown.reputation.as_points(),
            shown.identity
        )
    });
    Ok(())
}

/// Takes a fresh credential and keeps it.
pub(super) async fn take_credential(
    home: &Home,
    bank: &BankClient,
    key: &SecretKey,
) -> Result<IssuedCredential, CliError> {
    let issued = bank.credential(key, None).await?;
    keep_credential(home, &issued)?;
    Ok(issued)
}

/// Keeps a credential as the newest.
pub(super) fn keep_credential(home: &Home, issued: &IssuedCredential) -> Result<(), CliError> {
    let text =
        serde_json::to_string_pretty(issued).map_err(|error| CliError::from_error(Exit::Failed, error))?;
    // The salts open what the credential hides.
    Ok(home.write(CREDENTIAL_FILE, text.as_bytes(), Access::Private)?)
}

/// The credential that is kept, if there is one.
pub(super) fn kept_credential(home: &Home) -> Option<IssuedCredential> {
    let text = read_small_text(&home.path(CREDENTIAL_FILE)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Shows the account's movements as the bank has them.
pub(super) async fn statement(
    args: AccountArgs,
    link: impl FnOnce(&Home) -> Result<BankLink, CliError>,
    out: &Output,
) -> Result<(), CliError> {
    let home = args.home.open()?;
    let link = link(&home)?;
    let key = account_key(&home, args.passphrase.to_open()?.as_ref())?;
    let bank = bank(&home, &link)?;
    let mut all = bank.statement(&key, 0).await?;
    while let Some(after) = all.next {
        let page = bank.statement(&key, after).await?;
        if page.next.is_some_and(|next| next <= after) {
            return Err(CliError::new(Exit::Mismatch, "the bank's statement does not come to an end"));
        }
        all.account = page.account;
        all.lines.extend(page.lines);
        all.next = page.next;
    }
    out.result(&all, statement_text);
    Ok(())
}

fn statement_text(statement: &Statement) -> String {
    let mut rows = table(["entry", "cause", "channel", "what", "micro-units", "then"]);
    let word = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for line in &statement.lines {
        let line = serde_json::to_value(line).unwrap_or_default();
        let field = |of: &serde_json::Value, name| of.get(name).cloned().unwrap_or_default();
        let channel = line.get("channel").and_then(|channel| channel.as_str()).unwrap_or_default();
        let movements = field(&line, "movements");
        for movement in movements.as_array().into_iter().flatten() {
            rows.add_row([
                word(field(&line, "entry")),
                word(field(&line, "cause")),
                channel.chars().take(16).collect(),
                word(field(movement, "bucket")),
                word(field(movement, "amount")),
                word(field(movement, "standing")),
            ]);
        }
    }
    let account = &statement.account;
    format!(
        "{rows}\nbalance {} reserved {} withheld {} dollars, reputation {}",
        account.balance.to_dollars(),
        account.reserved.to_dollars(),
        account.withheld.to_dollars(),
        account.reputation.as_points()
    )
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        let exit = match &error {
            JournalError::Conflict => Exit::Failed,
            JournalError::Write { .. } => Exit::Storage,
            JournalError::Read { .. } => Exit::Setup,
            JournalError::Damaged { .. } => Exit::Mismatch,
        };
        Self::from_error(exit, error)
    }
}

impl From<DamagedRow> for CliError {
    fn from(error: DamagedRow) -> Self {
        Self::from_error(Exit::Mismatch, error)
    }
}

impl From<DriveError> for CliError {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Journal(error) => error.into(),
            DriveError::Gone => Self::from_error(Exit::Unreachable, error),
        }
    }
}
