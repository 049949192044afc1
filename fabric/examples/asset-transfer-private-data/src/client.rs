//! The caller: what it sent, who it is, which collection is its organisation's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hlf_shim::{IdentityError, Stub, TransactionContext};
use serde::de::DeserializeOwned;

use crate::error::{AssetError, PeerError};

/// The context of a call.
pub(crate) struct Client {
    pub(crate) stub: Stub,
    pub(crate) msp_id: String,
    /// `x509::SUBJECT::ISSUER`.
    pub(crate) id: String,
}

impl TransactionContext for Client {
    type Error = IdentityError;

    async fn new(stub: &Stub) -> Result<Self, IdentityError> {
        let identity = stub.client_identity()?;
        let id = STANDARD.decode(identity.id()).unwrap_or_default();
        let id = String::from_utf8_lossy(&id).into_owned();
        Ok(Self { stub: stub.clone(), msp_id: identity.msp_id().to_owned(), id })
    }
}

impl Client {
    /// The collection of an organisation for itself.
    pub(crate) fn collection_of(msp_id: &str) -> String {
        format!("{msp_id}PrivateCollection")
    }

    /// The collection of the caller's organisation for itself.
    pub(crate) fn collection(&self) -> String {
        Self::collection_of(&self.msp_id)
    }

    /// One of the transient data, as it was sent.
    pub(crate) fn sent(&self, name: &str, missing: &'static str) -> Result<Vec<u8>, AssetError> {
        self.stub.transient()?.get(name).cloned().ok_or(AssetError::NotInTransient(missing))
    }

    /// One of the transient data, read from JSON.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        name: &str,
        missing: &'static str,
    ) -> Result<T, AssetError> {
        Ok(serde_json::from_slice(&self.sent(name, missing)?)?)
    }

    /// Lets clients use only the peers of their own organisation, so that nobody reads or writes another's private data.
    pub(crate) fn must_be_on_own_peer(&self, function: &'static str) -> Result<(), AssetError> {
        let refused = |source| AssetError::NotOnOwnPeer { function, source };
        let peer = self.stub.local_msp_id().map_err(|unknown| refused(unknown.into()))?;
        if self.msp_id == peer {
            return Ok(());
        }
        Err(refused(PeerError::Other { client: self.msp_id.clone(), peer: peer.to_owned() }))
    }
}
