use super::*;

const VALUES: [(&str, &str); 5] = [
    ("a", r#"{"owner":"tom","size":5,"colour":{"name":"blue"}}"#),
    ("b", r#"{"owner":"ann","size":15,"colour":{"name":"red"}}"#),
    ("c", r#"{"owner":"tom","size":10}"#),
    ("d", "no json"),
    ("e", "[1]"),
];

fn run(query: &RichQuery, bookmark: &str, limit: usize) -> Result<Found<usize>, RichQueryError> {
    let mut search = query.search(bookmark)?;
    for (version, (key, value)) in VALUES.into_iter().enumerate() {
        search.offer(key, value.into(), version);
    }
    Ok(search.page(limit))
}

fn keys(text: &str) -> Vec<String> {
    let found = run(&RichQuery::parse(text).unwrap(), "", 100).unwrap();
    found.entries.into_iter().map(|entry| entry.key).collect()
}

#[test]
fn objects_are_found_by_their_fields() {
    assert_eq!(keys(r#"{"selector":{"owner":"tom"}}"#), ["a", "c"]);
    assert_eq!(keys(r#"{"selector":{"colour.name":"red"}}"#), ["b"]);
    assert_eq!(keys(r#"{"selector":{"_id":{"$gt":"a"}}}"#), ["b", "c"]);
    assert_eq!(keys(r#"{"selector":{}}"#), ["a", "b", "c"]);
    assert_eq!(keys(r#"{"selector":{"colour":{"name":{"$lte":"blue"}}}}"#), ["a"]);
}

#[test]
fn results_are_sorted_and_skipped() {
    assert_eq!(keys(r#"{"selector":{"size":{"$gt":0}},"sort":[{"size":"desc"}]}"#), ["b", "c", "a"]);
    assert_eq!(keys(r#"{"selector":{},"sort":["owner","size"]}"#), ["b", "a", "c"]);
    assert_eq!(keys(r#"{"selector":{},"sort":["owner",{"size":"desc"}]}"#), ["b", "c", "a"]);
    assert_eq!(keys(r#"{"selector":{},"sort":["colour.name"]}"#), ["a", "b"], "c has no colour");
    assert_eq!(keys(r#"{"selector":{},"skip":2,"use_index":["x","y"]}"#), ["c"], "no index is needed");
    assert_eq!(keys(r#"{"selector":{},"skip":1,"limit":1}"#), ["b", "c"], "Fabric sets the limit itself");
}

#[test]
fn pages_follow_one_another() {
    let query = RichQuery::parse(r#"{"selector":{}}"#).unwrap();
    let first = run(&query, "", 2).unwrap();
    assert_eq!(first.entries.iter().map(|entry| entry.version).collect::<Vec<_>>(), [0, 1]);
    let second = run(&query, &first.bookmark, 2).unwrap();
    assert_eq!(second.entries.len(), 1);
    let third = run(&query, &second.bookmark, 2).unwrap();
    assert_eq!((third.entries.len(), third.bookmark.as_str()), (0, "nil"));
    assert!(matches!(run(&query, "-1", 2), Err(RichQueryError::Bookmark(_))));
    assert!(matches!(run(&query, "x", 2), Err(RichQueryError::Bookmark(_))));
}

#[test]
fn values_are_as_they_were_put_or_cut_to_fields() {
    let value = |text: &str| {
        let found = run(&RichQuery::parse(text).unwrap(), "", 1).unwrap();
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
        r#""partition" is not supported in rich queries"#
    );
}
