use super::*;
use crate::core::memory::{Committed, MemoryLedger};
use crate::core::rwset::RwsetBuilder;
use crate::core::updates::Updates;

fn ledger() -> MemoryLedger {
    let values = [
        ("a", r#"{"owner":"tom","size":5,"colour":{"name":"blue"}}"#),
        ("b", r#"{"owner":"ann","size":15,"colour":{"name":"red"}}"#),
        ("c", r#"{"owner":"tom","size":10}"#),
        ("d", "no json"),
        ("e", "[1]"),
    ];
    let mut builder = RwsetBuilder::default();
    for (key, value) in values {
        builder.write("cc", key, value.into());
    }
    let mut ledger = MemoryLedger::default();
    let mut updates = Updates::default();
    updates.apply(&builder.build().0, Version { block: 3, transaction: 0 }, &ledger).unwrap();
    let committed =
        Committed { tx_id: "1", timestamp: None, code: hlf_proto::protos::TxValidationCode::Valid };
    ledger.commit(3, &[committed], &updates);
    ledger
}

fn keys(text: &str) -> Vec<String> {
    let found = RichQuery::parse(text).unwrap().run(&ledger(), "cc", "", 100).unwrap();
    found.entries.into_iter().map(|entry| entry.key).collect()
}

#[test]
fn objects_are_found_by_their_fields() {
    assert_eq!(keys(r#"{"selector":{"owner":"tom"}}"#), ["a", "c"]);
    assert_eq!(keys(r#"{"selector":{"colour.name":"red"}}"#), ["b"]);
    assert_eq!(keys(r#"{"selector":{"_id":{"$gt":"a"}}}"#), ["b", "c"]);
    assert_eq!(keys(r#"{"selector":{}}"#), ["a", "b", "c"]);
}

#[test]
fn results_are_sorted_and_skipped() {
    assert_eq!(keys(r#"{"selector":{"size":{"$gt":0}},"sort":[{"size":"desc"}]}"#), ["b", "c", "a"]);
    assert_eq!(keys(r#"{"selector":{},"sort":["owner","size"]}"#), ["b", "a", "c"]);
    assert_eq!(keys(r#"{"selector":{},"sort":["colour.name"]}"#), ["a", "b"], "c has no colour");
    assert_eq!(keys(r#"{"selector":{},"skip":1,"limit":1}"#), ["b", "c"], "Fabric sets the limit itself");
}

#[test]
fn pages_follow_one_another() {
    let query = RichQuery::parse(r#"{"selector":{}}"#).unwrap();
    let first = query.run(&ledger(), "cc", "", 2).unwrap();
    assert_eq!(first.entries.len(), 2);
    let second = query.run(&ledger(), "cc", &first.bookmark, 2).unwrap();
    assert_eq!(second.entries.len(), 1);
    let third = query.run(&ledger(), "cc", &second.bookmark, 2).unwrap();
    assert_eq!((third.entries.len(), third.bookmark.as_str()), (0, "nil"));
    assert!(matches!(query.run(&ledger(), "cc", "x", 2), Err(RichQueryError::Bookmark(_))));
}

#[test]
fn values_are_as_they_were_put_or_cut_to_fields() {
    let value = |text: &str| {
        let found = RichQuery::parse(text).unwrap().run(&ledger(), "cc", "", 1).unwrap();
        String::from_utf8(found.entries[0].value.clone()).unwrap()
    };
    assert_eq!(value(r#"{"selector":{"size":5}}"#), r#"{"owner":"tom","size":5,"colour":{"name":"blue"}}"#);
    let cut = r#"{"selector":{"size":5},"fields":["size","colour.name","none"]}"#;
    assert_eq!(value(cut), r#"{"colour":{"name":"blue"},"size":5}"#);
}

#[test]
fn what_is_wrong_is_named() {
    let error = |text: &str| RichQuery::parse(text).unwrap_err().to_string();
    assert!(error("{").contains("EOF"));
    assert!(error("{}").ends_with("Missing required key: selector"));
    assert_eq!(
        error(r#"{"selector":{},"partition":"x"}"#),
        r#"hlf-devnet does not support "partition" in rich queries"#
    );
}
