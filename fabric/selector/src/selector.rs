//! CouchDB's selectors: which JSON documents a rich query finds, as `src/mango/src/mango_selector.erl` of CouchDB 3.4.2
//! (that Fabric is tested with) has it.
//!
//! Strings are ordered by their code points; CouchDB orders them by the rules of ICU, which differ for letters of both
//! cases.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::order::{compare, integer, whole};
use crate::path::{Path, Place};
use crate::term;

/// Deepest nesting of a selector.
const MAX_DEPTH: usize = 32;

/// Largest compiled regular expression, in bytes.
const MAX_REGEX: usize = 1 << 20;

/// Why a selector cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// Not an object.
    #[error(
        "error handling CouchDB request. Error:invalid_selector_json,  Status Code:400,  Reason:Selector must be a JSON object, not: {0}"
    )]
    NoObject(String),
    /// An operator stands where a field should be.
    #[error(
        "error handling CouchDB request. Error:invalid_selector,  Status Code:400,  Reason:One or more conditions is missing a field name."
    )]
    NoField,
    /// A name of a field, or between two dots of one, is empty.
    #[error(
        "error handling CouchDB request. Error:invalid_field_name,  Status Code:400,  Reason:Invalid field name: {0}"
    )]
    FieldName(String),
    /// An operator that CouchDB knows but does not have.
    #[error(
        "error handling CouchDB request. Error:not_supported,  Status Code:400,  Reason:Unsupported operator: {0}"
    )]
    Unsupported(String),
    /// An operator that CouchDB does not know, or `$text`, which needs an index that Fabric cannot make.
    #[error(
        "error handling CouchDB request. Error:invalid_operator,  Status Code:400,  Reason:Invalid operator: {0} (supported are $eq, $ne, $gt, $gte, $lt, $lte, $exists, $type, $in, $nin, $size, $mod, $regex, $beginsWith, $all, $elemMatch, $allMatch, $keyMapMatch, $and, $or, $nor, $not)"
    )]
    Operator(String),
    /// An operator with an argument of the wrong type.
    #[error(
        "error handling CouchDB request. Error:bad_arg,  Status Code:400,  Reason:Bad argument for operator {operator}: {argument}"
    )]
    Argument {
        /// The operator.
        operator: String,
        /// The argument, as an Erlang term.
        argument: String,
    },
    /// A regular expression that does not compile here; look-around and back-references are not supported.
    #[error("the regular expression {pattern:?} cannot be used")]
    Regex {
        /// The expression.
        pattern: String,
        /// Why.
        #[source]
        source: Box<regex::Error>,
    },
    /// Nested too deeply.
    #[error("the selector is nested more than 32 levels deep")]
    Depth,
}

/// A condition on documents; none finds nothing.
#[derive(Debug)]
pub(crate) struct Selector(Option<Node>);

#[derive(Debug)]
enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Field(Path, Test),
}

/// Where in a selector something stands.
#[derive(Clone, Copy)]
struct At<'a> {
    /// The names of the fields around it, with dots between.
    path: &'a str,
    sign: Sign,
    depth: usize,
}

/// What the operators around a condition make of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plain,
    /// It is to be negated. As in CouchDB, that is moved down to the tests of fields.
    Negated,
    /// It stands within `$elemMatch` or the like: there CouchDB leaves negations where they are.
    Raw,
}

/// A condition on a field that is there.
#[derive(Debug)]
enum Test {
    Exists(bool),
    Order(Vec<Ordering>, Value),
    In(Vec<Value>),
    Type(String),
    Size(u64),
    Mod(i128, i128),
    Regex(Box<Regex>),
    BeginsWith(String),
    All(Vec<Value>),
    ElemMatch(Box<Node>),
    AllMatch(Box<Node>),
    KeyMapMatch(Box<Node>),
    Not(Box<Self>),
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// When it is malformed or uses an operator that is not supported.
    pub(crate) fn parse(value: &Value) -> Result<Self, SelectorError> {
        let object = value.as_object().ok_or_else(|| SelectorError::NoObject(term::plain(value)))?;
        let at = At { path: "", sign: Sign::Plain, depth: 0 };
        match combination(object, at)? {
            Node::Field(path, _) if path.is_root() => Err(SelectorError::NoField),
            // A combination of nothing is true, but CouchDB finds no index for one that is all there is, not even that of all
            // keys.
            Node::All(nodes) | Node::Any(nodes) if nodes.is_empty() && !object.is_empty() => Ok(Self(None)),
            node => Ok(Self(Some(node))),
        }
    }

    /// True when the document is one of those.
    pub(crate) fn matches(&self, document: &Value) -> bool {
        self.0.as_ref().is_some_and(|node| node.matches(document))
    }
}

impl At<'_> {
    fn negated(self) -> bool {
        self.sign == Sign::Negated
    }

    /// The field that is asked about.
    fn field(self) -> Result<Path, SelectorError> {
        match self.path {
            "" => Ok(Path::default()),
            path => Path::parse(path).ok_or_else(|| SelectorError::FieldName(path.to_owned())),
        }
    }

    /// Within an operator on the items of a field.
    fn within(self) -> Self {
        Self { path: "", sign: Sign::Raw, ..self }
    }
}

/// All members of an object hold; negated, one does not.
fn combination(object: &Map<String, Value>, at: At<'_>) -> Result<Node, SelectorError> {
    if at.depth == MAX_DEPTH {
        return Err(SelectorError::Depth);
    }
    let at = At { depth: at.depth + 1, ..at };
    let mut nodes = object.iter().map(|(name, value)| member(name, value, at));
    match (object.len(), nodes.next()) {
        (1, Some(only)) => only,
        (_, first) => Ok(group(first.into_iter().chain(nodes).collect::<Result<_, _>>()?, at.negated())),
    }
}

fn group(nodes: Vec<Node>, any: bool) -> Node {
    if any { Node::Any(nodes) } else { Node::All(nodes) }
}

fn member(name: &str, value: &Value, at: At<'_>) -> Result<Node, SelectorError> {
    let bad = || bad(name, value);
    let each = |read: fn(&Value, At<'_>) -> Result<Node, SelectorError>| -> Result<Vec<Node>, SelectorError> {
        value.as_array().ok_or_else(bad)?.iter().map(|item| read(item, at)).collect()
    };
    match name {
        "$and" => Ok(group(each(condition)?, at.negated())),
        "$or" => Ok(group(each(condition)?, !at.negated())),
        "$nor" => Ok(group(each(opposite)?, at.negated())),
        "$not" if value.is_object() => opposite(value, at),
        "$not" => Err(bad()),
        operator if operator.starts_with('$') => {
            let test = test(operator, value, at)?;
            field(test, at)
        }
        name if at.path.is_empty() => condition(value, At { path: name, ..at }),
        name => condition(value, At { path: &format!("{}.{name}", at.path), ..at }),
    }
}

/// What is asked of a field: an object of operators and inner fields, or a value to be equal to.
fn condition(value: &Value, at: At<'_>) -> Result<Node, SelectorError> {
    match value.as_object() {
        Some(object) if !object.is_empty() => combination(object, at),
        _ => field(test("$eq", value, at)?, at),
    }
}

/// That it is not so.
fn opposite(value: &Value, at: At<'_>) -> Result<Node, SelectorError> {
    let turned = |sign| condition(value, At { sign, ..at });
    match at.sign {
        Sign::Plain => turned(Sign::Negated),
        Sign::Negated => turned(Sign::Plain),
        Sign::Raw => Ok(Node::Not(Box::new(turned(Sign::Raw)?))),
    }
}

fn field(test: Test, at: At<'_>) -> Result<Node, SelectorError> {
    Ok(Node::Field(at.field()?, test))
}

fn bad(operator: &str, argument: &Value) -> SelectorError {
    SelectorError::Argument { operator: operator.to_owned(), argument: term::plain(argument) }
}

fn test(operator: &str, value: &Value, at: At<'_>) -> Result<Test, SelectorError> {
    use Ordering::{Equal, Greater, Less};
    let bad = || bad(operator, value);
    let text = || value.as_str().map(str::to_owned).ok_or_else(bad);
    let list = || value.as_array().cloned().ok_or_else(bad);
    let inner = || match value {
        Value::Object(_) => condition(value, at.within()).map(Box::new),
        _ => Err(bad()),
    };
    let order = |orders: &[Ordering]| {
        // Keys are compared as Erlang's terms, among which strings come last.
        let before_keys = at.path == "_id" && (value.is_array() || value.is_object());
        Test::Order(orders.to_vec(), if before_keys { Value::Null } else { value.clone() })
    };
    let plain = match operator {
        "$exists" => return Ok(Test::Exists(value.as_bool().ok_or_else(bad)? != at.negated())),
        "$eq" => order(&[Equal]),
        "$ne" => order(&[Less, Greater]),
        "$gt" => order(&[Greater]),
        "$gte" => order(&[Greater, Equal]),
        "$lt" => order(&[Less]),
        "$lte" => order(&[Less, Equal]),
        "$in" => Test::In(list()?),
        "$nin" => Test::Not(Box::new(Test::In(list()?))),
        "$type" => Test::Type(text()?),
        "$size" => Test::Size(value.as_u64().ok_or_else(bad)?),
        "$mod" => match list()?.as_slice() {
            [divisor, remainder] => {
                // CouchDB takes 0 and then breaks off at the first integer.
                let divisor = integer(divisor).filter(|divisor| *divisor != 0).ok_or_else(bad)?;
                Test::Mod(divisor, integer(remainder).ok_or_else(bad)?)
            }
            _ => return Err(bad()),
        },
        // Of anything but a string CouchDB says that there is no such operator.
        "$regex" if value.is_string() => Test::Regex(Box::new(regex(&text()?)?)),
        "$beginsWith" if value.is_string() => Test::BeginsWith(text()?),
        "$all" => Test::All(list()?),
        "$elemMatch" => Test::ElemMatch(inner()?),
        "$allMatch" => Test::AllMatch(inner()?),
        "$keyMapMatch" => Test::KeyMapMatch(inner()?),
        "$where" | "$geoWithin" | "$geoIntersects" | "$near" | "$nearSphere" => {
            return Err(SelectorError::Unsupported(operator.to_owned()));
        }
        other => return Err(SelectorError::Operator(other.to_owned())),
    };
    Ok(if at.negated() { Test::Not(Box::new(plain)) } else { plain })
}

fn regex(pattern: &str) -> Result<Regex, SelectorError> {
    let built = regex::RegexBuilder::new(pattern).size_limit(MAX_REGEX).build();
    built.map_err(|source| SelectorError::Regex { pattern: pattern.to_owned(), source: Box::new(source) })
}

impl Node {
    fn matches(&self, document: &Value) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.matches(document)),
            // CouchDB takes no alternatives at all as satisfied.
            Self::Any(nodes) => nodes.is_empty() || nodes.iter().any(|node| node.matches(document)),
            Self::Not(node) => !node.matches(document),
            Self::Field(path, test) => match path.look(document) {
                Place::Value(value) => test.holds(value),
                // A field that is not there satisfies nothing else, not even "is not equal".
                Place::Missing => matches!(test, Test::Exists(false)),
                Place::Blocked => false,
            },
        }
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Exists(wanted) => *wanted,
            Self::Order(orders, other) => orders.contains(&compare(value, other)),
            // Of an array the items are looked for, not the array itself.
            Self::In(list) => match value {
                Value::Array(items) => items.iter().any(|item| contains(list, item)),
                _ => contains(list, value),
            },
            Self::Type(name) => type_name(value) == name,
            Self::Size(size) => {
                value.as_array().is_some_and(|items| u64::try_from(items.len()).is_ok_and(|len| len == *size))
            }
            Self::Mod(divisor, remainder) => {
                whole(value).is_some_and(|number| number % divisor == *remainder)
            }
            Self::Regex(regex) => value.as_str().is_some_and(|text| regex.is_match(text)),
            Self::BeginsWith(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
            Self::All(list) => match (value, list.as_slice()) {
                (Value::Array(_), [inner @ Value::Array(_)]) if compare(value, inner) == Ordering::Equal => {
                    true
                }
                (Value::Array(items), list) => {
                    // Exactly the same: 1.0 in the query is not the 1 that Fabric puts for 1.0.
                    !list.is_empty() && list.iter().all(|wanted| items.contains(wanted))
                }
                _ => false,
            },
            Self::ElemMatch(node) => {
                value.as_array().is_some_and(|items| items.iter().any(|item| node.matches(item)))
            }
            Self::AllMatch(node) => value
                .as_array()
                .is_some_and(|items| !items.is_empty() && items.iter().all(|item| node.matches(item))),
            Self::KeyMapMatch(node) => value
                .as_object()
                .is_some_and(|fields| fields.keys().any(|name| node.matches(&Value::String(name.clone())))),
            Self::Not(test) => !test.holds(value),
        }
    }
}

fn contains(list: &[Value], value: &Value) -> bool {
    list.iter().any(|item| compare(item, value) == Ordering::Equal)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests;
