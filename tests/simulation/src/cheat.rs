//! Parties that lie. They have their own keys and nobody else's.

use lockstep::stream::{ToClient, ToVendor, Welcome};
use lockstep_protocol::ledger::{CloseByRelease, CloseByToken};
use lockstep_protocol::payment::{Ack, Batch, Head, Payment, PaymentRecord};
use lockstep_protocol::{Lock, Memo, PaymentNumber, Signature, Timestamp, TxHash, Units};

use crate::cache::Cache;
use crate::fixture::{CHANNELS, fixture};
use crate::journal::Stored;
use crate::ledger::Command;

/// What a channel's payment key signs, by what is signed.
static SIGNED: Cache<TxHash, usize, Signature> = Cache::new();

/// A client that pays as it likes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Payer {
    /// All that it has signed of a channel, from the opening.
    chains: [Vec<(Head, Signature)>; CHANNELS],
}

impl Payer {
    /// Goes on from the last payment that the vendor has: what came after it was lost.
    pub(crate) fn resume(&mut self, channel: usize, last: PaymentNumber) {
        if let Some(chain) = self.chains.get_mut(channel)
            && let Some(at) = chain.iter().position(|(head, _)| head.number() == last)
        {
            chain.truncate(at + 1);
        }
    }

    /// What it sends; kinds: 0 bad lock, 1 second payment under a number, 2 used token, 3 bad release, 4 good release, else honest.
    pub(crate) fn message(&mut self, channel: usize, kind: u8, now: Timestamp) -> Option<ToVendor> {
        let fixture = fixture();
        let opening = fixture.opening(channel);
        let chain = self.chains.get_mut(channel)?;
        let start = (Head::start(opening.opening()), *opening.bank_signature());
        if chain.is_empty() {
            chain.push(start);
        }
        let (head, signature) = chain.last().copied().unwrap_or(start);
        if kind == 3 {
            return Some(ToVendor::Release(Signature::from_bytes([7; 64])));
        }
        if kind == 4 {
            return Some(ToVendor::Release(signature));
        }
        let next = fixture.token(channel, head.released().as_count() + 1)?;
        let token = if kind == 2 { *head.token() } else { next };
        let memo = Memo::new(if kind == 1 { "again" } else { "" }).ok()?;
        let ts = now.max(head.ts());
        let unlocked = PaymentRecord { units: Units::from_count(1), ts, token, lock: Lock::ZERO, memo };
        let tx = Payment::chain(&head, &unlocked).ok()?.tx();
        let signed = SIGNED.get(tx, &channel, || fixture.payment_key(channel).sign(&tx.as_digest()));
        let lock = if kind == 0 { Lock::from_bytes([9; 64]) } else { Lock::seal(&signature, &signed) };
        let record = PaymentRecord { lock, ..unlocked };
        let payment = Payment::chain(&head, &record).ok()?;
        if kind != 1 && kind != 2 {
            chain.push((Head::after(&payment), signed));
        }
        Some(ToVendor::Batch(Batch { first: payment.number(), records: vec![record] }.encode()))
    }
}

/// What a vendor says that lies; kinds: 3 an acknowledgement, else a greeting, both of a payment that was not made.
pub(crate) fn answer(stored: &Stored, kind: u8) -> ToClient {
    let honest = stored.head.ack();
    let number = PaymentNumber::from_index(honest.number.as_index() + 1);
    let last = Ack { number, ..honest };
    if kind == 3 { ToClient::Acknowledged(last) } else { ToClient::Welcome(Welcome { last, closing: false }) }
}

/// What a vendor submits that lies; kinds: 0 more than it was paid, 1 a payment that was not made, else less than it was paid.
pub(crate) fn command(channel: usize, stored: &Stored, kind: u8) -> Option<Command> {
    let (id, vendor) = (fixture().id(channel), &fixture().vendor);
    let more = stored.head.released().checked_add(Units::from_count(1))?;
    Some(match kind {
        0 => Command::Token(CloseByToken::sign(id, more, *stored.head.token(), vendor)),
        1 => {
            let mut fields = *stored.payments.last()?.fields();
            fields.released = more;
            Command::Release(CloseByRelease::sign(fields, Signature::from_bytes([7; 64]), vendor))
        }
        _ => {
            let fields = stored.payments.first()?.fields();
            Command::Token(CloseByToken::sign(id, fields.released, fields.token, vendor))
        }
    })
}
