//! The one form of an ECDSA signature that peers take.

/// Encodes a signature (r and s as long as the order) as DER, with s replaced by n − s if that is lower. Both verify;
/// Fabric takes the lower only, so that nobody can make a second signature of a first.
pub(super) fn der(r: &[u8], s: &[u8], order: &[u8]) -> Vec<u8> {
    let mut integers = integer(r);
    // Byte strings of one length compare like the numbers that they are.
    let other = negated(s, order);
    integers.extend(if other.as_slice() < s { integer(&other) } else { integer(s) });
    tagged(SEQUENCE, integers)
}

/// Reads r and s, `size` bytes each, refusing whatever is not strict DER.
pub(super) fn parse(der: &[u8], size: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let (content, rest) = take(SEQUENCE, der)?;
    let (r, content) = take(INTEGER, content)?;
    let (s, content) = take(INTEGER, content)?;
    (rest.is_empty() && content.is_empty()).then_some((unsigned(r, size)?, unsigned(s, size)?))
}

/// The content of the element with this tag at the start of `der`, and what follows it.
fn take(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk()?;
    // Lengths from 128 on are written otherwise; no signature here is that long.
    if found != tag || length >= 0x80 {
        return None;
    }
    rest.split_at_checked(usize::from(length))
}

/// The number in the content of an INTEGER, with zeros before it.
fn unsigned(content: &[u8], size: usize) -> Option<Vec<u8>> {
    let digits = match content {
        [0, second, ..] if *second >= 0x80 => content.get(1..)?,
        // Zeros that nothing asks for, or a negative number.
        [0, _, ..] | [0x80..=0xff, ..] | [] => return None,
        _ => content,
    };
    let mut number = vec![0; size.checked_sub(digits.len())?];
    number.extend_from_slice(digits);
    Some(number)
}

/// n − s, for 0 ≤ s ≤ n; s itself for a larger one, which is nobody's signature.
fn negated(s: &[u8], order: &[u8]) -> Vec<u8> {
    if s > order {
        return s.to_vec();
    }
    let mut result = order.to_vec();
    let mut borrowed = false;
    for (digit, subtrahend) in result.iter_mut().zip(s).rev() {
        let (difference, first) = digit.overflowing_sub(*subtrahend);
        let (difference, second) = difference.overflowing_sub(u8::from(borrowed));
        *digit = difference;
        borrowed = first || second;
    }
    result
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// DER of an unsigned number: no leading zeros but the one that keeps it positive.
fn integer(number: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = number.iter().copied().skip_while(|digit| *digit == 0).collect();
    if digits.first().is_none_or(|first| *first >= 0x80) {
        digits.insert(0, 0);
    }
    tagged(INTEGER, digits)
}

fn tagged(tag: u8, content: Vec<u8>) -> Vec<u8> {
    let length =
        u8::try_from(content.len()).expect("two numbers of 49 bytes with their headers are 102 bytes");
    let mut der = vec![tag, length];
    der.extend(content);
    der
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        UnparsedPublicKey,
    };
    use proptest::prelude::*;

    use super::super::Curve;
    use super::*;

    fn below_order(curve: Curve) -> impl Strategy<Value = Vec<u8>> {
        let size = curve.size();
        prop_oneof![
            prop::collection::vec(any::<u8>(), size),
            Just(vec![0; size]),
            prop::collection::vec(0..2u8, size)
        ]
        .prop_filter("below the order", move |number| number.as_slice() < curve.order())
    }

    fn of_a_curve() -> impl Strategy<Value = (Curve, Vec<u8>, Vec<u8>)> {
        prop_oneof![Just(Curve::P256), Just(Curve::P384)]
            .prop_flat_map(|curve| (Just(curve), below_order(curve), below_order(curve)))
    }

    proptest! {
        #[test]
        fn s_is_never_high_and_r_never_touched((curve, r, s) in of_a_curve()) {
            let order = curve.order();
            let encoded = der(&r, &s, order);
            let (new_r, new_s) = parse(&encoded, curve.size()).unwrap();
            prop_assert_eq!(&new_r, &r);
            prop_assert!(new_s <= negated(&new_s, order));
            prop_assert!(new_s == s || new_s == negated(&s, order));
            // Once is enough.
            prop_assert_eq!(der(&new_r, &new_s, order), encoded);
        }

        #[test]
        fn both_values_of_s_verify_as_one_signature(message in any::<Vec<u8>>()) {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            let made = pair.sign(&SystemRandom::new(), &message).unwrap();
            let (r, s) = made.as_ref().split_at(32);
            let order = Curve::P256.order();
            let signature = der(r, s, order);
            prop_assert_eq!(&signature, &der(r, &negated(s, order), order));
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, pair.public_key().as_ref());
            prop_assert!(public.verify(&message, &signature).is_ok());
        }

        #[test]
        fn whatever_is_parsed_is_the_only_encoding(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some((r, s)) = parse(&bytes, 32) {
                prop_assert_eq!(tagged(SEQUENCE, [integer(&r), integer(&s)].concat()), bytes);
            }
        }
    }

    #[test]
    fn half_of_the_order_is_the_highest_low_s() {
        // The order is odd: n − half is half + 1.
        let mut half = Curve::P256.order().to_vec();
        let mut carry = 0;
        for digit in &mut half {
            (*digit, carry) = ((*digit >> 1) | (carry << 7), *digit & 1);
        }
        let other = negated(&half, Curve::P256.order());
        assert!(half < other);
        let zero = [0; 32];
        assert_eq!(der(&zero, &other, Curve::P256.order()), der(&zero, &half, Curve::P256.order()));
        assert_eq!(parse(&der(&zero, &half, Curve::P256.order()), 32).unwrap().1, half);
    }
}
