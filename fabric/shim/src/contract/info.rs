//! What metadata say about a contract or a chaincode.

use serde::Serialize;

/// Title, version and the like, for people and tools. What is `None` is left out, or has Fabric's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Info {
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its title; else the contract's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whom to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Under what terms it may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<License>,
    /// Its version; else `latest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Whom to ask about a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Contact {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Web page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Address for electronic mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Under what terms a contract may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct License {
    /// Name, such as `Apache-2.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Methods that set one text each.
macro_rules! with {
    ($($method:ident $field:ident $doc:literal)*) => {$(
        #[doc = $doc]
        #[must_use]
        pub fn $method(mut self, $field: impl Into<String>) -> Self {
            self.$field = Some($field.into());
            self
        }
    )*};
}

impl Info {
    with! {
        with_description description "The same with what it is for."
        with_title title "The same with a title."
        with_version version "The same with a version."
    }

    /// The same with somebody to ask.
    #[must_use]
    pub fn with_contact(mut self, contact: Contact) -> Self {
        self.contact = Some(contact);
        self
    }

    /// The same with terms of use.
    #[must_use]
    pub fn with_license(mut self, license: License) -> Self {
        self.license = Some(license);
        self
    }
}

impl Contact {
    with! {
        with_name name "The same with a name."
        with_url url "The same with a web page."
        with_email email "The same with an address for electronic mail."
    }
}

impl License {
    with! {
        with_name name "The same with a name, such as `Apache-2.0`."
        with_url url "The same with a place to read it."
    }
}

impl Info {
    /// With Fabric's defaults for title and version.
    pub(super) fn or(mut self, title: &str) -> Self {
        self.title.get_or_insert_with(|| title.to_owned());
        self.version.get_or_insert_with(|| "latest".to_owned());
        self
    }
}
