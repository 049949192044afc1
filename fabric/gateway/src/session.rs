//! What all handles of one gateway share.

use std::fmt;
use std::sync::Arc;

use crate::connection::Connection;
use crate::deadlines::Deadlines;
use crate::identity::Identity;
use crate::sign::{Hash, Signable, Signer};

/// One caller's connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Session {
    caller: Arc<Caller>,
    connection: Arc<Connection>,
    pub(crate) deadlines: Deadlines,
}

struct Caller {
    identity: Identity,
    creator: Vec<u8>,
    signer: Arc<dyn Signer>,
    hash: Hash,
}

impl Session {
    pub(crate) fn new(
        identity: Identity,
        signer: Arc<dyn Signer>,
        hash: Hash,
        connection: Connection,
        deadlines: Deadlines,
    ) -> Self {
        let creator = identity.creator();
        let caller = Arc::new(Caller { identity, creator, signer, hash });
        Self { caller, connection: Arc::new(connection), deadlines }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.caller.identity
    }

    pub(crate) fn creator(&self) -> &[u8] {
        &self.caller.creator
    }

    pub(crate) fn signer(&self) -> &dyn Signer {
        &*self.caller.signer
    }

    /// A message that this caller is to sign.
    pub(crate) fn signable(&self, message: Vec<u8>) -> Signable {
        Signable::new(message, self.caller.hash)
    }

    /// The same in the wire's form, where no bytes mean no signature.
    pub(crate) fn signable_from_wire(&self, message: Vec<u8>, signature: Vec<u8>) -> Signable {
        Signable::from_wire(message, signature, self.caller.hash)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("identity", &self.caller.identity)
            .field("deadlines", &self.deadlines)
            .finish_non_exhaustive()
    }
}
