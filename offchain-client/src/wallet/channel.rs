//! A wallet's channel: taken up from the journal, agreed with the vendor at every new stream.

use std::time::{Duration, Instant};

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState, Open};
use lockstep_protocol::payer::{NotPayable, Poisoned, Resuming, State};
use lockstep_protocol::payment::{Ack, Head};
use lockstep_protocol::units::PaymentNumber;

use super::line::{Line, LineError};
use super::machine::{Machine, Stop};
use super::memory::Own;
use super::{Facts, Wallet, WalletError, memory};
use crate::ledger::{LedgerError, Submitted};
use crate::party::replay;
use crate::store::{Advance, Change, JournalError, NewChannel, Phase, StoredChannel};
use crate::stream::{ToClient, ToVendor, Welcome};

/// How long a vendor may say *retry later* at the beginning of a stream.
const PEER_BEHIND: Duration = Duration::from_secs(15);
/// First pause before it is asked again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A channel with a stream to its vendor, both sides of one mind about what was paid.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) machine: Machine,
    pub(super) line: Line,
    /// What the vendor has acknowledged.
    pub(super) acknowledged: Ack,
    /// The vendor accepts nothing more.
    pub(super) closing: bool,
}

impl Wallet {
    /// Takes a channel into the journal: what the bank gave, before the ledger is told.
    ///
    /// # Errors
    /// [`WalletError::Journal`].
    pub async fn remember(&self, facts: &Facts) -> Result<ChannelId, WalletError> {
        let opening = facts.given.opening();
        let channel = opening.channel_id();
        let new = NewChannel {
            channel,
            phase: Phase::Granted,
            head: replay::encode_state(Head::start(opening)),
            facts: replay::encode_note(facts),
        };
        self.journal.save(Change::Create(new)).await?;
        Ok(channel)
    }

    /// Puts a channel before the ledger and checks that the ledger has it as the bank gave it, Open. The same again is success.
    ///
    /// # Errors
    /// [`WalletError`].
    pub async fn submit_open(&self, channel: ChannelId) -> Result<Submitted<ChannelRecord>, WalletError> {
        let (stored, facts) = self.stored(channel).await?;
        let submitted = self.ledger.open(&Open::new(facts.given.clone())).await?;
        // Read from the own peer, and not taken from the answer: this is what payments are made on [Spec §4].
        let record = self.ledger.channel(channel).await?.ok_or(WalletError::NotOnLedger(channel))?;
        check_record(&record, &facts)?;
        if stored.phase == Phase::Granted {
            self.journal.save(Change::Advance(Advance::new(channel, Phase::Granted, Phase::Open))).await?;
        }
        Ok(Submitted { record, ..submitted })
    }

    /// A channel of the journal.
    ///
    /// # Errors
    /// [`WalletError::UnknownChannel`], [`WalletError::Journal`].
    pub async fn stored(&self, channel: ChannelId) -> Result<(StoredChannel, Facts), WalletError> {
        let stored = self.journal.channel(channel).await?.ok_or(WalletError::UnknownChannel(channel))?;
        let facts = replay::decode_note(&stored.facts)?;
        Ok((stored, facts))
    }

    /// Opens a stream on a channel that is open, and compares.
    pub(super) async fn session(
        &self,
        channel: ChannelId,
        verb: &'static str,
    ) -> Result<Session, WalletError> {
        let (mut stored, facts) = self.stored(channel).await?;
        if stored.phase == Phase::Granted {
            self.submit_open(channel).await?;
            (stored, _) = self.stored(channel).await?;
        }
        if stored.phase != Phase::Open {
            return Err(WalletError::Phase { channel, phase: stored.phase, verb });
        }
        let record = self.ledger.channel(channel).await?.ok_or(WalletError::NotOnLedger(channel))?;
        let mut state = replay::decode_state(&stored.head)?;
        let mut resuming = self.resume(&record, &facts, state).await?;
        let (line, welcome) = self.connect(&facts, channel).await?;
        let Welcome { last, closing } = welcome;
        // A payment is in the journal before the vendor can have it: a journal that is read after the welcome has everything that
        // the vendor can know; one that was read before it may lack what another process of this wallet has paid since.
        (stored, _) = self.stored(channel).await?;
        if stored.phase != Phase::Open {
            return Err(WalletError::Phase { channel, phase: stored.phase, verb });
        }
        let now = replay::decode_state(&stored.head)?;
        if now != state {
            state = now;
            resuming = self.resume(&record, &facts, state).await?;
        }
        let own = self.own_payment(&state, &last).await?;
        let machine = match Machine::reconcile(resuming, &last, own.as_ref().map(Own::payment)) {
            Ok(machine) => machine,
            Err(stop) => return Err(self.stop(*stop).await),
        };
        Ok(Session { machine, line, acknowledged: last, closing })
    }

    /// A channel as the journal has it. A long token chain is a second of hashing.
    async fn resume(
        &self,
        record: &ChannelRecord,
        facts: &Facts,
        state: State,
    ) -> Result<Resuming, WalletError> {
        let (record, given) = (record.clone(), facts.given.clone());
        let seed = std::sync::Arc::clone(&self.seed);
        let resumed = tokio::task::spawn_blocking(move || Resuming::new(&record, &given, &seed, state)).await;
        Ok(resumed.map_err(|_| WalletError::SignerDied)??)
    }

    /// Connects, and waits a little for a vendor that does not see the channel yet: its peer may be some blocks behind.
    pub(super) async fn connect(
        &self,
        facts: &Facts,
        channel: ChannelId,
    ) -> Result<(Line, Welcome), WalletError> {
        let certificate = self.folder.join(&facts.vendor.certificate);
        let url = self.moved_to.as_ref().unwrap_or(&facts.vendor.url);
        let give_up = Instant::now() + PEER_BEHIND;
        let mut pause = FIRST_PAUSE;
        loop {
            match Line::connect(url, &certificate, channel).await {
                Err(LineError::Refused(refused)) if !refused.over && Instant::now() < give_up => {
                    tracing::debug!(%refused, "the vendor is asked again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                connected => return Ok(connected?),
            }
        }
    }

    /// The journal's payment with the vendor's number, if there is one.
    pub(super) async fn own_payment(&self, state: &State, vendor: &Ack) -> Result<Option<Own>, WalletError> {
        if vendor.number == PaymentNumber::OPENING || vendor.number > state.head.number() {
            return Ok(None);
        }
        Ok(Some(memory::own(&*self.journal, state, vendor.number).await?))
    }

    /// Marks the channel before anything else happens: nothing is ever signed on it again [Spec §6]. If the journal has moved on
    /// since it was compared, it is compared again.
    pub(super) async fn stop(&self, stop: Stop) -> WalletError {
        let Poisoned { channel, vendor } = stop.poisoned;
        let Some(change) = stop.effects.persist else { return stop.poisoned.into() };
        match self.journal.save(change).await {
            Ok(()) => stop.poisoned.into(),
            Err(JournalError::Conflict) => self.mismatch(channel, vendor).await,
            Err(error) => error.into(),
        }
    }

    /// Sends the stored payments that the vendor lacks, byte for byte, and waits for their acknowledgement. A vendor that asks for
    /// the release meanwhile is closing: it accepts nothing more, and what it lacks is not paid.
    pub(super) async fn send_again(&self, session: &mut Session) -> Result<(), WalletError> {
        let head = *session.machine.paying().head();
        let out = session.line.sender();
        while session.acknowledged.number < head.number() {
            let first = session.acknowledged.number.next().ok_or(replay::DamagedRow)?;
            let Some((batch, last)) = memory::sent_from(&*self.journal, &head, first).await? else { break };
            out.send(ToVendor::Batch(batch.encode())).await.map_err(|_| LineError::Ended)?;
            let acknowledged = match session.line.answer().await? {
                ToClient::Acknowledged(ack) => ack,
                ToClient::ReleaseWanted(_) => {
                    session.closing = true;
                    return Ok(());
                }
                _ => return Err(LineError::Unexpected("a message other than an acknowledgement").into()),
            };
            if acknowledged != last && !memory::agrees(&*self.journal, &head, &acknowledged).await? {
                return Err(self.mismatch(session.machine.paying().head().channel(), acknowledged).await);
            }
            if acknowledged.number < first {
                return Err(LineError::Unexpected("an old acknowledgement").into());
            }
            session.acknowledged = acknowledged;
        }
        Ok(())
    }

    /// The vendor seems to have a payment that this wallet did not make. To stop cannot be taken back, so the journal is asked as it
    /// is now, and the channel marked only if it still is so.
    pub(super) async fn mismatch(&self, channel: ChannelId, vendor: Ack) -> WalletError {
        loop {
            match self.mark_mismatch(channel, vendor).await {
                Ok(None) => {}
                Ok(Some(error)) | Err(error) => return error,
            }
        }
    }

    /// One look at the journal; `None` if another process of this wallet wrote between the look and the mark.
    async fn mark_mismatch(
        &self,
        channel: ChannelId,
        vendor: Ack,
    ) -> Result<Option<WalletError>, WalletError> {
        let (stored, _) = self.stored(channel).await?;
        if stored.phase != Phase::Open {
            return Err(WalletError::Phase { channel, phase: stored.phase, verb: "going on" });
        }
        let head = replay::decode_head(&stored.head)?;
        if memory::agrees(&*self.journal, &head, &vendor).await? {
            return Ok(Some(JournalError::Conflict.into()));
        }
        let stop = Stop::of(Poisoned { channel, vendor }, stored.n);
        let Some(change) = stop.effects.persist else { return Ok(Some(stop.poisoned.into())) };
        match self.journal.save(change).await {
            Ok(()) => Ok(Some(stop.poisoned.into())),
            Err(JournalError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The ledger's record is the opening that the bank gave, and Open [Spec §4].
fn check_record(record: &ChannelRecord, facts: &Facts) -> Result<(), WalletError> {
    if record.opening() != facts.given.opening() {
        return Err(NotPayable::OtherOpening.into());
    }
    match record.state() {
        ChannelState::Open => Ok(()),
        found => Err(NotPayable::State { found }.into()),
    }
}

impl WalletError {
    /// Whether asking again later may help without anybody changing anything.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Ledger(error) => LedgerError::is_temporary(error),
            Self::NotOnLedger(_) => true,
            Self::Line(LineError::Refused(refused)) => !refused.over,
            Self::Line(_) => true,
            _ => false,
        }
    }
}
