//! Money and time as people write them in a configuration and on the command line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use lockstep_protocol::amount::{Amount, NotDollars};
use serde::{Deserialize, Serialize};

/// An amount written in dollars: `0.01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Dollars(pub Amount);

impl FromStr for Dollars {
    type Err = NotDollars;

    fn from_str(text: &str) -> Result<Self, NotDollars> {
        Amount::from_dollars(text).map(Self)
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_dollars())
    }
}

/// A time span written with its unit: `30s`, `2m`, `1h 30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Span(pub Duration);

/// The longest span that a configuration may hold: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A text that is no time span.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotASpan {
    /// It cannot be read.
    #[error("not a time span such as 30s, 2m or 1h: {0}")]
    Unreadable(#[from] humantime::DurationError),
    /// It is longer than anything here lasts.
    #[error("a time span of more than a hundred years")]
    TooLong,
}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let span = humantime::parse_duration(text)?;
        if span <= LONGEST { Ok(Self(span)) } else { Err(NotASpan::TooLong) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// Both types are texts in a configuration.
macro_rules! as_text {
    ($name:ident, $error:ty) => {
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }
    };
}
as_text!(Dollars, NotDollars);
as_text!(Span, NotASpan);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were_written() {
        for text in ["0.01", "10.00", "0.000001"] {
            assert_eq!(text.parse::<Dollars>().unwrap().to_string(), text);
        }
        for text in ["30s", "2m", "1h 30m", "5ms"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert!("1".parse::<Span>().is_err());
        assert!("-1s".parse::<Span>().is_err());
        assert!("1000y".parse::<Span>().is_err());
        assert!("-1".parse::<Dollars>().is_err());
    }
}
