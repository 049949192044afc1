//! The rules of continuous micropayments by lockable signatures: no I/O, no clock, no randomness of its own.
//!
//! Time, randomness and keys are arguments; received data is unverified until a `verify` turns it into another type, and
//! only that type moves money. `[Spec §n]` cites the project's protocol specification.
//!
//! # Map
//!
//! | for | take |
//! | --- | --- |
//! | money, time, counts | [`Amount`], [`Timestamp`], [`MaxDrift`], [`Units`] (k, c, N), [`PaymentNumber`] (i, n), [`Reputation`] |
//! | 32-byte values | [`hash`]: [`LedgerId`] (`LedgerId::of(channel, chaincode)`), [`ChannelId`], [`TxHash`], [`Token`], [`Nonce`], … |
//! | keys and signatures | [`SecretKey`] (`sign`, PKCS#8), [`PublicKey`] (`verify`), [`Signature`]; [`lock`]: `lock`, `unlock`, [`Lock`] |
//! | signatures drawn ahead | [`presignature::Presignature`] (`SecretKey::sign_with`) |
//! | accounts, credentials | [`account::AccountProof`]; [`credential`]: attributes, [`credential::Credential`], [`credential::Disclosure`] |
//! | the wallet's secrets | [`wallet_seed::WalletSeed`] gives each channel its payment key and its [`token_chain::TokenChain`] |
//! | an opening | [`opening`]: client [`opening::SignedRequest::sign`] → bank `verify` → [`opening::VerifiedRequest::opening`] → [`opening::SignedOpening::sign`] → client [`opening::OpeningRequest::check_answer`] |
//! | payments on the wire | [`payment`]: [`payment::PaymentRecord`], [`payment::Batch`], [`payment::Ack`]; in journals [`payment::Payment`], [`payment::Head`] |
//! | the client's side | [`payer`]: [`payer::Resuming`] (`reconcile`) → [`payer::Paying`] (`pay`, `release`) → [`payer::Released`] |
//! | the vendor's side | [`payee`]: [`payee::Receiving`] (`take`, `resume`, `accept`, `close`) → [`payee::Closing`] (`asks_for`, `released`) → [`payee::Settling`] or [`payee::Claiming`] |
//! | unlocking | [`release::Walk`] from σ_n down to σ₀, giving [`receipt::Receipt`]s or a [`fraud::FraudProof`]; [`transcript::Transcript`] checks receipts forward |
//! | the ledger's documents | [`ledger`]: commands ([`ledger::decode_command`]), [`ledger::ChannelRecord`], [`ledger::BankRegistration`], [`ledger::ChannelChange`] |
//! | the ledger's rules | [`rules`]: one pure function for each command, giving [`rules::Outcome`] or a [`Refusal`] |
//! | the bank's books | [`posting`]: [`posting::recheck`] of what a record keeps → [`posting::Rechecked::movements`] of a change |
//! | the paper's security games | [`game`]: Algorithms 1 and 2 against several adversaries |
//! | refusals | [`Refusal`]: number, name, sentence; `LS<number> <name>: <sentence>`, and [`Refusal::find_in`] |
//!
//! # Who saves what, and when
//!
//! A payer saves a [`payment::Payment`] before it sends it; a payee before it acknowledges it, and both restart from the
//! [`payment::Head`] of their journal: every signature that they make is RFC 6979's. [`presignature`] is for who stores signatures.
//!
//! The hash of an opening, a payment or a statement is made in one place, beside the type that it is of.

pub mod account;
pub mod amount;
pub mod codec;
pub mod credential;
pub mod fraud;
pub mod game;
pub mod hash;
pub mod key;
pub mod ledger;
pub mod lock;
pub mod memo;
pub mod opening;
pub mod payee;
pub mod payer;
pub mod payment;
pub mod posting;
pub mod presignature;
pub mod receipt;
pub mod refusal;
pub mod release;
pub mod rules;
pub mod signature;
pub mod time;
pub mod token_chain;
pub mod transcript;
pub mod units;
pub mod wallet_seed;

pub use amount::Amount;
pub use hash::{
    Challenge, ChannelId, Digest, EvidenceHash, IdentityRoot, LedgerId, MemoHash, Nonce, Salt, ShortText,
    Token, TxHash,
};
pub use key::{PublicKey, SecretKey};
pub use lock::Lock;
pub use memo::Memo;
pub use refusal::{Refusal, StreamMeaning};
pub use signature::Signature;
pub use time::{MaxDrift, Timestamp};
pub use units::{PaymentNumber, Reputation, Units};

// Taken for its feature alone: k256's tables need it.
use primeorder as _;
