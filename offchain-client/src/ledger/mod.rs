//! The ledger, as the roles see it: a port with the contract's functions in domain words, and its adapter for Fabric.
//!
//! Reads are asked of the own organisation's peers only and never pass the orderer. Submissions are endorsed as the network's
//! policy says, ordered, and answered once the own peer has them committed [Spec §8]. Saying the same again is success, so a
//! role that does not know how a submission ended simply submits it again.
//!
//! ```text
//! role ──► Ledger (port) ◄── fabric::FabricLedger ──► hlf-gateway ──► the own organisation's peer
//! ```

pub mod checkpoint;
mod error;
mod event;
pub mod fabric;
pub mod profile;
mod read;
mod submitted;

use async_trait::async_trait;
use futures::stream::BoxStream;
use lockstep_protocol::hash::{ChannelId, LedgerId};
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::{
    BankRegistration, Cancel, ChannelRecord, CloseByRelease, CloseByToken, Freeze, Open, Refund,
    RegisterBank, Resolve,
};
use lockstep_protocol::time::Timestamp;

pub use self::error::{LedgerError, TransactionId};
pub use self::event::{EventCheckpoint, EventStart, LedgerEvent};
pub use self::read::{ChannelPage, HistoryEntry, PageRequest, Party};
pub use self::submitted::{Submitted, Timing};

/// What [`Ledger::events`] gives: events in the ledger's order, none twice, without end.
///
/// An error that [is temporary](LedgerError::is_temporary) tells of an interruption: the stream waits and goes on after the last
/// event by itself. After any other error it is over; open a new one from the last checkpoint when the cause is mended.
pub type LedgerEvents = BoxStream<'static, Result<LedgerEvent, LedgerError>>;

/// A ledger that runs the channel contract [Spec §8].
///
/// Every method has a deadline of its own; none blocks for ever. The events alone wait as long as nothing happens.
#[async_trait]
pub trait Ledger: std::fmt::Debug + Send + Sync {
    /// The ledger id that everything signed must name, from the network's own channel and chaincode name [Spec §1].
    fn ledger_id(&self) -> LedgerId;

    /// Registers a bank's key; the caller's identity must carry the `admin` OU of the named MSP.
    ///
    /// # Errors
    /// [`LedgerError`]; the same again is success.
    async fn register_bank(&self, command: &RegisterBank)
    -> Result<Submitted<BankRegistration>, LedgerError>;

    /// Records an opening that a registered bank has signed.
    ///
    /// # Errors
    /// [`LedgerError`]; the same again is success.
    async fn open(&self, command: &Open) -> Result<Submitted<ChannelRecord>, LedgerError>;

    /// Closes a channel by the client's release and the vendor's signature.
    ///
    /// # Errors
    /// [`LedgerError`]; the same again is success.
    async fn close_by_release(
        &self,
        command: &CloseByRelease,
    ) -> Result<Submitted<ChannelRecord>, LedgerError>;

    /// Records that an opening which never came can come no more.
    ///
    /// # Errors
    /// [`LedgerError`]; the same again is success.
    async fn cancel(&self, command: &Cancel) -> Result<Submitted<ChannelRecord>, LedgerError>;

    /// Closes a channel by a token and the vendor's signature, or claims on a frozen one. The transaction is dated by this machine's
    /// clock, and no later than `latest`: a submitter chooses the date, within D of the endorsers' clocks [Spec §8].
    ///
    /// # Errors
    /// [`LedgerError`]; the same again is success.
    async fn close_by_token(
        &self,
        command: &CloseByToken,
        latest: Option<Timestamp>,
    ) -> Result<Submitted<ChannelRecord>, LedgerError>;

    /// Refunds an expired channel; anyone may submit it.
    ///
    /// # Errors
    /// [`LedgerError`]; the same again is success.
    async fn refund(&self, command: &Refund) -> Result<Submitted<ChannelRecord>, LedgerError>;

    /// Freezes a channel on the bank's word.
    ///
    /// # Errors
    /// [`LedgerError`]; the same again is success.
    async fn freeze(&self, command: &Freeze) -> Result<Submitted<ChannelRecord>, LedgerError>;

    /// Ends a frozen or claimed channel on the bank's word.
    ///
    /// # Errors
    /// [`LedgerError`]; the same again is success.
    async fn resolve(&self, command: &Resolve) -> Result<Submitted<ChannelRecord>, LedgerError>;

    /// One channel's record as the own peer has it, or `None` if it has none.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRecord>, LedgerError>;

    /// A page of a party's channels.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn channels(&self, party: Party, page: PageRequest) -> Result<ChannelPage, LedgerError>;

    /// All versions of one channel's record, oldest first; empty if there is none.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn history(&self, id: ChannelId) -> Result<Vec<HistoryEntry>, LedgerError>;

    /// A bank key's registration, or `None` if it is not registered. The contract refuses (a clock refusal) when the caller's
    /// clock is off the peer's by more than that bank's D [Spec §8]: a vendor that is refused accepts nothing.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn bank(&self, key: &PublicKey) -> Result<Option<BankRegistration>, LedgerError>;

    /// The contract's events from a block, or after the last one that a caller has applied.
    ///
    /// # Errors
    /// [`LedgerError`] if no peer of the own organisation takes the subscription.
    async fn events(&self, from: EventStart) -> Result<LedgerEvents, LedgerError>;
}
