//! What an experiment came to: `results.json`. Times are seconds, sizes bytes.

use serde::{Deserialize, Serialize};

/// Median and quartiles of repeated runs, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Median.
    pub median_s: f64,
    /// First quartile.
    pub q1_s: f64,
    /// Third quartile.
    pub q3_s: f64,
    /// Runs.
    pub runs: u32,
}

/// One phase of one cell of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseRow {
    /// `setup`, `transaction`, `release`, or one of their parts.
    pub phase: String,
    /// How it was run.
    pub mode: String,
    /// Payments in the channel.
    pub payments: u32,
    /// Dollars in each payment.
    pub amount: u32,
    /// Time of the whole phase, all payments together.
    #[serde(flatten)]
    pub spread: Spread,
    /// Bytes that the phase sends, both directions, all payments together.
    pub bytes: u64,
}

/// An upload of one endpoint of a channel: submit to commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UploadRow {
    /// `fabric` or `devnet`.
    pub network: String,
    /// `open` or `close`.
    pub endpoint: String,
    /// `opening`, `release` or `token`.
    pub kind: String,
    /// Submit to commit.
    #[serde(flatten)]
    pub spread: Spread,
    /// Until the endorsements are there.
    pub endorse: Spread,
    /// Until the orderer has accepted.
    pub order: Spread,
    /// Until the own peer has committed.
    pub commit: Spread,
    /// Bytes of the document that is submitted.
    pub bytes: u64,
    /// Time after which the network cuts a block, as it was configured.
    pub block_time: String,
    /// The network's version.
    pub version: String,
}

/// A ratio that was measured interleaved, run by run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatioRow {
    /// Its name in `ratios`.
    pub name: String,
    /// What must not be exceeded, if anything.
    pub limit: Option<f64>,
    /// Median of the runs' ratios.
    pub median: f64,
    /// First quartile.
    pub q1: f64,
    /// Third quartile.
    pub q3: f64,
    /// What was measured.
    pub numerator: Spread,
    /// What it is measured against.
    pub denominator: Spread,
}

/// One scheme under one circumstance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommitteeRow {
    /// `lockstep` or `committee`.
    pub scheme: String,
    /// Members of the committee; 0 for none.
    pub members: u32,
    /// `none`, or the attack.
    pub attack: String,
    /// Payments of the honest run.
    pub payments: u32,
    /// Time of all payments, the attack and what it takes to end it.
    #[serde(flatten)]
    pub spread: Spread,
    /// Bytes on the wire, TLS included, all connections and both directions.
    pub bytes: u64,
    /// Bytes of the dispute alone.
    pub dispute_bytes: u64,
    /// Messages that the vendor refused.
    pub refused: u32,
    /// Dollars that the client lost.
    pub client_lost: u32,
    /// Dollars that the vendor lost.
    pub vendor_lost: u32,
    /// What happened, in words.
    pub outcome: String,
}

/// What a channel of so many payments costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrowthRow {
    /// The network.
    pub network: String,
    /// Payments in the channel.
    pub payments: u32,
    /// From the first signature to the last acknowledgement, durable on both sides.
    pub pay_s: f64,
    /// Bytes of one payment on the wire.
    pub bytes_per_payment: f64,
    /// Most memory of the paying process.
    pub wallet_peak_bytes: u64,
    /// Most memory of the vendor's process so far.
    pub vendor_peak_bytes: u64,
    /// By which the wallet's store grew.
    pub wallet_store_bytes: u64,
    /// By which the vendor's store grew.
    pub vendor_store_bytes: u64,
    /// Unlocking, every signature verified and every receipt stored.
    pub release_s: f64,
    /// Submit to commit of the close.
    pub close_s: f64,
    /// Bytes of the document that closes.
    pub close_bytes: u64,
    /// Bytes of the ledger's record after it.
    pub record_bytes: u64,
}

/// A size of the paper's table 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeRow {
    /// The paper's letter.
    pub symbol: String,
    /// What it is here.
    pub meaning: String,
    /// Bytes.
    pub bytes: u64,
}

/// Where and of what an experiment was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The processor's name.
    pub processor: String,
    /// Processors that this process may use.
    pub cores: u32,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Operating system and kernel.
    pub system: String,
    /// Commit of the source, with `+` if it was changed.
    pub commit: String,
    /// By program: its version.
    pub versions: Vec<(String, String)>,
    /// By store: how its writes are made durable.
    pub durability: Vec<(String, String)>,
    /// Seconds since 1970 at which the run began; more than one entry if it was interrupted.
    pub started: Vec<u64>,
}

/// `results.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// `quick`, `full`, or another plan's name.
    pub plan: String,
    /// Where it was measured.
    pub environment: Environment,
    /// Every phase of every cell.
    pub phases: Vec<PhaseRow>,
    /// Uploads to the ledgers.
    pub uploads: Vec<UploadRow>,
    /// By name: the median of each of [`Results::ratio_details`].
    pub ratios: std::collections::BTreeMap<String, f64>,
    /// The ratios with their spread.
    pub ratio_details: Vec<RatioRow>,
    /// Sizes for Table 4.
    pub sizes: Vec<SizeRow>,
    /// Both schemes, with and without attacks.
    pub committee: Vec<CommitteeRow>,
    /// How cost grows with the number of payments.
    pub growth: Vec<GrowthRow>,
    /// What was not measured, and why.
    pub skipped: Vec<String>,
}

impl Results {
    /// A phase's row.
    #[must_use]
    pub fn phase(&self, phase: &str, mode: &str, payments: u32, amount: u32) -> Option<&PhaseRow> {
        self.phases.iter().find(|row| {
            row.phase == phase && row.mode == mode && row.payments == payments && row.amount == amount
        })
    }
}
