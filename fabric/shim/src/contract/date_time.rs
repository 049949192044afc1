//! Points in time, as arguments and results.

use std::borrow::Cow;
use std::fmt::{Display, Formatter};
use std::str::FromStr;

use hlf_proto::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, written as RFC 3339: `2026-01-31T12:00:00Z`.
///
/// ```
/// use hlf_shim::DateTime;
///
/// let noon: DateTime = "2026-01-31T13:00:00+01:00".parse()?;
/// assert_eq!(noon.to_string(), "2026-01-31T12:00:00Z");
/// # Ok::<(), hlf_shim::InvalidDateTime>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime(pub Timestamp);

/// A text that is no time in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no time as RFC 3339 writes it")]
pub struct InvalidDateTime;

impl FromStr for DateTime {
    type Err = InvalidDateTime;

    fn from_str(text: &str) -> Result<Self, InvalidDateTime> {
        text.parse().map(Self).map_err(|_| InvalidDateTime)
    }
}

impl Display for DateTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Timestamp> for DateTime {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            serde::de::Error::custom(format_args!("cannot convert passed value {text} to time.Time"))
        })
    }
}

impl JsonSchema for DateTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DateTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        super::schema::text("date-time")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_texts() {
        let time: DateTime = serde_json::from_str("\"2026-01-31T12:00:00.5Z\"").unwrap();
        assert_eq!((time.0.seconds, time.0.nanos), (1_769_860_800, 500_000_000));
        assert!(serde_json::to_string(&time).unwrap().starts_with("\"2026-01-31T12:00:00.5"));
        for text in ["", "2026", "noon", "2026-13-01T00:00:00Z"] {
            assert_eq!(text.parse::<DateTime>(), Err(InvalidDateTime), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = text.parse::<DateTime>();
        }

        #[test]
        fn reading_undoes_writing(seconds in -60_000_000_000_i64..200_000_000_000, nanos in 0..1_000_000_000) {
            let time = DateTime(Timestamp { seconds, nanos });
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }
    }
}
