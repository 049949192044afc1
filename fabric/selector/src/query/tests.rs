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
    assert_eq!(keys(r#"{"selector":{},"sort":[{"owner":"desc"},{"size":"desc"}]}"#), ["c", "a", "b"]);
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
    assert_eq!((third.entries.len(), third.bookmark), (0, second.bookmark), "nothing new is no new place");
    for bookmark in ["-1", "x", "nil"] {
        assert!(matches!(run(&query, bookmark, 2), Err(RichQueryError::Bookmark(_))), "{bookmark}");
    }
    let none = RichQuery::parse(r#"{"selector":{"owner":"eve"}}"#).unwrap();
    assert_eq!(run(&none, "", 2).unwrap().bookmark, "nil");
}

#[test]
fn a_bookmark_in_the_query_holds_unless_the_caller_has_one() {
    let query = RichQuery::parse(r#"{"selector":{},"bookmark":"1"}"#).unwrap();
    let keys = |bookmark: &str| {
        let found = run(&query, bookmark, 100).unwrap();
        found.entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(""), ["b", "c"]);
    assert_eq!(keys("2"), ["c"]);
    let wrong = RichQuery::parse(r#"{"selector":{},"bookmark":"x"}"#).unwrap();
    assert!(matches!(run(&wrong, "", 100), Err(RichQueryError::Bookmark(_))));
}

#[test]
fn each_page_skips_anew() {
    let query = RichQuery::parse(r#"{"selector":{},"skip":1}"#).unwrap();
    let first = run(&query, "", 1).unwrap();
    assert_eq!((first.entries[0].key.as_str(), first.bookmark.as_str()), ("b", "2"));
    let second = run(&query, &first.bookmark, 1).unwrap();
    assert_eq!((second.entries.len(), second.bookmark.as_str()), (0, "3"), "c was left out");
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
    // Fabric adds these three fields to the document, and takes them out again.
    let cut = r#"{"selector":{"size":5},"fields":["_id","_rev","~version","owner"]}"#;
    assert_eq!(value(cut), r#"{"owner":"tom"}"#);
    assert_eq!(value(r#"{"selector":{"size":5},"fields":[]}"#), "{}");
    let cut = r#"{"selector":{"size":5},"fields":["size","size.none","colour.name","colour"]}"#;
    assert_eq!(value(cut), r#"{"colour":{"name":"blue"},"size":5}"#);
}

#[test]
fn what_is_wrong_is_named() {
    let error = |text: &str| RichQuery::parse(text).unwrap_err().to_string();
    assert!(error("{").contains("EOF"));
    assert!(error("{}").ends_with("Missing required key: selector"));
    assert_eq!(error(r#"{"selector":{},"fields":"a"}"#), "fields definition must be an array");
    assert!(
        error(r#"{"selector":{},"sort":["a",{"b":"desc"}]}"#).contains("only support a single direction")
    );
    for part in ["partition", "group", "w"] {
        let query = format!(r#"{{"selector":{{}},"{part}":"x"}}"#);
        assert_eq!(error(&query), format!("{part:?} is not supported in rich queries"));
    }
}

#[test]
fn what_has_no_effect_must_make_sense() {
    let parse = |part: &str| RichQuery::parse(&format!(r#"{{"selector":{{}},{part}}}"#));
    for part in [
        r#""limit":"any""#,
        r#""bookmark":null"#,
        r#""execution_stats":true"#,
        r#""update":false"#,
        r#""stable":true"#,
        r#""conflicts":true"#,
        r#""r":2"#,
        r#""stale":"ok""#,
        r#""stale":false"#,
        r#""use_index":null"#,
        r#""use_index":"_design/x/y""#,
        r#""use_index":["x"]"#,
    ] {
        assert!(parse(part).is_ok(), "{part}");
    }
    for (part, value) in [
        ("skip", "-1"),
        ("bookmark", "5"),
        ("execution_stats", "1"),
        ("update", r#""lazy""#),
        ("stable", "null"),
        ("conflicts", r#""no""#),
        ("r", "0"),
        ("stale", "true"),
        ("stale", "null"),
        ("use_index", r#"["x","y","z"]"#),
        ("use_index", "{}"),
        ("sort", r#""a""#),
        ("sort", r#"[{"a":"asc","b":"asc"}]"#),
        ("sort", r#"[{"a":"up"}]"#),
        ("sort", r#"[""]"#),
    ] {
        let error = parse(&format!("{part:?}:{value}")).unwrap_err().to_string();
        assert!(error.ends_with(&format!("Invalid value for {part}: {value}")), "{error}");
    }
    let error = parse(r#""fields":["a..b"]"#).unwrap_err().to_string();
    assert!(error.ends_with(r#"Invalid value for fields: "a..b""#), "{error}");
}
