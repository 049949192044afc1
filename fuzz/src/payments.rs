//! Fixed layouts of the protocol [Spec §4, §6, §7, §11].

use std::sync::LazyLock;
use std::time::Duration;

use lockstep::vendor::Machine;
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState};
use lockstep_protocol::opening::Opening;
use lockstep_protocol::payee::{LedgerView, Receiving, VendorTerms};
use lockstep_protocol::payment::{Ack, Batch, Payment, PaymentFields, PaymentRecord};
use lockstep_protocol::receipt::Receipt;
use lockstep_protocol::{Amount, MaxDrift, Units};

use crate::Target;
use crate::property::bytes_return;
use crate::scene::{Scene, after};

/// Most payments of a batch that is read.
const RECORDS: usize = 8;

/// Openings, payments, receipts, proofs.
pub const PAYMENTS: Target = Target {
    name: "payments",
    decoders: &[
        ("opening", |bytes| bytes_return(bytes, Opening::decode, Opening::encode)),
        ("fields", |bytes| bytes_return(bytes, PaymentFields::decode, |fields| fields.encode().to_vec())),
        ("record", |bytes| bytes_return(bytes, PaymentRecord::decode, PaymentRecord::encode)),
        ("batch", batch),
        ("ack", |bytes| bytes_return(bytes, Ack::decode, Ack::encode)),
        ("payment", |bytes| bytes_return(bytes, Payment::decode, Payment::encode)),
        ("receipt", |bytes| bytes_return(bytes, Receipt::decode, Receipt::encode)),
        ("fraud-proof", |bytes| bytes_return(bytes, FraudProof::decode, FraudProof::encode)),
    ],
};

fn batch(bytes: &[u8]) -> bool {
    let decode = |bytes: &[u8]| Batch::decode(bytes, RECORDS);
    if let Ok(batch) = decode(bytes) {
        assert!((1..=RECORDS).contains(&batch.records.len()));
        assert_eq!(batch.numbered().count(), batch.records.len(), "a number overflows");
        judge(&batch);
    }
    bytes_return(bytes, decode, Batch::encode)
}

/// What a vendor whose channel a stranger has named says to this batch.
fn judge(batch: &Batch) {
    static CHANNEL: LazyLock<(ChannelRecord, VendorTerms)> = LazyLock::new(|| {
        let scene = Scene::new();
        let terms = VendorTerms {
            vendor_key: *scene.vendor.public_key(),
            pinned_banks: vec![*scene.bank.public_key()],
            least_price: Amount::from_micros(1),
            highest_price: Amount::from_micros(10_000_000),
            least_life: Duration::from_secs(1),
            longest_life: Duration::from_secs(86_400),
            largest_drift: MaxDrift::DEFAULT,
            largest_units: Units::from_count(1000),
            clock_tolerance: Duration::from_secs(5),
            commit_bound: Duration::from_secs(1),
            release_wait: Duration::from_secs(1),
        };
        (scene.opened(), terms)
    });
    let (record, terms) = &*CHANNEL;
    let receiving = Receiving::take(record, terms.clone(), after(2)).expect("a channel on these terms");
    let mut machine = Machine::new(receiving);
    let view = LedgerView { state: ChannelState::Open, seen: after(2) };
    let judged = machine.accept(batch.first, &batch.records, after(3), view);
    assert!(judged.effects.is_some() || judged.refused.is_some(), "a batch without an answer");
}
