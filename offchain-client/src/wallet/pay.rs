//! A run of payments: signing, saving, sending and acknowledging beside each other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockstep_protocol::amount::{Amount, PAYMENT_LIMIT};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::payer::Paying;
use lockstep_protocol::payment::Ack;
use lockstep_protocol::units::Units;

use super::channel::Session;
use super::line::{Line, LineError};
use super::machine::{PaidBatch, PayError};
use super::signer::{Order, Signing};
use super::{Wallet, WalletError, memory};
use crate::party::{Driver, replay};
use crate::stream::{BatchBounds, ToClient, ToVendor};

/// Batches on their way to the disk and then to the wire.
const IN_FLIGHT: usize = 16;

/// What a run of payments came to.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
    /// Payments that the vendor acknowledged in this run.
    pub payments: u32,
    /// From the first signature to the last acknowledgement.
    pub elapsed: Duration,
    /// Bytes sent for them, TLS and framing included.
    pub bytes_sent: u64,
    /// Bytes received for them.
    pub bytes_received: u64,
    /// The last payment of the channel that the vendor acknowledged.
    pub last: Ack,
    /// What the channel has paid in all.
    pub total: Amount,
    /// Units that are not paid yet.
    pub left: Units,
}

/// How a run of payments ended.
#[derive(Clone, Copy, Debug)]
pub enum PayOutcome {
    /// Everything was paid and acknowledged.
    All(Paid),
    /// The vendor wants to settle and accepts nothing more; release the channel.
    VendorCloses(Paid),
}

impl Wallet {
    /// Pays, and tells after every acknowledgement how many payments of this run are through.
    ///
    /// # Errors
    /// [`WalletError`]. Payments that were signed and not acknowledged are in the journal, and are sent again, as they are, when the
    /// channel is used next.
    pub async fn pay(
        &self,
        channel: ChannelId,
        order: Order,
        progress: impl Fn(u32) + Send,
    ) -> Result<PayOutcome, WalletError> {
        let mut session = self.session(channel, "paying").await?;
        if !session.closing {
            self.send_again(&mut session).await?;
        }
        let Session { machine, mut line, acknowledged, closing } = session;
        let mut run = Run { channel, payments: 0, last: acknowledged };
        let opening = machine.paying().opening().clone();
        let began = Instant::now();
        let (sent, received) = (line.wire().sent(), line.wire().received());
        let (machine, asked) = if closing {
            (machine, true)
        } else {
            check_order(machine.paying(), &order, line.terms().largest_k)?;
            let bounds = self.bounds(line.terms().batch);
            let mut driver = Driver::new(Arc::clone(&self.journal), line.sender());
            let mut signing = Signing::start(machine, order, bounds, self.payments, self.clock.clone());
            let pumped = self.pump(&mut line, &mut driver, &mut signing, &mut run, &progress).await;
            // Whatever happened: what was signed is saved, or it was never sent.
            let (machine, signed) = signing.end().await?;
            let asked = pumped?;
            signed?;
            (machine, asked)
        };
        let paid = Paid {
            payments: run.payments,
            elapsed: began.elapsed(),
            bytes_sent: line.wire().sent().saturating_sub(sent),
            bytes_received: line.wire().received().saturating_sub(received),
            last: run.last,
            total: opening.worth(run.last.released).unwrap_or_default(),
            left: machine.paying().left(),
        };
        Ok(if asked { PayOutcome::VendorCloses(paid) } else { PayOutcome::All(paid) })
    }

    /// The bounds of a batch: the vendor's, the wallet's, and the window, for which a larger batch would wait for ever.
    fn bounds(&self, vendor: BatchBounds) -> BatchBounds {
        let own = self.payments.batch.min(self.payments.window);
        vendor.min(BatchBounds { payments: own, ..BatchBounds::DEFAULT })
    }

    /// Moves batches from the signer to the journal to the wire, and takes acknowledgements; true when the vendor asks for the release.
    async fn pump(
        &self,
        line: &mut Line,
        driver: &mut Driver<ToVendor>,
        signing: &mut Signing,
        run: &mut Run,
        progress: &(impl Fn(u32) + Send),
    ) -> Result<bool, WalletError> {
        let mut sent: VecDeque<Ack> = VecDeque::new();
        let mut signed_all = false;
        while !(signed_all && sent.is_empty() && driver.pending() == 0) {
            tokio::select! {
                biased;
                done = driver.step() => done?,
                message = answer(line, !sent.is_empty()) => match message? {
                    ToClient::Acknowledged(ack) => if run.is_news(&ack)? {
                        self.check_ack(run.channel, &mut sent, &ack).await?;
                        signing.make_room(run.acknowledge(ack));
                        progress(run.payments);
                    }
                    ToClient::ReleaseWanted(_) => return Ok(true),
                    _ => return Err(LineError::Unexpected("a message other than an acknowledgement").into()),
                },
                batch = signing.next(), if !signed_all && driver.pending() < IN_FLIGHT => match batch {
                    Some(PaidBatch { effects, last }) => {
                        sent.push_back(last);
                        driver.start(effects).await?;
                    }
                    None => signed_all = true,
                },
            }
        }
        Ok(false)
    }

    /// An acknowledgement must name a payment that this wallet made and sent [Spec §6].
    async fn check_ack(
        &self,
        channel: ChannelId,
        sent: &mut VecDeque<Ack>,
        ack: &Ack,
    ) -> Result<(), WalletError> {
        while sent.front().is_some_and(|front| front.number < ack.number) {
            sent.pop_front();
        }
        let Some(front) = sent.front() else {
            return Err(LineError::Unexpected("an acknowledgement of a payment that was not sent").into());
        };
        if front == ack {
            sent.pop_front();
            return Ok(());
        }
        // Part of a batch: the rest will be refused. The journal has it, since only what is saved is sent.
        let (stored, _) = self.stored(channel).await?;
        let head = replay::decode_head(&stored.head)?;
        if memory::agrees(&*self.journal, &head, ack).await? {
            return Ok(());
        }
        Err(self.mismatch(channel, *ack).await)
    }
}

/// Where a run of payments stands.
#[derive(Debug)]
struct Run {
    channel: ChannelId,
    payments: u32,
    last: Ack,
}

impl Run {
    /// Whether an acknowledgement goes beyond the last one. An older one would make what it takes back count twice when it comes
    /// again, and so widen the window, which is what the client can lose [Spec §6].
    fn is_news(&self, ack: &Ack) -> Result<bool, LineError> {
        if *ack != self.last && ack.number <= self.last.number {
            return Err(LineError::Unexpected("an acknowledgement of what was acknowledged before"));
        }
        Ok(*ack != self.last)
    }

    /// Takes a checked acknowledgement; how many payments it is news of.
    fn acknowledge(&mut self, ack: Ack) -> u32 {
        let fresh = ack.number.as_index().saturating_sub(self.last.number.as_index());
        self.payments = self.payments.saturating_add(fresh);
        self.last = ack;
        fresh
    }
}

/// The next message. The vendor may be silent as long as it owes nothing.
async fn answer(line: &mut Line, owed: bool) -> Result<ToClient, LineError> {
    if owed { line.answer().await } else { line.next().await }
}

/// Refuses an order that cannot be paid to its end before anything of it is signed.
fn check_order(paying: &Paying, order: &Order, largest: Units) -> Result<(), WalletError> {
    if order.units == Units::ZERO {
        return Err(PayError::NoUnits.into());
    }
    if order.units > largest {
        return Err(WalletError::UnitsAboveTerms { largest });
    }
    let wanted = order.units.as_count().checked_mul(order.count);
    if wanted.is_none_or(|wanted| wanted > paying.left().as_count()) {
        return Err(PayError::Exhausted { left: paying.left() }.into());
    }
    match paying.opening().worth(order.units) {
        Ok(amount) if amount <= PAYMENT_LIMIT => Ok(()),
        _ => Err(PayError::AboveLimit.into()),
    }
}

#[cfg(test)]
mod tests {
    use lockstep_protocol::hash::TxHash;
    use lockstep_protocol::units::PaymentNumber;

    use super::*;

    fn ack(number: u8) -> Ack {
        Ack {
            number: PaymentNumber::from_index(number.into()),
            released: Units::from_count(number.into()),
            tx: TxHash::from_bytes([number; 32]),
        }
    }

    #[test]
    fn no_payment_gives_room_in_the_window_twice() {
        let channel = ChannelId::from_bytes([1; 32]);
        let mut run = Run { channel, payments: 0, last: ack(0) };
        let mut room = 0;
        for number in [4, 2, 4, 3, 4, 6, 6, 5, 6] {
            if matches!(run.is_news(&ack(number)), Ok(true)) {
                room += run.acknowledge(ack(number));
            }
        }
        assert_eq!((room, run.payments, run.last), (6, 6, ack(6)));
        assert!(run.is_news(&ack(5)).is_err(), "the vendor takes an acknowledgement back");
        let other = Ack { tx: TxHash::from_bytes([9; 32]), ..ack(6) };
        assert!(run.is_news(&other).is_err(), "the vendor acknowledges two payments of one number");
        assert!(!run.is_news(&ack(6)).unwrap());
    }
}
