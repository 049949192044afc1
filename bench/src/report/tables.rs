//! The tables of a report.

use std::collections::BTreeSet;

use super::table::{Cell, Table};
use crate::results::{PhaseRow, Results};

/// The modes in the order in which they are shown, with what they are.
pub(super) const MODES: [(&str, &str); 5] = [
    ("paper", "Rust, in one process, the paper's 40-character mock signatures, nothing verified"),
    ("in_process", "Rust, in one process, real ECDSA"),
    ("tls", "wallet, vendor and bank over TLS on loopback, every store durable, the ledger in memory"),
    ("python_paper", "Python with hashlib, one process, the paper's mock signatures"),
    ("python", "Python with hashlib and libsecp256k1 (coincurve), one process, real ECDSA"),
];

/// The paper's table 3: phase, seconds, kilobytes as printed.
pub(super) const PAPER_TABLE_3: [(&str, f64, &str); 3] =
    [("setup", 0.100, "311kb"), ("transaction", 0.140, "476kb"), ("release", 0.004, "0")];

/// Every table, in the order of the report.
#[must_use]
pub fn all(results: &Results) -> Vec<Table> {
    let mut tables = vec![table_3(results)];
    tables.extend(modes(results).into_iter().map(|mode| phases(results, mode)));
    tables.extend([ratios(results), sizes(results), table_4(results), committee(results)]);
    tables.extend([uploads(results), growth(results)]);
    tables.retain(|table| !table.rows.is_empty());
    tables
}

/// A table by name.
pub(super) fn named<'a>(tables: &'a [Table], name: &str) -> Option<&'a Table> {
    tables.iter().find(|table| table.name == name)
}

/// The modes that were measured.
pub(super) fn modes(results: &Results) -> Vec<&'static str> {
    let measured: BTreeSet<&str> = results.phases.iter().map(|row| row.mode.as_str()).collect();
    MODES.iter().map(|(mode, _)| *mode).filter(|mode| measured.contains(mode)).collect()
}

/// The cell that stands for the paper's 10,000 payments of 10 dollars: that one, or the largest that was measured.
pub(super) fn paper_cell(results: &Results, mode: &str) -> Option<(u32, u32)> {
    let cells = results.phases.iter().filter(|row| row.mode == mode).map(|row| (row.payments, row.amount));
    cells.max()
}

fn table_3(results: &Results) -> Table {
    let head = [
        "phase",
        "mode",
        "payments",
        "dollars each",
        "the paper's time",
        "time",
        "the paper's communication",
        "bytes",
        "runs",
    ];
    let mut table = Table::new("table_3", &head);
    for (phase, seconds, bytes) in PAPER_TABLE_3 {
        for mode in modes(results) {
            let Some((payments, amount)) = paper_cell(results, mode) else { continue };
            let Some(row) = results.phase(phase, mode, payments, amount) else { continue };
            table.rows.push(vec![
                Cell::text(phase),
                Cell::text(mode),
                Cell::Count(payments.into()),
                Cell::Count(amount.into()),
                Cell::Seconds(seconds),
                Cell::Spread(row.spread),
                Cell::text(bytes),
                Cell::Count(row.bytes),
                Cell::Count(row.spread.runs.into()),
            ]);
        }
    }
    table
}

/// All phases of one mode: a row for each phase and count, a column for each amount.
fn phases(results: &Results, mode: &str) -> Table {
    let rows: Vec<&PhaseRow> = results.phases.iter().filter(|row| row.mode == mode).collect();
    let amounts: BTreeSet<u32> = rows.iter().map(|row| row.amount).collect();
    let mut head = vec!["phase".to_owned(), "payments".to_owned()];
    head.extend(amounts.iter().map(|amount| format!("{amount} $")));
    head.extend(["bytes".to_owned(), "runs".to_owned()]);
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut table = Table::new(&format!("phases_{mode}"), &head);
    let keys: BTreeSet<(&str, u32)> = rows.iter().map(|row| (row.phase.as_str(), row.payments)).collect();
    for (phase, payments) in keys {
        let here = |amount: &u32| results.phase(phase, mode, payments, *amount);
        let mut cells = vec![Cell::text(phase), Cell::Count(payments.into())];
        cells.extend(amounts.iter().map(|amount| Cell::spread(here(amount).map(|row| &row.spread))));
        let largest = amounts.iter().rev().find_map(here);
        cells.push(largest.map_or(Cell::None, |row| Cell::Count(row.bytes)));
        cells.push(largest.map_or(Cell::None, |row| Cell::Count(row.spread.runs.into())));
        table.rows.push(cells);
    }
    table
}

fn ratios(results: &Results) -> Table {
    let head = ["ratio", "limit", "median", "q1", "q3", "measured", "beside it", "runs"];
    let mut table = Table::new("ratios", &head);
    for row in &results.ratio_details {
        table.rows.push(vec![
            Cell::text(row.name.as_str()),
            row.limit.map_or(Cell::None, Cell::Number),
            Cell::Number(row.median),
            Cell::Number(row.q1),
            Cell::Number(row.q3),
            Cell::Spread(row.numerator),
            Cell::Spread(row.denominator),
            Cell::Count(row.numerator.runs.into()),
        ]);
    }
    table
}

fn sizes(results: &Results) -> Table {
    let mut table = Table::new("table_4_sizes", &["symbol", "here", "bytes"]);
    for row in &results.sizes {
        table.rows.push(vec![
            Cell::text(row.symbol.as_str()),
            Cell::text(row.meaning.as_str()),
            Cell::Count(row.bytes),
        ]);
    }
    table
}

/// The paper's formulas for 10 payments, filled with the true sizes.
fn table_4(results: &Results) -> Table {
    let mut table = Table::new(
        "table_4",
        &["scheme", "client's formula", "client's bytes", "vendor's formula", "vendor's bytes"],
    );
    let size = |symbol: &str| results.sizes.iter().find(|row| row.symbol == symbol).map(|row| row.bytes);
    let (Some(sig), Some(f), Some(s), Some(h)) = (size("sig"), size("f"), size("s"), size("h")) else {
        return table;
    };
    let mut row = |scheme: String, formula: &str, client: u64| {
        table.rows.push(vec![
            Cell::text(scheme),
            Cell::text(formula),
            Cell::Count(client),
            Cell::text("10f"),
            Cell::Count(10 * f),
        ]);
    };
    row("the paper's, and lockstep".to_owned(), "sig + 10f + s + 9h", sig + 10 * f + s + 9 * h);
    for members in [4, 7, 10] {
        if let Some(m) = size(&format!("m (e = {members})")) {
            let scheme = format!("off-chain committee, e = {members}");
            row(scheme, "sig + 10f + s + 10h + m", sig + 10 * f + s + 10 * h + m);
        }
    }
    table
}

fn committee(results: &Results) -> Table {
    let head = [
        "scheme",
        "e",
        "attack",
        "payments",
        "time",
        "bytes",
        "of them dispute",
        "messages refused",
        "client lost $",
        "vendor lost $",
        "what happened",
        "runs",
    ];
    let mut table = Table::new("committee", &head);
    for row in &results.committee {
        table.rows.push(vec![
            Cell::text(row.scheme.as_str()),
            Cell::Count(row.members.into()),
            Cell::text(row.attack.as_str()),
            Cell::Count(row.payments.into()),
            Cell::Spread(row.spread),
            Cell::Count(row.bytes),
            Cell::Count(row.dispute_bytes),
            Cell::Count(row.refused.into()),
            Cell::Count(row.client_lost.into()),
            Cell::Count(row.vendor_lost.into()),
            Cell::text(row.outcome.as_str()),
            Cell::Count(row.spread.runs.into()),
        ]);
    }
    table
}

fn uploads(results: &Results) -> Table {
    let head = [
        "network",
        "version",
        "block time",
        "endpoint",
        "kind",
        "submit to commit",
        "endorse",
        "order",
        "commit",
        "bytes",
        "channels",
    ];
    let mut table = Table::new("uploads", &head);
    for row in &results.uploads {
        table.rows.push(vec![
            Cell::text(row.network.as_str()),
            Cell::text(row.version.as_str()),
            Cell::text(row.block_time.as_str()),
            Cell::text(row.endpoint.as_str()),
            Cell::text(row.kind.as_str()),
            Cell::Spread(row.spread),
            Cell::Spread(row.endorse),
            Cell::Spread(row.order),
            Cell::Spread(row.commit),
            Cell::Count(row.bytes),
            Cell::Count(row.spread.runs.into()),
        ]);
    }
    table
}

fn growth(results: &Results) -> Table {
    let head = [
        "network",
        "payments",
        "paying",
        "a payment",
        "bytes of one on the wire",
        "wallet's peak memory",
        "vendor's peak memory",
        "wallet's store",
        "vendor's store",
        "release",
        "close",
        "bytes of the close",
        "ledger's record",
    ];
    let mut table = Table::new("growth", &head);
    for row in &results.growth {
        table.rows.push(vec![
            Cell::text(row.network.as_str()),
            Cell::Count(row.payments.into()),
            Cell::Seconds(row.pay_s),
            Cell::Seconds(row.pay_s / f64::from(row.payments)),
            Cell::Number(row.bytes_per_payment),
            Cell::Count(row.wallet_peak_bytes),
            Cell::Count(row.vendor_peak_bytes),
            Cell::Count(row.wallet_store_bytes),
            Cell::Count(row.vendor_store_bytes),
            Cell::Seconds(row.release_s),
            Cell::Seconds(row.close_s),
            Cell::Count(row.close_bytes),
            Cell::Count(row.record_bytes),
        ]);
    }
    table
}
