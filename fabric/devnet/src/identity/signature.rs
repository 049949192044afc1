//! ECDSA P-256 signatures in DER, with the low-s rule: of the two values of s that verify, Fabric takes the lower.

use std::cmp::Ordering;

/// Half of the order of P-256, rounded down: the highest s that Fabric takes.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde,
    0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The numbers r and s of a signature, 32 bytes each, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EcdsaSignature {
    r: [u8; 32],
    s: [u8; 32],
}

impl EcdsaSignature {
    /// Reads a DER signature: a sequence of two positive integers of at most 32 bytes, and nothing else.
    #[must_use]
    pub(crate) fn from_der(bytes: &[u8]) -> Option<Self> {
        let (body, rest) = element(0x30, bytes)?;
        let (r, body) = element(0x02, body)?;
        let (s, body) = element(0x02, body)?;
        (rest.is_empty() && body.is_empty()).then_some(())?;
        Some(Self { r: number(r)?, s: number(s)? })
    }

    /// From the two numbers, one after the other, as they come from the signing library.
    #[must_use]
    pub(crate) fn from_fixed(bytes: &[u8]) -> Option<Self> {
        let (r, rest) = bytes.split_first_chunk()?;
        let s = rest.try_into().ok()?;
        Some(Self { r: *r, s })
    }

    /// True when s is at most half of the order.
    #[must_use]
    pub(crate) fn is_low_s(&self) -> bool {
        self.s.cmp(&HALF_ORDER) != Ordering::Greater
    }

    /// The same signature with the lower s.
    #[must_use]
    pub(crate) fn into_low_s(self) -> Self {
        if self.is_low_s() { self } else { self.with_other_s() }
    }

    /// The other signature that verifies with the same r: s becomes order − s.
    #[must_use]
    pub(crate) fn with_other_s(self) -> Self {
        let mut s = [0; 32];
        let mut borrow = 0;
        for ((digit, minuend), subtrahend) in s.iter_mut().zip(ORDER).zip(self.s).rev() {
            let difference = 256 + i32::from(minuend) - i32::from(subtrahend) - borrow;
            borrow = i32::from(difference < 256);
            *digit = u8::try_from(difference % 256).unwrap_or_default();
        }
        Self { r: self.r, s }
    }

    /// Encodes it in DER.
    #[must_use]
    pub(crate) fn to_der(self) -> Vec<u8> {
        let mut body = encode_number(&self.r);
        body.extend(encode_number(&self.s));
        let mut der = vec![0x30, u8::try_from(body.len()).unwrap_or(u8::MAX)];
        der.extend(body);
        der
    }
}

/// Splits off a DER element with this tag and a length below 128 bytes.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([found, length], rest) = bytes.split_first_chunk()?;
    (*found == tag && *length < 0x80).then_some(())?;
    rest.split_at_checked(usize::from(*length))
}

fn number(bytes: &[u8]) -> Option<[u8; 32]> {
    let digits = match bytes {
        [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => rest,
        [first, ..] if *first > 0 && *first < 0x80 => bytes,
        _ => return None,
    };
    let mut number = [0; 32];
    let start = number.len().checked_sub(digits.len())?;
    number.get_mut(start..)?.copy_from_slice(digits);
    Some(number)
}

fn encode_number(number: &[u8; 32]) -> Vec<u8> {
    let mut digits: Vec<u8> = number.iter().copied().skip_while(|digit| *digit == 0).collect();
    if digits.first().is_none_or(|first| *first >= 0x80) {
        digits.insert(0, 0);
    }
    let mut encoded = vec![0x02, u8::try_from(digits.len()).unwrap_or(u8::MAX)];
    encoded.extend(digits);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_is_read_back() {
        for (r, s) in [([1; 32], [0x80; 32]), ([0xff; 32], [0x7f; 32])] {
            let signature = EcdsaSignature { r, s };
            assert_eq!(EcdsaSignature::from_der(&signature.to_der()), Some(signature));
        }
        let mut short = [0; 32];
        short[31] = 5;
        let signature = EcdsaSignature { r: short, s: short };
        assert_eq!(signature.to_der(), [0x30, 6, 2, 1, 5, 2, 1, 5]);
        assert_eq!(EcdsaSignature::from_der(&signature.to_der()), Some(signature));
    }

    #[test]
    fn malformed_der_is_refused() {
        let good = [0x30, 6, 2, 1, 5, 2, 1, 5];
        assert!(EcdsaSignature::from_der(&good).is_some());
        for cut in 0..good.len() {
            assert_eq!(EcdsaSignature::from_der(&good[..cut]), None);
        }
        assert_eq!(EcdsaSignature::from_der(&[0x30, 6, 2, 1, 5, 2, 1, 5, 0]), None);
        assert_eq!(EcdsaSignature::from_der(&[0x30, 6, 2, 1, 0x85, 2, 1, 5]), None, "negative");
        assert_eq!(EcdsaSignature::from_der(&[0x30, 7, 2, 2, 0, 5, 2, 1, 5]), None, "padded");
        assert_eq!(EcdsaSignature::from_der(&[0x30, 6, 2, 1, 0, 2, 1, 5]), None, "zero");
        assert_eq!(EcdsaSignature::from_der(&[0x30, 0x81, 6, 2, 1, 5, 2, 1, 5]), None, "long form");
    }

    #[test]
    fn the_other_s_is_on_the_other_side_of_half_the_order() {
        let half = EcdsaSignature { r: [1; 32], s: HALF_ORDER };
        assert!(half.is_low_s());
        let other = half.with_other_s();
        assert!(!other.is_low_s());
        assert_eq!(other.with_other_s(), half);
        assert_eq!(other.into_low_s(), half);
        // The order is odd, so the other s is half + 1.
        let mut above = HALF_ORDER;
        above[31] += 1;
        assert_eq!(other.s, above);
    }
}
