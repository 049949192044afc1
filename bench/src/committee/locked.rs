//! The scheme of this project, one payment a message.
//!
//! Frames towards the vendor: `H` hello, `B` batch, `S` σ_n. From it: `A` acknowledgement, `R` refusal, `D` every receipt recovered.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::payee::{Acceptance, LedgerView, Receiving};
use lockstep_protocol::payer::Paying;
use lockstep_protocol::payment::{Ack, Batch, Payment, PaymentRecord};
use lockstep_protocol::release::{Progress, Walk};
use lockstep_protocol::{Memo, PaymentNumber, Signature, Token, Units};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{Attack, Ran};
use crate::error::{BenchError, Step as _};
use crate::in_process;
use crate::link::{Link, Meter, Tls, listen};
use crate::relay::{Deed, Relay};
use crate::scene::{Scene, now};

/// Pays `count` times with the attack in the middle, and settles.
pub(super) async fn run(count: u32, attack: Attack) -> Result<Ran, BenchError> {
    let folder = TempDir::new().step("a folder")?;
    let (scene, tls) = (Scene::new()?, Arc::new(Tls::new(folder.path())?));
    let (given, record) = scene.channel(count + 1)?;
    let receiving = Receiving::take(&record, scene.terms(), now()).step("taking the channel")?;
    let vendor = Vendor { receiving, payments: Vec::new(), refused: 0, receipts: 0, given: given.clone() };
    let (listener, port) = listen().await.step("a port")?;
    let serving = tokio::spawn(vendor.serve(listener, Arc::clone(&tls)));

    let (relay, meter) = (Relay::before(port).await.step("a relay")?, Meter::default());
    let link = tls.connect(relay.port(), &meter).await.step("a connection")?;
    let paying = in_process::paying(&scene, &given, &record)?;
    let mut client = Client { link, paying, tls, port: relay.port(), meter: meter.clone(), made: Vec::new() };
    let (before, began) = (meter.bytes(), Instant::now());
    let mut ran = Ran { meant: count, outcome: "settled; nothing to dispute", ..Ran::default() };
    for number in 1..=count {
        let attacked = attack != Attack::None && number == count / 2 + 1;
        if attacked {
            let bytes = meter.bytes();
            ran.outcome = client.attacked(attack, &relay).await?;
            ran.dispute_bytes = meter.bytes() - bytes;
        } else {
            client.pay().await?;
        }
    }
    client.settle().await?;
    ran.time = began.elapsed();
    ran.bytes = meter.bytes() - before;
    let vendor = serving.await.step("the vendor")?.step("the vendor")?;
    if vendor.receipts != count {
        return Err(BenchError::WrongResult("settling against the committee"));
    }
    ran.refused = vendor.refused;
    ran.delivered = u32::try_from(vendor.payments.len()).unwrap_or(u32::MAX);
    ran.claimable = vendor.receiving.head().released().as_count();
    Ok(ran)
}

/// The client and its line.
struct Client {
    link: Link,
    paying: Paying,
    tls: Arc<Tls>,
    port: u16,
    meter: Meter,
    made: Vec<Payment>,
}

impl Client {
    async fn pay(&mut self) -> Result<(), BenchError> {
        let payment = self.paying.pay(Units::from_count(1), Memo::default(), now()).step("a payment")?;
        let frame = frame_of(&payment.record(), payment.number());
        self.made.push(payment);
        let answer = self.link.ask(&frame).await.step("paying")?;
        self.check(&answer)
    }

    fn check(&self, answer: &[u8]) -> Result<(), BenchError> {
        let acknowledged = answer.split_first().filter(|(kind, _)| **kind == b'A');
        let ack = acknowledged.and_then(|(_, ack)| Ack::decode(ack).ok());
        if ack.is_some() && ack == self.made.last().map(Payment::ack) {
            Ok(())
        } else {
            Err(BenchError::WrongResult("an acknowledgement"))
        }
    }

    /// One payment under attack, until the vendor has it.
    async fn attacked(&mut self, attack: Attack, relay: &Relay) -> Result<&'static str, BenchError> {
        let used = self.made.last().map_or([0; 32], |payment| *payment.fields().token.as_bytes());
        if let Some(token) = attack.token(&used) {
            let cheat = self.cheat(token);
            let answer = self.link.ask(&cheat).await.step("cheating")?;
            if answer.first() != Some(&b'R') {
                return Err(BenchError::WrongResult("refusing a bad token"));
            }
            // A wrong token ends the stream.
            self.reconnect().await?;
            self.pay().await?;
            return Ok(
                "the vendor refused by one hash and ended the stream; the client paid honestly on a new one",
            );
        }
        relay.next(attack.deed());
        let payment = self.paying.pay(Units::from_count(1), Memo::default(), now()).step("a payment")?;
        let frame = frame_of(&payment.record(), payment.number());
        self.made.push(payment);
        // Of two equal records TLS refuses the second, and with it the connection, before or after the answer to the first.
        let answer = self.link.ask(&frame).await;
        if attack.deed() == Deed::Alter && answer.is_ok() {
            return Err(BenchError::WrongResult("TLS let an altered record through"));
        }
        let known = self.reconnect().await?;
        if known != self.made.last().map(Payment::ack) {
            let answer = self.link.ask(&frame).await.step("paying")?;
            self.check(&answer)?;
        }
        Ok("TLS refused the record; both sides compared (n, c, Tx) on a new stream and went on")
    }

    /// A payment with another token. The lock does not matter: the token is looked at first.
    fn cheat(&self, token: [u8; 32]) -> Vec<u8> {
        let head = self.paying.head();
        let record = PaymentRecord {
            units: Units::from_count(1),
            ts: now().max(head.ts()),
            token: Token::from_bytes(token),
            lock: *head.lock(),
            memo: Memo::default(),
        };
        frame_of(&record, head.number().next().unwrap_or_default())
    }

    /// A new stream; what the vendor has.
    async fn reconnect(&mut self) -> Result<Option<Ack>, BenchError> {
        self.link = self.tls.connect(self.port, &self.meter).await.step("a connection")?;
        let welcome = self.link.ask(b"H").await.step("a welcome")?;
        Ok(welcome.get(1..).and_then(|ack| Ack::decode(ack).ok()))
    }

    /// Releases σ_n.
    async fn settle(mut self) -> Result<(), BenchError> {
        let last = self.made.last().map(Payment::ack).ok_or(BenchError::WrongResult("making payments"))?;
        let released = self.paying.release(&last, None, None).step("the release")?;
        let frame = [&b"S"[..], released.signature().as_bytes()].concat();
        let answer = self.link.ask(&frame).await.step("releasing")?;
        if answer == b"D" { Ok(()) } else { Err(BenchError::WrongResult("releasing")) }
    }
}

fn frame_of(record: &PaymentRecord, number: PaymentNumber) -> Vec<u8> {
    let batch = Batch { first: number, records: vec![record.clone()] };
    [&b"B"[..], &batch.encode()].concat()
}

/// The vendor's side, without a store.
struct Vendor {
    receiving: Receiving,
    payments: Vec<Payment>,
    refused: u32,
    receipts: u32,
    given: SignedOpening,
}

impl Vendor {
    /// Serves one stream after another until the release.
    async fn serve(mut self, listener: TcpListener, tls: Arc<Tls>) -> io::Result<Self> {
        loop {
            let Ok(mut link) = tls.accept(&listener).await else { continue };
            while let Ok(frame) = link.receive().await {
                let (answer, go_on) = self.answer(&frame);
                let sent = link.send(&answer).await;
                if answer == b"D" {
                    return sent.map(|()| self);
                }
                if !go_on || sent.is_err() {
                    break;
                }
            }
        }
    }

    fn answer(&mut self, frame: &[u8]) -> (Vec<u8>, bool) {
        let accepted = match frame.split_first() {
            Some((b'H', _)) => true,
            Some((b'B', batch)) => self.accept(batch),
            Some((b'S', signature)) => self.unlock(signature),
            _ => false,
        };
        if accepted && frame.first() == Some(&b'S') {
            return (b"D".to_vec(), true);
        }
        if accepted {
            return ([&b"A"[..], &self.receiving.head().ack().encode()].concat(), true);
        }
        self.refused += 1;
        (b"R".to_vec(), false)
    }

    fn accept(&mut self, batch: &[u8]) -> bool {
        let Ok(batch) = Batch::decode(batch, 1) else { return false };
        let now = now();
        let view = LedgerView { state: ChannelState::Open, seen: now };
        for (number, record) in batch.numbered() {
            match self.receiving.accept(number, record, now, view) {
                Ok(Acceptance::New(payment)) => self.payments.push(payment),
                _ => return false,
            }
        }
        true
    }

    /// Walks down to the bank's signature.
    fn unlock(&mut self, signature: &[u8]) -> bool {
        let Ok(signature) = Signature::try_from(signature) else { return false };
        let mut below = self.payments.iter().rev();
        let Some(last) = below.next() else { return false };
        let Ok((_, mut progress)) = Walk::start(&self.given, last, signature) else { return false };
        self.receipts = 1;
        for payment in below {
            let Progress::More(walk) = progress else { return false };
            let Ok((_, next)) = walk.step(payment) else { return false };
            progress = next;
            self.receipts += 1;
        }
        matches!(progress, Progress::Done)
    }
}
