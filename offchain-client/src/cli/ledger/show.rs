//! What the ledger says, as tables for people.

use std::time::{Duration, UNIX_EPOCH};

use lockstep_protocol::ledger::{BankRegistration, ChannelRecord};
use lockstep_protocol::{Amount, Timestamp};

use crate::cli::output::table;
use crate::ledger::profile::Profile;
use crate::ledger::{ChannelPage, HistoryEntry, LedgerEvent};

/// One record.
pub(super) fn channel(record: &ChannelRecord) -> String {
    let terms = record.opening().terms();
    let mut rows = vec![
        ("channel", record.channel_id().to_string()),
        ("state", record.state().to_string()),
        ("bank", terms.bank_key.to_string()),
        ("client (payment key)", terms.client_key.to_string()),
        ("vendor", terms.vendor_key.to_string()),
        ("client's identity", terms.client_identity.to_string()),
        ("vendor's identity", terms.vendor_identity.to_string()),
        (
            "reputations",
            format!("{} / {}", terms.client_reputation.as_points(), terms.vendor_reputation.as_points()),
        ),
        ("total", dollars(terms.total)),
        ("units", format!("{} of {}", terms.token_count.as_count(), dollars(terms.unit_price))),
        ("signed by the bank", time(terms.opened)),
        ("open by", time(terms.open_by)),
        ("on the ledger", time(record.ts())),
        ("expires", time(terms.expiry)),
        ("most clock drift", format!("{} s", record.max_drift().as_duration().as_secs_f64())),
        ("bank's signature", record.bank_signature().to_string()),
    ];
    if let Some(release) = record.release() {
        let worth = |units| record.opening().worth(units).map_or_else(|refusal| refusal.to_string(), dollars);
        let fields = &release.fields;
        rows.extend([
            ("closed by release", time(release.ts)),
            ("last payment", format!("number {}, {}", fields.number.as_index(), worth(fields.units))),
            ("to the vendor", format!("{} units, {}", fields.released.as_count(), worth(fields.released))),
            ("client's signature", release.client_signature.to_string()),
            ("vendor's signature", release.vendor_signature.to_string()),
        ]);
    }
    two_columns(rows)
}

/// A page of records.
pub(super) fn channels(page: &ChannelPage) -> String {
    let mut rows = table(["channel", "state", "total", "unit price", "expires"]);
    for record in &page.channels {
        let terms = record.opening().terms();
        rows.add_row([
            record.channel_id().to_string(),
            record.state().to_string(),
            dollars(terms.total),
            dollars(terms.unit_price),
            time(terms.expiry),
        ]);
    }
    match page.bookmark.as_str() {
        "" => rows.to_string(),
        bookmark => format!("{rows}\nmore with --bookmark {bookmark}"),
    }
}

/// All versions of a record.
pub(super) fn history(versions: &[HistoryEntry]) -> String {
    let mut rows = table(["time", "state", "transaction"]);
    for version in versions {
        let state =
            version.record.as_ref().map_or_else(|| "deleted".to_owned(), |record| record.state().to_string());
        rows.add_row([time(version.timestamp), state, version.tx_id.to_string()]);
    }
    rows.to_string()
}

/// A bank's registration.
pub(super) fn bank(registration: &BankRegistration) -> String {
    two_columns(vec![
        ("bank", registration.bank_key().to_string()),
        ("organisation", registration.msp_id().to_string()),
        ("registered", time(registration.ts())),
        ("most clock drift", format!("{} s", registration.max_drift().as_duration().as_secs_f64())),
        ("bank's signature", registration.bank_signature().to_string()),
    ])
}

/// An event, a line for each change.
pub(super) fn event(event: &LedgerEvent) -> String {
    let lines = event.changes.iter().map(|change| {
        let to = [("vendor", change.to_vendor), ("client", change.to_client), ("withheld", change.withheld)];
        let amounts = to.iter().filter(|(_, amount)| *amount != Amount::ZERO);
        let amounts: String =
            amounts.map(|(whose, amount)| format!(", {whose} {}", dollars(*amount))).collect();
        format!(
            "block {} {} channel {}{amounts}, transaction {}",
            event.block, event.name, change.channel_id, event.tx_id
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a profile describes.
pub(super) fn profile(profile: &Profile) -> String {
    let mut rows = table(["organisation", "MSP", "peers", "admin", "user", "chaincode process"]);
    for organization in &profile.organizations {
        let peers: Vec<&str> = organization.peers.iter().map(|peer| peer.address.as_str()).collect();
        let yes_no = |there: bool| if there { "yes" } else { "no" };
        rows.add_row([
            organization.name.as_str(),
            organization.msp_id.as_str(),
            &*peers.join(", "),
            yes_no(organization.admin.is_some()),
            yes_no(organization.user.is_some()),
            organization.chaincode.as_ref().map_or("", |server| server.address.as_str()),
        ]);
    }
    let Profile { name, version, channel, chaincode, .. } = profile;
    format!("network {name} {version}, channel {channel}, chaincode {chaincode}\n{rows}")
}

fn two_columns(fields: Vec<(&str, String)>) -> String {
    let mut rows = table(["field", "value"]);
    for (name, value) in fields {
        rows.add_row([name, &value]);
    }
    rows.to_string()
}

fn dollars(amount: Amount) -> String {
    format!("${}", amount.to_dollars())
}

fn time(at: Timestamp) -> String {
    let shown = UNIX_EPOCH.checked_add(Duration::from_millis(at.as_unix_millis()));
    // humantime writes years up to 9999 only.
    let shown = shown.filter(|_| at.as_unix_millis() < 253_402_300_800_000);
    shown.map_or_else(
        || format!("{} ms", at.as_unix_millis()),
        |time| humantime::format_rfc3339_millis(time).to_string(),
    )
}
