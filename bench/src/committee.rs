//! The paper's comparison, running: payments locked as here, against payments over a PayWord chain that an off-chain committee guards.
//! The same ECDSA, the same links (TLS on loopback, somebody in the middle), one payment at a time, nothing stored in either.
//!
//! What is attacked with is an enumeration, what came of it is read off the parties' own state.

mod guarded;
mod locked;

use std::time::Duration;

use crate::error::BenchError;
use crate::relay::Deed;
use crate::results::CommitteeRow;
use crate::samples::spread;

/// What goes wrong in the middle of the payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attack {
    /// Nothing.
    None,
    /// The client pays with a token that it has paid with before.
    UsedToken,
    /// The client pays with a token that it made up.
    ForgedToken,
    /// An outsider alters a message between client and vendor.
    Altered,
    /// An outsider sends a message between client and vendor twice.
    Replayed,
}

impl Attack {
    const ALL: [Self; 5] = [Self::None, Self::UsedToken, Self::ForgedToken, Self::Altered, Self::Replayed];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::UsedToken => "used token",
            Self::ForgedToken => "forged token",
            Self::Altered => "altered in the middle",
            Self::Replayed => "replayed in the middle",
        }
    }

    /// What the one in the middle does.
    fn deed(self) -> Deed {
        match self {
            Self::Altered => Deed::Alter,
            Self::Replayed => Deed::Replay,
            _ => Deed::Pass,
        }
    }

    /// The token of a client that cheats, if it does.
    fn token(self, used: &[u8; 32]) -> Option<[u8; 32]> {
        match self {
            Self::UsedToken => Some(*used),
            Self::ForgedToken => Some([0xfa; 32]),
            _ => None,
        }
    }
}

/// What one run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran {
    /// From the first payment to the end, the attack and what it took to end it among it.
    pub(crate) time: Duration,
    /// On all connections.
    pub(crate) bytes: u64,
    /// From the attack's discovery to the going on.
    pub(crate) dispute_bytes: u64,
    /// Messages that the vendor refused.
    pub(crate) refused: u32,
    /// Payments for which the vendor delivered.
    pub(crate) delivered: u32,
    /// Payments that the vendor can have on the ledger.
    pub(crate) claimable: u32,
    /// Payments that the client meant.
    pub(crate) meant: u32,
    /// In words.
    pub(crate) outcome: &'static str,
}

/// Measures one scheme under every circumstance; `members` 0 is the locked one.
pub(crate) async fn measure(members: u32, payments: u32, runs: u32) -> Result<Vec<CommitteeRow>, BenchError> {
    let mut rows = Vec::new();
    for attack in Attack::ALL {
        let (mut times, mut last) = (Vec::new(), Ran::default());
        for _ in 0..runs {
            last = if members == 0 {
                locked::run(payments, attack).await?
            } else {
                guarded::run(members, payments, attack).await?
            };
            times.push(last.time.as_secs_f64());
        }
        rows.push(CommitteeRow {
            scheme: if members == 0 { "lockstep" } else { "committee" }.to_owned(),
            members,
            attack: attack.name().to_owned(),
            payments,
            spread: spread(&times),
            bytes: last.bytes,
            dispute_bytes: last.dispute_bytes,
            refused: last.refused,
            client_lost: last.claimable.saturating_sub(last.meant),
            vendor_lost: last.delivered.saturating_sub(last.claimable),
            outcome: last.outcome.to_owned(),
        });
    }
    Ok(rows)
}
