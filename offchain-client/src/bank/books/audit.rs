//! The audit: recomputes from the entries what the accounts must hold.

use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::{Alarm, Books, SignedMicros, StoreError, Tx};

/// What the audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Holders' accounts.
    pub accounts: u64,
    /// Entries.
    pub entries: u64,
    /// Money that came in.
    pub deposits: SignedMicros,
    /// Money that went out.
    pub withdrawals: SignedMicros,
    /// The bank's own money, which covers what the suspense account has borne.
    #[serde(default)]
    pub own_funds: SignedMicros,
    /// What all holders' accounts hold in all their parts.
    pub holders: SignedMicros,
    /// What the suspense account holds; below zero it is the bank's loss.
    pub suspense: SignedMicros,
    /// What does not add up; nothing in a sound bank.
    pub findings: Vec<Finding>,
    /// Alarms that stand.
    pub alarms: Vec<Alarm>,
}

impl Audit {
    /// Whether the books add up. Alarms are about the ledger, not about the books.
    pub fn adds_up(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Something in the books that does not add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// Holders and suspense do not hold what came in, own money too, less what went out.
    Total {
        /// What they hold.
        held: SignedMicros,
        /// What came in, own money too, less what went out.
        expected: SignedMicros,
    },
    /// An entry has fewer than two postings, or they do not sum to zero.
    Entry {
        /// Its number.
        entry: i64,
    },
    /// An account holds something else than the sum of its postings.
    Account {
        /// Its key, or `cash` or `suspense`.
        account: String,
    },
    /// Accounts' reserves are not what is set aside for the channels that are reserved or open.
    Reserves {
        /// What is reserved in all accounts.
        reserved: SignedMicros,
        /// What is set aside for these channels.
        channels: SignedMicros,
    },
}

impl Books {
    /// Recomputes everything in one state of the books.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit(&self) -> Result<Audit, StoreError> {
        let mut tx = self.read().await?;
        let deposits = sum(
            &mut tx,
            "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM transfers \
             WHERE direction = 'deposit' AND account <> 'suspense'",
        )
        .await?;
        let withdrawals = sum(
            &mut tx,
            "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM transfers \
             WHERE direction = 'withdrawal' AND account <> 'suspense'",
        )
        .await?;
        let own_funds = sum(
            &mut tx,
            "SELECT CAST(COALESCE(SUM(CASE WHEN direction = 'deposit' THEN amount ELSE -amount END), 0) AS BIGINT) \
             FROM transfers WHERE account = 'suspense'",
        )
        .await?;
        let holders = sum(&mut tx, "SELECT CAST(COALESCE(SUM(balance + reserved + withheld), 0) AS BIGINT) FROM accounts WHERE kind = 'holder'").await?;
        let suspense = sum(&mut tx, "SELECT CAST(COALESCE(SUM(balance + reserved + withheld), 0) AS BIGINT) FROM accounts WHERE kind = 'suspense'").await?;
        let mut findings = Vec::new();
        let (held, expected) = (holders + suspense, deposits - withdrawals + own_funds);
        if held != expected {
            findings.push(Finding::Total { held: micros(held), expected: micros(expected) });
        }
        findings.extend(entries_off(&mut tx).await?);
        findings.extend(accounts_off(&mut tx).await?);
        findings.extend(reserves_off(&mut tx).await?);
        let count = |stored: i128| u64::try_from(stored).unwrap_or(0);
        let accounts = sum(&mut tx, "SELECT COUNT(*) FROM accounts WHERE kind = 'holder'").await?;
        let entries = sum(&mut tx, "SELECT COUNT(*) FROM entries").await?;
        drop(tx);
        Ok(Audit {
            accounts: count(accounts),
            entries: count(entries),
            deposits: micros(deposits),
            withdrawals: micros(withdrawals),
            own_funds: micros(own_funds),
            holders: micros(holders),
            suspense: micros(suspense),
            findings,
            alarms: self.alarms().await?,
        })
    }
}

/// Sums of sums are compared wider than the books store, so that no wrap hides a difference.
async fn sum(tx: &mut Tx, query: &'static str) -> Result<i128, StoreError> {
    Ok(i128::from(sqlx::query(query).fetch_one(&mut **tx).await?.try_get::<i64, _>(0)?))
}

fn micros(sum: i128) -> SignedMicros {
    let clamped = sum.clamp(i64::MIN.into(), i64::MAX.into());
    SignedMicros::from_micros(i64::try_from(clamped).unwrap_or_default())
}

async fn entries_off(tx: &mut Tx) -> Result<Vec<Finding>, StoreError> {
    let select = "SELECT e.entry FROM entries e LEFT JOIN postings p ON p.entry = e.entry GROUP BY e.entry \
                  HAVING COUNT(p.line) < 2 OR SUM(p.amount) <> 0 ORDER BY e.entry LIMIT 100";
    let rows = sqlx::query(select).fetch_all(&mut **tx).await?;
    rows.iter().map(|row| Ok(Finding::Entry { entry: row.try_get(0)? })).collect()
}

async fn accounts_off(tx: &mut Tx) -> Result<Vec<Finding>, StoreError> {
    let select = "SELECT a.account FROM accounts a LEFT JOIN postings p ON p.account = a.account \
        GROUP BY a.account, a.balance, a.reserved, a.withheld \
        HAVING COALESCE(SUM(CASE WHEN p.bucket = 'balance' THEN p.amount ELSE 0 END), 0) <> a.balance \
            OR COALESCE(SUM(CASE WHEN p.bucket = 'reserved' THEN p.amount ELSE 0 END), 0) <> a.reserved \
            OR COALESCE(SUM(CASE WHEN p.bucket = 'withheld' THEN p.amount ELSE 0 END), 0) <> a.withheld \
        ORDER BY a.account LIMIT 100";
    let rows = sqlx::query(select).fetch_all(&mut **tx).await?;
    rows.iter().map(|row| Ok(Finding::Account { account: row.try_get(0)? })).collect()
}

async fn reserves_off(tx: &mut Tx) -> Result<Option<Finding>, StoreError> {
    let reserved =
        sum(tx, "SELECT CAST(COALESCE(SUM(reserved), 0) AS BIGINT) FROM accounts WHERE kind <> 'cash'")
            .await?;
    let channels = sum(
        tx,
        "SELECT CAST(COALESCE(SUM(reserve), 0) AS BIGINT) FROM channels WHERE state IN ('reserved', 'open')",
    )
    .await?;
    let off = Finding::Reserves { reserved: micros(reserved), channels: micros(channels) };
    Ok((reserved != channels).then_some(off))
}
