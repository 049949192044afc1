#![doc = include_str!("../README.md")]

mod query;
mod selector;

pub use query::{Entry, Found, RichQuery, RichQueryError, Search};
pub use selector::SelectorError;
