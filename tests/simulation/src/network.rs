//! Messages on their way. Worse than a stream over TLS: anything may be lost, repeated or overtaken.

use lockstep::stream::{ToClient, ToVendor};

/// What is on its way.
#[derive(Debug, Clone)]
pub(crate) enum Letter {
    ToVendor(usize, u32, ToVendor),
    ToClient(usize, u32, ToClient),
    /// A fraud proof, for the bank.
    Proof(usize, Vec<u8>),
}

/// Most messages on their way; more are lost.
const MOST: usize = 64;

/// The network.
#[derive(Debug, Default)]
pub(crate) struct Network {
    flying: Vec<Letter>,
}

impl Network {
    pub(crate) fn send(&mut self, letter: Letter) {
        if self.flying.len() < MOST {
            self.flying.push(letter);
        }
    }

    pub(crate) fn take(&mut self, which: usize) -> Option<Letter> {
        if self.flying.is_empty() { None } else { Some(self.flying.remove(which % self.flying.len())) }
    }

    /// Where the first message is that is of this kind.
    pub(crate) fn position(&self, kind: impl Fn(&Letter) -> bool) -> Option<u8> {
        self.flying.iter().position(kind).and_then(|at| u8::try_from(at).ok())
    }

    pub(crate) fn repeat(&mut self, which: usize) {
        if let Some(letter) = self.flying.get(which % self.flying.len().max(1)).cloned() {
            self.send(letter);
        }
    }
}
