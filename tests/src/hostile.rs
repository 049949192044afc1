//! A client that has a wallet's keys and says on the payment stream whatever a scenario wants.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lockstep::keystore;
use lockstep::stream::{Refused, ToClient, ToVendor, dial, wire};
use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::payment::{Ack, Batch, Head, Payment, PaymentRecord};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{ChannelId, Lock, Memo, SecretKey, Signature, Units};
use tokio_stream::wrappers::ReceiverStream;

use crate::forge::now;
use crate::scenario::Failure;
use crate::world::{Party, World};

/// How long the vendor may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

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
}

impl Hostile {
    /// Takes over an open, unused channel of the world's client, whose record this is.
    ///
    /// # Errors
    /// If the wallet's seed cannot be read.
    pub fn new(world: &World, record: &ChannelRecord) -> Result<Self, Failure> {
        let bytes = keystore::load_seed(&world.home(Party::Client).join("wallet-seed.pem"), None)?;
        let seed = WalletSeed::from_bytes(*bytes);
        let terms = record.opening().terms();
        Ok(Self {
            channel: record.channel_id(),
            chain: TokenChain::new(terms.nonce, &seed.chain_seed(&terms.nonce), terms.token_count)?,
            key: seed.payment_key(&terms.nonce),
            head: Head::start(record.opening()),
            signature: *record.bank_signature(),
            vendor: world.vendor_url().to_owned(),
            certificate: Path::new(&world.certificate(Party::Vendor)).to_owned(),
        })
    }

    /// The next payment as an honest client would make it, from where this one stands.
    ///
    /// # Errors
    /// If the channel holds too few units.
    pub fn honest(&mut self, units: u32, memo: &str) -> Result<Payment, Failure> {
        let units = Units::from_count(units);
        let released =
            self.head.released().checked_add(units).ok_or_else(|| Failure::new("too many units"))?;
        let token = self.chain.token(released)?;
        let unlocked = PaymentRecord { units, ts: now(), token, lock: Lock::ZERO, memo: Memo::new(memo)? };
        let signature = self.key.sign(&Payment::chain(&self.head, &unlocked)?.tx().as_digest());
        let lock = Lock::seal(&self.signature, &signature);
        Ok(Payment::chain(&self.head, &PaymentRecord { lock, ..unlocked })?)
    }

    /// Goes on behind a payment that the vendor took.
    pub fn advance(&mut self, payment: &Payment) {
        self.signature = self.key.sign(&payment.tx().as_digest());
        self.head = Head::after(payment);
    }

    /// Opens a stream, sends one batch, and gives the vendor's answer to it.
    ///
    /// # Errors
    /// If the stream breaks or the vendor says nothing.
    pub async fn send(&self, first: u32, records: Vec<PaymentRecord>) -> Result<Said, Failure> {
        let first = lockstep_protocol::PaymentNumber::from_index(first);
        self.send_bytes(Batch { first, records }.encode()).await
    }

    /// As [`Hostile::send`], with any bytes for a batch.
    ///
    /// # Errors
    /// If the stream breaks or the vendor says nothing.
    pub async fn send_bytes(&self, batch: Vec<u8>) -> Result<Said, Failure> {
        let mut line = dial(&self.vendor, &self.certificate).await?;
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        for message in [ToVendor::Hello(self.channel), ToVendor::Batch(batch)] {
            sender.send(wire::ToVendor::from(message)).await?;
        }
        let answers = tokio::time::timeout(ANSWER, line.client.pay(ReceiverStream::new(receiver))).await?;
        let mut answers = answers?.into_inner();
        loop {
            let message = tokio::time::timeout(ANSWER, answers.message()).await??;
            let message =
                message.ok_or_else(|| Failure::new("the vendor ended the stream without an answer"))?;
            match ToClient::try_from(message)? {
                ToClient::Welcome(_) => {}
                ToClient::Acknowledged(ack) => return Ok(Said::Acknowledged(ack)),
                ToClient::Refused(refused) => return Ok(Said::Refused(refused)),
                other => return Err(Failure::new(format!("the vendor said {other:?}"))),
            }
        }
    }
}

impl Said {
    /// The number of the refusal and whether the channel is over.
    ///
    /// # Errors
    /// If it was none.
    pub fn refused(&self) -> Result<(u32, bool), Failure> {
        match self {
            Self::Refused(refused) => Ok((refused.code, refused.over)),
            Self::Acknowledged(ack) => Err(Failure::new(format!("the vendor took it: {ack:?}"))),
        }
    }

    /// The acknowledgement.
    ///
    /// # Errors
    /// If it was refused.
    pub fn acknowledged(&self) -> Result<Ack, Failure> {
        match self {
            Self::Acknowledged(ack) => Ok(*ack),
            Self::Refused(refused) => Err(Failure::new(format!("the vendor refused: {refused:?}"))),
        }
    }
}
