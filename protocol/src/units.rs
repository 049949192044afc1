//! Counts: units of a token chain, numbers of payments, reputations.

use serde::{Deserialize, Serialize};

/// A number of units: k of one payment, c so far, N in all [Spec §5, §6]. JSON: an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Units(u32);

impl Units {
    /// No unit.
    pub const ZERO: Self = Self(0);

    /// Takes a count.
    #[must_use]
    pub const fn from_count(count: u32) -> Self {
        Self(count)
    }

    /// The count.
    #[must_use]
    pub const fn as_count(self) -> u32 {
        self.0
    }

    /// The sum; `None` when it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference; `None` when `other` is more.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

/// The number i of a payment in its channel; the first is 1, and 0 stands for the opening [Spec §6]. JSON: an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentNumber(u32);

impl PaymentNumber {
    /// The opening: before any payment.
    pub const OPENING: Self = Self(0);
    /// The first payment.
    pub const FIRST: Self = Self(1);

    /// Takes a number.
    #[must_use]
    pub const fn from_index(index: u32) -> Self {
        Self(index)
    }

    /// The number.
    #[must_use]
    pub const fn as_index(self) -> u32 {
        self.0
    }

    /// The number of the payment behind this one; `None` behind the last that the layout can hold.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// The number of the payment before this one; `None` before the opening.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

/// A party's reputation as its bank states it; an opening needs 50…100 [Spec §4, §9]. JSON: an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reputation(u8);

impl Reputation {
    /// The highest, with which every account starts.
    pub const FULL: Self = Self(100);
    /// The least that an opening asks of both parties.
    pub const OPENING_MINIMUM: Self = Self(50);

    /// Takes points; more than 100 exist on the wire only, and no rule accepts them.
    #[must_use]
    pub const fn from_points(points: u8) -> Self {
        Self(points)
    }

    /// The points.
    #[must_use]
    pub const fn as_points(self) -> u8 {
        self.0
    }

    /// Whether an opening may state it: 50…100 [Spec §4].
    #[must_use]
    pub fn admits_opening(self) -> bool {
        (Self::OPENING_MINIMUM..=Self::FULL).contains(&self)
    }

    /// After a proven fraud: 60 points less, never below 0 [Spec §9].
    #[must_use]
    pub const fn after_fraud(self) -> Self {
        Self(self.0.saturating_sub(60))
    }

    /// After a delivery that the operator holds to have failed: 20 points less, never below 0 [Spec §9].
    #[must_use]
    pub const fn after_failed_delivery(self) -> Self {
        Self(self.0.saturating_sub(20))
    }

    /// After a clean settlement by release: one point more, at most 100 [Spec §9].
    #[must_use]
    pub fn after_clean_settlement(self) -> Self {
        Self(self.0.saturating_add(1)).min(Self::FULL)
    }
}
