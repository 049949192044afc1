//! Names of certificates as text, letter by letter as Fabric's Go shim writes them: a client's id is made of them.
//!
//! Go keeps of a name the attribute types that it knows, in an order of its own, several values of a type together;
//! common name and serial number only once, the last. The text has them backwards, escaped as in RFC 2253.

use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::{AnyRef, Tag, Tagged};
use x509_cert::name::Name;

/// Types under 2.5.4 in Go's order: their last number, their name, and whether there can be several values.
const TYPES: [(u8, &str, bool); 9] = [
    (6, "C", true),
    (10, "O", true),
    (11, "OU", true),
    (7, "L", true),
    (8, "ST", true),
    (9, "STREET", true),
    (17, "POSTALCODE", true),
    (3, "CN", false),
    (5, "SERIALNUMBER", false),
];

/// The values of the type 2.5.4.`kind`, in their order.
pub(super) fn values(name: &Name, kind: u8) -> Vec<String> {
    let oid = [0x55, 0x04, kind];
    let attributes = name.iter().filter(|attribute| attribute.oid.as_bytes() == oid);
    attributes.filter_map(|attribute| text(AnyRef::from(&attribute.value))).collect()
}

/// The name as text.
pub(super) fn display(name: &Name) -> String {
    let mut parts = Vec::new();
    for (kind, short, several) in TYPES {
        let mut values = values(name, kind);
        if !several {
            values.drain(..values.len().saturating_sub(1));
            values.retain(|value| !value.is_empty());
        }
        if !values.is_empty() {
            let values: Vec<_> = values.iter().map(|value| format!("{short}={}", escape(value))).collect();
            parts.push(values.join("+"));
        }
    }
    parts.reverse();
    parts.join(",")
}

fn text(value: AnyRef<'_>) -> Option<String> {
    Some(match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::TeletexString => value.decode_as::<TeletexStringRef<'_>>().ok()?.as_str().to_owned(),
        _ => return None,
    })
}

fn escape(value: &str) -> String {
    let last = value.len().saturating_sub(1);
    let mut escaped = String::with_capacity(value.len());
    for (index, letter) in value.char_indices() {
        let special = matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';');
        let at_the_edge = (index == 0 && matches!(letter, ' ' | '#')) || (index == last && letter == ' ');
        if special || at_the_edge {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_is_escaped() {
        for (value, expected) in [
            ("plain", "plain"),
            ("a,b+c\"d\\e<f>g;h", "a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h"),
            (" a ", "\\ a\\ "),
            ("#a#", "\\#a#"),
            (" ", "\\ "),
            ("a=b c", "a=b c"),
        ] {
            assert_eq!(escape(value), expected);
        }
    }
}
