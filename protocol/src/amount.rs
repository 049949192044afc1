//! Money: micro-units, checked [Spec §1].

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::codec::DecodeError;
use crate::units::Units;

/// Micro-units in one dollar.
const MICROS_PER_DOLLAR: u64 = 1_000_000;

/// The most that one payment may move, and the highest unit price: ten dollars [Spec §4, §6].
pub const PAYMENT_LIMIT: Amount = Amount(10 * MICROS_PER_DOLLAR);

/// A sum of money in micro-units; 1 000 000 are one dollar. JSON: a decimal string of the micro-units.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u64);

/// A sum that does not fit, or one below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the amount overflows or falls below zero")]
pub struct AmountOverflow;

/// A text that is no amount of dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an amount in dollars: digits, and at most six more behind a point")]
pub struct NotDollars;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Takes micro-units.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The micro-units.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Reads dollars as a person writes them: `12`, `0.01`.
    ///
    /// # Errors
    /// [`NotDollars`] for anything but digits with at most six behind one point, or a sum that does not fit.
    pub fn from_dollars(text: &str) -> Result<Self, NotDollars> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(NotDollars);
        }
        let whole: u64 = whole.parse().map_err(|_| NotDollars)?;
        let micros: u64 = format!("{fraction:0<6}").parse().map_err(|_| NotDollars)?;
        let sum = whole.checked_mul(MICROS_PER_DOLLAR).and_then(|sum| sum.checked_add(micros));
        sum.map(Self).ok_or(NotDollars)
    }

    /// Dollars for a person to read, with two to six digits behind the point: `12.00`, `0.000001`.
    #[must_use]
    pub fn to_dollars(self) -> String {
        let fraction = format!("{:06}", self.0 % MICROS_PER_DOLLAR);
        let kept = fraction.trim_end_matches('0').len().max(2);
        let fraction: String = fraction.chars().take(kept).collect();
        format!("{}.{fraction}", self.0 / MICROS_PER_DOLLAR)
    }

    /// The sum.
    ///
    /// # Errors
    /// [`AmountOverflow`] when it does not fit.
    pub const fn checked_add(self, other: Self) -> Result<Self, AmountOverflow> {
        match self.0.checked_add(other.0) {
            Some(sum) => Ok(Self(sum)),
            None => Err(AmountOverflow),
        }
    }

    /// The difference.
    ///
    /// # Errors
    /// [`AmountOverflow`] when `other` is more.
    pub const fn checked_sub(self, other: Self) -> Result<Self, AmountOverflow> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Ok(Self(rest)),
            None => Err(AmountOverflow),
        }
    }

    /// This price times a number of units.
    ///
    /// # Errors
    /// [`AmountOverflow`] when the product does not fit.
    pub fn checked_mul(self, units: Units) -> Result<Self, AmountOverflow> {
        self.0.checked_mul(units.as_count().into()).map(Self).ok_or(AmountOverflow)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({} micro-units)", self.0)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Micros;
        impl de::Visitor<'_> for Micros {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal string of an integer number of micro-units")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                // One value has one spelling: no sign, no leading zero.
                let plain =
                    text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
                let micros = if plain { text.parse().ok() } else { None };
                micros.map(Amount).ok_or_else(|| E::custom(DecodeError::Range))
            }
        }
        deserializer.deserialize_str(Micros)
    }
}
