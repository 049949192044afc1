use serde_json::json;

use super::*;

fn matches(selector: Value, document: &Value) -> bool {
    Selector::parse(&selector).unwrap().matches(document)
}

#[test]
fn every_operator_finds_and_leaves_out() {
    let document = json!({
        "name": "blue moon", "size": 7, "none": null, "tags": ["a", "b"], "deep": {"er": 1},
        "parts": [{"n": 1, "ok": true}, {"n": 2, "ok": false}],
    });
    let table = [
        (json!({"size": 7}), json!({"size": 8})),
        (json!({"size": {"$eq": 7.0}}), json!({"size": {"$eq": "7"}})),
        (json!({"size": {"$ne": 8}}), json!({"size": {"$ne": 7}})),
        (json!({"size": {"$gt": 6}}), json!({"size": {"$gt": 7}})),
        (json!({"size": {"$gte": 7}}), json!({"size": {"$gte": 8}})),
        (json!({"size": {"$lt": 8}}), json!({"size": {"$lt": 7}})),
        (json!({"size": {"$lte": 7, "$gt": 1}}), json!({"size": {"$lte": 7, "$gt": 7}})),
        (json!({"none": {"$exists": true}}), json!({"name": {"$exists": false}})),
        (json!({"gone": {"$exists": false}}), json!({"gone": {"$exists": true}})),
        (json!({"none": {"$type": "null"}}), json!({"none": {"$type": "object"}})),
        (json!({"size": {"$in": [1, 7]}}), json!({"size": {"$in": [1, 8]}})),
        (json!({"tags": {"$in": ["b"]}}), json!({"tags": {"$in": ["c"]}})),
        (json!({"tags": {"$nin": [["a", "b"]]}}), json!({"tags": {"$in": [["a", "b"]]}})),
        (json!({"size": {"$nin": [1]}}), json!({"size": {"$nin": [7]}})),
        (json!({"tags": {"$size": 2}}), json!({"tags": {"$size": 1}})),
        (json!({"size": {"$mod": [4, 3]}}), json!({"size": {"$mod": [4, 0]}})),
        (json!({"size": {"$mod": [-4, 3]}}), json!({"size": {"$mod": [-4, -3]}})),
        (json!({"name": {"$regex": "^blue"}}), json!({"name": {"$regex": "^moon"}})),
        (json!({"name": {"$beginsWith": "blue"}}), json!({"name": {"$beginsWith": "moon"}})),
        (json!({"tags": {"$all": ["b", "a"]}}), json!({"tags": {"$all": ["a", "c"]}})),
        (json!({"tags": {"$elemMatch": {"$eq": "b"}}}), json!({"tags": {"$elemMatch": {"$eq": "c"}}})),
        (
            json!({"parts": {"$elemMatch": {"n": 2, "ok": false}}}),
            json!({"parts": {"$elemMatch": {"n": 2, "ok": true}}}),
        ),
        (json!({"parts": {"$allMatch": {"n": {"$gt": 0}}}}), json!({"parts": {"$allMatch": {"ok": true}}})),
        (json!({"deep": {"$keyMapMatch": {"$eq": "er"}}}), json!({"deep": {"$keyMapMatch": {"$eq": "est"}}})),
        (json!({"deep": {"er": 1}}), json!({"deep.er": 2})),
        (json!({"parts.1.n": 2}), json!({"parts.2.n": 2})),
        (json!({"$and": [{"size": 7}, {"none": null}]}), json!({"$and": [{"size": 7}, {"none": 1}]})),
        (json!({"$or": [{"size": 8}, {"size": 7}]}), json!({"$or": [{"size": 8}, {"size": 9}]})),
        (json!({"$nor": [{"size": 8}, {"size": 9}]}), json!({"$nor": [{"size": 8}, {"size": 7}]})),
        (json!({"$not": {"size": 8, "none": null}}), json!({"$not": {"size": 7, "none": null}})),
        (json!({"size": {"$not": {"$gt": 7}}}), json!({"size": {"$not": {"$lt": 8}}})),
        (
            json!({"size": {"$or": [{"$lt": 3}, {"$gt": 5}]}}),
            json!({"size": {"$or": [{"$lt": 3}, {"$gt": 8}]}}),
        ),
        (json!({}), json!({"tags": "a"})),
    ];
    for (finds, leaves_out) in table {
        assert!(matches(finds.clone(), &document), "{finds} must find it");
        assert!(!matches(leaves_out.clone(), &document), "{leaves_out} must leave it out");
    }
}

#[test]
fn a_missing_field_satisfies_nothing() {
    let document = json!({"a": 1});
    for selector in [
        json!({"b": {"$ne": 1}}),
        json!({"$not": {"b": 1}}),
        json!({"b": {"$nin": [1]}}),
        json!({"$nor": [{"b": 1}]}),
    ] {
        assert!(!matches(selector.clone(), &document), "{selector}");
    }
    assert!(matches(json!({"$not": {"b": {"$exists": true}}}), &document));
}

/// `match/3` of CouchDB's `mango_selector.erl`, and what `norm_negations/1` makes of the negated ones.
#[test]
fn of_nothing_couchdb_thinks_thus() {
    let document = json!({"a": 1, "list": [], "object": {}});
    for always in [
        json!({"$or": []}),
        json!({"$and": []}),
        json!({"$nor": []}),
        json!({"$not": {"$or": []}}),
        json!({"$not": {"$and": []}}),
        json!({"$not": {"$nor": []}}),
        json!({"gone": {"$or": []}}),
        json!({"a": {"$nin": []}}),
        json!({"a": {"$not": {"$in": []}}}),
        json!({"list": {"$size": 0}}),
        json!({"list": {"$not": {"$elemMatch": {"$gt": 0}}}}),
        json!({"list": {"$not": {"$allMatch": {"$gt": 0}}}}),
        json!({"object": {}}),
        json!({"a": {"$not": {}}}),
    ] {
        assert!(matches(json!({"$and": [always, {"a": 1}]}), &document), "{always} must find it");
    }
    for never in [
        json!({"a": {"$in": []}}),
        json!({"list": {"$in": []}}),
        json!({"gone": {"$nin": []}}),
        json!({"list": {"$all": []}}),
        json!({"a": {"$all": []}}),
        json!({"list": {"$elemMatch": {"$gt": 0}}}),
        json!({"list": {"$allMatch": {"$gt": 0}}}),
        json!({"object": {"$keyMapMatch": {"$gt": ""}}}),
        json!({"$and": [{}]}),
        json!({"$and": []}),
        json!({"$or": []}),
        json!({"a": {"$nor": []}}),
        json!({"$not": {"$or": []}}),
        json!({"a": {}}),
    ] {
        assert!(!matches(never.clone(), &document), "{never} must leave it out");
    }
}

#[test]
fn only_an_object_misses_a_field() {
    let document = json!({"a": 1, "list": [{"b": 1}]});
    for (path, missing) in [
        ("gone", true),
        ("gone.b", true),
        ("list.0.c", true),
        ("a.b", false),
        ("list.b", false),
        ("list.1", false),
    ] {
        assert_eq!(matches(json!({path: {"$exists": false}}), &document), missing, "{path}");
        assert!(!matches(json!({path: {"$exists": true}}), &document), "{path}");
    }
}

#[test]
fn a_dot_in_a_name_is_marked() {
    let document = json!({"a.b": 1, "a": {"b": 2}});
    assert!(matches(json!({"a\\.b": 1}), &document));
    assert!(matches(json!({"a.b": 2}), &document));
    assert!(matches(json!({"\\a": {"b": 2}}), &document));
    assert!(matches(json!({"a\\": {"b": 1}}), &document), "names are put together before they are read");
    assert!(matches(json!({"": {"a": {"b": 2}}}), &document), "no name at all is none");
    assert!(matches(json!({"a.\\": {"b": 1}}), &json!({"a": {".b": 1}})));
    assert!(matches(json!({"a\\..b": 1}), &json!({"a.": {"b": 1}})));
}

#[test]
fn an_index_is_read_as_erlang_does() {
    let document = json!({"list": [1, 2]});
    for (index, value) in [("0", 1), ("-0", 1), ("+1", 2), ("01", 2)] {
        assert!(matches(json!({format!("list.{index}"): value}), &document), "{index}");
    }
    assert!(!matches(json!({"list.-1": {"$exists": true}}), &document));
}

#[test]
fn within_a_match_of_items_negations_stay_where_they_are() {
    let document = json!({"list": [{"b": 1}]});
    for operator in ["$elemMatch", "$allMatch"] {
        let within = json!({"list": {operator: {"$not": {"gone": 1}}}});
        assert!(matches(within.clone(), &document), "what is missing is not equal");
        assert!(!matches(json!({"$not": within}), &document));
        assert!(!matches(json!({"list": {operator: {"gone": {"$ne": 1}}}}), &document));
    }
}

#[test]
fn all_of_a_list_must_be_there_exactly() {
    let document = json!({"list": [1, [2]]});
    assert!(matches(json!({"list": {"$all": [1, [2]]}}), &document));
    assert!(!matches(json!({"list": {"$all": [1.0]}}), &document));
    assert!(matches(json!({"list": {"$all": [[1.0, [2]]]}}), &document), "the list itself may be equal");
}

#[test]
fn a_key_comes_after_everything_but_keys() {
    let document = json!({"_id": "k", "name": "k"});
    for other in [json!(null), json!(1), json!([]), json!({"a": 1})] {
        assert!(matches(json!({"_id": {"$gt": other}}), &document), "{other}");
        assert!(matches(json!({"_id": {"$not": {"$lte": other}}}), &document), "{other}");
    }
    assert!(!matches(json!({"name": {"$gt": {}}}), &document));
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let error = |selector: Value| Selector::parse(&selector).unwrap_err().to_string();
    assert!(error(json!({"a": {"$text": "x"}})).contains("Invalid operator: $text (supported are $eq, "));
    assert!(error(json!({"a": {"$size": "x"}})).contains("Bad argument for operator $size"));
    assert!(error(json!({"a": {"$mod": [0, 1]}})).contains("Bad argument for operator $mod"));
    assert!(
        error(json!({"a": {"$regex": "(?=x)"}})).contains(r#"the regular expression "(?=x)" cannot be used"#)
    );
    assert!(error(json!({"a": {"$not": 1}})).contains("Bad argument for operator $not: 1"));
    for operator in ["$elemMatch", "$allMatch", "$keyMapMatch"] {
        let bad = format!("Bad argument for operator {operator}: 1");
        assert!(error(json!({"a": {operator: 1}})).contains(&bad));
    }
    for no_field in
        [json!({"$gt": 1}), json!({"$not": {"$gt": 1}}), json!({"$elemMatch": {"$gt": 1}}), json!({"": 1})]
    {
        assert!(error(no_field).contains("One or more conditions is missing a field name."));
    }
    for operator in ["$near", "$nearSphere", "$where", "$geoWithin", "$geoIntersects"] {
        let unsupported =
            format!("Error:not_supported,  Status Code:400,  Reason:Unsupported operator: {operator}");
        assert!(error(json!({"a": {operator: 1}})).ends_with(&unsupported));
    }
    let invalid = "Error:invalid_operator,  Status Code:400,  Reason:Invalid operator: $foo (supported are ";
    assert!(error(json!({"$foo": 1})).contains(invalid));
    assert!(error(json!({"a": {"$type": ["é"]}})).ends_with("operator $type: [<<195,169>>]"));
    for operator in ["$regex", "$beginsWith"] {
        assert!(error(json!({"a": {operator: 1}})).contains(&format!("Invalid operator: {operator}")));
    }
    for name in [".", "a..b", "a.", ".a"] {
        assert!(error(json!({name: 1})).ends_with(&format!("Invalid field name: {name}")));
    }
    assert!(error(json!({"a": {"": 1}})).ends_with("Invalid field name: a."));
    assert!(error(json!([])).ends_with("Selector must be a JSON object, not: []"));
    let mut deep = json!({"a": 1});
    for _ in 0..40 {
        deep = json!({"$not": deep});
    }
    assert!(error(deep).contains("nested more than 32"));
}
