//! Where things stand on the ledger.
//!
//! | key | value |
//! | --- | --- |
//! | `bank:` bank key | registration, JSON |
//! | `channel:` channel id | record, JSON |
//! | composite `bank~channel` (bank key, channel id) | channel id |
//! | composite `vendor~channel` (vendor key, channel id) | channel id |
//! | composite `client~bank` (client key, bank key) | channel id |
//!
//! Keys and ids are lower-case hexadecimal. No key starts with an underscore, which CouchDB forbids, and every JSON value is an
//! object, so CouchDB stores and indexes it as a document.

use hlf_shim::CompositeKey;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;

/// Key of a bank's registration.
pub(crate) fn bank(key: &PublicKey) -> String {
    format!("bank:{key}")
}

/// Key of a channel's record.
pub(crate) fn channel(id: ChannelId) -> String {
    format!("channel:{id}")
}

/// The role by which an index finds channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    Bank,
    Client,
    Vendor,
}

impl Index {
    /// The index that a caller names.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        match name {
            "bank" => Some(Self::Bank),
            "client" => Some(Self::Client),
            "vendor" => Some(Self::Vendor),
            _ => None,
        }
    }

    fn object_type(self) -> &'static str {
        match self {
            Self::Bank => "bank~channel",
            Self::Client => "client~bank",
            Self::Vendor => "vendor~channel",
        }
    }

    /// What all entries of one party begin with.
    pub(crate) fn of(self, party: &PublicKey) -> CompositeKey {
        self.key([party.to_string()])
    }

    fn key<const N: usize>(self, attributes: [String; N]) -> CompositeKey {
        CompositeKey::new(self.object_type(), attributes)
            .expect("hexadecimal has no delimiter of composite keys")
    }
}

/// The entry by which a bank's channel is found.
pub(crate) fn bank_entry(bank: &PublicKey, id: ChannelId) -> CompositeKey {
    Index::Bank.key([bank.to_string(), id.to_string()])
}

/// The entry by which a vendor's channel is found.
pub(crate) fn vendor_entry(vendor: &PublicKey, id: ChannelId) -> CompositeKey {
    Index::Vendor.key([vendor.to_string(), id.to_string()])
}

/// The entry that keeps a client's payment key to one channel for each bank [Spec §8].
pub(crate) fn client_entry(client: &PublicKey, bank: &PublicKey) -> CompositeKey {
    Index::Client.key([client.to_string(), bank.to_string()])
}
