//! The demo: a bank, a vendor and a client, each a process of its own, settle one channel; every figure is measured in that run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use indicatif::{ProgressBar, ProgressStyle};
use lockstep::ledger::profile::Profile;
use lockstep_protocol::Amount;
use serde::Serialize;
use serde_json::Value;

use crate::observation::Recorder;
use crate::scenario::{Context, Failure, expect_eq};
use crate::world::{Party, World, micros, text};

/// The price of a payment: one cent.
const PRICE: Amount = Amount::from_micros(10_000);

/// What the client has at first, in dollars: room for the largest channel.
const DEPOSIT: &str = "20000";

/// What the demo shows.
#[derive(Debug, Serialize)]
pub struct Report {
    network: String,
    /// None on devnet, which is not Fabric.
    fabric_version: Option<String>,
    channel_id: String,
    open: Endpoint,
    close: Close,
    payments: u64,
    payment_seconds: f64,
    bytes_per_payment: f64,
    release_seconds: f64,
    unlock_seconds: f64,
    receipts_verified: u64,
    balances: Balances,
    #[serde(skip)]
    network_version: String,
}

/// A transaction on the ledger.
#[derive(Debug, Serialize)]
struct Endpoint {
    tx_id: String,
    block: u64,
    /// From the submission to the commit.
    seconds: f64,
}

/// The closing transaction.
#[derive(Debug, Serialize)]
struct Close {
    #[serde(flatten)]
    endpoint: Endpoint,
    kind: String,
}

#[derive(Debug, Serialize)]
struct Balances {
    before: Holdings,
    after: Holdings,
}

/// Everything that the bank owes, in micro-units. The sum must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Holdings {
    client: u64,
    vendor: u64,
    /// Reserved for open channels, withheld, and in suspense: what the bank holds for nobody in particular.
    bank: u64,
    sum: u64,
}

/// Runs the demo on a network that is up and has the contract deployed.
///
/// # Errors
/// If a program fails, or an account does not add up.
pub fn run(profile_file: PathBuf, payments: u32) -> Result<Report, Failure> {
    let profile = Arc::new(Profile::read(&profile_file)?);
    let programs = std::env::current_exe()?;
    let programs =
        programs.parent().ok_or_else(|| Failure::new("this program lies in no folder"))?.to_owned();
    let context = Context { profile, profile_file, programs, recorder: Arc::new(Recorder::default()) };

    let steps = Steps::new();
    steps.begin("a bank, a vendor and a client open their accounts");
    let world = World::found(&context, DEPOSIT)?;
    let before = holdings(&world)?;

    steps.begin("the client opens a channel on the ledger");
    let opened = world.open(&PRICE.to_dollars(), payments)?;
    let channel = text(&opened, "channel_id")?.to_owned();

    steps.begin("the client pays, signed and locked, durable on both sides");
    let paid = world.json(Party::Client, &["pay", &channel, "--count", &payments.to_string()])?;

    steps.begin("the client releases; the vendor unlocks all payments and closes on the ledger");
    let released = world.json(Party::Client, &["release", &channel])?;

    steps.begin("the bank posts the ending; the receipts are verified once more");
    let after = settled(&world, before, payments)?;
    let transcript = world.file("transcript");
    let out = transcript.display().to_string();
    world.json(Party::Vendor, &["receipts", &channel, "--out", &out])?;
    let verified = world.json(Party::Client, &["receipts", &out])?;
    expect_eq("receipts in the transcript", integer(&verified, "receipts_verified")?, payments.into())?;
    world.audit()?;
    world.stop()?;
    steps.end();

    let fabric = context.profile.name != "devnet";
    let close = released.get("close").cloned().unwrap_or_default();
    Ok(Report {
        network: context.profile.name.clone(),
        fabric_version: fabric.then(|| context.profile.version.clone()),
        channel_id: channel,
        open: endpoint(&opened)?,
        close: Close { endpoint: endpoint(&close)?, kind: text(&close, "kind")?.to_owned() },
        payments: integer(&paid, "payments")?,
        payment_seconds: seconds(&paid, "seconds")?,
        bytes_per_payment: seconds(&paid, "bytes_per_payment")?,
        release_seconds: seconds(&released, "release_seconds")?,
        unlock_seconds: seconds(&released, "unlock_seconds")?,
        receipts_verified: integer(&released, "receipts_verified")?,
        balances: Balances { before, after },
        network_version: context.profile.version.clone(),
    })
}

/// Waits until the bank has posted the ending, and checks what everybody has then.
fn settled(world: &World, before: Holdings, payments: u32) -> Result<Holdings, Failure> {
    let moved = PRICE.as_micros() * u64::from(payments);
    let expected = Holdings {
        client: before.client - moved,
        vendor: before.vendor + moved,
        bank: before.bank,
        sum: before.sum,
    };
    world.until("the bank posts the close", || Ok(holdings(world)? == expected))?;
    Ok(expected)
}

fn holdings(world: &World) -> Result<Holdings, Failure> {
    let client = world.balance(world.client_key())?;
    let vendor = world.balance(world.vendor_key())?;
    let audit = world.audit()?;
    let suspense = micros(&audit, "suspense")?;
    let bank = [client, vendor].iter().map(|b| b.reserved + b.withheld).sum::<u64>() + suspense;
    let sum = client.balance + vendor.balance + bank;
    expect_eq("what all accounts hold", sum, micros(&audit, "deposits")? - micros(&audit, "withdrawals")?)?;
    Ok(Holdings { client: client.balance, vendor: vendor.balance, bank, sum })
}

impl Report {
    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let rate = |n: u64| if self.payment_seconds > 0.0 { as_f64(n) / self.payment_seconds } else { 0.0 };
        let network = match &self.fabric_version {
            Some(version) => format!("Hyperledger Fabric {version}: three organisations, TLS, raft orderer"),
            None => {
                format!("devnet {}: a development network in one process, not Fabric", self.network_version)
            }
        };
        let mut facts = Table::new();
        facts.load_style(UTF8_FULL_CONDENSED);
        let rows = [
            ("network", network),
            ("channel", self.channel_id.clone()),
            ("opened", self.open.text()),
            ("closed", format!("{}, by {}", self.close.endpoint.text(), self.close.kind)),
            (
                "payments",
                format!(
                    "{} of {} $, each signed, locked and durable on both sides",
                    self.payments,
                    PRICE.to_dollars()
                ),
            ),
            ("payment time", format!("{:.3} s, {:.0} a second", self.payment_seconds, rate(self.payments))),
            (
                "on the wire",
                format!("{:.1} bytes a payment, TLS and both directions included", self.bytes_per_payment),
            ),
            ("release", format!("{:.3} s", self.release_seconds)),
            (
                "unlocking",
                format!(
                    "{:.3} s for {} receipts, every signature verified",
                    self.unlock_seconds, self.receipts_verified
                ),
            ),
        ];
        for (name, value) in rows {
            facts.add_row([name.to_owned(), value]);
        }
        format!("{facts}\n{}", self.balances.table())
    }
}

impl Balances {
    fn table(&self) -> Table {
        let dollars = |micros: u64| Amount::from_micros(micros).to_dollars();
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["dollars", "before", "after"]);
        let rows = [
            ("client", self.before.client, self.after.client),
            ("vendor", self.before.vendor, self.after.vendor),
            ("held by the bank", self.before.bank, self.after.bank),
            ("sum", self.before.sum, self.after.sum),
        ];
        for (name, before, after) in rows {
            table.add_row([name.to_owned(), dollars(before), dollars(after)]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

impl Endpoint {
    fn text(&self) -> String {
        format!(
            "{:.3} s from submit to commit, block {}, transaction {}",
            self.seconds, self.block, self.tx_id
        )
    }
}

fn endpoint(value: &Value) -> Result<Endpoint, Failure> {
    Ok(Endpoint {
        tx_id: text(value, "tx_id")?.to_owned(),
        block: integer(value, "block")?,
        seconds: seconds(value, "seconds")?,
    })
}

fn integer(value: &Value, field: &str) -> Result<u64, Failure> {
    value
        .get(field)
        .and_then(Value::as_u64)
        .ok_or_else(|| Failure::new(format!("no number {field} in {value}")))
}

fn seconds(value: &Value, field: &str) -> Result<f64, Failure> {
    value
        .get(field)
        .and_then(Value::as_f64)
        .ok_or_else(|| Failure::new(format!("no number {field} in {value}")))
}

/// Exact for what a demo counts.
fn as_f64(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// One line for each step, with the time that it took.
struct Steps(ProgressBar);

impl Steps {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg} … {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    fn begin(&self, what: &'static str) {
        self.0.reset_elapsed();
        self.0.set_message(what);
        if self.0.is_hidden() {
            eprintln!("{what} …");
        }
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
