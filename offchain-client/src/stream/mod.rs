//! The payment stream between wallet and vendor: gRPC over TLS, one bidirectional stream for each channel [Spec §6, §7, §11].
//!
//! ```text
//! wallet                               vendor
//!   Hello(channel)          ──►
//!                           ◄──  Welcome(last payment durable here)
//!   batch, batch, …         ──►
//!                           ◄──  acknowledgement (n, c_n, Tx_n) …
//!   Release(σ_n)            ──►       n is the last acknowledged payment; nothing follows
//!                           ◄──  Unlocked, Settled
//! ```
//!
//! The vendor may ask for the release at any time: `ReleaseRequest(n, c_n, Tx_n)`. The client may release unasked, which is how
//! it settles: anybody can name a channel, but only its client can release it, so the wish needs no other proof. A `Refused` is
//! the last message of a stream and says whether the channel is over or the same bytes may be sent again later.

mod convert;
mod dial;
mod listen;
mod terms;

pub use self::convert::{Malformed, Refused, Settled, ToClient, ToVendor, Unlocked, Welcome};
pub use self::dial::{DialError, VendorLine, WireCount, dial};
pub use self::listen::accept;
pub use self::terms::{BatchBounds, Terms};
pub use self::wire::payment_stream_client::PaymentStreamClient;
pub use self::wire::payment_stream_server::{PaymentStream, PaymentStreamServer};

/// The largest message on the stream: a batch within [`BatchBounds::DEFAULT`], and its frame.
pub const MESSAGE_BYTES: usize = (1 << 20) + 1024;

/// The messages as they are on the wire; [`ToVendor`], [`ToClient`] and [`Terms`] are what the roles use.
pub mod wire {
    #![expect(
        missing_docs,
        unused_qualifications,
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        clippy::missing_errors_doc,
        reason = "generated from payment.proto"
    )]
    tonic::include_proto!("lockstep.payment.v1");
}
