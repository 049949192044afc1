//! Results in JSON, with floating-point numbers as Go's contract API writes them, so that clients read the same whatever a
//! contract is written in.

use std::fmt::{Display, LowerExp};
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The value in JSON; a floating-point number that is not inside of anything as Go prints it.
pub(super) fn to_vec<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut json, GoNumbers { inside: false }))?;
    Ok(json)
}

/// Compact JSON, but for the numbers.
struct GoNumbers {
    /// Whether an array or an object has begun.
    inside: bool,
}

impl GoNumbers {
    fn write<W: Write + ?Sized, N: Display + LowerExp>(&self, writer: &mut W, number: N) -> io::Result<()> {
        writer.write_all(if self.inside { in_json(&number) } else { alone(&number) }.as_bytes())
    }
}

impl Formatter for GoNumbers {
    fn write_f32<W: Write + ?Sized>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        self.write(writer, value)
    }

    fn write_f64<W: Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        self.write(writer, value)
    }

    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inside = true;
        writer.write_all(b"[")
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inside = true;
        writer.write_all(b"{")
    }
}

/// As `encoding/json` writes a number: with an exponent from 10^21 on and below 10^-6.
fn in_json<N: Display + LowerExp>(number: &N) -> String {
    let (digits, exponent) = scientific(number);
    match exponent {
        -6..21 => number.to_string(),
        _ => format!("{digits}e{exponent:+}"),
    }
}

/// As `fmt.Sprint` writes a number: with an exponent, of two digits at least, from 10^6 on and below 10^-4.
fn alone<N: Display + LowerExp>(number: &N) -> String {
    let (digits, exponent) = scientific(number);
    match exponent {
        -4..6 => number.to_string(),
        _ => format!("{digits}e{exponent:+03}"),
    }
}

/// The fewest digits that stand for the number, and its exponent.
fn scientific(number: &impl LowerExp) -> (String, i32) {
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.to_owned(), exponent.parse().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn json(value: impl Serialize) -> String {
        String::from_utf8(to_vec(&value).unwrap()).unwrap()
    }

    /// What Go 1.26 gives for `fmt.Sprint` and for `json.Marshal`.
    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (number, alone, inside) in [
            (0.0, "0", "0"),
            (1.0, "1", "1"),
            (-1.0, "-1", "-1"),
            (1.5, "1.5", "1.5"),
            (0.1, "0.1", "0.1"),
            (100_000.0, "100000", "100000"),
            (999_999.0, "999999", "999999"),
            (1e6, "1e+06", "1000000"),
            (1_234_567.0, "1.234567e+06", "1234567"),
            (123_456_789.25, "1.2345678925e+08", "123456789.25"),
            (0.0001, "0.0001", "0.0001"),
            (0.000_01, "1e-05", "0.00001"),
            (-2.5e-7, "-2.5e-07", "-2.5e-7"),
            (1e-6, "1e-06", "0.000001"),
            (1e20, "1e+20", "100000000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (1.5e300, "1.5e+300", "1.5e+300"),
            (5e-324, "5e-324", "5e-324"),
        ] {
            assert_eq!((json(number), json([number])), (alone.to_owned(), format!("[{inside}]")));
            assert_eq!(json(Some(number)), alone);
        }
        for (number, alone, inside) in [
            (0.1_f32, "0.1", "0.1"),
            (1.0, "1", "1"),
            (16_777_216.0, "1.6777216e+07", "16777216"),
            (1e-7, "1e-07", "1e-7"),
        ] {
            assert_eq!((json(number), json([number])), (alone.to_owned(), format!("[{inside}]")));
        }
    }

    #[test]
    fn everything_else_is_plain_json() {
        let value = BTreeMap::from([("a", (1, vec![2.0], "x\"")), ("b", (u8::MAX, Vec::new(), ""))]);
        assert_eq!(json(&value), r#"{"a":[1,[2],"x\""],"b":[255,[],""]}"#);
        assert_eq!(
            (json(()), json("t"), json(u64::MAX)),
            ("null".into(), "\"t\"".into(), u64::MAX.to_string())
        );
        let numbers = BTreeMap::from([("n", 1e6)]);
        assert_eq!(json(&numbers), r#"{"n":1000000}"#);
    }
}
