//! Why a rich query is refused: in CouchDB's words, behind those that a peer puts before them.

use thiserror::Error;

use crate::selector::SelectorError;

/// Why a rich query cannot be run. Values in it are written as Erlang terms, as CouchDB does.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RichQueryError {
    /// Not JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// There is no selector.
    #[error(
        "error handling CouchDB request. Error:missing_required_key,  Status Code:400,  Reason:Missing required key: selector"
    )]
    NoSelector,
    /// `fields` is no array. This refusal is Fabric's own.
    #[error("fields definition must be an array")]
    Fields,
    /// One of the `fields` is none.
    #[error(
        "error handling CouchDB request. Error:invalid_field,  Status Code:400,  Reason:Invalid JSON for field spec: {0}"
    )]
    Field(String),
    /// `skip` is no count.
    #[error(
        "error handling CouchDB request. Error:invalid_non_neg_integer,  Status Code:400,  Reason:{0} is not an integer greater than or equal to zero"
    )]
    Count(String),
    /// `r` is no positive number.
    #[error(
        "error handling CouchDB request. Error:invalid_pos_integer,  Status Code:400,  Reason:{0} is not an integer greater than zero"
    )]
    Positive(String),
    /// A part is neither true nor false.
    #[error(
        "error handling CouchDB request. Error:invalid_boolean,  Status Code:400,  Reason:Invalid boolean value: {0}"
    )]
    Boolean(String),
    /// `use_index` cannot be the name of an index.
    #[error(
        "error handling CouchDB request. Error:invalid_index_name,  Status Code:400,  Reason:Invalid index name: {0}"
    )]
    IndexName(String),
    /// `sort` is no array.
    #[error(
        "error handling CouchDB request. Error:invalid_sort_json,  Status Code:400,  Reason:Sort must be an array of sort specs, not: {0}"
    )]
    Sort(String),
    /// What is to be sorted by is no field, or has no direction.
    #[error(
        "error handling CouchDB request. Error:invalid_sort_field,  Status Code:400,  Reason:Invalid sort field: {0}"
    )]
    SortField(String),
    /// Fields are to be sorted by in different directions.
    #[error(
        "error handling CouchDB request. Error:unsupported_mixed_sort,  Status Code:400,  Reason:Sorts currently only support a single direction for all fields."
    )]
    MixedSort,
    /// Another part has a value that it cannot have.
    #[error(
        "error handling CouchDB request. Error:invalid_value,  Status Code:400,  Reason:Invalid value for {name}: {value}"
    )]
    Value {
        /// The part.
        name: String,
        /// The value.
        value: String,
    },
    /// A part that CouchDB does not know.
    #[error(
        "error handling CouchDB request. Error:invalid_key,  Status Code:400,  Reason:Invalid key {0} for this request."
    )]
    Key(String),
    /// A part that is not supported.
    #[error("{0:?} is not supported in rich queries")]
    Unsupported(String),
    /// The selector is wrong or uses what is not supported.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// A bookmark that no query gave.
    #[error(
        "error handling CouchDB request. Error:invalid_bookmark,  Status Code:400,  Reason:Invalid bookmark value: {0:?}"
    )]
    Bookmark(String),
}
