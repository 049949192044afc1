//! Verbs on the bank's books.

use clap::{Args, Subcommand};
use lockstep_protocol::hash::ShortText;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::Reputation;

use super::super::output::table;
use super::super::{CliError, Exit, Output};
use super::{BankArgs, unknown_account};
use crate::bank::books::{
    Account, Audit, Direction, MAX_LINES, Statement, Transfer, TransferError, Transferred,
};
use crate::bank::credentials::{ISSUER_ATTRIBUTE, MAX_RECORDED};
use crate::party::{Clock, Dollars};

/// `bank account VERB`.
#[derive(Debug, Subcommand)]
pub enum AccountVerb {
    /// List all accounts
    List(AuditArgs),
    /// Show one account
    Show(KeyArgs),
}

/// An account.
#[derive(Args, Debug)]
pub struct KeyArgs {
    #[command(flatten)]
    bank: BankArgs,
    /// The account's key, in hexadecimal
    key: PublicKey,
}

/// Flags of `bank deposit` and `bank withdraw`.
#[derive(Args, Debug)]
pub struct TransferArgs {
    #[command(flatten)]
    account: KeyArgs,
    /// How many dollars, such as 250 or 0.01
    amount: Dollars,
    /// What makes it this transfer and no other: the number of a receipt
    #[arg(long, value_name = "TEXT")]
    reference: String,
}

/// Flags of `bank reputation`.
#[derive(Args, Debug)]
pub struct ReputationArgs {
    #[command(flatten)]
    account: KeyArgs,
    /// The new reputation, 0 to 100
    #[arg(value_parser = clap::value_parser!(u8).range(0..=100))]
    points: Option<u8>,
}

/// Flags of `bank attribute`.
#[derive(Args, Debug)]
pub struct AttributeArgs {
    #[command(flatten)]
    account: KeyArgs,
    /// The attribute's name, such as country
    name: String,
    /// Its value, such as MO
    value: String,
}

/// Flags of `bank statement`.
#[derive(Args, Debug)]
pub struct StatementArgs {
    #[command(flatten)]
    account: KeyArgs,
    /// Start after this entry
    #[arg(long, value_name = "ENTRY", default_value_t = 0)]
    after: u64,
}

/// Flags of `bank audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    #[command(flatten)]
    bank: BankArgs,
}

impl AccountVerb {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        match self {
            Self::List(args) => {
                let books = args.bank.books().await?;
                let mut all = Vec::new();
                let mut last = None;
                loop {
                    let page = books.accounts(last.as_ref()).await?;
                    let Some(account) = page.last() else { break };
                    last = Some(account.key);
                    all.extend(page);
                }
                out.result(&all, |all| account_table(all));
                Ok(())
            }
            Self::Show(args) => {
                let books = args.bank.books().await?;
                let account = books.account(&args.key).await?.ok_or_else(|| unknown_account(&args.key))?;
                let attributes = books.attributes(&args.key).await?;
                let result = serde_json::json!({ "account": account, "attributes": attributes });
                out.result(&result, |_| {
                    let mut text = account_table(std::slice::from_ref(&account));
                    for attribute in &attributes {
                        text.push_str(&format!("\n{} = {}", attribute.name, attribute.value));
                    }
                    text
                });
                Ok(())
            }
        }
    }
}

impl TransferArgs {
    pub(super) async fn run(self, direction: Direction, out: &Output) -> Result<(), CliError> {
        let books = self.account.bank.books().await?;
        let transfer =
            Transfer { key: &self.account.key, direction, amount: self.amount.0, reference: &self.reference };
        let (account, already_done) = match books.transfer(transfer, Clock::system().now()).await? {
            Transferred::Done(account) => (account, false),
            Transferred::AlreadyDone(account) => (account, true),
        };
        let result = serde_json::json!({ "account": account, "already_done": already_done });
        out.result(&result, |_| account_table(std::slice::from_ref(&account)));
        if already_done {
            out.note("This transfer had been entered before; nothing was changed.");
        }
        Ok(())
    }
}

impl ReputationArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let books = self.account.bank.books().await?;
        let key = &self.account.key;
        let account = match self.points {
            Some(points) => {
                books.set_reputation(key, Reputation::from_points(points), Clock::system().now()).await?
            }
            None => books.account(key).await?,
        };
        let account = account.ok_or_else(|| unknown_account(key))?;
        out.result(&account, |account| account_table(std::slice::from_ref(account)));
        Ok(())
    }
}

impl AttributeArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let books = self.account.bank.books().await?;
        let key = &self.account.key;
        let short = |text: &str, what| {
            ShortText::new(text).map_err(|_| CliError::new(Exit::Usage, format!("the {what} is too long")))
        };
        let (name, value) = (short(&self.name, "name")?, short(&self.value, "value")?);
        if name.as_str() == ISSUER_ATTRIBUTE || name.as_str().is_empty() {
            return Err(CliError::new(Exit::Usage, format!("{:?} is no name for an attribute", self.name)));
        }
        let recorded = books.attributes(key).await?;
        if recorded.len() >= MAX_RECORDED && !recorded.iter().any(|attribute| attribute.name == name) {
            let what = format!("an account has {MAX_RECORDED} attributes at most");
            return Err(CliError::new(Exit::Failed, what));
        }
        if !books.set_attribute(key, &name, &value, Clock::system().now()).await? {
            return Err(unknown_account(key));
        }
        let attributes = books.attributes(key).await?;
        out.result(&attributes, |attributes| {
            let mut rows = table(["name", "value", "verified"]);
            for attribute in attributes {
                rows.add_row([
                    attribute.name.to_string(),
                    attribute.value.to_string(),
                    time(attribute.verified),
                ]);
            }
            rows.to_string()
        });
        Ok(())
    }
}

impl StatementArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let books = self.account.bank.books().await?;
        let key = &self.account.key;
        let mut after = self.after;
        loop {
            let statement = books.statement(key, after, MAX_LINES).await?;
            let statement = statement.ok_or_else(|| unknown_account(key))?;
            out.result(&statement, statement_text);
            match statement.next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }
}

impl AuditArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let audit = self.bank.books().await?.audit().await?;
        out.result(&audit, audit_text);
        if audit.adds_up() {
            return Ok(());
        }
        Err(CliError::new(Exit::Mismatch, "the books do not add up")
            .with_hint("keep the database as it is, and restore it from a backup beside it to compare"))
    }
}

fn account_table(accounts: &[Account]) -> String {
    let mut rows = table(["account", "balance", "reserved", "withheld", "reputation", "opened"]);
    for account in accounts {
        rows.add_row([
            account.key.to_string(),
            account.balance.to_dollars(),
            account.reserved.to_dollars(),
            account.withheld.to_dollars(),
            account.reputation.as_points().to_string(),
            time(account.opened),
        ]);
    }
    rows.to_string()
}

fn statement_text(statement: &Statement) -> String {
    let mut rows = table(["entry", "time", "cause", "for", "part", "amount", "standing"]);
    for line in &statement.lines {
        let channel = line.channel.map(|channel| channel.to_string());
        let subject = channel.or_else(|| line.reference.clone()).unwrap_or_default();
        for movement in &line.movements {
            rows.add_row([
                line.entry.to_string(),
                time(line.at),
                line.cause.to_string(),
                subject.clone(),
                movement.bucket.to_string(),
                movement.amount.to_dollars(),
                movement.standing.to_dollars(),
            ]);
        }
    }
    let mut text = format!("{}\n{rows}", account_table(std::slice::from_ref(&statement.account)));
    for change in &statement.reputation_changes {
        let (before, after) = (change.before.as_points(), change.after.as_points());
        text.push_str(&format!("\n{} reputation {before} → {after}: {}", time(change.at), change.cause));
    }
    for alarm in &statement.alarms {
        text.push_str(&format!("\n{} ALARM {}: {}", time(alarm.at), alarm.channel, alarm.reason));
    }
    text
}

fn audit_text(audit: &Audit) -> String {
    let mut rows =
        table(["accounts", "entries", "deposits", "withdrawals", "own money", "held by holders", "suspense"]);
    rows.add_row([
        audit.accounts.to_string(),
        audit.entries.to_string(),
        audit.deposits.to_dollars(),
        audit.withdrawals.to_dollars(),
        audit.own_funds.to_dollars(),
        audit.holders.to_dollars(),
        audit.suspense.to_dollars(),
    ]);
    let mut text = rows.to_string();
    text.push_str(if audit.adds_up() { "\nThe books add up." } else { "\nTHE BOOKS DO NOT ADD UP:" });
    for finding in &audit.findings {
        text.push_str(&format!("\n{finding:?}"));
    }
    for alarm in &audit.alarms {
        text.push_str(&format!("\n{} ALARM {}: {}", time(alarm.at), alarm.channel, alarm.reason));
    }
    text
}

/// RFC 3339 in UTC, to the second.
pub(super) fn time(at: Timestamp) -> String {
    let since = std::time::Duration::from_millis(at.as_unix_millis());
    let shown = std::time::UNIX_EPOCH.checked_add(since);
    shown.map_or_else(String::new, |time| humantime::format_rfc3339_seconds(time).to_string())
}

impl From<TransferError> for CliError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Store(error) => error.into(),
            TransferError::UnknownAccount(key) => unknown_account(&key),
            lacks @ TransferError::CashLacks { .. } => Self::from_error(Exit::Failed, lacks).with_hint(
                "enter the deposits that the books lack first; what is missing then is the bank's own to pay: \
                 `lockstep bank cover DOLLARS --reference TEXT` brings it in",
            ),
            behind @ TransferError::CatchingUp => Self::from_error(Exit::Failed, behind)
                .with_hint("wait until `lockstep bank serve` has printed its ready line, then repeat"),
            other => Self::from_error(Exit::Failed, other),
        }
    }
}
