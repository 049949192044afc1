//! A channel's chain as the own organisation's peer has it.

use hlf_proto::Message;
use hlf_proto::common::{Block, BlockchainInfo};
use hlf_proto::protos::ProcessedTransaction;

use super::error::QueryError;
use crate::contract::Contract;
use crate::convert::decode;
use crate::network::Network;
use crate::transaction_id::TransactionId;

/// Questions about a channel's chain, answered by the own organisation's peer (system chaincodes `qscc` and `cscc`).
#[derive(Debug, Clone)]
pub struct ChannelLedger {
    chain: Contract,
    configuration: Contract,
    channel: String,
    msp_id: String,
}

/// How long a channel's chain is, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainInfo {
    /// How many blocks there are; the newest has this number less one.
    pub height: u64,
    /// The newest block's hash.
    pub current_block_hash: Vec<u8>,
    /// The hash of the one before.
    pub previous_block_hash: Vec<u8>,
}

impl ChannelLedger {
    pub(crate) fn new(network: &Network, msp_id: &str) -> Self {
        Self {
            chain: network.contract("qscc"),
            configuration: network.contract("cscc"),
            channel: network.channel().to_owned(),
            msp_id: msp_id.to_owned(),
        }
    }

    /// The chain's height and newest hashes.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn info(&self) -> Result<ChainInfo, QueryError> {
        let info: BlockchainInfo = self.ask("GetChainInfo", None).await?;
        Ok(ChainInfo {
            height: info.height,
            current_block_hash: info.current_block_hash,
            previous_block_hash: info.previous_block_hash,
        })
    }

    /// A block by its number; `u64::MAX` is the newest.
    ///
    /// # Errors
    /// [`QueryError`], also when there is no such block.
    pub async fn block(&self, number: u64) -> Result<Block, QueryError> {
        self.ask("GetBlockByNumber", Some(number.to_string().into_bytes())).await
    }

    /// A block by its hash.
    ///
    /// # Errors
    /// [`QueryError`], also when there is no such block.
    pub async fn block_with_hash(&self, hash: &[u8]) -> Result<Block, QueryError> {
        self.ask("GetBlockByHash", Some(hash.to_vec())).await
    }

    /// The block that a transaction is in.
    ///
    /// # Errors
    /// [`QueryError`], also when there is no such transaction.
    pub async fn block_of(&self, transaction: &TransactionId) -> Result<Block, QueryError> {
        self.ask("GetBlockByTxID", Some(transaction.as_str().into())).await
    }

    /// A transaction with its verdict.
    ///
    /// # Errors
    /// [`QueryError`], also when there is no such transaction.
    pub async fn transaction(&self, transaction: &TransactionId) -> Result<ProcessedTransaction, QueryError> {
        self.ask("GetTransactionByID", Some(transaction.as_str().into())).await
    }

    /// The channel's newest configuration block.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn config_block(&self) -> Result<Block, QueryError> {
        let proposal = self.configuration.proposal("GetConfigBlock").argument(self.channel.as_str());
        let result = proposal.organizations([self.msp_id.as_str()]).evaluate().await?;
        Ok(decode("GetConfigBlock", &result)?)
    }

    async fn ask<T: Message + Default>(
        &self,
        function: &'static str,
        argument: Option<Vec<u8>>,
    ) -> Result<T, QueryError> {
        let proposal = self.chain.proposal(function).argument(self.channel.as_str()).arguments(argument);
        let result = proposal.organizations([self.msp_id.as_str()]).evaluate().await?;
        Ok(decode(function, &result)?)
    }
}
