//! A message with, sooner or later, a signature.

use std::fmt;

use tokio::sync::OnceCell;

use super::digest::Digest;
use super::hash::Hash;
use super::signature::Signature;
use super::signer::{SignError, Signer};

/// Bytes to be signed. They are signed once, here or elsewhere, so that a message sent twice is the same both times.
#[derive(Clone)]
pub(crate) struct Signable {
    message: Vec<u8>,
    hash: Hash,
    signature: OnceCell<Signature>,
}

impl Signable {
    pub(crate) fn new(message: Vec<u8>, hash: Hash) -> Self {
        Self { message, hash, signature: OnceCell::new() }
    }

    /// A message from the wire's form, where no bytes mean no signature.
    pub(crate) fn from_wire(message: Vec<u8>, signature: Vec<u8>, hash: Hash) -> Self {
        let unsigned = Self::new(message, hash);
        if signature.is_empty() { unsigned } else { unsigned.with_signature(Signature::from(signature)) }
    }

    pub(crate) fn with_signature(self, signature: Signature) -> Self {
        Self { signature: OnceCell::new_with(Some(signature)), ..self }
    }

    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }

    pub(crate) fn digest(&self) -> Digest {
        self.hash.digest(&self.message)
    }

    /// The signature's bytes as they are on the wire: none while it is unsigned.
    pub(crate) fn wire_signature(&self) -> Vec<u8> {
        self.signature.get().map(|signature| signature.as_bytes().to_vec()).unwrap_or_default()
    }

    /// The signature's bytes; `signer` makes it if it is missing.
    pub(crate) async fn sign(&self, signer: &dyn Signer) -> Result<Vec<u8>, SignError> {
        let signature = self.signature.get_or_try_init(async || signer.sign(&self.digest()).await).await?;
        Ok(signature.as_bytes().to_vec())
    }
}

/// Not the message: it may be large, and a proposal's holds transient data.
impl fmt::Debug for Signable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signable")
            .field("bytes", &self.message.len())
            .field("signed", &self.signature.initialized())
            .finish_non_exhaustive()
    }
}
