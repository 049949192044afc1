//! A channel.

use hlf_proto::common::Block;
use hlf_proto::protos::{BlockAndPrivateData, FilteredBlock};

use crate::commit::Commit;
use crate::contract::Contract;
use crate::events::{BlockEventsBuilder, EventsBuilder};
use crate::lifecycle::Lifecycle;
use crate::operations::ChannelLedger;
use crate::session::Session;
use crate::transaction_id::TransactionId;

/// A channel of a Fabric network, as one identity sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Network {
    session: Session,
    channel: String,
}

impl Network {
    pub(crate) fn new(session: Session, channel: String) -> Self {
        Self { session, channel }
    }

    /// The channel's name.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The chaincode of this name, and the contract in it that is the default one.
    #[must_use]
    pub fn contract(&self, chaincode: impl Into<String>) -> Contract {
        Contract::new(self.session.clone(), self.channel.clone(), chaincode.into(), None)
    }

    /// One of several contracts in a chaincode.
    #[must_use]
    pub fn contract_named(&self, chaincode: impl Into<String>, contract: impl Into<String>) -> Contract {
        Contract::new(self.session.clone(), self.channel.clone(), chaincode.into(), Some(contract.into()))
    }

    /// Asks what became of a transaction, whoever submitted it. An id that no transaction has is waited for until the
    /// deadline.
    #[must_use]
    pub fn commit(&self, transaction_id: impl Into<TransactionId>) -> Commit {
        Commit::new(self.session.clone(), &self.channel, transaction_id.into())
    }

    /// Approving and committing chaincode on this channel.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        Lifecycle::new(|chaincode| self.contract(chaincode), self.session.identity().msp_id())
    }

    /// Questions about this channel's chain.
    #[must_use]
    pub fn ledger(&self) -> ChannelLedger {
        ChannelLedger::new(self, self.session.identity().msp_id())
    }

    /// The events that a chaincode's transactions emit.
    pub fn chaincode_events(&self, chaincode: impl Into<String>) -> EventsBuilder {
        EventsBuilder::new(self.session.clone(), self.channel.clone(), chaincode.into())
    }

    /// The channel's blocks, whole. The caller must be allowed to read them: by default every member is.
    pub fn block_events(&self) -> BlockEventsBuilder<Block> {
        BlockEventsBuilder::new(self.session.clone(), self.channel.clone())
    }

    /// The channel's blocks without payloads: ids, verdicts, names of events.
    pub fn filtered_block_events(&self) -> BlockEventsBuilder<FilteredBlock> {
        BlockEventsBuilder::new(self.session.clone(), self.channel.clone())
    }

    /// The channel's blocks with the private data that the caller's organisation may see.
    pub fn private_block_events(&self) -> BlockEventsBuilder<BlockAndPrivateData> {
        BlockEventsBuilder::new(self.session.clone(), self.channel.clone())
    }
}
