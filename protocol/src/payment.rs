//! One payment: its fields, its form on the wire, and the chain that it continues [Spec §6, §11].

mod fields;
mod head;
mod wire;

pub use fields::PaymentFields;
pub use head::{Head, Payment};
pub use wire::{Ack, Batch, PaymentRecord};
