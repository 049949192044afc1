//! The one form of an ECDSA signature that peers take.

/// The order of P-256's group, big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Half of the order, rounded down: the largest s that peers take.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde,
    0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// Turns a signature r ‖ s (32 bytes each) into DER, with s replaced by n − s if that is lower. Both verify; Fabric
/// takes the lower only, so that nobody can make a second signature of a first.
pub(crate) fn low_s_der(signature: &[u8; 64]) -> Vec<u8> {
    let mut r = [0; 32];
    let mut s = [0; 32];
    for (to, from) in r.iter_mut().chain(s.iter_mut()).zip(signature) {
        *to = *from;
    }
    // Byte strings of one length compare like the numbers that they are.
    if s > HALF_ORDER {
        s = negated(&s);
    }

    let mut integers = integer(&r);
    integers.extend(integer(&s));
    tagged(SEQUENCE, integers)
}

/// n − s, for 0 ≤ s ≤ n.
fn negated(s: &[u8; 32]) -> [u8; 32] {
    let mut result = ORDER;
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
fn integer(number: &[u8; 32]) -> Vec<u8> {
    let mut digits: Vec<u8> = number.iter().copied().skip_while(|digit| *digit == 0).collect();
    if digits.first().is_none_or(|first| *first >= 0x80) {
        digits.insert(0, 0);
    }
    tagged(INTEGER, digits)
}

fn tagged(tag: u8, content: Vec<u8>) -> Vec<u8> {
    let length =
        u8::try_from(content.len()).expect("two numbers of 33 bytes with their headers are 70 bytes");
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

    use super::*;

    /// Reads r and s back, refusing whatever is not strict DER.
    fn parse(der: &[u8]) -> Option<([u8; 32], [u8; 32])> {
        let (&[tag, length], mut rest) = der.split_first_chunk()?;
        if tag != SEQUENCE || usize::from(length) != rest.len() {
            return None;
        }
        let mut numbers = [[0; 32]; 2];
        for number in &mut numbers {
            let (&[tag, length], tail) = rest.split_first_chunk()?;
            let (digits, tail) = tail.split_at_checked(usize::from(length))?;
            rest = tail;
            let minimal = digits.len() == 1 || digits[0] != 0 || digits[1] >= 0x80;
            if tag != INTEGER || !minimal || digits[0] >= 0x80 {
                return None;
            }
            let digits = if digits[0] == 0 { &digits[1..] } else { digits };
            number.get_mut(32 - digits.len()..)?.copy_from_slice(digits);
        }
        rest.is_empty().then_some((numbers[0], numbers[1]))
    }

    fn signature(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(r);
        signature[32..].copy_from_slice(s);
        signature
    }

    fn below_order() -> impl Strategy<Value = [u8; 32]> {
        prop_oneof![any::<[u8; 32]>(), Just(HALF_ORDER), Just([0; 32]), prop::array::uniform32(0..2u8)]
            .prop_filter("below the order", |number| *number < ORDER)
    }

    proptest! {
        #[test]
        fn s_is_never_high_and_r_never_touched(r in below_order(), s in below_order()) {
            let (new_r, new_s) = parse(&low_s_der(&signature(&r, &s))).unwrap();
            prop_assert_eq!(new_r, r);
            prop_assert!(new_s <= HALF_ORDER);
            prop_assert!(new_s == s || new_s == negated(&s));
            prop_assert_eq!(new_s == s, s <= HALF_ORDER);
            // Once is enough.
            prop_assert_eq!(low_s_der(&signature(&new_r, &new_s)), low_s_der(&signature(&r, &s)));
        }

        #[test]
        fn both_values_of_s_verify_as_one_signature(message in any::<Vec<u8>>()) {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            let made = pair.sign(&SystemRandom::new(), &message).unwrap();
            let fixed: [u8; 64] = made.as_ref().try_into().unwrap();
            let other = signature(fixed[..32].try_into().unwrap(), &negated(fixed[32..].try_into().unwrap()));
            prop_assert_eq!(low_s_der(&fixed), low_s_der(&other));
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, pair.public_key().as_ref());
            prop_assert!(public.verify(&message, &low_s_der(&fixed)).is_ok());
        }
    }

    #[test]
    fn the_bound_is_half_of_the_order() {
        // The order is odd: n − half is half + 1.
        let mut next = HALF_ORDER;
        next[31] += 1;
        assert_eq!(negated(&HALF_ORDER), next);
    }
}
