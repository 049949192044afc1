//! The baseline: a PayWord chain whose continuity an off-chain committee guards.
//!
//! For each payment the client sends serial number and token to every member and to the vendor. A member signs what it saw if it
//! continues the chain, else that it does not, and tells the vendor. The vendor delivers when two thirds attest, without verifying
//! their signatures; in a dispute it asks every member for its last view and verifies them, which needs two thirds that agree.
//!
//! Frames: `N`/`P` serial and token (to a member, to the vendor), `Y`/`X` a member's word with its signature, `Q` what did you see,
//! `V` a member's view with its signature, `H` hello, `A` serial, `R` refusal, `S` the client's signature on the last serial and token.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use lockstep::entropy;
use lockstep_protocol::{Digest, PublicKey, SecretKey, Signature};
use sha3::{Digest as _, Sha3_256};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Attack, Ran};
use crate::error::{BenchError, Step as _};
use crate::link::{Link, Meter, Tls, listen};
use crate::relay::{Deed, Relay};

/// Serial number and token.
type Seen = (u32, [u8; 32]);

/// What members and the client sign.
fn digest(name: &str, seen: Seen) -> Digest {
    let hash = Sha3_256::new().chain_update(name).chain_update(seen.0.to_be_bytes()).chain_update(seen.1);
    Digest::from_bytes(hash.finalize().into())
}

fn frame(kind: u8, seen: Seen) -> Vec<u8> {
    [&[kind][..], &seen.0.to_be_bytes(), &seen.1].concat()
}

fn seen_of(frame: &[u8]) -> Option<Seen> {
    let serial = frame.get(1..5)?.first_chunk::<4>()?;
    Some((u32::from_be_bytes(*serial), *frame.get(5..37)?.first_chunk::<32>()?))
}

/// Whether a payment continues the chain: PayWord, H(fᵢ) = fᵢ₋₁.
fn continues(last: Seen, next: Seen) -> bool {
    let before: [u8; 32] = Sha3_256::digest(next.1).into();
    next.0 == last.0 + 1 && before == last.1
}

/// Pays `count` times with the attack in the middle, and settles.
pub(super) async fn run(members: u32, count: u32, attack: Attack) -> Result<Ran, BenchError> {
    let folder = TempDir::new().step("a folder")?;
    let (tls, meter) = (Arc::new(Tls::new(folder.path())?), Meter::default());
    let chain = chain(count)?;
    let at =
        |serial: u32| chain.get(usize::try_from(serial).unwrap_or_default()).copied().unwrap_or_default();
    let key = entropy::random_key()?;
    let Committee { keys, to_members, of_vendor, tasks } =
        Committee::found(members, (0, at(0)), &tls, &meter).await?;
    let (listener, port) = listen().await.step("a port")?;
    let vendor = Vendor {
        members: of_vendor,
        keys,
        client: *key.public_key(),
        last: (0, at(0)),
        delivered: 0,
        refused: 0,
        settled: None,
        meter: meter.clone(),
        dispute_bytes: 0,
    };
    let serving: JoinHandle<io::Result<Vendor>> = tokio::spawn(vendor.serve(listener, Arc::clone(&tls)));
    let relay = Relay::before(port).await.step("a relay")?;
    let link = tls.connect(relay.port(), &meter).await.step("a connection")?;
    let mut client = Client { link, members: to_members, tls, port: relay.port(), meter: meter.clone() };
    let (before, began) = (meter.bytes(), Instant::now());
    let mut outcome = "settled; nothing to dispute";
    for serial in 1..=count {
        let seen = (serial, at(serial));
        if attack != Attack::None && serial == count / 2 + 1 {
            outcome = client.attacked(seen, &at(serial - 1), attack, &relay).await?;
        } else {
            client.pay(seen).await?;
        }
    }
    let last = (count, at(count));
    client.settle(last, &key).await?;
    let (time, bytes) = (began.elapsed(), meter.bytes() - before);
    drop(client);
    let vendor = serving.await.step("the vendor")?.step("the vendor")?;
    tasks.iter().for_each(JoinHandle::abort);
    if vendor.settled != Some(last) {
        return Err(BenchError::WrongResult("settling with the committee"));
    }
    Ok(Ran {
        time,
        bytes,
        dispute_bytes: vendor.dispute_bytes,
        refused: vendor.refused,
        delivered: vendor.delivered,
        claimable: vendor.last.0,
        meant: count,
        outcome,
    })
}

/// f₀ … f_n, and one more.
fn chain(count: u32) -> Result<Vec<[u8; 32]>, BenchError> {
    let mut chain = vec![entropy::random_bytes::<32>()?];
    for _ in 0..=count {
        let token = Sha3_256::digest(chain.last().map_or(&[][..], |token| token)).into();
        chain.push(token);
    }
    chain.reverse();
    Ok(chain)
}

/// The members, each with a line from the client and one from the vendor.
struct Committee {
    keys: Vec<PublicKey>,
    to_members: Vec<Link>,
    of_vendor: Vec<Link>,
    tasks: Vec<JoinHandle<io::Result<()>>>,
}

impl Committee {
    async fn found(members: u32, root: Seen, tls: &Arc<Tls>, meter: &Meter) -> Result<Self, BenchError> {
        let mut committee =
            Self { keys: Vec::new(), to_members: Vec::new(), of_vendor: Vec::new(), tasks: Vec::new() };
        for _ in 0..members {
            let key = entropy::random_key()?;
            committee.keys.push(*key.public_key());
            let (listener, port) = listen().await.step("a port")?;
            committee.tasks.push(tokio::spawn(member(listener, Arc::clone(tls), key, root)));
            // The member takes the client's connection first, then the vendor's.
            committee.to_members.push(tls.connect(port, meter).await.step("a connection")?);
            committee.of_vendor.push(tls.connect(port, meter).await.step("a connection")?);
        }
        Ok(committee)
    }
}

/// A member: signs what it sees.
async fn member(listener: TcpListener, tls: Arc<Tls>, key: SecretKey, root: Seen) -> io::Result<()> {
    let mut client = tls.accept(&listener).await?;
    let mut vendor = tls.accept(&listener).await?;
    let mut last = root;
    loop {
        tokio::select! {
            notice = client.receive() => {
                let Some(seen) = seen_of(&notice?) else { continue };
                let good = continues(last, seen);
                if good {
                    last = seen;
                }
                let (kind, name) = if good { (b'Y', "seen") } else { (b'X', "broken") };
                let signature = key.sign(&digest(name, seen));
                vendor.send(&[&frame(kind, seen)[..], signature.as_bytes()].concat()).await?;
            }
            question = vendor.receive() => {
                question?;
                let signature = key.sign(&digest("view", last));
                vendor.send(&[&frame(b'V', last)[..], signature.as_bytes()].concat()).await?;
            }
        }
    }
}

/// The client and its lines.
struct Client {
    link: Link,
    members: Vec<Link>,
    tls: Arc<Tls>,
    port: u16,
    meter: Meter,
}

impl Client {
    async fn notify(&mut self, seen: Seen) -> Result<(), BenchError> {
        for member in &mut self.members {
            member.send(&frame(b'N', seen)).await.step("telling a member")?;
        }
        Ok(())
    }

    async fn pay(&mut self, seen: Seen) -> Result<(), BenchError> {
        self.notify(seen).await?;
        let answer = self.link.ask(&frame(b'P', seen)).await.step("paying")?;
        if seen_of(&answer).filter(|_| answer.first() == Some(&b'A')) == Some(seen) {
            Ok(())
        } else {
            Err(BenchError::WrongResult("an acknowledgement"))
        }
    }

    async fn attacked(
        &mut self,
        seen: Seen,
        used: &[u8; 32],
        attack: Attack,
        relay: &Relay,
    ) -> Result<&'static str, BenchError> {
        if let Some(token) = attack.token(used) {
            let cheat = (seen.0, token);
            self.notify(cheat).await?;
            let answer = self.link.ask(&frame(b'P', cheat)).await.step("cheating")?;
            if answer.first() != Some(&b'R') {
                return Err(BenchError::WrongResult("refusing a bad token"));
            }
            self.reconnect().await?;
            self.pay(seen).await?;
            return Ok(
                "the members did not attest; every one was asked for its view, two thirds agreed against the client, which paid honestly then",
            );
        }
        relay.next(attack.deed());
        self.notify(seen).await?;
        let answer = self.link.ask(&frame(b'P', seen)).await;
        if attack.deed() == Deed::Alter && answer.is_ok() {
            return Err(BenchError::WrongResult("TLS let an altered record through"));
        }
        if self.reconnect().await?.0 < seen.0 {
            // The members have it already.
            self.link.ask(&frame(b'P', seen)).await.step("paying")?;
        }
        Ok("TLS refused the record; the vendor asked every member for its view on a new stream and went on")
    }

    /// Signs the last serial number and token.
    async fn settle(&mut self, last: Seen, key: &SecretKey) -> Result<(), BenchError> {
        let signature = key.sign(&digest("close", last));
        let frame = [&frame(b'S', last)[..], signature.as_bytes()].concat();
        let answer = self.link.ask(&frame).await.step("settling")?;
        if answer.first() == Some(&b'A') { Ok(()) } else { Err(BenchError::WrongResult("settling")) }
    }

    async fn reconnect(&mut self) -> Result<Seen, BenchError> {
        self.link = self.tls.connect(self.port, &self.meter).await.step("a connection")?;
        let welcome = self.link.ask(b"H").await.step("a welcome")?;
        seen_of(&welcome).ok_or(BenchError::WrongResult("a welcome"))
    }
}

/// The vendor and its lines to the members.
struct Vendor {
    members: Vec<Link>,
    keys: Vec<PublicKey>,
    client: PublicKey,
    last: Seen,
    delivered: u32,
    refused: u32,
    settled: Option<Seen>,
    meter: Meter,
    dispute_bytes: u64,
}

impl Vendor {
    async fn serve(mut self, listener: TcpListener, tls: Arc<Tls>) -> io::Result<Self> {
        loop {
            let Ok(mut link) = tls.accept(&listener).await else { continue };
            while let Ok(message) = link.receive().await {
                let answer = self.answer(&message).await?;
                let sent = link.send(&answer).await;
                if self.settled.is_some() {
                    return sent.map(|()| self);
                }
                if answer.first() == Some(&b'R') || sent.is_err() {
                    break;
                }
            }
        }
    }

    async fn answer(&mut self, message: &[u8]) -> io::Result<Vec<u8>> {
        match message.first() {
            // A broken stream: what did the members see?
            Some(b'H') => self.dispute().await?,
            Some(b'P') => {
                let Some(seen) = seen_of(message) else { return Ok(b"R".to_vec()) };
                if self.attested(seen).await? {
                    (self.last, self.delivered) = (seen, self.delivered + 1);
                } else {
                    self.refused += 1;
                    self.dispute().await?;
                    return Ok(b"R".to_vec());
                }
            }
            Some(b'S') => {
                let signature = message.get(37..).and_then(|bytes| Signature::try_from(bytes).ok());
                let seen = seen_of(message).filter(|seen| *seen == self.last);
                if let (Some(signature), Some(seen)) = (signature, seen)
                    && self.client.verify(&digest("close", seen), &signature).is_ok()
                {
                    self.settled = Some(seen);
                }
            }
            _ => return Ok(b"R".to_vec()),
        }
        Ok(frame(b'A', self.last))
    }

    /// Takes every member's word on a payment; two thirds must attest.
    async fn attested(&mut self, seen: Seen) -> io::Result<bool> {
        let mut attests = 0;
        for member in &mut self.members {
            let word = member.receive().await?;
            if word.first() == Some(&b'Y') && seen_of(&word) == Some(seen) {
                attests += 1;
            }
        }
        Ok(3 * attests >= 2 * self.members.len())
    }

    /// Asks every member for its view and verifies two thirds that agree.
    async fn dispute(&mut self) -> io::Result<()> {
        let before = self.meter.bytes();
        let mut views: Vec<Seen> = Vec::new();
        for (member, key) in self.members.iter_mut().zip(&self.keys) {
            member.send(b"Q").await?;
            // A word on a payment whose message to the vendor was lost stands before the view, which says the same.
            let view = loop {
                let message = member.receive().await?;
                if message.first() == Some(&b'V') {
                    break message;
                }
            };
            let signature = view.get(37..).and_then(|bytes| Signature::try_from(bytes).ok());
            if let (Some(seen), Some(signature)) = (seen_of(&view), signature)
                && key.verify(&digest("view", seen), &signature).is_ok()
            {
                views.push(seen);
            }
        }
        let agreed = views
            .iter()
            .find(|view| 3 * views.iter().filter(|other| other == view).count() >= 2 * self.keys.len());
        self.dispute_bytes += self.meter.bytes() - before;
        if let Some(agreed) = agreed {
            self.deliver_missed(*agreed);
        }
        Ok(())
    }

    /// Two thirds of the members have seen a payment whose message was lost: it is paid.
    fn deliver_missed(&mut self, agreed: Seen) {
        if agreed.0 == self.last.0 + 1 {
            (self.last, self.delivered) = (agreed, self.delivered + 1);
        }
    }
}
