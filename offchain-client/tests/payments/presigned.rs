//! Wallets that draw presignatures ahead [Spec §2]: σ cannot be made a second time, so the stored one must serve for everything.

use lockstep::store::Phase;
use lockstep::wallet::WalletError;
use lockstep_protocol::units::Units;

use crate::crash::{Moment, Mortal, appends};
use crate::stranger::n;
use crate::world::{World, all, order};

#[tokio::test(flavor = "multi_thread")]
async fn presigned_and_other_payments_are_released_unlocked_and_audited_in_one_channel() {
    let mut world = World::new().await;
    world.payments.presign = true;
    let (wallet, channel) = world.channel(2000).await;
    assert_eq!(all(wallet.pay(channel, order(700), |_| {}).await.unwrap()), 700);
    // Processes of this wallet that start anew, and one that presigns no more.
    for (presign, count) in [(true, 300), (false, 200), (true, 1)] {
        world.payments.presign = presign;
        let wallet = world.wallet().await;
        assert_eq!(all(wallet.pay(channel, order(count), |_| {}).await.unwrap()), count);
    }
    let wallet = world.wallet().await;
    let released = wallet.release(channel).await.unwrap();
    assert_eq!((released.unlocked.receipts, released.settled.units), (1201, Units::from_count(1201)));
    assert_eq!(wallet.audit(channel, |_| {}).await.unwrap().number(), n(1201));
    let stored = world.vendor_journal().await.channel(channel).await.unwrap().unwrap();
    assert_eq!(stored.phase, Phase::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presigned_payment_before_the_last_one_is_released_by_its_own_signature() {
    let mut world = World::new().await;
    world.payments.presign = true;
    let (wallet, channel) = world.channel(1000).await;
    assert_eq!(all(wallet.pay(channel, order(7), |_| {}).await.unwrap()), 7);
    // The wallet dies between saving payments and sending them: the vendor's last one is not the wallet's.
    let path = world.wallet_folder().join("journal.db");
    let mortal = world.wallet_on(Mortal::open(&path, appends, Moment::After, 1).await);
    assert!(matches!(mortal.pay(channel, order(3), |_| {}).await, Err(WalletError::Journal(_))));
    assert_eq!(wallet.stored(channel).await.unwrap().0.n, n(10));
    // The release names what the vendor has. Another signature on it would open no lock.
    let released = wallet.release(channel).await.unwrap();
    assert_eq!((released.last.number, released.unlocked.receipts), (n(7), 7));
}
