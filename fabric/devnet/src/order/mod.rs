//! What orderer and committer do: take envelopes, cut blocks, validate, commit.

pub(crate) mod commit;
pub(crate) mod envelope;
pub(crate) mod examine;
pub(crate) mod orderer;
