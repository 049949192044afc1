//! What the bank signs over an attribute root, and the showing of a part of it [Spec §3].

use serde::{Deserialize, Serialize};

use super::attribute::{Attribute, AttributeSet};
use crate::account::ProvenAccount;
use crate::hash::{Digest, Hasher, IdentityRoot};
use crate::key::{PublicKey, SecretKey};
use crate::signature::Signature;
use crate::time::Timestamp;

/// A bank's signature on H(tag "credential" ‖ pk ‖ root ‖ issued u64 ‖ expires u64), as received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    public_key: PublicKey,
    root: IdentityRoot,
    issued: Timestamp,
    expires: Timestamp,
    signature: Signature,
}

/// Why a credential or a showing of it is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The bank named did not sign it.
    #[error("the bank's signature on the credential does not verify")]
    Signature,
    /// It expired.
    #[error("the credential expired at {expires:?}")]
    Expired {
        /// When.
        expires: Timestamp,
    },
    /// The leaves shown do not hash to the root.
    #[error("the leaves shown are not the credential's")]
    Root,
    /// An attribute shown is not among the leaves.
    #[error("an attribute shown is not covered by the credential")]
    Attribute,
}

impl Credential {
    /// What the bank signs.
    #[must_use]
    pub fn digest(
        public_key: &PublicKey,
        root: &IdentityRoot,
        issued: Timestamp,
        expires: Timestamp,
    ) -> Digest {
        let hash = Hasher::new("credential")
            .bytes(public_key.as_bytes())
            .bytes(root.as_bytes())
            .u64(issued.as_unix_millis())
            .u64(expires.as_unix_millis());
        Digest::from_bytes(hash.finish())
    }

    /// Issues a credential on a key whose holder has proven it.
    #[must_use]
    pub fn issue(
        bank: &SecretKey,
        holder: &ProvenAccount,
        attributes: &AttributeSet,
        issued: Timestamp,
        expires: Timestamp,
    ) -> Self {
        let (public_key, root) = (*holder.key(), attributes.root());
        let signature = bank.sign(&Self::digest(&public_key, &root, issued, expires));
        Self { public_key, root, issued, expires, signature }
    }

    /// Puts a received credential together.
    #[must_use]
    pub const fn from_parts(
        public_key: PublicKey,
        root: IdentityRoot,
        issued: Timestamp,
        expires: Timestamp,
        signature: Signature,
    ) -> Self {
        Self { public_key, root, issued, expires, signature }
    }

    /// The account key that it is on.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The attribute root, which is the holder's 𝕆 where it is used.
    #[must_use]
    pub const fn root(&self) -> &IdentityRoot {
        &self.root
    }

    /// When the bank issued it.
    #[must_use]
    pub const fn issued(&self) -> Timestamp {
        self.issued
    }

    /// Until when it is valid.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The bank's signature as received.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Checks the bank's signature and that it is unexpired [Spec §3]. A credential just issued may be ahead of the verifier's clock.
    ///
    /// # Errors
    /// [`CredentialError::Signature`], [`CredentialError::Expired`].
    pub fn verify(
        &self,
        bank: &PublicKey,
        now: Timestamp,
    ) -> Result<VerifiedCredential<'_>, CredentialError> {
        let digest = Self::digest(&self.public_key, &self.root, self.issued, self.expires);
        bank.verify(&digest, &self.signature).map_err(|_| CredentialError::Signature)?;
        if now >= self.expires {
            return Err(CredentialError::Expired { expires: self.expires });
        }
        Ok(VerifiedCredential(self))
    }
}

/// A credential that its bank signed and that is in date; made by [`Credential::verify`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedCredential<'a>(&'a Credential);

impl VerifiedCredential<'_> {
    /// The account key that it is on.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    /// 𝕆.
    #[must_use]
    pub const fn root(&self) -> &IdentityRoot {
        &self.0.root
    }
}

/// A holder's showing: the credential, all leaves, and in full only what it wants known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    credential: Credential,
    leaves: AttributeSet,
    shown: Vec<Attribute>,
}

impl Disclosure {
    /// Shows some of a credential's attributes.
    ///
    /// # Errors
    /// [`CredentialError::Root`] or [`CredentialError::Attribute`] when they do not belong together.
    pub fn new(
        credential: Credential,
        leaves: AttributeSet,
        shown: Vec<Attribute>,
    ) -> Result<Self, CredentialError> {
        let disclosure = Self { credential, leaves, shown };
        disclosure.check_parts()?;
        Ok(disclosure)
    }

    fn check_parts(&self) -> Result<(), CredentialError> {
        if self.leaves.root() != self.credential.root {
            return Err(CredentialError::Root);
        }
        if !self.shown.iter().all(|attribute| self.leaves.contains(attribute)) {
            return Err(CredentialError::Attribute);
        }
        Ok(())
    }

    /// The credential as received.
    #[must_use]
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The attributes that the bank certified and the holder shows.
    ///
    /// # Errors
    /// As [`Credential::verify`], and for parts that do not belong together.
    pub fn verify(&self, bank: &PublicKey, now: Timestamp) -> Result<&[Attribute], CredentialError> {
        self.credential.verify(bank, now)?;
        self.check_parts()?;
        Ok(&self.shown)
    }
}
