//! Openings whose answer is lost, or whose wallet dies before it has it: asked again with the same bytes, reserved once.

use std::cell::RefCell;
use std::time::Duration;

use lockstep::bank::client::BankError;
use lockstep::store::Phase;
use lockstep::wallet::{AskError, Asked, VendorLink, Wish};
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::{IdentityRoot, Nonce};
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::memo::Memo;
use lockstep_protocol::opening::{Approval, OpeningRequest, SignedOpening, SignedRequest};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::time::MaxDrift;
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::units::{Reputation, Units};
use lockstep_protocol::wallet_seed::WalletSeed;

use crate::world::{SEED, World, all, order};

const LIFE: Duration = Duration::from_secs(3600);

fn wish(world: &World) -> Wish {
    Wish {
        vendor: format!("https://{}", world.address),
        unit_price: Amount::from_micros(10_000),
        token_count: Units::from_count(100),
        life: LIFE,
        memo: Memo::new("films").unwrap(),
    }
}

fn asked(world: &World) -> Asked {
    let (seed, wish) = (WalletSeed::from_bytes(SEED), wish(world));
    let nonce = Nonce::from_bytes(lockstep::entropy::random_bytes().unwrap());
    let account = lockstep::entropy::random_key().unwrap();
    let now = world.hands.clock().now();
    let request = OpeningRequest {
        ledger: lockstep::ledger::Ledger::ledger_id(&*world.ledger),
        nonce,
        bank_key: *world.bank.public_key(),
        account_key: *account.public_key(),
        payment_key: *seed.payment_key(&nonce).public_key(),
        vendor_key: *world.vendor_key.public_key(),
        client_identity: IdentityRoot::from_bytes([1; 32]),
        unit_price: wish.unit_price,
        token_count: wish.token_count,
        token_root: TokenChain::new(nonce, &seed.chain_seed(&nonce), wish.token_count).unwrap().root(),
        open_by: now.checked_add(wish.open_within()).unwrap(),
        expiry: now.checked_add(LIFE).unwrap(),
        memo_hash: wish.memo.hash(),
    };
    let certificate = world.vendor_folder().join(lockstep::tls::CERTIFICATE_FILE);
    Asked {
        signed: SignedRequest::sign(request, &account, &seed.payment_key(&nonce)),
        vendor: VendorLink { url: wish.vendor, certificate },
        memo: wish.memo,
    }
}

/// A bank that answers the same request the same way, and counts what it has reserved.
struct Bank<'a> {
    world: &'a World,
    reserved: RefCell<Vec<(SignedRequest, SignedOpening)>>,
}

impl<'a> Bank<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, reserved: RefCell::default() }
    }

    fn answer(&self, signed: &SignedRequest) -> SignedOpening {
        let mut reserved = self.reserved.borrow_mut();
        if let Some((_, given)) = reserved.iter().find(|(known, _)| known == signed) {
            return given.clone();
        }
        let ledger = lockstep::ledger::Ledger::ledger_id(&*self.world.ledger);
        let approval = Approval {
            vendor_identity: IdentityRoot::from_bytes([2; 32]),
            client_reputation: Reputation::FULL,
            vendor_reputation: Reputation::FULL,
            opened: self.world.hands.clock().now(),
        };
        let verified = signed.clone().verify(self.world.bank.public_key(), &ledger).unwrap();
        let given = verified.approve(approval, MaxDrift::DEFAULT, &self.world.bank).unwrap();
        reserved.push((signed.clone(), given.clone()));
        given
    }

    fn reserves(&self) -> usize {
        self.reserved.borrow().len()
    }
}

fn no_answer() -> BankError {
    BankError::Problem { status: 503, detail: "gone".to_owned(), refusal: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_for_again_with_the_same_bytes_and_reserved_once() {
    let world = World::new().await;
    let bank = Bank::new(&world);
    let asked = asked(&world);
    // The bank reserves, and its answer never arrives. Or this process dies here, which leaves the same behind.
    let lost = world
        .wallet()
        .await
        .request(asked.clone(), async |signed| {
            bank.answer(signed);
            Err(no_answer())
        })
        .await;
    assert!(matches!(lost, Err(AskError::Bank(BankError::Problem { .. }))), "{lost:?}");

    let wallet = world.wallet().await;
    assert_eq!(wallet.asked().unwrap().as_ref(), Some(&asked));
    assert_eq!(asked.wish(), wish(&world));
    let other = wallet.request(self::asked(&world), async |signed| Ok(bank.answer(signed))).await;
    assert!(matches!(other, Err(AskError::Waiting(_))), "a second reserve beside the first: {other:?}");
    let channel = wallet.take_up(async |signed| Ok(bank.answer(signed))).await.unwrap().unwrap();
    assert_eq!(bank.reserves(), 1);
    assert_eq!(wallet.stored(channel).await.unwrap().0.phase, Phase::Granted);
    assert_eq!(wallet.take_up(async |_| panic!("nothing is waiting")).await.unwrap(), None);
    // It is a channel like any other.
    assert_eq!(all(wallet.pay(channel, order(2), |_| {}).await.unwrap()), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_an_interrupted_opening_is_found_by_its_order_until_it_is_open() {
    let world = World::new().await;
    let (bank, wallet, wish) = (Bank::new(&world), world.wallet().await, wish(&world));
    assert_eq!(wallet.unopened(&wish).await.unwrap(), None);
    let channel = wallet.request(asked(&world), async |signed| Ok(bank.answer(signed))).await.unwrap();
    // Killed before the ledger had it: the same order goes on with it, any other does not.
    assert_eq!(wallet.unopened(&wish).await.unwrap(), Some(channel));
    for other in [
        Wish { vendor: "https://elsewhere:1".to_owned(), ..wish.clone() },
        Wish { unit_price: Amount::from_micros(10_001), ..wish.clone() },
        Wish { token_count: Units::from_count(101), ..wish.clone() },
        Wish { life: LIFE + Duration::from_secs(1), ..wish.clone() },
        Wish { memo: Memo::default(), ..wish.clone() },
    ] {
        assert_eq!(wallet.unopened(&other).await.unwrap(), None, "{other:?}");
    }
    assert_eq!(wallet.submit_open(channel).await.unwrap().record.state(), ChannelState::Open);
    assert_eq!(wallet.unopened(&wish).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_and_one_that_is_too_late_are_forgotten() {
    let world = World::new().await;
    let (bank, wallet) = (Bank::new(&world), world.wallet().await);
    let refused =
        wallet.request(asked(&world), async |_| Err(BankError::Refused(Refusal::InsufficientFunds))).await;
    assert!(matches!(refused, Err(AskError::Bank(BankError::Refused(_)))), "{refused:?}");
    assert_eq!(wallet.asked().unwrap(), None);

    let lost = wallet.request(asked(&world), async |_| Err(no_answer())).await;
    assert!(lost.is_err());
    world.hands.ahead(Duration::from_secs(301));
    assert_eq!(wallet.take_up(async |_| panic!("the ledger would not take it")).await.unwrap(), None);
    assert_eq!(wallet.asked().unwrap(), None);
    // An opening that the ledger can take no more is not gone on with.
    world.hands.ahead(Duration::ZERO);
    wallet.request(asked(&world), async |signed| Ok(bank.answer(signed))).await.unwrap();
    world.hands.ahead(Duration::from_secs(301));
    assert_eq!(wallet.unopened(&wish(&world)).await.unwrap(), None);
}
