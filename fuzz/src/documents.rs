//! Documents in JSON: the ledger's commands and records, and what the bank and its customers sign [Spec §3, §4, §8, §11].

use std::fmt::Debug;

use lockstep_protocol::account::AccountProof;
use lockstep_protocol::credential::{Attribute, AttributeSet, Credential, Disclosure};
use lockstep_protocol::ledger::{
    BankRegistration, Cancel, ChannelChange, ChannelRecord, CloseByRelease, CloseByToken, Command, Freeze,
    Open, Refund, RegisterBank, Resolve, decode_command,
};
use lockstep_protocol::opening::{Opening, SignedOpening, SignedRequest};
use lockstep_protocol::payment::{Head, PaymentFields};
use lockstep_protocol::receipt::Receipt;

use crate::Target;
use crate::property::{json_returns, value_returns};

/// Commands, records, requests, credentials.
pub const DOCUMENTS: Target = Target {
    name: "documents",
    decoders: &[
        ("register-bank", command::<RegisterBank>),
        ("open", command::<Open>),
        ("cancel", command::<Cancel>),
        ("close-by-release", command::<CloseByRelease>),
        ("close-by-token", command::<CloseByToken>),
        ("refund", command::<Refund>),
        ("freeze", command::<Freeze>),
        ("resolve", command::<Resolve>),
        ("record", |bytes| value_returns(ChannelRecord::from_json(bytes).ok())),
        ("registration", json_returns::<BankRegistration>),
        ("changes", json_returns::<Vec<ChannelChange>>),
        ("opening", json_returns::<Opening>),
        ("signed-opening", json_returns::<SignedOpening>),
        ("signed-request", json_returns::<SignedRequest>),
        ("payment-fields", json_returns::<PaymentFields>),
        ("head", json_returns::<Head>),
        ("receipt", json_returns::<Receipt>),
        ("account-proof", json_returns::<AccountProof>),
        ("attribute", json_returns::<Attribute>),
        ("attribute-set", json_returns::<AttributeSet>),
        ("credential", json_returns::<Credential>),
        ("disclosure", json_returns::<Disclosure>),
    ],
};

/// A refused argument has a code of the group for arguments, and a command comes back from its own JSON.
fn command<T: Command + PartialEq + Debug>(bytes: &[u8]) -> bool {
    match decode_command::<T>(bytes) {
        Ok(command) => {
            let json = command.to_json();
            assert_eq!(decode_command::<T>(json.as_bytes()).as_ref(), Ok(&command));
            true
        }
        Err(refusal) => {
            assert!((101..200).contains(&refusal.number()), "{refusal}");
            false
        }
    }
}
