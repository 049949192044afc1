//! `report.md`.

use super::table::{Table, time};
use super::tables::{self, MODES, named};
use crate::results::Results;

/// What each phase times: the calls, in their order.
const DEFINITIONS: [(&str, &str); 15] = [
    (
        "setup",
        "all of the setup: keys and chain, then the request, the bank's part, the client's check. Over TLS: from the request's signing to its answer, the bank's books and log written",
    ),
    (
        "setup_keys_and_chain",
        "`WalletSeed::payment_key` and `TokenChain::new` (N + 1 hashes; N = payments × dollars)",
    ),
    (
        "setup_without_keys",
        "`SignedRequest::sign` (two signatures), the bank's part, `check_answer` and `SignedOpening::verify`",
    ),
    (
        "setup_bank",
        "the bank's part alone, which is what the paper describes: `SignedRequest::verify`, both reputations and every rule (`VerifiedRequest::opening`), σ₀",
    ),
    (
        "transaction",
        "the client's part for all payments: `Paying::pay`, then encoding for journal and wire. Over TLS: `Wallet::pay`, from the first signature to the vendor's last acknowledgement, durable on both sides",
    ),
    ("transaction_sign_and_lock", "`Paying::pay` alone: token, Txᵢ, σᵢ, ℓkᵢ"),
    ("transaction_hashing", "the token, the memo's hash and Txᵢ"),
    ("transaction_signing", "σᵢ = Sign(Txᵢ), RFC 6979"),
    ("transaction_locking", "ℓkᵢ = σᵢ₋₁ ⊕ H₆₄(σᵢ)"),
    (
        "transaction_storing",
        "in process: `Payment::encode`, the journal's bytes. Over TLS: the same batches saved one after another in an own journal, each flushed",
    ),
    (
        "transaction_sending",
        "in process: `Batch::encode`, the wire's bytes. Over TLS: the same batches one after another over a connection, each answered by 40 bytes",
    ),
    (
        "transaction_accepting",
        "the vendor's `Receiving::accept` for every payment: token hashed, rules checked, Txᵢ computed",
    ),
    (
        "release",
        "unlocking alone, as the paper timed it: σᵢ₋₁ = ℓkᵢ ⊕ H₆₄(σᵢ) from n down to 1. Over TLS there is no such thing: from the client's asking to the vendor's having every receipt, verified and stored",
    ),
    (
        "release_verified",
        "the sound one: `Walk`, which unlocks and verifies every signature down to the bank's σ₀. Over TLS: the vendor's walk from its journal with every receipt stored",
    ),
    (
        "release_settled",
        "over TLS: `Wallet::release`, from asking to the vendor's close, the ledger in memory",
    ),
];

/// What cannot be laid beside the paper's figures, and why.
const NOT_COMPARABLE: [&str; 8] = [
    "**Machine and language.** The paper used Python on an Apple M1 with eight cores. The lines `python_paper` and `paper` are like for like in what is computed, not in what computes it.",
    "**Signatures.** The paper's are 40 random characters. Every line but `paper` and `python_paper` makes and verifies real ECDSA on secp256k1, which is nearly all of its time.",
    "**Verification.** The paper's release is unlocking alone: the vendor would learn of a bad signature from nothing. The line `release_verified` is what a vendor must do before it believes a receipt.",
    "**Kilobytes.** The paper does not say what its 311 kB and 476 kB consist of; its own formula of table 4 gives other sizes. Ours are the encoded messages in process, and the bytes on the wire, TLS included, over TLS.",
    "**Release's communication.** The paper counts 0: its last lock is the last signature. Ours is a message of its own, 64 bytes, so that every lock has one form.",
    "**Amounts.** A unit is one dollar here and a payment of so many dollars moves so many units: the token chain grows with the amount, the number of signatures does not.",
    "**Uploads.** The paper gives no figures for them. Ours depend on the time after which the network cuts a block, which stands beside them.",
    "**The attacks.** The paper gives no figures for its comparison under attack either, only that the committee's cost rises and its own does not.",
];

/// The whole report. A pure function of the results.
#[must_use]
pub fn render(results: &Results) -> String {
    let tables = tables::all(results);
    [
        head(results),
        phases(results, &tables),
        ratios(results, &tables),
        comparison(&tables),
        ledger(&tables),
        end(results),
    ]
    .concat()
}

fn head(results: &Results) -> String {
    let environment = &results.environment;
    let mut out = format!(
        "# The paper's experiment, measured\n\n\
         What section 6 of *A Blockchain-based Continuous Micropayment Scheme Using Lockable Signature* measured, with real cryptography\n\
         and a real ledger. Made by `lockstep bench paper` ({} plan) of `results.json` beside this file; times are medians with\n\
         quartiles in parentheses.\n\n\
         | | |\n| --- | --- |\n| processor | {}, {} cores |\n| memory | {} MiB |\n| system | {} |\n| commit | {} |\n",
        results.plan,
        environment.processor,
        environment.cores,
        environment.memory_bytes >> 20,
        environment.system,
        environment.commit,
    );
    for (name, version) in &environment.versions {
        out.push_str(&format!("| {name} | {version} |\n"));
    }
    for (store, how) in &environment.durability {
        out.push_str(&format!("| durability: {store} | {how} |\n"));
    }
    if environment.started.len() > 1 {
        out.push_str(&format!(
            "| interrupted | {} times, and gone on with |\n",
            environment.started.len() - 1
        ));
    }
    out
}

fn phases(results: &Results, tables: &[Table]) -> String {
    let mut out = "\n## Phases\n\nOne channel has *payments* payments of one amount; each time is that of all of them together. A part is timed with the\n\
monotonic clock around its calls, which costs some 30 ns each time: it weighs on hashing and locking, not on what is timed as a whole.\n\
Bytes are those of the encoded messages in memory where nothing is sent, and those on the wire, TLS included, in mode `tls`.\n\n| phase | what is timed |\n| --- | --- |\n".to_owned();
    let measured = |phase: &str| results.phases.iter().any(|row| row.phase == phase);
    for (phase, calls) in DEFINITIONS.iter().filter(|(phase, _)| measured(phase)) {
        out.push_str(&format!("| `{phase}` | {calls} |\n"));
    }
    if let Some(table) = named(tables, "table_3") {
        out.push_str(&format!("\n### The paper's table 3\n\n{}", table.markdown()));
        out.push_str(&paper_line(results));
    }
    for (mode, what) in MODES {
        if let Some(table) = named(tables, &format!("phases_{mode}")) {
            out.push_str(&format!(
                "\n### Mode `{mode}`\n\n{what}. Bytes and runs are those of the largest amount.\n\n{}",
                table.markdown()
            ));
        }
    }
    let figures = [
        ("figure_4_setup.svg", "setup (the paper's figure 4)"),
        ("figure_5_transaction.svg", "transaction (the paper's figure 5)"),
        ("figure_6_release.svg", "release (the paper's figure 6)"),
    ];
    out.push_str("\n### Figures\n\n");
    for (file, what) in figures {
        out.push_str(&format!("![Time of the phase over the number of payments: {what}]({file})\n\n"));
    }
    out
}

/// The sentence that lays the paper's figures beside ours.
fn paper_line(results: &Results) -> String {
    let mut out = String::new();
    for (phase, seconds, _) in tables::PAPER_TABLE_3 {
        for mode in ["paper", "in_process"] {
            let cell = tables::paper_cell(results, mode);
            let Some(row) = cell.and_then(|(n, amount)| results.phase(phase, mode, n, amount)) else {
                continue;
            };
            if row.spread.median_s > 0.0 {
                out.push_str(&format!(
                    "\n- {phase}, mode `{mode}`: {} here, {} in the paper: {:.2} of its time.",
                    time(row.spread.median_s),
                    time(seconds),
                    row.spread.median_s / seconds,
                ));
            }
        }
    }
    out + "\n"
}

fn ratios(results: &Results, tables: &[Table]) -> String {
    let Some(table) = named(tables, "ratios") else { return String::new() };
    let mut out = format!(
        "\n## Ratios\n\nBoth times of a ratio are taken in turns in one run; the median is that of the runs' own ratios.\n\n{}\n",
        table.markdown()
    );
    for row in &results.ratio_details {
        if let Some(limit) = row.limit {
            let verdict = if row.median <= limit { "reached" } else { "missed" };
            out.push_str(&format!(
                "- `{}`: {:.3}, to reach at most {limit}: {verdict}.\n",
                row.name, row.median
            ));
        }
    }
    out.push_str(RATIOS);
    out
}

const RATIOS: &str = "\n\
- `release_over_permutations`: unlocking alone of all payments, over as many calls of Keccak-f[1600] (crate `keccak`, the one below SHAKE256).\n\
- `sign_lock_over_libsecp256k1`: payments of one channel signed and locked by the wallet's machine on two threads with presignatures [Spec §2]\n  (`presign = true` in its configuration): one thread draws the nonces' points ahead, the other makes payments. Over libsecp256k1 signing as many digests one by one on one thread, without any Python around it.\n\
- `sign_lock_rfc6979_over_libsecp256k1`: the same payments as a wallet makes them unless it is told otherwise, RFC 6979 on one thread: each Txᵢ names the lock before it,\n  so a channel's signatures cannot be made beside each other.\n";

fn comparison(tables: &[Table]) -> String {
    let mut out = String::new();
    if let (Some(sizes), Some(table)) = (named(tables, "table_4_sizes"), named(tables, "table_4")) {
        out.push_str(&format!(
            "\n## The paper's table 4\n\nIts formulas for 10 payments with the true sizes of this implementation.\n\n{}\n{}",
            sizes.markdown(),
            table.markdown()
        ));
    }
    if let Some(table) = named(tables, "committee") {
        out.push_str(&format!(
            "\n## Against an off-chain committee\n\n\
             The same payments over a PayWord chain that e members guard: each payment's serial number and token go to every member, who signs\n\
             what it saw, and a dispute asks them all and needs two thirds. The same ECDSA, the same kind of stream (TLS on loopback). A payment\n\
             is a dollar.\n\n{}",
            table.markdown()
        ));
    }
    out
}

fn ledger(tables: &[Table]) -> String {
    let mut out = String::new();
    if let Some(table) = named(tables, "uploads") {
        out.push_str(&format!(
            "\n## Uploads\n\nBoth endpoints of a channel, one after another, from submitting to the commit on the own peer.\n\n{}",
            table.markdown()
        ));
    }
    if let Some(table) = named(tables, "growth") {
        out.push_str(&format!(
            "\n## How cost grows\n\nOne channel with so many payments of one cent: bank, vendor and client as processes of their own.\n\n{}\n\
             ![Time of one payment over the number of payments](growth_time.svg)\n\n\
             ![Memory and stores over the number of payments](growth_size.svg)\n",
            table.markdown()
        ));
    }
    out
}

fn end(results: &Results) -> String {
    let mut out = "\n## Not comparable, and why\n\n".to_owned();
    for line in NOT_COMPARABLE {
        out.push_str(&format!("- {line}\n"));
    }
    if !results.skipped.is_empty() {
        out.push_str("\n## Not measured\n\n");
        for line in &results.skipped {
            out.push_str(&format!("- {line}\n"));
        }
    }
    out
}
