//! Attributes and their root [Spec §3].

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::{AttributeLeaf, Hasher, IdentityRoot, Salt, ShortText};

/// The most attributes that one credential covers.
pub const MAX_ATTRIBUTES: usize = 64;

/// One attribute with its salt; whoever has all three parts can check it against a credential. Prints its name alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// What it is about, `country`.
    pub name: ShortText,
    /// What it says.
    pub value: ShortText,
    /// Blinds it in the root, as long as the holder keeps it.
    pub salt: Salt,
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attribute").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Attribute {
    /// H(tag "attr" ‖ salt ‖ str name ‖ str value).
    #[must_use]
    pub fn leaf(&self) -> AttributeLeaf {
        let hash = Hasher::new("attr").bytes(self.salt.as_bytes()).text(&self.name).text(&self.value);
        AttributeLeaf::from_bytes(hash.finish())
    }
}

/// 𝕊: the attributes of one credential as their leaves. JSON: the leaves, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<AttributeLeaf>", try_from = "Vec<AttributeLeaf>")]
pub struct AttributeSet(BTreeSet<AttributeLeaf>);

/// No attribute, more than [`MAX_ATTRIBUTES`], or one of them twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a credential covers 1 to {MAX_ATTRIBUTES} different attributes")]
pub struct BadAttributes;

impl AttributeSet {
    /// The set of some attributes.
    ///
    /// # Errors
    /// [`BadAttributes`] for none, too many, or one name twice.
    pub fn of(attributes: &[Attribute]) -> Result<Self, BadAttributes> {
        let names: BTreeSet<_> = attributes.iter().map(|attribute| &attribute.name).collect();
        if names.len() != attributes.len() {
            return Err(BadAttributes);
        }
        Self::try_from(attributes.iter().map(Attribute::leaf).collect::<Vec<_>>())
    }

    /// H(tag "attributes" ‖ leaves in ascending byte order): a party's partial identity 𝕆.
    #[must_use]
    pub fn root(&self) -> IdentityRoot {
        let hash = self.0.iter().fold(Hasher::new("attributes"), |hash, leaf| hash.bytes(leaf.as_bytes()));
        IdentityRoot::from_bytes(hash.finish())
    }

    /// Whether an attribute is one of the set.
    #[must_use]
    pub fn contains(&self, attribute: &Attribute) -> bool {
        self.0.contains(&attribute.leaf())
    }
}

impl TryFrom<Vec<AttributeLeaf>> for AttributeSet {
    type Error = BadAttributes;

    fn try_from(leaves: Vec<AttributeLeaf>) -> Result<Self, BadAttributes> {
        let count = leaves.len();
        let set: BTreeSet<_> = leaves.into_iter().collect();
        if count == 0 || count > MAX_ATTRIBUTES || set.len() != count {
            return Err(BadAttributes);
        }
        Ok(Self(set))
    }
}

impl From<AttributeSet> for Vec<AttributeLeaf> {
    fn from(set: AttributeSet) -> Self {
        set.0.into_iter().collect()
    }
}
