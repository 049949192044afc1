//! Keys made of a type and several attributes.
//!
//! Byte layout: `00 ‖ type ‖ 00 ‖ (attribute ‖ 00)*`, as all of Fabric's shims have it. The leading zero keeps them out of
//! ranges over simple keys.

/// Opens a composite key and ends each of its parts.
const SEPARATOR: char = '\u{0}';
/// Sorts after every character that a part may have.
const LAST: char = '\u{10ffff}';

/// A key that cannot be used as it is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// U+0000 and U+10FFFF delimit the parts of composite keys and cannot be inside one.
    ///
    /// The text is that of Fabric's Go shim, since clients see it.
    #[error(
        "input contains unicode U+{:04X} starting at position [{position}]. U+0000 and U+10FFFF are not allowed in the input attribute of a composite key",
        u32::from(*character)
    )]
    ForbiddenCharacter {
        /// The part.
        part: String,
        /// The character.
        character: char,
        /// Where in the part it is, in bytes.
        position: usize,
    },
    /// The key was not made by [`CompositeKey`].
    #[error("{key:?} is not a composite key")]
    NotComposite {
        /// The key.
        key: String,
    },
    /// A range of simple keys cannot start or end at a composite key.
    #[error("first character of the key [{key}] contains a null character which is not allowed")]
    NotSimple {
        /// The key.
        key: String,
    },
}

/// A key made of a type and attributes, in the byte layout that all of Fabric's shims share.
///
/// ```
/// use hlf_shim::CompositeKey;
///
/// let key = CompositeKey::new("owner~asset", ["alice", "a1"])?;
/// assert_eq!(key.to_string(), "\0owner~asset\0alice\0a1\0");
/// assert_eq!(CompositeKey::parse(&key.to_string())?, key);
/// # Ok::<(), hlf_shim::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompositeKey {
    object_type: String,
    attributes: Vec<String>,
}

impl CompositeKey {
    /// Joins a type and attributes. Each may be empty.
    ///
    /// # Errors
    ///
    /// [`KeyError::ForbiddenCharacter`] if a part has U+0000 or U+10FFFF.
    pub fn new<A>(object_type: &str, attributes: A) -> Result<Self, KeyError>
    where
        A: IntoIterator,
        A::Item: AsRef<str>,
    {
        let attributes = attributes.into_iter().map(|attribute| part(attribute.as_ref()));
        Ok(Self { object_type: part(object_type)?, attributes: attributes.collect::<Result<_, _>>()? })
    }

    /// Splits a key into the parts that it was joined from; empty parts are parts.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotComposite`] if the key does not begin and end as a composite key does.
    pub fn parse(key: &str) -> Result<Self, KeyError> {
        let mut parts = key
            .strip_prefix(SEPARATOR)
            .and_then(|rest| rest.strip_suffix(SEPARATOR))
            .ok_or_else(|| KeyError::NotComposite { key: key.to_owned() })?
            .split(SEPARATOR);
        let object_type = parts.next().unwrap_or_default();
        Self::new(object_type, parts)
    }

    /// The type.
    #[must_use]
    pub fn object_type(&self) -> &str {
        &self.object_type
    }

    /// The attributes, in order.
    #[must_use]
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// The range of all keys that begin with this type and these attributes: first key, and the key after the last.
    pub(crate) fn range(&self) -> (String, String) {
        let start = self.to_string();
        let end = format!("{start}{LAST}");
        (start, end)
    }
}

impl std::fmt::Display for CompositeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SEPARATOR}{}{SEPARATOR}", self.object_type)?;
        self.attributes.iter().try_for_each(|attribute| write!(f, "{attribute}{SEPARATOR}"))
    }
}

impl From<CompositeKey> for String {
    fn from(key: CompositeKey) -> Self {
        key.to_string()
    }
}

/// The range of all composite keys.
pub(crate) fn all_composite() -> (String, String) {
    (SEPARATOR.to_string(), format!("{SEPARATOR}{LAST}"))
}

/// Checks that a key of a range is a simple one.
pub(crate) fn check_simple(key: &str) -> Result<(), KeyError> {
    if key.starts_with(SEPARATOR) {
        return Err(KeyError::NotSimple { key: key.to_owned() });
    }
    Ok(())
}

/// Checks a part of a composite key.
fn part(part: &str) -> Result<String, KeyError> {
    match part.char_indices().find(|&(_, character)| character == SEPARATOR || character == LAST) {
        Some((position, character)) => {
            Err(KeyError::ForbiddenCharacter { part: part.to_owned(), character, position })
        }
        None => Ok(part.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_part() -> impl Strategy<Value = String> {
        proptest::string::string_regex("[^\u{0}\u{10ffff}]{0,8}").unwrap()
    }

    proptest! {
        #[test]
        fn splitting_undoes_joining(object_type in any_part(), attributes in prop::collection::vec(any_part(), 0..5)) {
            let key = CompositeKey::new(&object_type, &attributes).unwrap();
            let parsed = CompositeKey::parse(&key.to_string()).unwrap();
            prop_assert_eq!(parsed.object_type(), object_type);
            prop_assert_eq!(parsed.attributes(), attributes);
        }

        #[test]
        fn the_range_holds_the_longer_keys_and_no_others(
            object_type in any_part(),
            attributes in prop::collection::vec(any_part(), 0..3),
            other in prop::collection::vec(any_part(), 0..5),
        ) {
            let (start, end) = CompositeKey::new(&object_type, &attributes).unwrap().range();
            let key = CompositeKey::new(&object_type, &other).unwrap().to_string();
            prop_assert_eq!(other.starts_with(&attributes), start <= key && key < end);
        }

        #[test]
        fn any_text_is_refused_or_splits_exactly(key in "\\PC*|[\u{0}a-c]{0,12}") {
            if let Ok(parsed) = CompositeKey::parse(&key) {
                // The text of one U+0000 has no type to speak of; everything else comes back as it was.
                prop_assert_eq!(parsed.to_string(), key);
            }
        }
    }

    #[test]
    fn delimiters_inside_parts_are_refused() {
        for text in ["a\u{0}", "\u{10ffff}b"] {
            assert!(matches!(CompositeKey::new(text, [""]), Err(KeyError::ForbiddenCharacter { .. })));
            assert!(matches!(CompositeKey::new("t", [text]), Err(KeyError::ForbiddenCharacter { .. })));
        }
        assert_eq!(
            CompositeKey::new("t", ["é\u{10ffff}"]).unwrap_err().to_string(),
            "input contains unicode U+10FFFF starting at position [2]. U+0000 and U+10FFFF are not allowed in the input attribute of a composite key"
        );
    }

    #[test]
    fn empty_parts_are_kept() {
        let key = CompositeKey::parse("\0t\0\0a\0").unwrap();
        assert_eq!(key.attributes(), ["", "a"]);
        assert!(CompositeKey::parse("t\0").is_err() && CompositeKey::parse("\0t").is_err());
        assert!(CompositeKey::parse("\0").is_err() && CompositeKey::parse("").is_err());
    }
}
