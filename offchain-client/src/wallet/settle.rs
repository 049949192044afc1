//! Settling a channel: the release, and what the vendor makes of it [Spec §7].

use std::time::{Duration, Instant};

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState};
use lockstep_protocol::payer;
use lockstep_protocol::payment::{Ack, Head};
use lockstep_protocol::units::PaymentNumber;

use super::channel::Session;
use super::line::{Line, LineError};
use super::machine::NotReleased;
use super::memory::Own;
use super::{Ending, Facts, Wallet, WalletError};
use crate::party::{Driver, replay};
use crate::store::{Advance, Change, JournalError, Phase, StoredChannel};
use crate::stream::{Settled, ToClient, ToVendor, Unlocked};

/// How long the vendor may take to unlock everything and to have the close committed.
const SETTLEMENT: Duration = Duration::from_secs(600);

/// How often a release begins anew because another process of this wallet pays on the channel.
const ATTEMPTS: u32 = 5;

/// A channel that is settled.
#[derive(Clone, Debug)]
pub struct Released {
    /// The payment that was released.
    pub last: Ack,
    /// From asking for the settlement to the vendor's having all receipts.
    pub release: Duration,
    /// What the vendor says of its walk.
    pub unlocked: Unlocked,
    /// The close, as the vendor submitted it.
    pub settled: Settled,
    /// The record on the ledger as the own peer has it.
    pub record: ChannelRecord,
}

impl Wallet {
    /// Releases the last payment and waits until the vendor's close is on the ledger. Does nothing twice: goes on after a crash, and
    /// tells the ending of a channel that is closed.
    ///
    /// # Errors
    /// [`WalletError`]. Once the release is saved, the vendor can be given it again at any time.
    pub async fn release(&self, channel: ChannelId) -> Result<Released, WalletError> {
        let began = Instant::now();
        let (mut line, released) = self.give_release(channel).await?;
        let (unlocked, release) = match line.settlement(&released).await? {
            ToClient::Unlocked(unlocked) => (unlocked, began.elapsed()),
            ToClient::Settled(settled) => return Err(closed_by_token(channel, &settled)),
            _ => return Err(LineError::Unexpected("a message other than the unlocking").into()),
        };
        let ToClient::Settled(settled) = line.settlement(&released).await? else {
            return Err(LineError::Unexpected("a message other than the settlement").into());
        };
        let record = self.check_close(channel, &released, &settled).await?;
        let ending = Ending {
            released: Some((&released).into()),
            unlocked: Some(unlocked),
            settled: Some(settled.clone()),
            ended: None,
        };
        let (stored, _) = self.stored(channel).await?;
        if stored.phase == Phase::Released {
            let ending = Some(replay::encode_note(&ending));
            let advance = Advance { ending, ..Advance::new(channel, Phase::Released, Phase::Closed) };
            self.journal.save(Change::Advance(advance)).await?;
        }
        Ok(Released { last: *released.last(), release, unlocked, settled, record })
    }

    /// Gives the vendor the release, for the first time or again.
    async fn give_release(&self, channel: ChannelId) -> Result<(Line, payer::Released), WalletError> {
        let mut attempts = ATTEMPTS;
        loop {
            let (stored, facts) = self.stored(channel).await?;
            let given = match stored.phase {
                Phase::Granted | Phase::Open => self.release_now(channel).await,
                Phase::Released | Phase::Closed => self.release_again(&stored, &facts).await,
                phase => Err(WalletError::Phase { channel, phase, verb: "releasing" }),
            };
            attempts -= 1;
            match given {
                // Another process of this wallet paid in between; nothing was released. The journal is read again.
                Err(WalletError::Journal(JournalError::Conflict)) if attempts > 0 => {}
                given => return given,
            }
        }
    }

    /// Releases the vendor's own last payment: saves that the channel is released, sends σ_n. What the vendor has not acknowledged
    /// stays unpaid, so that no payment which it will not take can keep the channel from being settled.
    async fn release_now(&self, channel: ChannelId) -> Result<(Line, payer::Released), WalletError> {
        let Session { machine, mut line, mut acknowledged, closing } =
            self.session(channel, "releasing").await?;
        let state = machine.paying().state();
        if closing && acknowledged.number != PaymentNumber::OPENING {
            acknowledged = line.release_request(channel).await?;
        }
        let own = self.own_payment(&state, &acknowledged).await?;
        let signature = own.as_ref().and_then(Own::signature);
        let (released, effects) =
            match machine.release(&acknowledged, own.as_ref().map(Own::payment), signature) {
                Ok(released) => released,
                Err(NotReleased::NothingPaid) => return Err(WalletError::NothingPaid(channel)),
                Err(NotReleased::Damaged) => return Err(replay::DamagedRow.into()),
                Err(NotReleased::Stop(stop)) => return Err(self.stop(*stop).await),
            };
        let mut driver = Driver::new(std::sync::Arc::clone(&self.journal), line.sender());
        driver.start(effects).await?;
        driver.finish().await?;
        Ok((line, released))
    }

    /// Gives the vendor the same σ_n again, if it still lacks it.
    async fn release_again(
        &self,
        stored: &StoredChannel,
        facts: &Facts,
    ) -> Result<(Line, payer::Released), WalletError> {
        let ending: Ending = replay::decode_note(&stored.ending)?;
        if ending.ended.is_some() {
            let (channel, phase) = (stored.channel, stored.phase);
            return Err(WalletError::Phase { channel, phase, verb: "releasing" });
        }
        let released: payer::Released = ending.released.ok_or(replay::DamagedRow)?.into();
        let (line, welcome) = self.connect(facts, stored.channel).await?;
        let head: Head = replay::decode_head(&stored.head)?;
        if welcome.last != *released.last() {
            // Another of our payments, or none of ours: either way σ of no second payment leaves this wallet.
            tracing::warn!(vendor = ?welcome.last, head = ?head.ack(), "the vendor's last payment is not the released one");
            return Err(WalletError::OtherRelease);
        }
        if !welcome.closing {
            let release = ToVendor::Release(*released.signature());
            line.sender().send(release).await.map_err(|_| LineError::Ended)?;
        }
        Ok((line, released))
    }

    /// The own peer must have the close that the vendor tells of.
    async fn check_close(
        &self,
        channel: ChannelId,
        released: &payer::Released,
        settled: &Settled,
    ) -> Result<ChannelRecord, WalletError> {
        let deadline = Instant::now() + SETTLEMENT;
        let mut pause = Duration::from_millis(50);
        loop {
            let record = self.ledger.channel(channel).await?.ok_or(WalletError::NotOnLedger(channel))?;
            if let Some(release) = record.release()
                && release.fields.tx() == released.last().tx
                && release.fields.released == settled.units
            {
                return Ok(record);
            }
            if record.claim().is_some_and(|claim| claim.units == settled.units) {
                return Err(closed_by_token(record.channel_id(), settled));
            }
            // The vendor's peer may be a block ahead of this one.
            if record.state() != ChannelState::Open || Instant::now() >= deadline {
                return Err(WalletError::OtherClose { channel, said: settled.units.as_count() });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

/// The release came too late, or never.
fn closed_by_token(channel: ChannelId, settled: &Settled) -> WalletError {
    WalletError::ClosedByToken { channel, said: settled.units.as_count() }
}

impl Line {
    /// The payment whose release the vendor asks for. One that waited in vain, or had no time left, has closed by token instead.
    async fn release_request(&mut self, channel: ChannelId) -> Result<Ack, WalletError> {
        match self.answer().await? {
            ToClient::ReleaseWanted(ack) => Ok(ack),
            ToClient::Settled(settled) => Err(closed_by_token(channel, &settled)),
            _ => Err(LineError::Unexpected("another message than a release request").into()),
        }
    }

    /// The next step of the settlement. A vendor that was asked for nothing may ask for the release that it is about to get, or
    /// that was lost: it is given again, and only that one.
    async fn settlement(&mut self, released: &payer::Released) -> Result<ToClient, WalletError> {
        loop {
            let next =
                tokio::time::timeout(SETTLEMENT, self.next()).await.map_err(|_| LineError::Silent)??;
            match next {
                ToClient::ReleaseWanted(asked) if asked == *released.last() => {
                    let release = ToVendor::Release(*released.signature());
                    self.sender().send(release).await.map_err(|_| LineError::Ended)?;
                }
                ToClient::ReleaseWanted(_) => return Err(WalletError::OtherRelease),
                // On its way when the release was sent.
                ToClient::Acknowledged(_) => {}
                step => return Ok(step),
            }
        }
    }
}
