//! The token chain [Spec §5].

use lockstep_protocol::token_chain::{TokenChain, earlier_token};
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{Nonce, Token};
use proptest::prelude::*;

use crate::scene::units;

fn nonce() -> Nonce {
    Nonce::from_bytes([8; 32])
}

fn chain(count: u32) -> TokenChain {
    let seed = WalletSeed::from_bytes([7; 32]);
    TokenChain::new(nonce(), &seed.chain_seed(&nonce()), units(count)).unwrap()
}

#[test]
fn every_token_hashes_to_the_one_before_it() {
    for count in [1, 2, 3, 4, 9, 10, 99, 100, 101, 1023, 1024, 1025] {
        let mut chain = chain(count);
        let mut before = chain.root();
        for c in 1..=count {
            let token = chain.token(units(c)).unwrap();
            assert_eq!(earlier_token(&nonce(), units(c), &token, units(1)), Some(before), "{c} of {count}");
            before = token;
        }
        assert!(chain.token(units(count + 1)).is_err());
        assert_eq!(chain.token(units(0)).unwrap(), chain.root());
    }
}

#[test]
fn the_longest_chain_ends_in_its_root() {
    let mut chain = chain(1_048_576);
    let last = chain.token(units(1_048_576)).unwrap();
    assert_eq!(earlier_token(&nonce(), units(1_048_576), &last, units(1_048_576)), Some(chain.root()));
}

#[test]
fn counts_out_of_range_make_no_chain() {
    let seed = WalletSeed::from_bytes([7; 32]);
    for count in [0, 1_048_577, u32::MAX] {
        assert!(TokenChain::new(nonce(), &seed.chain_seed(&nonce()), units(count)).is_err());
    }
    assert_eq!(earlier_token(&nonce(), units(3), &Token::from_bytes([1; 32]), units(4)), None);
    // Nor any hashing beyond the longest chain, not even for one unit of it.
    for (c, by) in [(1_048_577, 1), (u32::MAX, u32::MAX)] {
        assert_eq!(earlier_token(&nonce(), units(c), &Token::from_bytes([1; 32]), units(by)), None);
    }
}

proptest! {
    #[test]
    fn tokens_in_any_order_are_the_same(count in 1_u32..300, places in prop::collection::vec(0_u32..300, 1..40)) {
        let mut any = chain(count);
        let mut ascending = chain(count);
        let all: Vec<_> = (0..=count).map(|c| ascending.token(units(c)).unwrap()).collect();
        for place in places {
            let c = place % (count + 1);
            prop_assert_eq!(any.token(units(c)).unwrap(), all[c as usize]);
        }
    }
}
