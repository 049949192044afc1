//! Somebody who speaks the payment stream by hand, and says what no wallet would say.

use std::time::Duration;

use lockstep::stream::{ToClient, ToVendor, dial, wire};
use lockstep::wallet::Facts;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::lock::Lock;
use lockstep_protocol::memo::Memo;
use lockstep_protocol::payment::{Ack, Batch, Head, Payment, PaymentRecord};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::signature::Signature;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::units::{PaymentNumber, Units};
use lockstep_protocol::wallet_seed::WalletSeed;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::world::{SEED, World};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stranger {
    out: mpsc::Sender<ToVendor>,
    incoming: Streaming<wire::ToClient>,
}

impl Stranger {
    /// Connects without a word.
    pub(crate) async fn connect(world: &World) -> Self {
        let pinned = world.vendor_folder().join(lockstep::tls::CERTIFICATE_FILE);
        let mut line = dial(&format!("https://{}", world.address), &pinned).await.unwrap();
        let (out, outgoing) = mpsc::channel(64);
        let incoming = line
            .client
            .pay(ReceiverStream::new(outgoing).map(wire::ToVendor::from))
            .await
            .unwrap()
            .into_inner();
        Self { out, incoming }
    }

    /// Connects, names a channel and takes the welcome.
    pub(crate) async fn greet(world: &World, channel: ChannelId) -> (Self, Ack) {
        let mut stranger = Self::connect(world).await;
        stranger.say(ToVendor::Hello(channel)).await;
        match stranger.hear().await {
            ToClient::Welcome(welcome) => (stranger, welcome.last),
            other => panic!("no welcome: {other:?}"),
        }
    }

    pub(crate) async fn say(&self, message: ToVendor) {
        self.out.send(message).await.unwrap();
    }

    pub(crate) async fn pay(&self, first: PaymentNumber, records: Vec<PaymentRecord>) {
        self.say(ToVendor::Batch(Batch { first, records }.encode())).await;
    }

    pub(crate) async fn hear(&mut self) -> ToClient {
        let message =
            tokio::time::timeout(PATIENCE, self.incoming.message()).await.expect("the vendor is silent");
        ToClient::try_from(message.unwrap().expect("the vendor has ended the stream")).unwrap()
    }

    pub(crate) async fn acknowledged(&mut self) -> Ack {
        match self.hear().await {
            ToClient::Acknowledged(ack) => ack,
            other => panic!("no acknowledgement: {other:?}"),
        }
    }

    /// The vendor ends the stream without a word.
    pub(crate) async fn ended(&mut self) {
        let end = tokio::time::timeout(PATIENCE, self.incoming.message()).await.expect("the stream goes on");
        assert!(end.unwrap().is_none(), "the vendor says something");
    }

    /// The refusal, which must be the last word.
    pub(crate) async fn refused(&mut self) -> (Refusal, bool) {
        let ToClient::Refused(refused) = self.hear().await else { panic!("no refusal") };
        let end = tokio::time::timeout(PATIENCE, self.incoming.message()).await.expect("the stream goes on");
        assert!(end.unwrap().is_none(), "the stream goes on after a refusal");
        (Refusal::from_number(u16::try_from(refused.code).unwrap()).unwrap(), refused.over)
    }
}

/// Makes payments by hand.
pub(crate) struct Hand {
    key: SecretKey,
    chain: TokenChain,
    pub(crate) head: Head,
    pub(crate) signature: Signature,
    pub(crate) now: Timestamp,
}

impl Hand {
    pub(crate) fn new(world: &World, facts: &Facts) -> Self {
        let seed = WalletSeed::from_bytes(SEED);
        let opening = facts.given.opening();
        let nonce = opening.terms().nonce;
        Self {
            key: seed.payment_key(&nonce),
            chain: TokenChain::new(nonce, &seed.chain_seed(&nonce), opening.terms().token_count).unwrap(),
            head: Head::start(opening),
            signature: *facts.given.bank_signature(),
            now: world.hands.clock().now(),
        }
    }

    /// The next payment, honest.
    pub(crate) fn pay(&mut self, units: u32) -> PaymentRecord {
        self.pay_with(units, |_| {})
    }

    /// The next payment, with something changed before it is signed; the lock is made of the signature, and `change` cannot see it.
    pub(crate) fn pay_with(&mut self, units: u32, change: impl FnOnce(&mut PaymentRecord)) -> PaymentRecord {
        let mut record = self.draft(units);
        change(&mut record);
        let signature = self.key.sign(&Payment::chain(&self.head, &record).unwrap().tx().as_digest());
        record.lock = Lock::seal(&self.signature, &signature);
        self.go_on(&record, signature);
        record
    }

    /// The next payment, with a lock that hides no signature.
    pub(crate) fn pay_with_bad_lock(&mut self) -> PaymentRecord {
        let mut record = self.draft(1);
        let signature = self.key.sign(&Payment::chain(&self.head, &record).unwrap().tx().as_digest());
        record.lock = Lock::from_bytes([0x5a; 64]);
        self.go_on(&record, signature);
        record
    }

    /// Goes to where a wallet's journal is, signing its last payment again.
    pub(crate) async fn replay(&mut self, wallet: &lockstep::wallet::Wallet, channel: ChannelId) {
        let stored = wallet.stored(channel).await.unwrap().0;
        self.head = lockstep::party::replay::decode_head(&stored.head).unwrap();
        self.signature = self.key.sign(&self.head.tx().as_digest());
    }

    fn draft(&mut self, units: u32) -> PaymentRecord {
        let units = Units::from_count(units);
        let released = self.head.released().checked_add(units).unwrap();
        let token = self.chain.token(released).unwrap_or_else(|_| *self.head.token());
        PaymentRecord { units, ts: self.now, token, lock: Lock::ZERO, memo: Memo::default() }
    }

    fn go_on(&mut self, record: &PaymentRecord, signature: Signature) {
        self.head = Head::after(&Payment::chain(&self.head, record).unwrap());
        self.signature = signature;
    }
}

/// A number.
pub(crate) fn n(index: u32) -> PaymentNumber {
    PaymentNumber::from_index(index)
}
