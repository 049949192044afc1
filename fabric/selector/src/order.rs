//! CouchDB's order of JSON values: null, booleans, numbers, strings, arrays, objects.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// From here on `float64` is written with an exponent, and CouchDB takes what it reads for no integer.
const EXPONENT: f64 = 1e21;

/// Which of two values comes first.
pub(crate) fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(number), Value::Number(other)) => match (integer(left), integer(right)) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => number.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal),
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

/// A number without a point.
pub(crate) fn integer(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

/// A number of a document that CouchDB has as an integer, even one beyond 64 bits.
pub(crate) fn whole(value: &Value) -> Option<i128> {
    let long = || {
        let number = value.as_f64().filter(|number| number.abs() < EXPONENT && number.fract() == 0.0)?;
        number.to_string().parse().ok()
    };
    integer(value).or_else(long)
}

/// Makes the numbers in a document what Fabric's peers make of them before CouchDB has them: `float64`, written without a
/// point when they are whole.
pub(crate) fn as_peers_put(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let Some(float) = number.as_f64() else { return };
            if float == 0.0 {
                *number = Number::from(0);
            } else if let Ok(written) = float.to_string().parse()
                && float.abs() < EXPONENT
            {
                *number = written;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_peers_put),
        Value::Object(fields) => fields.values_mut().for_each(as_peers_put),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_ordered_as_in_couchdb() {
        let ascending = [
            json!(null),
            json!(false),
            json!(true),
            json!(-1),
            json!(2.5),
            json!(u64::MAX - 1),
            json!(u64::MAX),
            json!("a"),
            json!([]),
            json!([1]),
            json!({}),
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(&pair[0], &pair[1]), Ordering::Less, "{} < {}", pair[0], pair[1]);
        }
    }

    /// As Go's `encoding/json` writes a `float64`.
    #[test]
    fn numbers_go_through_float64() {
        let mut document = json!({"a": [1.0, -0.0, 1.5, 9_007_199_254_740_993_u64, i64::MAX, 1e20, 1e21]});
        as_peers_put(&mut document);
        let put =
            json!({"a": [1, 0, 1.5, 9_007_199_254_740_992_u64, 9_223_372_036_854_776_000_u64, 1e20, 1e21]});
        assert_eq!(document, put);
        assert_eq!(whole(&json!(1e20)), Some(100_000_000_000_000_000_000));
        assert_eq!(whole(&json!(1e21)), None);
        assert_eq!(whole(&json!(1.5)), None);
    }
}
