//! Rich queries over the values of a namespace. There are no indexes: every value is looked at.

use std::ops::Bound;

use hlf_selector::{Found, RichQuery};

use super::simulator::SimulationError;
use super::snapshot::{Snapshot, Version};

/// How many keys are taken from the snapshot at once.
const CHUNK: usize = 256;

/// Runs a query over a namespace, from a bookmark on.
///
/// # Errors
/// When the bookmark is none, or the snapshot cannot be read.
pub(crate) fn run(
    query: &RichQuery,
    snapshot: &dyn Snapshot,
    namespace: &str,
    bookmark: &str,
    limit: usize,
) -> Result<Found<Version>, SimulationError> {
    let mut search = query.search(bookmark)?;
    let mut start = Bound::Unbounded;
    loop {
        let range = (start.as_ref().map(String::as_str), Bound::Unbounded);
        let entries = snapshot.scan(namespace, range, CHUNK)?;
        let complete = entries.len() < CHUNK;
        let last = entries.last().map(|(key, _)| key.clone());
        for (key, found) in entries {
            search.offer(key, found.value, found.version);
        }
        match last {
            Some(last) if !complete => start = Bound::Excluded(last),
            _ => return Ok(search.page(limit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use hlf_proto::protos::TxValidationCode;

    use super::*;
    use crate::core::memory::{Committed, MemoryLedger};
    use crate::core::rwset::RwsetBuilder;
    use crate::core::updates::Updates;

    #[test]
    fn every_chunk_of_the_namespace_is_looked_at() {
        let version = Version { block: 3, transaction: 0 };
        let mut builder = RwsetBuilder::default();
        for number in 0..=2 * CHUNK {
            builder.write("cc", &format!("{number:04}"), br#"{"owner":"tom"}"#.to_vec());
        }
        builder.write("elsewhere", "a", br#"{"owner":"tom"}"#.to_vec());
        let mut ledger = MemoryLedger::default();
        let mut updates = Updates::default();
        updates.apply(&builder.build().0, version, &ledger).unwrap();
        let committed = Committed { tx_id: "1", timestamp: None, code: TxValidationCode::Valid };
        ledger.commit(3, &[committed], &updates);

        let query = RichQuery::parse(r#"{"selector":{"owner":"tom"}}"#).unwrap();
        let found = run(&query, &ledger, "cc", "", usize::MAX).unwrap();
        assert_eq!(found.entries.len(), 2 * CHUNK + 1);
        assert!(found.entries.iter().all(|entry| entry.version == version));
        assert!(
            run(&query, &ledger, "cc", "x", 2).unwrap_err().to_string().contains("Invalid bookmark value")
        );
    }
}
