//! The token chain (PayWord) [Spec §5]: f_N from the chain seed, f_{c-1} = H(tag "token" ‖ nonce ‖ u32 c ‖ f_c).

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::hash::{Hasher, Nonce, Token};
use crate::opening::MAX_TOKEN_COUNT;
use crate::units::Units;
use crate::wallet_seed::ChainSeed;

/// f_{c-1} from f_c.
fn step(nonce: &Nonce, c: u32, token: &[u8; 32]) -> [u8; 32] {
    Hasher::new("token").bytes(nonce.as_bytes()).u32(c).bytes(token).finish()
}

/// Hashes f_c forward `by` units and gives f_{c-by}: `by` hashes. `None` when `by` is more than c, and for a c that no chain has,
/// which bounds the hashing whoever asks.
#[must_use]
pub fn earlier_token(nonce: &Nonce, c: Units, token: &Token, by: Units) -> Option<Token> {
    if c > MAX_TOKEN_COUNT {
        return None;
    }
    let floor = c.checked_sub(by)?.as_count();
    let walked = (floor + 1..=c.as_count()).rev().fold(*token.as_bytes(), |token, c| step(nonce, c, &token));
    Some(Token::from_bytes(walked))
}

/// A number of tokens outside 1…1 048 576, or a token beyond the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token chain has no such token")]
pub struct NoSuchToken;

/// The payer's chain with O(√N) checkpoints: one token costs O(√N) hashes at most, and O(1) amortised in ascending order.
///
/// The tokens not yet paid are worth money: they are wiped when dropped and never printed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct TokenChain {
    #[zeroize(skip)]
    nonce: Nonce,
    #[zeroize(skip)]
    count: u32,
    /// Distance of checkpoints: the least number whose square is at least N.
    #[zeroize(skip)]
    stride: u32,
    root: [u8; 32],
    /// f at every multiple of the stride, ascending, and f_N last.
    checkpoints: Vec<[u8; 32]>,
    /// f at `segment_start`, `segment_start` + 1, …; empty until a token is asked for.
    segment: Vec<[u8; 32]>,
    #[zeroize(skip)]
    segment_start: u32,
}

impl TokenChain {
    /// Computes the chain: N + 1 hashes.
    ///
    /// # Errors
    /// [`NoSuchToken`] when N is outside 1…1 048 576.
    pub fn new(nonce: Nonce, seed: &ChainSeed, count: Units) -> Result<Self, NoSuchToken> {
        if count == Units::ZERO || count > MAX_TOKEN_COUNT {
            return Err(NoSuchToken);
        }
        let count = count.as_count();
        let stride = (1..).find(|s: &u32| s.saturating_mul(*s) >= count).ok_or(NoSuchToken)?;
        let last = Hasher::new("seed").bytes(nonce.as_bytes()).bytes(seed.as_bytes()).finish();
        let mut token = Zeroizing::new(last);
        // Room for all of it at once: a vector that grows leaves unwiped copies behind.
        let room = usize::try_from(stride).map_err(|_| NoSuchToken)? + 2;
        let mut checkpoints = Vec::with_capacity(room);
        checkpoints.push(*token);
        for c in (1..=count).rev() {
            *token = step(&nonce, c, &token);
            if (c - 1) % stride == 0 {
                checkpoints.push(*token);
            }
        }
        checkpoints.reverse();
        Ok(Self {
            nonce,
            count,
            stride,
            root: *token,
            checkpoints,
            segment: Vec::with_capacity(room),
            segment_start: 0,
        })
    }

    /// f₀.
    #[must_use]
    pub const fn root(&self) -> Token {
        Token::from_bytes(self.root)
    }

    /// N.
    #[must_use]
    pub const fn count(&self) -> Units {
        Units::from_count(self.count)
    }

    /// f_c.
    ///
    /// # Errors
    /// [`NoSuchToken`] above N.
    pub fn token(&mut self, c: Units) -> Result<Token, NoSuchToken> {
        let c = c.as_count();
        if c > self.count {
            return Err(NoSuchToken);
        }
        let start = c - c % self.stride;
        if self.segment.is_empty() || start != self.segment_start {
            self.load_segment(start)?;
        }
        let place = usize::try_from(c - start).map_err(|_| NoSuchToken)?;
        self.segment.get(place).copied().map(Token::from_bytes).ok_or(NoSuchToken)
    }

    /// Fills the segment that begins at a multiple of the stride, from the checkpoint at its end: at most √N hashes.
    fn load_segment(&mut self, start: u32) -> Result<(), NoSuchToken> {
        let end = self.count.min(start + self.stride);
        let above = usize::try_from(start / self.stride).map_err(|_| NoSuchToken)? + 1;
        // Where the segment is the last one, the checkpoint above it is f_N; when N itself starts it, that is all there is.
        let above = above.min(self.checkpoints.len() - 1);
        let mut token = Zeroizing::new(*self.checkpoints.get(above).ok_or(NoSuchToken)?);
        self.segment.zeroize();
        self.segment.push(*token);
        for c in (start + 1..=end).rev() {
            *token = step(&self.nonce, c, &token);
            self.segment.push(*token);
        }
        self.segment.reverse();
        self.segment_start = start;
        Ok(())
    }
}

impl fmt::Debug for TokenChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenChain")
            .field("root", &self.root())
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
