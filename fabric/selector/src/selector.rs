//! CouchDB's selectors: which JSON documents a rich query finds, as `src/mango/src/mango_selector.erl` of CouchDB 3.4.2
//! (that Fabric is tested with) has it.
//!
//! Values of different types are ordered as in CouchDB: null, booleans, numbers, strings, arrays, objects. Strings are
//! ordered by their code points; CouchDB orders them by the rules of ICU, which differ for letters of both cases.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::path::{Path, Place};

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
        "error handling CouchDB request. Error:invalid_selector_json,  Status Code:400,  Reason:Selector must be a JSON object"
    )]
    NoObject,
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
    /// An operator that CouchDB does not have, or that is not supported here.
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
        /// The argument.
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

/// A condition on documents.
#[derive(Debug)]
pub(crate) struct Selector(Node);

#[derive(Debug)]
enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Field(Path, Test),
}

/// A condition on a field that is there; negations have been moved down to here, as CouchDB does.
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
        let object = value.as_object().ok_or(SelectorError::NoObject)?;
        match combination(object, &Path::default(), false, 0)? {
            Node::Field(path, _) if path.is_root() => Err(SelectorError::NoField),
            node => Ok(Self(node)),
        }
    }

    /// True when the document is one of those.
    pub(crate) fn matches(&self, document: &Value) -> bool {
        self.0.matches(document)
    }
}

/// All members of an object hold; negated, one does not.
fn combination(
    object: &Map<String, Value>,
    path: &Path,
    negated: bool,
    depth: usize,
) -> Result<Node, SelectorError> {
    if depth == MAX_DEPTH {
        return Err(SelectorError::Depth);
    }
    let mut nodes = object.iter().map(|(name, value)| member(name, value, path, negated, depth + 1));
    match (object.len(), nodes.next()) {
        (1, Some(only)) => only,
        (_, first) => Ok(group(first.into_iter().chain(nodes).collect::<Result<_, _>>()?, negated)),
    }
}

fn group(nodes: Vec<Node>, any: bool) -> Node {
    if any { Node::Any(nodes) } else { Node::All(nodes) }
}

fn member(
    name: &str,
    value: &Value,
    path: &Path,
    negated: bool,
    depth: usize,
) -> Result<Node, SelectorError> {
    let bad = || SelectorError::Argument { operator: name.to_owned(), argument: value.to_string() };
    let each = |negated: bool| -> Result<Vec<Node>, SelectorError> {
        let items = value.as_array().ok_or_else(bad)?;
        items.iter().map(|item| condition(item, path, negated, depth)).collect()
    };
    match name {
        "$and" => Ok(group(each(negated)?, negated)),
        "$or" => Ok(group(each(negated)?, !negated)),
        "$nor" => Ok(group(each(!negated)?, negated)),
        "$not" if value.is_object() => condition(value, path, !negated, depth),
        "$not" => Err(bad()),
        operator if operator.starts_with('$') => {
            let test = test(operator, value, negated, depth)?;
            Ok(Node::Field(path.clone(), test))
        }
        field => {
            let inner = Path::parse(field).ok_or_else(|| SelectorError::FieldName(field.to_owned()))?;
            condition(value, &path.join(inner), negated, depth)
        }
    }
}

/// What is asked of a field: an object of operators and inner fields, or a value to be equal to.
fn condition(value: &Value, path: &Path, negated: bool, depth: usize) -> Result<Node, SelectorError> {
    match value.as_object() {
        Some(object) if !object.is_empty() => combination(object, path, negated, depth),
        _ => Ok(Node::Field(path.clone(), test("$eq", value, negated, depth)?)),
    }
}

fn test(operator: &str, value: &Value, negated: bool, depth: usize) -> Result<Test, SelectorError> {
    use Ordering::{Equal, Greater, Less};
    let bad = || SelectorError::Argument { operator: operator.to_owned(), argument: value.to_string() };
    let text = || value.as_str().map(str::to_owned).ok_or_else(bad);
    let list = || value.as_array().cloned().ok_or_else(bad);
    let inner = || match value {
        Value::Object(_) => condition(value, &Path::default(), false, depth).map(Box::new),
        _ => Err(bad()),
    };
    let order = |orders: &[Ordering]| Test::Order(orders.to_vec(), value.clone());
    let plain = match operator {
        "$exists" => return Ok(Test::Exists(value.as_bool().ok_or_else(bad)? != negated)),
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
        "$regex" => Test::Regex(Box::new(regex(&text()?)?)),
        "$beginsWith" => Test::BeginsWith(text()?),
        "$all" => Test::All(list()?),
        "$elemMatch" => Test::ElemMatch(inner()?),
        "$allMatch" => Test::AllMatch(inner()?),
        "$keyMapMatch" => Test::KeyMapMatch(inner()?),
        other => return Err(SelectorError::Operator(other.to_owned())),
    };
    Ok(if negated { Test::Not(Box::new(plain)) } else { plain })
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
                integer(value).is_some_and(|number| number % divisor == *remainder)
            }
            Self::Regex(regex) => value.as_str().is_some_and(|text| regex.is_match(text)),
            Self::BeginsWith(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
            Self::All(list) => match (value, list.as_slice()) {
                (Value::Array(_), [inner @ Value::Array(_)]) if compare(value, inner) == Ordering::Equal => {
                    true
                }
                (Value::Array(items), list) => {
                    !list.is_empty() && list.iter().all(|wanted| contains(items, wanted))
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

/// A number without a point.
fn integer(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
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

/// CouchDB's order of JSON values.
pub(crate) fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) => {
            let items = left.iter().zip(right).map(|(left, right)| compare(left, right));
            items.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
        }
        (Value::Object(left), Value::Object(right)) => {
            let fields = left.iter().zip(right).map(|((name, value), (other_name, other))| {
                name.cmp(other_name).then_with(|| compare(value, other))
            });
            fields.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
        }
        (left, right) => rank(left).cmp(&rank(right)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

#[cfg(test)]
mod tests;
