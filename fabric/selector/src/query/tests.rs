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
    assert_eq!(keys(r#"{"selector":{},"sort":["owner"]}"#), ["b", "a", "c"]);
    assert_eq!(keys(r#"{"selector":{},"sort":[{"owner":"desc"}]}"#), ["c", "a", "b"], "keys descend too");
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
    let partition = r#"{"selector":{},"partition":"x"}"#;
    assert_eq!(error(partition), r#""partition" is not supported in rich queries"#);
    for part in ["group", "w"] {
        let query = format!(r#"{{"selector":{{}},"{part}":"x"}}"#);
        assert!(error(&query).ends_with(&format!("Invalid key {part} for this request.")));
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
    for (part, value, reason) in [
        ("skip", "-1", "-1 is not an integer greater than or equal to zero"),
        ("bookmark", "5", "Invalid value for bookmark: 5"),
        ("execution_stats", "1", "Invalid boolean value: 1"),
        ("update", r#""lazy""#, "Invalid boolean value: <<108,97,122,121>>"),
        ("stable", "null", "Invalid boolean value: null"),
        ("conflicts", "0.5", "Invalid boolean value: 0.5"),
        ("r", "0", "0 is not an integer greater than zero"),
        ("stale", "true", "Invalid value for stale: true"),
        ("stale", "null", "Invalid value for stale: null"),
        ("use_index", r#"["x","y","z"]"#, "Invalid index name: [<<120>>,<<121>>,<<122>>]"),
        ("use_index", "{}", "Invalid index name: {[]}"),
        ("use_index", r#""a/b/c""#, "Invalid index name: <<97,47,98,47,99>>"),
        ("sort", r#""a""#, r#"Sort must be an array of sort specs, not: <<"a">>"#),
        (
            "sort",
            r#"[{"a":"asc","b":"asc"}]"#,
            r#"Invalid sort field: {[{<<"a">>,<<"asc">>},{<<"b">>,<<"asc">>}]}"#,
        ),
        ("sort", r#"[{"a":"up"}]"#, r#"Invalid sort field: {[{<<"a">>,<<"up">>}]}"#),
        ("sort", r#"[""]"#, "Invalid sort field: <<>>"),
        ("fields", "[5]", "Invalid JSON for field spec: 5"),
        ("fields", r#"["a..b"]"#, "Invalid field name: a..b"),
    ] {
        let error = parse(&format!("{part:?}:{value}")).unwrap_err().to_string();
        assert!(error.ends_with(&format!("Reason:{reason}")), "{error}");
    }
}

/// Fabric gives CouchDB every number as `float64`, without a point if it is whole.
#[test]
fn numbers_are_what_the_peers_make_of_them() {
    let finds = |selector: &str, value: &str| {
        let query = RichQuery::parse(&format!(r#"{{"selector":{selector}}}"#)).unwrap();
        let mut search = query.search("").unwrap();
        search.offer("k", value.into(), ());
        search.page(1).entries.len() == 1
    };
    assert!(finds(r#"{"a":{"$mod":[2,1]}}"#, r#"{"a":1.0}"#));
    assert!(!finds(r#"{"a":{"$mod":[1,0]}}"#, r#"{"a":1.5}"#));
    assert!(finds(r#"{"a":{"$all":[1]}}"#, r#"{"a":[1.0]}"#));
    assert!(finds(r#"{"a":9007199254740992}"#, r#"{"a":9007199254740993}"#));
    assert!(!finds(r#"{"a":9007199254740993}"#, r#"{"a":9007199254740993}"#));
}
