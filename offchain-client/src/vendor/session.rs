//! One channel's payment stream on the vendor's side.

use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::payee::{Closing, NotReleased, Receiving};
use lockstep_protocol::payment::{Ack, Batch, Head};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::release::NoRelease;
use lockstep_protocol::signature::Signature;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tonic::Streaming;

use super::end::End;
use super::machine::Machine;
use super::seats::Visit;
use super::settlements::Step;
use super::shared::Shared;
use super::view::View;
use super::{Ending, Facts, repeats, take};
use crate::party::replay::{self, DamagedRow};
use crate::party::{DriveError, Driver, Effects};
use crate::store::{Advance, Change, JournalError, Phase, StoredChannel};
use crate::stream::{Refused, ToClient, ToVendor, Welcome, wire};

/// How long a client may be silent between two messages.
const IDLE: Duration = Duration::from_secs(3600);
/// Time for a stream's first message.
const HELLO: Duration = Duration::from_secs(10);
/// How often a stream that waits for a release looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(500);
/// Batches on their way to the disk; a client that is faster waits in its own window.
const IN_FLIGHT: usize = 16;

/// Serves one stream to its end.
pub(super) async fn serve(
    shared: Arc<Shared>,
    mut incoming: Streaming<wire::ToVendor>,
    out: mpsc::Sender<ToClient>,
    permit: OwnedSemaphorePermit,
) {
    let stop = shared.stop.clone();
    let last_word = out.clone();
    let served = async {
        let channel = hello(&mut incoming).await?;
        let visit = shared.seats.visit(channel);
        let idle_at = Instant::now() + shared.proof_wait;
        let shared = Arc::clone(&shared);
        let (welcomed, proof, proven) = (None, None, false);
        Session { shared, channel, visit, incoming, out, permit, welcomed, proof, proven, idle_at }
            .run()
            .await
    };
    let end = tokio::select! {
        end = served => end.err().unwrap_or(End::Quiet),
        () = stop.cancelled() => End::Refuse(Refusal::VendorUnavailable),
    };
    let refusal = match end {
        End::Quiet => return,
        End::Refuse(refusal) => refusal,
        End::Journal(error) => {
            if error.is_fatal() {
                shared.fail(error);
            } else {
                tracing::warn!(%error, "a stream ends");
            }
            Refusal::VendorUnavailable
        }
    };
    tracing::info!(%refusal, "a stream is refused");
    // The client may have gone; then nobody is refused.
    let _ = tokio::time::timeout(HELLO, last_word.send(ToClient::Refused(Refused::from(refusal)))).await;
}

async fn hello(incoming: &mut Streaming<wire::ToVendor>) -> Result<ChannelId, End> {
    match tokio::time::timeout(HELLO, next(incoming)).await {
        Ok(Ok(ToVendor::Hello(channel))) => Ok(channel),
        Ok(Ok(_)) => Err(Refusal::MalformedMessage.into()),
        Ok(Err(end)) => Err(end),
        Err(_) => Err(End::Quiet),
    }
}

/// The next message; may be cancelled.
async fn next(incoming: &mut Streaming<wire::ToVendor>) -> Result<ToVendor, End> {
    match incoming.message().await {
        Ok(Some(message)) => ToVendor::try_from(message).map_err(|_| Refusal::MalformedMessage.into()),
        Ok(None) => Err(End::Quiet),
        Err(status) => {
            tracing::debug!(%status, "a stream broke");
            Err(End::Quiet)
        }
    }
}

/// Ends a stream that has been silent for too long.
async fn idle(at: Instant) -> End {
    tokio::time::sleep_until(at).await;
    Refusal::VendorUnavailable.into()
}

#[derive(Debug)]
struct Session {
    shared: Arc<Shared>,
    channel: ChannelId,
    visit: Visit,
    incoming: Streaming<wire::ToVendor>,
    out: mpsc::Sender<ToClient>,
    permit: OwnedSemaphorePermit,
    /// Whether its first message said that the channel is closing; `None` before that message.
    welcomed: Option<bool>,
    /// The batch by which this stream showed whose it is, until it is judged.
    proof: Option<Vec<u8>>,
    /// This stream has shown that it is the client's.
    proven: bool,
    /// When it has been silent for too long.
    idle_at: Instant,
}

impl Session {
    /// Goes on from whatever the journal says, until there is nothing more to do.
    async fn run(&mut self) -> Result<(), End> {
        loop {
            let stored = match self.shared.journal.channel(self.channel).await? {
                Some(stored) => stored,
                None => take::take(&self.shared, self.channel).await?,
            };
            let head = replay::decode_head(&stored.head)?;
            self.welcome(head.ack(), stored.phase != Phase::Open).await?;
            match stored.phase {
                Phase::Open => self.take_payments(&stored, head).await?,
                Phase::Closing => self.wait_for_release(&stored, head).await?,
                Phase::Released | Phase::Unlocked | Phase::Claiming => return self.follow_settlement().await,
                Phase::Closed => {
                    let ending: Ending = replay::decode_note(&stored.ending)?;
                    // Receipts come before the close, for the client as well.
                    if ending.walk_due {
                        return self.follow_settlement().await;
                    }
                    return self.tell_ending(ending).await;
                }
                // These two are the wallet's; a vendor never writes them.
                Phase::Granted | Phase::Stopped => return Err(DamagedRow.into()),
                Phase::Disputed => return Err(Refusal::BadRelease.into()),
            }
        }
    }

    /// This stream is the client's: it leaves the strangers' pool.
    async fn trust(&mut self) -> Result<(), End> {
        if !self.proven {
            let room = Arc::clone(&self.shared.streams).acquire_owned();
            // A connection that this one replaces may be about to leave.
            let room = tokio::time::timeout(HELLO, room).await.ok().and_then(Result::ok);
            self.permit = room.ok_or(Refusal::VendorUnavailable)?;
            self.proven = true;
        }
        self.idle_at = Instant::now() + IDLE;
        Ok(())
    }

    async fn say(&self, message: ToClient) -> Result<(), End> {
        self.out.send(message).await.map_err(|_| End::Quiet)
    }

    async fn welcome(&mut self, last: Ack, closing: bool) -> Result<(), End> {
        if self.welcomed.is_none() {
            self.say(ToClient::Welcome(Welcome { last, closing })).await?;
            self.welcomed = Some(closing);
        }
        Ok(())
    }

    /// Takes payments until the channel is in another phase.
    async fn take_payments(&mut self, stored: &StoredChannel, head: Head) -> Result<(), End> {
        let Facts { record } = replay::decode_note(&stored.facts)?;
        let mut machine = Machine::new(Receiving::resume(&record, self.shared.rules.clone(), head)?);
        let oldest = self.shared.rules.oldest_view(record.max_drift());
        let names = (self.channel, record.opening().terms().bank_key);
        let (ledger, clock) = (Arc::clone(&self.shared.ledger), self.shared.clock.clone());
        let mut view = View::new(ledger, clock, names, oldest);
        let mut driver = Driver::new(Arc::clone(&self.shared.journal), self.out.clone());
        loop {
            let proof = self.proof.take().map(ToVendor::Batch);
            let message = tokio::select! {
                biased;
                proof = std::future::ready(proof), if proof.is_some() => proof.ok_or(End::Quiet),
                done = driver.step() => match done {
                    // Somebody marked the channel closing, or another process took payments: look again.
                    Err(DriveError::Journal(JournalError::Conflict)) => return Ok(()),
                    done => { done?; continue }
                },
                () = self.visit.wanted() => {
                    // What was accepted must be durable before the next stream reads the journal.
                    driver.finish().await?;
                    return Err(End::Quiet);
                }
                () = self.visit.close_asked() => {
                    driver.finish().await?;
                    return Ok(());
                }
                end = idle(self.idle_at) => {
                    driver.finish().await?;
                    return Err(end);
                }
                message = next(&mut self.incoming), if driver.pending() < IN_FLIGHT => message,
                _ = view.keep_fresh() => continue,
            };
            match message {
                Ok(ToVendor::Batch(bytes)) if !self.visit.sits() => {
                    return match self.prove(machine, &mut view, &bytes).await {
                        // Judged with what the stream that sat here before has saved.
                        Ok(()) => {
                            self.proof = Some(bytes);
                            Ok(())
                        }
                        Err(end) => self.close_if_over(end).await,
                    };
                }
                Ok(ToVendor::Batch(bytes)) => {
                    self.trust().await?;
                    let judged = self.judge((&mut machine, &record), &mut view, &mut driver, &bytes).await;
                    if let Err(end) = judged {
                        // What was accepted before is saved and acknowledged all the same.
                        driver.finish().await?;
                        return self.close_if_over(end).await;
                    }
                }
                Ok(ToVendor::Release(signature)) => {
                    driver.finish().await?;
                    return self.take_release(machine.into_receiving().close(), signature, Phase::Open).await;
                }
                Ok(ToVendor::Hello(_)) => return Err(Refusal::MalformedMessage.into()),
                Err(end) => {
                    driver.finish().await?;
                    return Err(end);
                }
            }
        }
    }

    /// A channel that runs out is closed without being told to: the release is asked for while there is time. So is one that is
    /// no longer open, or whose ledger refuses this vendor's clock.
    async fn close_if_over(&self, end: End) -> Result<(), End> {
        match end {
            End::Refuse(Refusal::ExpiryNear) => {
                self.shared.mark_closing(self.channel).await?;
                Ok(())
            }
            End::Refuse(Refusal::NotOpenOnLedger | Refusal::VendorClockOff) => {
                self.shared.mark_closing(self.channel).await?;
                Err(end)
            }
            end => Err(end),
        }
    }

    /// Takes the seat if a batch begins with an exact repeat or with a valid next payment: only the client can make either.
    async fn prove(&mut self, mut machine: Machine, view: &mut View, bytes: &[u8]) -> Result<(), End> {
        let batch = self.decode(bytes)?;
        if machine.repeated(&batch) > 0 {
            repeats::compare(&*self.shared.journal, &machine, &batch, 1).await?;
        } else {
            let (first, records) = repeats::fresh(&batch, 0).ok_or(Refusal::MalformedMessage)?;
            let view = view.current().await?;
            let record = records.get(..1).unwrap_or_default();
            if let Some(refusal) = machine.accept(first, record, self.shared.clock.now(), view).refused {
                return Err(refusal.into());
            }
        }
        self.visit.sit().await;
        self.trust().await
    }

    fn decode(&self, bytes: &[u8]) -> Result<Batch, Refusal> {
        let bounds = self.shared.terms.batch;
        let bound = usize::try_from(bounds.payments).unwrap_or(usize::MAX);
        if u32::try_from(bytes.len()).is_ok_and(|length| length > bounds.bytes) {
            return Err(Refusal::MalformedMessage);
        }
        Batch::decode(bytes, bound).map_err(|_| Refusal::MalformedMessage)
    }

    async fn judge(
        &self,
        (machine, record): (&mut Machine, &ChannelRecord),
        view: &mut View,
        driver: &mut Driver<ToClient>,
        bytes: &[u8],
    ) -> Result<(), End> {
        let batch = self.decode(bytes)?;
        let repeated = machine.repeated(&batch);
        if repeated > 0 {
            // The journal must have them all before it is compared.
            driver.finish().await?;
            let known = repeats::compare(&*self.shared.journal, machine, &batch, repeated).await?;
            if repeated == batch.records.len() {
                return Ok(driver.start(Effects::send(ToClient::Acknowledged(known))).await?);
            }
        }
        let view = tokio::select! {
            view = view.current() => view?,
            // A look at the ledger may take long; the client need not wait for it on a stream that it has left.
            () = self.visit.wanted() => return Err(End::Quiet),
        };
        // One of many that expire around one time ends earlier than its own expiry says.
        if self.shared.times(record).has_run_out() {
            return Err(Refusal::ExpiryNear.into());
        }
        let (first, records) = repeats::fresh(&batch, repeated).ok_or(Refusal::MalformedMessage)?;
        let judged = machine.accept(first, records, self.shared.clock.now(), view);
        if let Some(effects) = judged.effects {
            driver.start(effects).await?;
        }
        judged.refused.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    /// The channel is marked closing: asks for the release, as long as the client is there [Spec §7].
    async fn wait_for_release(&mut self, stored: &StoredChannel, head: Head) -> Result<(), End> {
        let Facts { record } = replay::decode_note(&stored.facts)?;
        let asked = Closing::resume(&record, head)?.asks_for()?;
        self.say(ToClient::ReleaseWanted(asked)).await?;
        let mut looks = tokio::time::interval(LOOK);
        loop {
            let message = tokio::select! {
                // The release is given up when it does not come in time.
                _ = looks.tick() => match self.shared.journal.channel(self.channel).await? {
                    Some(stored) if stored.phase == Phase::Closing => continue,
                    _ => return Ok(()),
                },
                () = self.visit.wanted() => return Err(End::Quiet),
                end = idle(self.idle_at) => return Err(end),
                message = next(&mut self.incoming) => message?,
            };
            match message {
                // This client was told at once that nothing more is accepted.
                ToVendor::Batch(_) if self.welcomed == Some(true) => {
                    return Err(Refusal::ChannelClosing.into());
                }
                // Sent before the request reached the client.
                ToVendor::Batch(_) => {}
                ToVendor::Release(signature) => {
                    let closing = Closing::resume(&record, head)?;
                    return self.take_release(closing, signature, Phase::Closing).await;
                }
                ToVendor::Hello(_) => return Err(Refusal::MalformedMessage.into()),
            }
        }
    }

    /// Takes σ_n if it is good: the channel is released, and closing, from then on. A bad one changes nothing: anybody can send it.
    async fn take_release(&mut self, closing: Closing, signature: Signature, from: Phase) -> Result<(), End> {
        let head = *closing.head();
        closing.asks_for()?;
        let last = repeats::payment(&*self.shared.journal, self.channel, head.number()).await?;
        if let Err(not) = closing.released(&last, signature) {
            return self.no_release(*not, from, &head).await;
        }
        let ending = Ending { release: Some(signature), ..Ending::default() };
        let advance = Advance {
            at: Some(head.number()),
            ending: Some(replay::encode_note(&ending)),
            ..Advance::new(self.channel, from, Phase::Released)
        };
        match self.shared.journal.save(Change::Advance(advance)).await {
            // Only the client can release; another process may have moved the channel: look again.
            Ok(()) => self.trust().await,
            Err(JournalError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A signature that does not verify may be anybody's, and changes nothing. A good one above a bad lock is the client's: there is
    /// no release, and the channel is closed by token [Spec §7].
    async fn no_release(&self, not: NotReleased, from: Phase, head: &Head) -> Result<(), End> {
        let reason = match not {
            NotReleased::Bad { reason, .. } => reason,
            // Our own journal contradicts itself: that is not the client's doing.
            NotReleased::Journal(_) => return Err(DamagedRow.into()),
        };
        tracing::warn!(channel = %self.channel, %reason, "no release");
        if reason == NoRelease::LastLock {
            let ending = Ending { refused: Some(Refusal::BadRelease), ..Ending::default() };
            let claim = Advance {
                at: Some(head.number()),
                ending: Some(replay::encode_note(&ending)),
                ..Advance::new(self.channel, from, Phase::Claiming)
            };
            match self.shared.journal.save(Change::Advance(claim)).await {
                Ok(()) => {}
                Err(JournalError::Conflict) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::BadRelease.into())
    }

    async fn follow_settlement(&mut self) -> Result<(), End> {
        let mut steps = self.shared.settlements.follow(&self.shared, self.channel);
        let mut told = 0;
        loop {
            let news: Vec<Step> = steps.borrow_and_update().iter().skip(told).cloned().collect();
            told += news.len();
            for step in news {
                match step {
                    Step::Unlocked(unlocked) => self.say(ToClient::Unlocked(unlocked)).await?,
                    Step::Settled(settled) => return self.say(ToClient::Settled(settled)).await,
                    Step::Failed(refusal) => return Err(refusal.into()),
                }
            }
            tokio::select! {
                () = self.visit.wanted() => return Err(End::Quiet),
                () = self.out.closed() => return Err(End::Quiet),
                end = idle(self.idle_at) => return Err(end),
                changed = steps.changed() => if changed.is_err() {
                    return Err(Refusal::VendorUnavailable.into());
                },
            }
        }
    }

    async fn tell_ending(&self, ending: Ending) -> Result<(), End> {
        if let Some(unlocked) = ending.unlocked {
            self.say(ToClient::Unlocked(unlocked)).await?;
        }
        match ending.settled {
            Some(settled) => self.say(ToClient::Settled(settled)).await,
            None => Err(Refusal::ChannelClosing.into()),
        }
    }
}
