//! Issuing credentials [Spec §3]: over what the operator has verified, and nothing that a holder says of itself.

use lockstep_protocol::account::ProvenAccount;
use lockstep_protocol::credential::{Attribute, AttributeSet, BadAttributes, Credential, MAX_ATTRIBUTES};
use lockstep_protocol::hash::{Salt, ShortText};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::time::TimeOutOfRange;

use super::Bank;
use super::books::StoreError;
use super::wire::{HeldCredential, IssuedCredential, Validity};
use crate::entropy::{NoEntropy, random_bytes};

/// The attribute that every credential holds: the bank's key. With its fresh salt it makes every root
/// different, so that two holders of whom the bank knows the same are two identities.
pub const ISSUER_ATTRIBUTE: &str = "issuer";

/// Most attributes that an operator can record for one account.
pub const MAX_RECORDED: usize = MAX_ATTRIBUTES - 1;

/// Why no credential is issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The rules do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The bank has verified nothing of this name about the holder.
    #[error("the bank has verified no attribute {0:?} of this account")]
    NotRecorded(String),
    /// The account has as many credentials in date as it can have.
    #[error("the account has as many credentials in date as it can have")]
    TooMany,
    /// The attributes are no set of a credential.
    #[error(transparent)]
    Attributes(#[from] BadAttributes),
    /// The books fail.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are no salts.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The credential would expire beyond the range of timestamps.
    #[error(transparent)]
    Clock(#[from] TimeOutOfRange),
}

impl Bank {
    /// Issues a credential over the recorded attributes that `names` lists, or all, with fresh salts.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn issue_credential(
        &self,
        holder: &ProvenAccount,
        names: Option<&[ShortText]>,
    ) -> Result<IssuedCredential, IssueError> {
        let now = self.clock.now();
        self.books.account(holder.key()).await?.ok_or(Refusal::UnknownAccount)?;
        let recorded = self.books.attributes(holder.key()).await?;
        if let Some(unknown) =
            names.into_iter().flatten().find(|name| !recorded.iter().any(|a| a.name == **name))
        {
            return Err(IssueError::NotRecorded(unknown.to_string()));
        }
        let mut attributes = vec![salted(short(ISSUER_ATTRIBUTE)?, short(&self.key().to_string())?)?];
        for attribute in recorded {
            if names.is_none_or(|names| names.contains(&attribute.name)) {
                attributes.push(salted(attribute.name, attribute.value)?);
            }
        }
        let set = AttributeSet::of(&attributes)?;
        let expires = now.checked_add(self.settings.credential_life).ok_or(TimeOutOfRange)?;
        let credential = Credential::issue(&self.secret, holder, &set, now, expires);
        if !self.books.keep_credential(&credential, now).await? {
            return Err(IssueError::TooMany);
        }
        Ok(IssuedCredential { credential, attributes })
    }

    /// What the books have of a holder's credentials: restored ones may have forgotten the newest.
    ///
    /// # Errors
    /// There is no such account, or the books fail.
    pub async fn held_credential(&self, holder: &ProvenAccount) -> Result<HeldCredential, IssueError> {
        let time = self.clock.now();
        self.books.account(holder.key()).await?.ok_or(Refusal::UnknownAccount)?;
        let newest = self.books.newest_credential(holder.key(), time).await?;
        let newest =
            newest.map(|row| Validity { identity: row.root, issued: row.issued, expires: row.expires });
        Ok(HeldCredential { newest, time })
    }
}

fn salted(name: ShortText, value: ShortText) -> Result<Attribute, NoEntropy> {
    Ok(Attribute { name, value, salt: Salt::from_bytes(random_bytes()?) })
}

fn short(text: &str) -> Result<ShortText, BadAttributes> {
    ShortText::new(text).map_err(|_| BadAttributes)
}
