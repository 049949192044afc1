//! Other chaincodes, for calls from one to another.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::Chaincode;
use crate::connection::answer;
use crate::handler::Ending;
use crate::invocation::Invocation;
use crate::peer::Peer;

/// A chaincode whose type is not known.
pub(super) trait Answers: Send + Sync {
    fn answer(
        self: Arc<Self>,
        invocation: Invocation,
        local_msp_id: Option<Arc<str>>,
        peer: Arc<dyn Peer>,
    ) -> BoxFuture<'static, Ending>;
}

impl<C: Chaincode> Answers for C {
    fn answer(
        self: Arc<Self>,
        invocation: Invocation,
        local_msp_id: Option<Arc<str>>,
        peer: Arc<dyn Peer>,
    ) -> BoxFuture<'static, Ending> {
        async move { answer(&*self, invocation, local_msp_id, peer).await }.boxed()
    }
}

/// Chaincodes by name.
#[derive(Clone, Default)]
pub(super) struct Chaincodes(BTreeMap<String, Arc<dyn Answers>>);

impl Chaincodes {
    pub(super) fn add(&mut self, name: String, chaincode: impl Chaincode) {
        self.0.insert(name, Arc::new(chaincode));
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<dyn Answers>> {
        self.0.get(name).cloned()
    }
}

impl std::fmt::Debug for Chaincodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
