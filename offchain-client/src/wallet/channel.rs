//! A wallet's channel: taken up from the journal, agreed with the vendor at every new stream.

use std::time::{Duration, Instant};

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState, Open};
use lockstep_protocol::payer::{NotPayable, Resuming};
use lockstep_protocol::payment::{Ack, Head, Payment};
use lockstep_protocol::units::PaymentNumber;

use super::line::{Line, LineError};
use super::machine::{Machine, Stop};
use super::{Facts, Wallet, WalletError, memory};
use crate::ledger::{LedgerError, Submitted};
use crate::party::replay;
use crate::store::{Advance, Change, NewChannel, Phase, StoredChannel};
use crate::stream::{ToVendor, Welcome};

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
            head: replay::encode_head(&Head::start(opening)),
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

    /// Opens a stream on a channel that is open, compares, and sends again what the vendor lacks.
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
        let head = replay::decode_head(&stored.head)?;
        let (given, seed) = (facts.given.clone(), std::sync::Arc::clone(&self.seed));
        // A long token chain is a second of hashing.
        let resuming = tokio::task::spawn_blocking(move || Resuming::new(&record, &given, &seed, head))
            .await
            .map_err(|_| WalletError::SignerDied)??;
        let (line, welcome) = self.connect(&facts, channel).await?;
        let Welcome { last, closing } = welcome;
        let own = self.own_payment(&head, &last).await?;
        let machine = match Machine::reconcile(resuming, &last, own.as_ref()) {
            Ok(machine) => machine,
            Err(stop) => return Err(self.stop(*stop).await),
        };
        let mut session = Session { machine, line, acknowledged: last, closing };
        if !closing {
            self.send_again(&mut session).await?;
        }
        Ok(session)
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
    pub(super) async fn own_payment(
        &self,
        head: &Head,
        vendor: &Ack,
    ) -> Result<Option<Payment>, WalletError> {
        if vendor.number == PaymentNumber::OPENING || vendor.number > head.number() {
            return Ok(None);
        }
        Ok(Some(memory::payment(&*self.journal, head, vendor.number).await?))
    }

    /// Marks the channel before anything else happens: nothing is ever signed on it again [Spec §6].
    pub(super) async fn stop(&self, stop: Stop) -> WalletError {
        if let Some(change) = stop.effects.persist
            && let Err(error) = self.journal.save(change).await
        {
            return error.into();
        }
        stop.poisoned.into()
    }

    /// Sends the stored payments that the vendor lacks, byte for byte, and waits for their acknowledgement.
    async fn send_again(&self, session: &mut Session) -> Result<(), WalletError> {
        let head = *session.machine.paying().head();
        let out = session.line.sender();
        while session.acknowledged.number < head.number() {
            let first = session.acknowledged.number.next().ok_or(replay::DamagedRow)?;
            let Some((batch, last)) = memory::sent_from(&*self.journal, &head, first).await? else { break };
            out.send(ToVendor::Batch(batch.encode())).await.map_err(|_| LineError::Ended)?;
            let acknowledged = session.line.acknowledgement().await?;
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

    /// An acknowledgement of a payment that this wallet did not make.
    pub(super) async fn mismatch(&self, channel: ChannelId, vendor: Ack) -> WalletError {
        let poisoned = lockstep_protocol::payer::Poisoned { channel, vendor };
        self.stop(Stop::of(poisoned)).await
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
