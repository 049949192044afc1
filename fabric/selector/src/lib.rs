#![doc = include_str!("../README.md")]

mod query;
mod selector;

mod order;
mod path;
mod term;

pub use query::{Entry, Found, RichQuery, RichQueryError, Search};
pub use selector::SelectorError;
