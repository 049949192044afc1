//! A client that has a wallet's keys and says on the payment stream whatever a scenario wants.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lockstep::keystore;
use lockstep::stream::{Refused, Settled, ToClient, ToVendor, dial, wire};
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::payment::{Ack, Batch, Head, Payment, PaymentRecord};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{
    ChannelId, Lock, Memo, PaymentNumber, Refusal, SecretKey, Signature, Timestamp, Units,
};
use tokio_stream::wrappers::ReceiverStream;

use crate::forge::now;
use crate::scenario::{Failure, expect_eq};
use crate::world::{Party, World};

/// How long the vendor may take to answer.
const ANSWER: Duration = Duration::from_secs(60);

/// The payer of one channel.
#[derive(Debug)]
pub struct Hostile {
    channel: ChannelId,
    chain: TokenChain,
    key: SecretKey,
    head: Head,
    signature: Signature,
    vendor: String,
    certificate: PathBuf,
}

/// What the vendor said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It took the payments.
    Acknowledged(Ack),
    /// It did not.
    Refused(Refused),
    /// The channel is over.
    Settled(Settled),
}

impl Hostile {
    /// Takes over an open, unused channel of the world's client.
    ///
    /// # Errors
    /// If the wallet's seed or the ledger cannot be read.
    pub fn new(world: &World, channel: &str) -> Result<Self, Failure> {
        let record = world.record(channel)?;
        let certificate = world.certificate(Party::Vendor);
        Self::of_wallet(&world.home(Party::Client), &record, world.vendor_url(), Path::new(&certificate))
    }

    /// Takes over an open, unused channel of the wallet in a folder, to a vendor at this address with this certificate.
    ///
    /// # Errors
    /// If the wallet's seed cannot be read.
    pub fn of_wallet(
        home: &Path,
        record: &ChannelRecord,
        vendor: &str,
        certificate: &Path,
    ) -> Result<Self, Failure> {
        let bytes = keystore::load_seed(&home.join("wallet-seed.pem"), None)?;
        let seed = WalletSeed::from_bytes(*bytes);
        let terms = record.opening().terms();
        Ok(Self {
            channel: record.channel_id(),
            chain: TokenChain::new(terms.nonce, &seed.chain_seed(&terms.nonce), terms.token_count)?,
            key: seed.payment_key(&terms.nonce),
            head: Head::start(record.opening()),
            signature: *record.bank_signature(),
            vendor: vendor.to_owned(),
            certificate: certificate.to_owned(),
        })
    }

    /// The key that signs the payments.
    #[must_use]
    pub const fn key(&self) -> &SecretKey {
        &self.key
    }

    /// The units that all payments released so far.
    #[must_use]
    pub const fn released(&self) -> Units {
        self.head.released()
    }

    /// The next payment as an honest client would make it, from where this one stands.
    ///
    /// # Errors
    /// If the channel holds too few units.
    pub fn honest(&mut self, units: u32, memo: &str) -> Result<Payment, Failure> {
        self.payment(units, memo, now())
    }

    /// As [`Hostile::honest`], with any time.
    ///
    /// # Errors
    /// If the channel holds too few units.
    pub fn dated(&mut self, ts: Timestamp) -> Result<Payment, Failure> {
        self.payment(1, "", ts)
    }

    fn payment(&mut self, units: u32, memo: &str, ts: Timestamp) -> Result<Payment, Failure> {
        let units = Units::from_count(units);
        let released =
            self.head.released().checked_add(units).ok_or_else(|| Failure::new("too many units"))?;
        let token = self.chain.token(released)?;
        let unlocked = PaymentRecord { units, ts, token, lock: Lock::ZERO, memo: Memo::new(memo)? };
        let signature = self.key.sign(&Payment::chain(&self.head, &unlocked)?.tx().as_digest());
        let lock = Lock::seal(&self.signature, &signature);
        Ok(Payment::chain(&self.head, &PaymentRecord { lock, ..unlocked })?)
    }

    /// A row of payments of one unit, and goes on behind them; the locks of those in `bad` hide nothing.
    ///
    /// # Errors
    /// If the channel holds too few units.
    pub fn row(&mut self, count: u32, bad: &[u32]) -> Result<Vec<Payment>, Failure> {
        (1..=count)
            .map(|_| {
                let mut payment = self.honest(1, "")?;
                if bad.contains(&payment.number().as_index()) {
                    let lock = Lock::from_bytes([0x5a; 64]);
                    payment = Payment::chain(&self.head, &PaymentRecord { lock, ..payment.record() })?;
                }
                self.advance(&payment);
                Ok(payment)
            })
            .collect()
    }

    /// Goes on behind a payment that the vendor took.
    pub fn advance(&mut self, payment: &Payment) {
        self.signature = self.sign(payment);
        self.head = Head::after(payment);
    }

    /// The client's signature on a payment.
    #[must_use]
    pub fn sign(&self, payment: &Payment) -> Signature {
        self.key.sign(&payment.tx().as_digest())
    }

    /// What convicts this client of the earlier payment's bad lock.
    #[must_use]
    pub fn proof(&self, earlier: &Payment, later: &Payment) -> FraudProof {
        FraudProof {
            later: *later.fields(),
            later_signature: self.sign(later),
            earlier: *earlier.fields(),
            earlier_signature: self.sign(earlier),
        }
    }

    /// Opens a stream, sends one batch, and gives the vendor's answer to it.
    ///
    /// # Errors
    /// If the stream breaks or the vendor says nothing.
    pub async fn send(&self, first: u32, records: Vec<PaymentRecord>) -> Result<Said, Failure> {
        let first = PaymentNumber::from_index(first);
        self.send_bytes(Batch { first, records }.encode()).await
    }

    /// As [`Hostile::send`], with payments.
    ///
    /// # Errors
    /// If the stream breaks or the vendor says nothing.
    pub async fn send_row(&self, row: &[Payment]) -> Result<Said, Failure> {
        let first = row.first().ok_or_else(|| Failure::new("a row of no payment"))?;
        self.send(first.number().as_index(), row.iter().map(Payment::record).collect()).await
    }

    /// As [`Hostile::send`], with any bytes for a batch.
    ///
    /// # Errors
    /// If the stream breaks or the vendor says nothing.
    pub async fn send_bytes(&self, batch: Vec<u8>) -> Result<Said, Failure> {
        self.say(ToVendor::Batch(batch)).await
    }

    /// Opens a stream, releases the last payment honestly, and gives what becomes of it.
    ///
    /// # Errors
    /// If the stream breaks or the vendor says nothing.
    pub async fn release(&self) -> Result<Said, Failure> {
        self.release_with(self.signature).await
    }

    /// As [`Hostile::release`], with any signature.
    ///
    /// # Errors
    /// If the stream breaks or the vendor says nothing.
    pub async fn release_with(&self, signature: Signature) -> Result<Said, Failure> {
        self.say(ToVendor::Release(signature)).await
    }

    async fn say(&self, what: ToVendor) -> Result<Said, Failure> {
        let mut line = dial(&self.vendor, &self.certificate).await?;
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        for message in [ToVendor::Hello(self.channel), what] {
            sender.send(wire::ToVendor::from(message)).await?;
        }
        let answers = tokio::time::timeout(ANSWER, line.client.pay(ReceiverStream::new(receiver))).await?;
        let mut answers = answers?.into_inner();
        loop {
            let message = tokio::time::timeout(ANSWER, answers.message()).await??;
            let message =
                message.ok_or_else(|| Failure::new("the vendor ended the stream without an answer"))?;
            match ToClient::try_from(message)? {
                ToClient::Welcome(_) | ToClient::ReleaseWanted(_) | ToClient::Unlocked(_) => {}
                ToClient::Acknowledged(ack) => return Ok(Said::Acknowledged(ack)),
                ToClient::Refused(refused) => return Ok(Said::Refused(refused)),
                ToClient::Settled(settled) => return Ok(Said::Settled(settled)),
            }
        }
    }
}

impl Said {
    /// Checks that it is this refusal, and whether the channel is over with it.
    ///
    /// # Errors
    /// If it is not.
    pub fn expect_refused(&self, what: &str, refusal: Refusal, over: bool) -> Result<(), Failure> {
        match self {
            Self::Refused(refused) => {
                expect_eq(what, (refused.code, refused.over), (u32::from(refusal.number()), over))
            }
            other => Err(Failure::new(format!("{what}: the vendor said {other:?}"))),
        }
    }

    /// The acknowledgement.
    ///
    /// # Errors
    /// If it was none.
    pub fn acknowledged(&self) -> Result<Ack, Failure> {
        match self {
            Self::Acknowledged(ack) => Ok(*ack),
            other => Err(Failure::new(format!("the vendor did not take it: {other:?}"))),
        }
    }
}
