#![doc = include_str!("../README.md")]

mod query;
mod selector;

mod path;

pub use query::{Entry, Found, RichQuery, RichQueryError, Search};
pub use selector::SelectorError;
