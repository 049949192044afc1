//! Clients that cheat, with their wallets' keys and wires of their own. Whatever they gain by it fails the storm.

use std::time::{Duration, Instant};

use lockstep::bank::client::BankClient;
use lockstep::keystore;
use lockstep::ledger::{Ledger as _, LedgerError};
use lockstep_protocol::ledger::{ChannelRecord, CloseByToken, Open, Refund};
use lockstep_protocol::opening::{OpeningRequest, SignedOpening, SignedRequest};
use lockstep_protocol::payment::{Payment, PaymentRecord};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{Amount, ChannelId, MaxDrift, Memo, Nonce, Refusal, SecretKey, Token, Units};

use super::Storm;
use super::script::{Plan, Visit};
use super::tally::{Fraud, Note};
use crate::forge::{after, now};
use crate::hostile::{Hostile, Said};
use crate::runtime::block_on;
use crate::scenario::Failure;

/// How long a held-back opening may be submitted.
const OPEN_WITHIN: Duration = Duration::from_secs(4);

/// An opening that the bank has signed and that nobody has submitted in time.
#[derive(Debug)]
pub(super) struct HeldBack {
    opening: SignedOpening,
    /// When it is too late for it.
    pub(super) due: Instant,
}

/// Why a cheat is at its end. Both kinds of `?` come here: lines that break are nothing that a storm minds.
enum End {
    /// Somebody was away.
    Interrupted(String),
    /// Somebody took what must be refused.
    Gained(String),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Interrupted(failure.to_string())
    }
}

impl From<LedgerError> for End {
    fn from(error: LedgerError) -> Self {
        Self::Interrupted(error.to_string())
    }
}

fn gained(what: &str) -> End {
    End::Gained(what.to_owned())
}

/// Cheats on a channel that was opened for it.
pub(super) fn play(storm: &Storm, client: usize, visit: &Visit, channel: ChannelId) -> Result<(), Failure> {
    let ended = block_on(async {
        let cheat = Cheat::begin(storm, client, visit, channel).await?;
        match visit.plan {
            Plan::Greeted => cheat.greet().await,
            Plan::BadLock => cheat.bad_lock().await,
            Plan::BadRelease => cheat.bad_release().await,
            Plan::TwicePaid => cheat.twice_paid().await,
            Plan::Noise => cheat.noise().await,
            _ => cheat.forgery().await,
        }
    });
    settle(storm, client, &visit.plan.to_string(), ended)
}

fn settle(storm: &Storm, client: usize, what: &str, ended: Result<(), End>) -> Result<(), Failure> {
    let who = format!("client-{client}");
    match ended {
        Ok(()) => {
            storm.tally.log(&who, &format!("{what}: gained nothing"));
            storm.tally.count(format!("cheat {what}"));
            Ok(())
        }
        Err(End::Interrupted(why)) => {
            storm.tally.log(&who, &format!("{what}: interrupted: {why}"));
            storm.tally.count("cheats interrupted");
            Ok(())
        }
        Err(End::Gained(how)) => Err(Failure::new(format!("{who} gained by {what}: {how}"))),
    }
}

struct Cheat<'a> {
    storm: &'a Storm,
    channel: ChannelId,
    record: ChannelRecord,
    payer: Hostile,
}

impl<'a> Cheat<'a> {
    async fn begin(storm: &'a Storm, client: usize, visit: &Visit, channel: ChannelId) -> Result<Self, End> {
        let missing = || End::from(Failure::new("not there"));
        let seat = storm.town.clients.get(client).ok_or_else(missing)?;
        let vendor = storm.town.vendors.get(visit.vendor).ok_or_else(missing)?;
        let record = storm.ledgers.client.channel(channel).await?.ok_or_else(missing)?;
        let payer = Hostile::of_wallet(&seat.home, &record, &vendor.url, &vendor.certificate())?;
        Ok(Self { storm, channel, record, payer })
    }

    /// Makes some good payments and notes them before anybody has them.
    fn good(&mut self, units: &[u32]) -> Result<Vec<PaymentRecord>, End> {
        let mut records = Vec::new();
        for &units in units {
            let payment = self.payer.honest(units, "")?;
            self.payer.advance(&payment);
            records.push(payment.record());
        }
        self.note_signed();
        Ok(records)
    }

    fn note_signed(&self) {
        let units = self.payer.released().as_count();
        self.storm.tally.amend(self.channel, |note| note.signed = note.signed.max(units));
    }

    /// Sends, and expects the acknowledgement of everything.
    async fn pay(&self, first: u32, records: Vec<PaymentRecord>) -> Result<(), End> {
        match self.payer.send(first, records).await? {
            Said::Acknowledged(ack) => {
                let units = ack.released.as_count();
                self.storm.tally.amend(self.channel, |note| note.acknowledged = note.acknowledged.max(units));
                Ok(())
            }
            Said::Refused(refused) => Err(Failure::new(refused.to_string()).into()),
            Said::Settled(_) => Err(Failure::new("the channel is over").into()),
        }
    }

    async fn refused(&self, what: &str, first: u32, record: PaymentRecord) -> Result<(), End> {
        match self.payer.send(first, vec![record]).await? {
            Said::Refused(_) | Said::Settled(_) => Ok(()),
            Said::Acknowledged(_) => Err(gained(what)),
        }
    }

    async fn greet(&self) -> Result<(), End> {
        // Bytes that are no batch: the vendor has heard of the channel, and has nothing.
        match self.payer.send_bytes(Vec::new()).await? {
            Said::Refused(_) | Said::Settled(_) => Ok(()),
            Said::Acknowledged(_) => Err(gained("an empty batch was acknowledged")),
        }
    }

    async fn bad_lock(mut self) -> Result<(), End> {
        let row = self.payer.row(5, &[3])?;
        self.note_signed();
        self.pay(1, row.iter().map(Payment::record).collect()).await?;
        self.storm.tally.amend(self.channel, |note| note.fraud = Fraud::Possible);
        match self.payer.release().await? {
            Said::Refused(refused) if refused.code == u32::from(Refusal::BadRelease.number()) => {
                self.storm.tally.amend(self.channel, |note| note.fraud = Fraud::Proven);
                Ok(())
            }
            Said::Refused(refused) => Err(Failure::new(refused.to_string()).into()),
            Said::Acknowledged(_) => Err(gained("a release was acknowledged as payments are")),
            Said::Settled(_) => {
                self.settled("a channel with a bad lock is settled, and nobody was told").await
            }
        }
    }

    /// A vendor may have closed by token before the release came; one that says so of a close by release has looked at nothing.
    async fn settled(&self, what: &str) -> Result<(), End> {
        // Its own peer has the close of which it tells.
        let record = self.storm.ledgers.vendor.channel(self.channel).await?;
        match record.and_then(|record| record.release().map(|_| gained(what))) {
            Some(gained) => Err(gained),
            None => Err(Failure::new("the vendor has closed by token").into()),
        }
    }

    async fn bad_release(mut self) -> Result<(), End> {
        let records = self.good(&[1, 2, 1])?;
        self.pay(1, records).await?;
        // A signature of the bank's, and not the client's.
        match self.payer.release_with(*self.record.bank_signature()).await? {
            Said::Refused(_) => Ok(()),
            Said::Acknowledged(_) => Err(gained("a bad release was acknowledged as payments are")),
            Said::Settled(_) => self.settled("a bad release was taken").await,
        }
    }

    async fn twice_paid(mut self) -> Result<(), End> {
        let (one, other) = (self.payer.honest(2, "one")?, self.payer.honest(1, "other")?);
        self.payer.advance(&one);
        self.note_signed();
        self.pay(1, vec![one.record()]).await?;
        self.pay(1, vec![one.record()]).await?;
        self.refused("two payments of one number", 1, other.record()).await
    }

    async fn noise(mut self) -> Result<(), End> {
        let first = self.good(&[1])?;
        let good = first.first().cloned().ok_or_else(|| End::from(Failure::new("nothing was made")))?;
        let wrong = PaymentRecord { token: Token::from_bytes([9; 32]), ..good.clone() };
        self.refused("a wrong token", 1, wrong).await?;
        self.refused("a payment ahead of its number", 2, good.clone()).await?;
        if let Said::Acknowledged(_) = self.payer.send_bytes(vec![0; 60_000]).await? {
            return Err(gained("zeros"));
        }
        self.pay(1, first).await?;
        self.refused("a used token", 2, good.clone()).await?;
        self.pay(1, vec![good]).await
    }

    /// Opens again, closes and refunds without a right to.
    async fn forgery(self) -> Result<(), End> {
        let ledgers = &self.storm.ledgers;
        let again = ledgers.vendor.open(&Open::new(self.record.signed_opening().clone())).await?;
        if again.record.channel_id() != self.channel {
            return Err(gained("the same opening opened another channel"));
        }
        let root = self.record.opening().terms().token_root;
        let close = CloseByToken::sign(self.channel, Units::ZERO, root, self.payer.key());
        match ledgers.client.close_by_token(&close, None).await {
            Ok(_) => return Err(gained("a client closed its channel at nothing")),
            Err(LedgerError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
        match ledgers.client.refund(&Refund::new(self.channel)).await {
            Ok(_) => Err(gained("a refund before expiry")),
            Err(LedgerError::Refused(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Has the bank sign an opening with a short time to submit it, and holds it back.
pub(super) fn hold_back(storm: &Storm, client: usize, visit: &Visit) -> Result<Option<HeldBack>, Failure> {
    let mut held = None;
    let ended = block_on(async {
        held = Some(sign(storm, client, visit).await?);
        Ok(())
    });
    settle(storm, client, "an opening that is held back", ended)?;
    Ok(held)
}

async fn sign(storm: &Storm, client: usize, visit: &Visit) -> Result<HeldBack, Failure> {
    let missing = || Failure::new("not there");
    let seat = storm.town.clients.get(client).ok_or_else(missing)?;
    let vendor = storm.town.vendors.get(visit.vendor).ok_or_else(missing)?;
    let account =
        SecretKey::from_pkcs8_der(&keystore::load_pkcs8(&seat.home.join("account-key.pem"), None)?)?;
    let bank =
        BankClient::new(&storm.town.bank.url, &storm.town.bank.certificate(), storm.town.bank.key.parse()?)?;
    let identity = bank.credential(&account, None).await?;
    let mut rng = rand::rng();
    let (seed, nonce, payment) =
        (WalletSeed::random(&mut rng), Nonce::random(&mut rng), SecretKey::random(&mut rng));
    let token_count = Units::from_count(visit.count);
    let open_by = after(now(), OPEN_WITHIN);
    let request = OpeningRequest {
        ledger: storm.ledgers.client.ledger_id(),
        nonce,
        bank_key: *bank.bank_key(),
        account_key: *account.public_key(),
        payment_key: *payment.public_key(),
        vendor_key: vendor.key.parse()?,
        client_identity: *identity.credential.root(),
        unit_price: Amount::from_micros(visit.price),
        token_count,
        token_root: TokenChain::new(nonce, &seed.chain_seed(&nonce), token_count)?.root(),
        open_by,
        expiry: after(open_by, Duration::from_secs(20)),
        memo_hash: Memo::default().hash(),
    };
    let signed = SignedRequest::sign(request, &account, &payment);
    let drift = MaxDrift::from_millis(1_000)?;
    let opening = bank.request_opening(&account, &signed, drift).await?;
    let channel = opening.opening().channel_id();
    storm.tally.channel(channel, Note::new(client, Plan::HoldBack), |_| {});
    // D behind the last moment every honest clock is past it.
    Ok(HeldBack { opening, due: Instant::now() + OPEN_WITHIN + Duration::from_secs(2) })
}

/// Submits it all the same; true if that was refused, false if nobody answered.
pub(super) fn submit_late(storm: &Storm, client: usize, held: &HeldBack) -> Result<bool, Failure> {
    let submitted = block_on(storm.ledgers.client.open(&Open::new(held.opening.clone())));
    let (refused, ended) = match submitted {
        Ok(_) => (false, Err(gained("it opened"))),
        Err(LedgerError::Refused(_)) => (true, Ok(())),
        Err(error) => (false, Err(error.into())),
    };
    settle(storm, client, "an opening that comes late", ended)?;
    Ok(refused)
}
