//! The stream of bytes that the vectors' generator draws its inputs from.

use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};

/// SHAKE256(seed ‖ u32 count of the draw).
pub(crate) struct Draw {
    seed: Vec<u8>,
    count: u32,
}

impl Draw {
    pub(crate) fn new(seed: &str) -> Self {
        Self { seed: seed.as_bytes().to_vec(), count: 0 }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.count += 1;
        let mut hash = Shake256::default();
        hash.update(&self.seed);
        hash.update(&self.count.to_be_bytes());
        let mut out = [0; N];
        hash.finalize_xof().read(&mut out);
        out
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let drawn = u128::from_be_bytes(self.bytes()) % u128::from(limit);
        u64::try_from(drawn).expect("a remainder is below its divisor")
    }
}
