use super::*;

fn n(index: u32) -> PaymentNumber {
    PaymentNumber::from_index(index)
}

fn id(byte: u8) -> ChannelId {
    ChannelId::from_bytes([byte; 32])
}

async fn journal(folder: &tempfile::TempDir) -> SqliteJournal {
    SqliteJournal::open(&folder.path().join("journal.db")).await.unwrap()
}

/// With the channels 1 to 5.
async fn journal_of_five(folder: &tempfile::TempDir) -> SqliteJournal {
    let journal = journal(folder).await;
    for byte in 1..=5 {
        journal.save(new_channel(byte)).await.unwrap();
    }
    journal
}

fn new_channel(byte: u8) -> Change {
    Change::Create(NewChannel {
        channel: id(byte),
        phase: Phase::Open,
        head: state(0),
        facts: r#"{"a":1}"#.to_owned(),
    })
}

/// Stands for a role's state after so many payments.
fn state(n: u32) -> Vec<u8> {
    n.to_be_bytes().to_vec()
}

fn append(byte: u8, first: u32, last: u32) -> Change {
    Change::Append(Append {
        channel: id(byte),
        first: n(first),
        n: n(last),
        before: state(first.saturating_sub(1)),
        head: state(last),
        records: vec![byte; 10],
    })
}

#[tokio::test]
async fn what_is_saved_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    {
        let journal = journal(&folder).await;
        journal.save(new_channel(1)).await.unwrap();
        journal.save(append(1, 1, 4)).await.unwrap();
        journal.save(append(1, 5, 5)).await.unwrap();
    }
    let journal = journal(&folder).await;
    let channel = journal.channel(id(1)).await.unwrap().unwrap();
    assert_eq!((channel.phase, channel.n, channel.head), (Phase::Open, n(5), 5u32.to_be_bytes().to_vec()));
    assert_eq!(channel.facts, r#"{"a":1}"#);
    let batch = journal.batch_up_to(id(1), n(4)).await.unwrap().unwrap();
    assert_eq!((batch.first, batch.count, batch.last()), (n(1), 4, n(4)));
    assert_eq!(batch.before, state(0));
    assert_eq!(journal.batch_up_to(id(1), n(9)).await.unwrap().unwrap().first, n(5));
    assert!(journal.batch_up_to(id(2), n(9)).await.unwrap().is_none());
}

#[tokio::test]
async fn an_append_is_conditional_on_the_number_before() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder).await;
    journal.save(new_channel(1)).await.unwrap();
    journal.save(append(1, 1, 3)).await.unwrap();
    for (first, last) in [(1, 3), (2, 4), (3, 5), (5, 6), (0, 2)] {
        let refused = journal.save(append(1, first, last)).await;
        assert!(matches!(refused, Err(JournalError::Conflict)), "{first}..={last}: {refused:?}");
    }
    assert!(matches!(journal.save(append(2, 1, 1)).await, Err(JournalError::Conflict)));
    let channel = journal.channel(id(1)).await.unwrap().unwrap();
    assert_eq!(channel.n, n(3));
    assert_eq!(journal.batch_up_to(id(1), n(100)).await.unwrap().unwrap().first, n(1));
}

#[tokio::test]
async fn an_append_is_conditional_on_the_state_before() {
    let folder = tempfile::tempdir().unwrap();
    // Two wallets sign ahead of what is stored; the other one's first payments came too late.
    let (one, other) = (journal(&folder).await, journal(&folder).await);
    one.save(new_channel(1)).await.unwrap();
    one.save(append(1, 1, 3)).await.unwrap();
    let Change::Append(follows) = append(1, 4, 6) else { unreachable!("an append") };
    let foreign = Append { before: b"another third payment".to_vec(), ..follows.clone() };
    assert!(matches!(other.save(Change::Append(foreign)).await, Err(JournalError::Conflict)));
    one.save(Change::Append(follows)).await.unwrap();
    assert_eq!(one.channel(id(1)).await.unwrap().unwrap().n, n(6));
}

#[tokio::test]
async fn nothing_is_appended_once_the_channel_is_closing() {
    let folder = tempfile::tempdir().unwrap();
    // Two handles stand for two processes.
    let (daemon, command) = (journal(&folder).await, journal(&folder).await);
    daemon.save(new_channel(1)).await.unwrap();
    daemon.save(append(1, 1, 3)).await.unwrap();
    command.save(Change::Advance(Advance::new(id(1), Phase::Open, Phase::Closing))).await.unwrap();
    assert!(matches!(daemon.save(append(1, 4, 5)).await, Err(JournalError::Conflict)));
    let again = Advance::new(id(1), Phase::Open, Phase::Closing);
    assert!(matches!(daemon.save(Change::Advance(again)).await, Err(JournalError::Conflict)));
    assert_eq!(daemon.channel(id(1)).await.unwrap().unwrap().phase, Phase::Closing);
}

#[tokio::test]
async fn a_conflict_fails_alone_and_the_rest_of_its_flush_stands() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder).await;
    let mut tickets = Vec::new();
    for change in [new_channel(1), append(1, 1, 2), append(1, 2, 3), append(1, 3, 4), new_channel(1)] {
        tickets.push(journal.submit(change).await.unwrap());
    }
    let mut results = Vec::new();
    for mut ticket in tickets {
        results.push(ticket.durable().await.is_ok());
    }
    assert_eq!(results, [true, true, false, true, true]);
    assert_eq!(journal.channel(id(1)).await.unwrap().unwrap().n, n(4));
}

#[tokio::test]
async fn receipts_and_evidence_are_kept_and_repeats_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder).await;
    journal.save(new_channel(1)).await.unwrap();
    let chunk = |first| {
        Change::Receipts(Receipts { channel: id(1), first: n(first), count: 2, signatures: vec![7; 128] })
    };
    assert!(matches!(journal.save(chunk(1)).await, Err(JournalError::Conflict)), "not released yet");
    journal.save(Change::Advance(Advance::new(id(1), Phase::Open, Phase::Released))).await.unwrap();
    for first in [3, 1, 3] {
        journal.save(chunk(first)).await.unwrap();
    }
    assert_eq!(journal.receipts_from(id(1), n(1)).await.unwrap().unwrap().first, n(1));
    assert_eq!(journal.receipts_from(id(1), n(2)).await.unwrap().unwrap().first, n(3));
    assert!(journal.receipts_from(id(1), n(4)).await.unwrap().is_none());
    let found = Evidence { kind: "fraud_proof", bytes: vec![1, 2, 3] };
    let disputed = Advance {
        ending: Some(r#"{"why":"lock"}"#.to_owned()),
        evidence: Some(found),
        ..Advance::new(id(1), Phase::Released, Phase::Disputed)
    };
    journal.save(Change::Advance(disputed)).await.unwrap();
    let evidence = journal.evidence(id(1)).await.unwrap();
    assert_eq!(evidence, [StoredEvidence { kind: "fraud_proof".to_owned(), bytes: vec![1, 2, 3] }]);
    assert_eq!(journal.channel(id(1)).await.unwrap().unwrap().ending, r#"{"why":"lock"}"#);
    journal.save(Change::Advance(Advance::new(id(1), Phase::Disputed, Phase::Closed))).await.unwrap();
    journal.save(chunk(5)).await.unwrap();
    assert_eq!(journal.receipts_from(id(1), n(4)).await.unwrap().unwrap().first, n(5), "after the close");
}

#[tokio::test]
async fn channels_are_listed_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_of_five(&folder).await;
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = journal.channels(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.place;
        seen.extend(page.iter().map(|channel| channel.channel));
    }
    assert_eq!(seen, [id(1), id(2), id(3), id(4), id(5)]);
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_read_past_and_read_once_they_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_of_five(&folder).await;
    journal.execute_for_tests("UPDATE channels SET n = -1 WHERE id IN (2, 5)").await;
    let mut reader = ChannelReader::default();
    let all = async |reader: &mut ChannelReader| {
        let mut seen = Vec::new();
        loop {
            let page = reader.next(&journal).await.unwrap();
            if page.is_empty() {
                return seen;
            }
            seen.extend(page.into_iter().map(|stored| stored.channel));
        }
    };
    assert_eq!(all(&mut reader).await, [id(1), id(3), id(4)]);
    assert_eq!(reader.skipped(), 2);
    journal.execute_for_tests("UPDATE channels SET n = 0 WHERE id IN (2, 5)").await;
    assert_eq!(all(&mut reader).await, [id(2), id(5)]);
    assert_eq!(reader.skipped(), 0);
}

#[tokio::test]
async fn a_failed_write_stops_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder).await;
    journal.save(new_channel(1)).await.unwrap();
    // Another program spoils the table under the writer's feet: every later append fails.
    let other = SqliteJournal::open(&folder.path().join("journal.db")).await.unwrap();
    other.execute_for_tests("DROP TABLE batches").await;
    let failed = journal.save(append(1, 1, 2)).await.unwrap_err();
    assert!(failed.is_fatal(), "{failed}");
    // Even a change that could be written is refused now.
    let after = journal.save(new_channel(2)).await.unwrap_err();
    assert!(after.is_fatal(), "{after}");
    assert_eq!(other.channel(id(1)).await.unwrap().unwrap().n, n(0), "nothing of the failed flush stands");
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_a_read_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    assert!(matches!(SqliteJournal::open(&path).await, Err(JournalError::Read { .. })));
}
