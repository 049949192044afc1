//! JSON values as CouchDB's refusals show them: Erlang terms.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// The term as `~w` of Erlang's `io_lib:format` writes it: strings are bytes in numbers.
pub(crate) fn plain(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, &|string| {
        let bytes: Vec<_> = string.bytes().map(|byte| byte.to_string()).collect();
        format!("<<{}>>", bytes.join(","))
    });
    text
}

/// The term as `~p` writes it, but on one line: strings are legible.
pub(crate) fn pretty(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, &|string| match string {
        "" => "<<>>".to_owned(),
        string => format!("<<{string:?}>>"),
    });
    text
}

fn write(text: &mut String, value: &Value, string: &dyn Fn(&str) -> String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&numeral(number)),
        Value::String(content) => text.push_str(&string(content)),
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                text.push_str(if position > 0 { "," } else { "" });
                write(text, item, string);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push_str("{[");
            for (position, (name, field)) in fields.iter().enumerate() {
                let comma = if position > 0 { "," } else { "" };
                write!(text, "{comma}{{{},", string(name)).expect("a String takes everything");
                write(text, field, string);
                text.push('}');
            }
            text.push_str("]}");
        }
    }
}

/// Of the two ways to write a float the shorter one.
fn numeral(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    let decimal = if float.fract() == 0.0 { format!("{float}.0") } else { float.to_string() };
    let exponent = match format!("{float:e}").split_once('e') {
        Some((digits, power)) if digits.contains('.') => format!("{digits}e{power}"),
        Some((digits, power)) => format!("{digits}.0e{power}"),
        None => return decimal,
    };
    if exponent.len() < decimal.len() { exponent } else { decimal }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// All of these are answers of CouchDB 3.5.0.
    #[test]
    fn values_are_erlang_terms() {
        for (value, term) in [
            (json!("é"), "<<195,169>>"),
            (json!(""), "<<>>"),
            (json!({"x": [null, true, 1.5, 1e30]}), "{[{<<120>>,[null,true,1.5,1.0e30]}]}"),
            (json!([1.0, 0]), "[1.0,0]"),
            (json!([]), "[]"),
            (json!({}), "{[]}"),
            (json!(1e16), "1.0e16"),
            (json!(123_456.0), "123456.0"),
            (json!(1e-5), "1.0e-5"),
            (json!(0.000_12), "1.2e-4"),
        ] {
            assert_eq!(plain(&value), term);
        }
        assert_eq!(pretty(&json!({"a": "asc", "b": ""})), r#"{[{<<"a">>,<<"asc">>},{<<"b">>,<<>>}]}"#);
    }
}
