//! Payer and payee against a simple model, with messages dropped, duplicated and reordered, and both sides restarted [Spec §6].
//!
//! Invariants after every action: the client signs one payment per number; the vendor's payments are a prefix of the client's; the
//! vendor's token is worth exactly what the model counts; in the end everything unlocks and the closes agree.

use lockstep_protocol::payee::{Acceptance, Closing, Receiving, acknowledge_repeat};
use lockstep_protocol::payer::Paying;
use lockstep_protocol::payment::{Batch, Head, Payment};
use lockstep_protocol::release::Progress;
use lockstep_protocol::rules;
use lockstep_protocol::{Memo, Refusal, StreamMeaning};
use proptest::prelude::*;

use crate::scene::{OPENED, Scene, at, changed, clocks, units};

const NOW: u64 = OPENED + 5000;

#[derive(Debug, Clone)]
enum Action {
    /// The client makes a payment, durably, and puts it on the wire.
    Pay(u32),
    /// The next message on the wire is lost.
    Drop,
    /// The next message on the wire comes twice.
    Duplicate,
    /// The last message on the wire overtakes the others.
    Reorder,
    /// The next message arrives.
    Deliver,
    /// The client process dies and comes back from its journal.
    RestartClient,
    /// The vendor process dies and comes back from its journal.
    RestartVendor,
    /// A new stream: the wire is empty, the two compare, the client sends the rest again.
    Reconnect,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1_u32..4).prop_map(Action::Pay),
        4 => Just(Action::Deliver),
        1 => Just(Action::Drop),
        1 => Just(Action::Duplicate),
        1 => Just(Action::Reorder),
        1 => Just(Action::RestartClient),
        1 => Just(Action::RestartVendor),
        1 => Just(Action::Reconnect),
    ]
}

struct World {
    scene: Scene,
    paying: Paying,
    receiving: Receiving,
    client_journal: Vec<Payment>,
    vendor_journal: Vec<Payment>,
    wire: Vec<Vec<u8>>,
    /// The model: what the client meant to pay, and how many payments the vendor has.
    meant: Vec<u32>,
    arrived: usize,
}

impl World {
    fn new() -> Self {
        let scene = Scene::new();
        Self {
            paying: scene.paying(),
            receiving: scene.receiving(),
            scene,
            client_journal: vec![],
            vendor_journal: vec![],
            wire: vec![],
            meant: vec![],
            arrived: 0,
        }
    }

    fn client_head(&self) -> Head {
        let start = Head::start(self.scene.signed.opening());
        self.client_journal.last().map_or(start, Head::after)
    }

    fn send(&mut self, from: usize) {
        for payment in &self.client_journal[from..] {
            self.wire.push(Batch::of(std::slice::from_ref(payment)).unwrap().encode());
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Pay(count) => {
                let memo = Memo::new(format!("{}", self.meant.len())).unwrap();
                if let Ok(payment) = self.paying.pay(units(*count), memo, at(NOW)) {
                    self.client_journal.push(payment);
                    self.meant.push(*count);
                    self.send(self.client_journal.len() - 1);
                }
            }
            Action::Drop if !self.wire.is_empty() => drop(self.wire.remove(0)),
            Action::Duplicate if !self.wire.is_empty() => self.wire.insert(0, self.wire[0].clone()),
            Action::Reorder if !self.wire.is_empty() => self.wire.rotate_right(1),
            Action::Deliver if !self.wire.is_empty() => self.deliver(),
            Action::RestartClient => {
                self.paying = self.scene.paying_from(self.client_head());
            }
            Action::RestartVendor => {
                let head = self.vendor_journal.last().map(Head::after);
                let head = head.unwrap_or_else(|| Head::start(self.scene.signed.opening()));
                self.receiving = Receiving::resume(&self.scene.open(), self.scene.terms(), head).unwrap();
            }
            Action::Reconnect => self.reconnect(),
            _ => {}
        }
    }

    fn deliver(&mut self) {
        let batch = Batch::decode(&self.wire.remove(0), 1).unwrap();
        for (number, record) in batch.numbered() {
            let index = number.as_index() as usize;
            match self.receiving.accept(number, record, at(NOW), self.scene.view(NOW)) {
                Ok(Acceptance::New(payment)) => {
                    assert_eq!(index, self.arrived + 1, "the model says what is next");
                    self.arrived += 1;
                    self.vendor_journal.push(payment);
                }
                Ok(Acceptance::Used(_)) => {
                    assert!(index <= self.arrived);
                    let stored = &self.vendor_journal[index - 1];
                    assert!(acknowledge_repeat(self.receiving.head(), stored, record).is_ok());
                }
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::NumberAhead);
                    assert_eq!(refusal.stream_meaning(), Some(StreamMeaning::RetryLater));
                    assert!(index > self.arrived + 1);
                }
            }
        }
    }

    fn reconnect(&mut self) {
        self.wire.clear();
        let seen = self.receiving.head().ack();
        let journal = seen.number.as_index().checked_sub(1).map(|at| &self.client_journal[at as usize]);
        self.paying = {
            let again = self.scene.resuming(self.client_head());
            again.unwrap().reconcile(&seen, journal).unwrap()
        };
        self.send(self.arrived);
    }

    fn check(&self) {
        assert_eq!(self.meant.len(), self.client_journal.len());
        assert_eq!(self.vendor_journal[..], self.client_journal[..self.arrived]);
        let owed: u32 = self.meant[..self.arrived].iter().sum();
        assert_eq!(self.receiving.head().released(), units(owed));
        assert_eq!(*self.receiving.head().token(), self.scene.token(owed));
    }

    /// Everything arrives, the client releases, the vendor unlocks and closes; then the same by token.
    fn settle(mut self) {
        self.reconnect();
        while !self.wire.is_empty() {
            self.deliver();
        }
        self.check();
        assert_eq!(self.arrived, self.meant.len());
        let closing: Closing = self.receiving.close();
        let now = clocks(OPENED + 9000);
        let Ok(asked) = closing.asks_for() else {
            assert!(self.meant.is_empty());
            return;
        };
        let released = self.paying.release(&asked, self.client_journal.last(), None).unwrap();
        let (last, rest) = self.vendor_journal.split_last().unwrap();
        let settling = closing.released(last, *released.signature()).unwrap();
        let close = settling.command(&self.scene.vendor);
        let closed = changed(rules::close_by_release(Some(self.scene.open()), &close, now));
        let mut progress = settling.progress;
        for payment in rest.iter().rev() {
            let Progress::More(walk) = progress else { panic!("the walk ended above {payment:?}") };
            progress = walk.step(payment).unwrap().1;
        }
        assert!(matches!(progress, Progress::Done));
        let owed: u32 = self.meant.iter().sum();
        let change = closed.change().unwrap();
        assert_eq!(change.to_vendor.as_micros(), u64::from(owed) * 10_000);
        assert_eq!(change.to_vendor.as_micros() + change.to_client.as_micros(), 1_000_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_two_agree(actions in prop::collection::vec(action(), 0..60)) {
        let mut world = World::new();
        for action in &actions {
            world.act(action);
            world.check();
        }
        world.settle();
    }
}
