//! One call's requests, answered as a peer answers them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{ChaincodeInput, ChaincodeMessage, ChaincodeSpec, Response, SignedProposal};
use hlf_proto::{DecodeError, Message};
use hlf_selector::RichQueryError;

use super::chaincodes::Chaincodes;
use super::collection::Collection;
use super::queries::Queries;
use super::state::{State, Writes};
use crate::LedgerError;
use crate::handler::Ending;
use crate::invocation::{Invocation, Offers, TransactionKey};
use crate::peer::Peer;

/// Why a request is refused, in a peer's words where a peer refuses it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("unmarshal failed: {0}")]
    Undecodable(#[from] DecodeError),
    #[error("the ledger in memory has no {0}")]
    Unsupported(String),
    #[error(
        "txid [{0}]: unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed"
    )]
    WrittenAfterPage(String),
    #[error(
        "txid [{0}]: unsuppored transaction. Paginated queries are supported only in a read-only transaction"
    )]
    PageAfterWrite(String),
    #[error(
        "txid [{0}]: unsuppored transaction. Transaction has already performed queries on pvt data. Writes are not allowed"
    )]
    WrittenAfterPrivateQuery(String),
    #[error(
        "txid [{0}]: unsuppored transaction. Queries on pvt data is supported only in a read-only transaction"
    )]
    PrivateQueryAfterWrite(String),
    #[error("private data APIs are not allowed in chaincode Init()")]
    PrivateInInit,
    #[error("collection {chaincode}/{collection} could not be found")]
    NoCollection { chaincode: String, collection: String },
    #[error(
        "tx creator does not have {access} access permission on privatedata in chaincodeName:{chaincode} collectionName: {collection}"
    )]
    NotAMember { access: &'static str, chaincode: String, collection: String },
    #[error(
        "private data matching public hash version is not available. The peer is of {0:?}, which is no member"
    )]
    NotOnThisPeer(String),
    #[error("only applicable for private data")]
    OnlyPrivate,
    #[error("query iterator not found")]
    NoQuery,
    #[error("chaincode {0} not found")]
    NoChaincode(String),
    #[error("txid: {tx_id}({channel_id}) exists")]
    AlreadyRuns { tx_id: String, channel_id: String },
    #[error(transparent)]
    Query(#[from] RichQueryError),
}

/// What one transaction did so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) writes: Writes,
    pub(super) paged: bool,
    pub(super) private_query: bool,
    pub(super) queries: Queries,
}

/// What does not change while a transaction runs.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) state: Arc<State>,
    pub(super) chaincodes: Arc<Chaincodes>,
    pub(super) collections: Arc<BTreeMap<(String, String), Collection>>,
    pub(super) key: TransactionKey,
    pub(super) caller_msp_id: String,
    pub(super) local_msp_id: Option<Arc<str>>,
    pub(super) offers: Offers,
    pub(super) proposal: Option<SignedProposal>,
    pub(super) is_init: bool,
}

/// The simulation of one transaction, as one of its chaincodes sees it.
#[derive(Clone, Debug)]
pub(super) struct Simulation {
    pub(super) setting: Arc<Setting>,
    pub(super) progress: Arc<Mutex<Progress>>,
    /// The chaincodes that run, the innermost last.
    pub(super) running: Vec<String>,
}

impl Simulation {
    pub(super) fn new(setting: Setting, chaincode: String) -> Self {
        Self { setting: Arc::new(setting), progress: Arc::default(), running: vec![chaincode] }
    }

    /// What the transaction wrote.
    pub(super) fn take_writes(&self) -> Writes {
        std::mem::take(&mut self.progress().writes)
    }

    /// The chaincode that asks.
    pub(super) fn chaincode(&self) -> &str {
        self.running.last().map_or("", String::as_str)
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets another chaincode run within the transaction.
    async fn invoke(self, spec: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        let spec = ChaincodeSpec::decode(spec.as_slice())?;
        let name = spec.chaincode_id.unwrap_or_default().name;
        let mut key = self.setting.key.clone();
        let elsewhere = match name.split_once('/') {
            Some((_, channel_id)) if channel_id != key.channel_id => {
                channel_id.clone_into(&mut key.channel_id);
                true
            }
            _ => false,
        };
        let local = name.split_once('/').map_or(name.as_str(), |(local, _)| local);
        let name = if elsewhere { name.clone() } else { local.to_owned() };
        if self.running.contains(&name) {
            return Err(Refusal::AlreadyRuns { tx_id: key.tx_id, channel_id: key.channel_id });
        }
        let chaincode =
            self.setting.chaincodes.find(&name).ok_or_else(|| Refusal::NoChaincode(name.clone()))?;
        let mut inner = self.clone();
        inner.running.push(name);
        if elsewhere {
            // It reads, and what it writes does not count.
            inner.progress = Arc::default();
        }
        let invocation = Invocation {
            key: key.clone(),
            input: ChaincodeInput { decorations: BTreeMap::new(), ..spec.input.unwrap_or_default() },
            is_init: false,
            proposal: self.setting.proposal.clone(),
            offers: self.setting.offers,
        };
        let local_msp_id = self.setting.local_msp_id.clone();
        let end = match chaincode.answer(invocation, local_msp_id, Arc::new(inner)).await {
            // Only the outermost chaincode's event counts.
            Ending::Answer { response, .. } => {
                key.message(Type::Completed, Response::from(response).encode_to_vec())
            }
            Ending::Failure { text } => key.message(Type::Error, text.into_bytes()),
        };
        Ok(ChaincodeMessage::encode_to_vec(&end))
    }

    fn answer(&self, kind: Type, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        match kind {
            Type::GetState | Type::GetStateMultiple | Type::GetPrivateDataHash | Type::GetStateMetadata => {
                self.read(kind, payload)
            }
            Type::PutState
            | Type::DelState
            | Type::PurgePrivateData
            | Type::PutStateMetadata
            | Type::WriteBatchState => self.write(kind, payload),
            Type::GetStateByRange
            | Type::GetQueryResult
            | Type::GetHistoryForKey
            | Type::QueryStateNext
            | Type::QueryStateClose => self.query(kind, payload),
            kind => Err(Refusal::Unsupported(kind.as_str_name().to_owned())),
        }
    }
}

impl Peer for Simulation {
    fn call(&self, kind: Type, payload: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, LedgerError>> {
        let tx_id = self.setting.key.tx_id.clone();
        let refused = move |refusal: Refusal| LedgerError::Peer {
            text: format!("{} failed: transaction ID: {tx_id}: {refusal}", kind.as_str_name()),
        };
        if kind == Type::InvokeChaincode {
            return self.clone().invoke(payload).map(|result| result.map_err(refused)).boxed();
        }
        std::future::ready(self.answer(kind, &payload).map_err(refused)).boxed()
    }
}
