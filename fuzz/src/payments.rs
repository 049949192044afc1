//! Fixed layouts of the protocol [Spec §4, §6, §7, §11].

use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::opening::Opening;
use lockstep_protocol::payment::{Ack, Batch, Payment, PaymentFields, PaymentRecord};
use lockstep_protocol::receipt::Receipt;

use crate::Target;
use crate::property::bytes_return;

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
    }
    bytes_return(bytes, decode, Batch::encode)
}
