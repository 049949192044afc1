//! What is put and what is asked.
//!
//! Left out, as the README says that CouchDB does otherwise: the order of strings other than lower-case ASCII (ICU),
//! characters and graphemes beyond ASCII in `$regex` and `$beginsWith`, `$nor` within operators on items, integers beyond
//! 64 bits in queries, `_rev`. So is `$in` with a sort, of which CouchDB 3.5.0 breaks off.

use serde_json::{Value, json};

/// Values of the field `v`, and what it is compared with.
fn values() -> Vec<Value> {
    serde_json::from_str(
        r#"[null, false, true, 0, 1, 1.0, -1, 1.5, 2, 7, 9007199254740993, 1e20, 1e21, -3.25, "", "a", "ab", "abc", "b", "10",
            "9", [], [1], [1.0, 2], [2, 1], ["a", "b"], ["a"], [[1, 2]], [[]], [null], [{"x": 1}], [{"x": 1, "y": "a"}, {"x": 2}],
            [{}], {}, {"a": 1}, {"a": 2}, {"a": 1, "b": 2}, {"b": 1}, {"a": {"b": [1, {"c": null}]}}, {"a": null}]"#,
    )
    .unwrap()
}

pub(crate) fn documents() -> Vec<(String, Value)> {
    let values = values().into_iter().map(|value| json!({"v": value, "k": 1}));
    let others: Vec<Value> = serde_json::from_str(
        r#"[{}, {"o": {}}, {"o": {"p": 1}}, {"o": {"p": {"q": "a"}}}, {"o": {"p": null}}, {"o": [1, 2]}, {"o": 5}, {"o": "a"},
            {"o.p": 1}, {"list": [1, "a", null, {"x": 1}]}, {"list": [{"x": [1, 2]}]}, {"list": []}, {"list": [2, 4, 6]},
            {"list": {"0": {"x": 1}}}, {"n": 3, "k": 2}, {"n": 3, "k": 1}, {"n": 1, "k": 2}, {"n": "3", "k": null},
            {"t": "Ärger", "n": 3.0}, {"t": "ABC"}, {"t": "abc def"}, {"t": "日本"}, {"t": "😀"}, {"t": "a\nb"}, {"t": "a.b"},
            {"v": 2, "o": {"p": 2}, "n": -7, "list": [[1], [2, 3]], "t": "all", "k": 3}]"#,
    )
    .unwrap();
    values.chain(others).enumerate().map(|(number, document)| (format!("k{number:02}"), document)).collect()
}

/// Every operator with every value, right or wrong, plain and negated.
fn operators() -> Vec<Value> {
    let names = [
        "$eq",
        "$ne",
        "$gt",
        "$gte",
        "$lt",
        "$lte",
        "$exists",
        "$type",
        "$in",
        "$nin",
        "$size",
        "$mod",
        "$beginsWith",
        "$all",
        "$elemMatch",
        "$allMatch",
        "$keyMapMatch",
        "$and",
        "$or",
        "$nor",
        "$not",
        "$near",
        "$nearSphere",
        "$where",
        "$geoWithin",
        "$geoIntersects",
        "$foo",
    ];
    let mut asked = Vec::new();
    for name in names {
        for value in values() {
            asked.push(json!({"v": {name: value}}));
            if name != "$not" {
                asked.push(json!({"$not": {"v": {name: value}}}));
            }
        }
    }
    asked
}

/// Corners that no generation comes upon.
fn corners() -> Vec<Value> {
    serde_json::from_str(
        r#"[{}, {"": 5}, {"": {"v": 1}}, {"v": {"": 5}}, {"a..b": 5}, {".": 1}, {"$eq": 5}, {"$not": {"$eq": 5}}, {"$and": [5]},
            {"$and": [{}]}, {"$or": [{}]}, {"$nor": [{}]}, {"$not": {}}, {"$and": []}, {"$or": []}, {"$nor": []},
            {"$not": {"$and": []}}, {"$not": {"$or": []}}, {"$not": {"$nor": []}}, {"$not": {"$not": {"v": 1}}},
            {"$not": {"v": 1, "k": 1}}, {"$elemMatch": {"$eq": 1}}, {"$keyMapMatch": {"$eq": "v"}},
            {"$and": [{"$keyMapMatch": {"$eq": "v"}}, {"k": 1}]}, {"gone": {"$ne": 1}}, {"gone": {"$or": []}},
            {"o": {"p": {"$exists": false}}}, {"o.p": {"$exists": false}}, {"o\\.p": 1}, {"o\\": {"p": 1}}, {"\\o": {"p": 1}},
            {"list.0": 1}, {"list.-0": 1}, {"list.+1": "a"}, {"list.-1": {"$exists": true}}, {"list.01": "a"}, {"list.9": {"$exists": false}},
            {"list.x": {"$exists": false}}, {"list.3.y": {"$exists": false}}, {"list": {"$mod": [2, 0]}}, {"v": {"$mod": [3, 1]}},
            {"v": {"$mod": [-3, 1]}}, {"v": {"$mod": [2, 0]}}, {"v": {"$mod": [2, -1]}}, {"v": {"$mod": [1.0, 0]}}, {"v": {"$mod": [1]}},
            {"$not": {"v": {"$mod": [2, 1]}}}, {"n": {"$mod": [2, 1]}}, {"v": {"$size": 1}}, {"v": {"$size": 0}},
            {"v": {"$size": -1}}, {"v": {"$all": [1]}}, {"v": {"$all": [1.0]}}, {"v": {"$all": [[1, 2]]}}, {"v": {"$all": [[1.0, 2]]}},
            {"v": {"$all": [{"x": 1}]}}, {"v": {"$all": [2, 1]}}, {"v": {"$all": [[]]}}, {"v": {"$in": [[1]]}}, {"v": {"$in": [1, "a"]}},
            {"v": {"$nin": [1, "a"]}}, {"v": {"$in": [{"a": 1}]}}, {"t": "Ärger"}, {"t": {"$in": ["日本", "😀"]}}, {"t": {"$ne": "ABC"}},
            {"t": {"$beginsWith": "日"}}, {"t": {"$beginsWith": "a"}}, {"t": {"$beginsWith": ""}}, {"$not": {"t": {"$beginsWith": "a"}}},
            {"t": {"$regex": "^a"}}, {"t": {"$regex": "^A"}}, {"t": {"$regex": "(?i)^a"}}, {"t": {"$regex": "b$"}}, {"t": {"$regex": "a.b"}},
            {"t": {"$regex": "[0-9]|d"}}, {"t": {"$regex": ""}}, {"t": {"$regex": "日"}}, {"t": {"$regex": 5}}, {"t": {"$not": {"$regex": "a"}}},
            {"v": {"$type": "number"}}, {"v": {"$type": "null"}}, {"v": {"$type": "integer"}}, {"v": {"$type": "object"}},
            {"v": {"$type": "array"}}, {"v": {"$type": "boolean"}}, {"v": {"$type": "string"}}, {"$not": {"v": {"$type": "string"}}},
            {"v": {"$elemMatch": {}}}, {"v": {"$elemMatch": {"x": 1}}}, {"v": {"$elemMatch": {"x": {"$gt": 0}, "y": "a"}}},
            {"v": {"$elemMatch": {"$gte": 1, "$lt": 2}}}, {"v": {"$elemMatch": {"$not": {"x": 1}}}}, {"v": {"$elemMatch": {"$exists": false}}},
            {"$not": {"v": {"$elemMatch": {"$not": {"y": "a"}}}}}, {"$not": {"v": {"$allMatch": {"$not": {"y": "a"}}}}},
            {"v": {"$allMatch": {"x": {"$exists": true}}}}, {"v": {"$allMatch": {"y": {"$exists": false}}}},
            {"v": {"$elemMatch": {"$elemMatch": {"$eq": 1}}}}, {"v": {"$keyMapMatch": {"$gt": "a"}}}, {"v": {"$keyMapMatch": {"$not": {"$eq": "a"}}}},
            {"v": {"a": 1}}, {"v": {"$eq": {"a": 1}}}, {"v.a.b.1.c": null}, {"_id": "k05"}, {"_id": {"$gt": "k50"}}, {"_id": {"$lt": {}}},
            {"_id": {"$gt": []}}, {"_id": {"$gt": {}}}, {"_id": {"$lt": null}}, {"_id": {"$in": ["k01", "x"]}}, {"_id": {"$regex": "5$"}},
            {"_id": {"$not": {"$gte": "k03"}}}, {"$or": [{"_id": {"$lt": []}}, {"v": 1}]}, {"v": {"$type": ["é", 1.0, 1e30, 0.00012, 123456.0]}},
            {"v": 9007199254740992}, {"v": 9007199254740993}, {"v": 1e20}, {"v": {"$gte": 1e20}}, {"v": {"$mod": [10, 0]}}, {"n": "3"}]"#,
    )
    .unwrap()
}

/// Whole queries that are refused or that show something else than which documents are found.
pub(crate) fn queries() -> Vec<Value> {
    serde_json::from_str(
        r#"[{"selector": 5}, {"selector": []}, {"selector": "é"}, {}, {"selector": {}, "skip": -1}, {"selector": {}, "skip": 1.5}, {"selector": {}, "sort": "a"},
            {"selector": {}, "sort": [{"a": "asc", "b": "asc"}]}, {"selector": {}, "sort": [{"a": "up"}]}, {"selector": {}, "sort": [""]},
            {"selector": {}, "sort": [5]}, {"selector": {}, "sort": ["a", {"b": "desc"}]}, {"selector": {}, "fields": [5, "_id"]},
            {"selector": {}, "fields": ["a..b", "_id"]}, {"selector": {}, "execution_stats": 1}, {"selector": {}, "update": "x"},
            {"selector": {}, "r": 0}, {"selector": {}, "r": 2}, {"selector": {}, "use_index": ["x", "y", "z"]}, {"selector": {}, "use_index": "a/b/c"},
            {"selector": {}, "use_index": "_design/a/b"}, {"selector": {}, "group": true}, {"selector": {}, "bookmark": "x"},
            {"selector": {}, "conflicts": null}, {"selector": {}, "stale": "ok"}, {"selector": {}, "skip": 60},
            {"selector": {"o": {"$exists": true}}, "fields": ["o.p", "k", "_id"]}, {"selector": {}, "fields": ["list", "o.p.q", "v.a", "_id"]}]"#,
    )
    .unwrap()
}

/// Sorted ones, to be answered from the indexes on `v`, and on `k` and `n`.
pub(crate) fn sorted() -> Vec<Value> {
    serde_json::from_str(
        r#"[{"selector": {"v": {"$gt": null}}, "sort": ["v"]}, {"selector": {"v": {"$gte": null}}, "sort": [{"v": "desc"}]},
            {"selector": {"v": {"$gt": 1, "$lt": []}}, "sort": ["v"]}, {"selector": {"v": {"$lte": "b"}}, "sort": [{"v": "desc"}]},
            {"selector": {"v": {"$exists": true}}, "sort": ["v"], "skip": 7}, {"selector": {"v": {"$type": "number"}}, "sort": [{"v": "desc"}]},
            {"selector": {"v": {"$gt": 0}, "k": 1}, "sort": ["v"]}, {"selector": {"k": {"$gt": null}, "n": {"$gt": null}}, "sort": ["k", "n"]},
            {"selector": {"k": {"$gte": null}, "n": {"$gte": null}}, "sort": [{"k": "desc"}, {"n": "desc"}]},
            {"selector": {"k": 2, "n": {"$gt": 0}}, "sort": ["k", "n"]}]"#,
    )
    .unwrap()
}

/// All selectors: each operator with each value, corners, and `generated` ones made of several.
pub(crate) fn selectors(generated: usize) -> Vec<Value> {
    let mut dice = Dice { state: 0x5eed, values: values() };
    let made: Vec<_> = (0..generated).map(|_| dice.selector(3, true)).collect();
    operators().into_iter().chain(corners()).chain(made).collect()
}

/// Makes the same selectors in each run.
struct Dice {
    state: u64,
    values: Vec<Value>,
}

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % u64::try_from(sides).unwrap()).unwrap()
    }

    fn value(&mut self) -> Value {
        let index = self.roll(self.values.len());
        self.values[index].clone()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn few(&mut self, mut make: impl FnMut(&mut Self) -> Value) -> Value {
        let count = self.roll(4);
        (0..count).map(|_| make(self)).collect()
    }

    fn selector(&mut self, depth: usize, outside: bool) -> Value {
        match if depth == 0 { 9 } else { self.roll(10) } {
            0 => json!({"$and": self.few(|dice| dice.selector(depth - 1, outside))}),
            1 => json!({"$or": self.few(|dice| dice.selector(depth - 1, outside))}),
            2 if outside => json!({"$nor": self.few(|dice| dice.selector(depth - 1, outside))}),
            2 | 3 => json!({"$not": self.selector(depth - 1, outside)}),
            4 => {
                let (first, second) = (self.field(depth, outside), self.field(depth, outside));
                let both = [first, second].into_iter().filter_map(|field| field.as_object().cloned());
                Value::Object(both.flatten().collect())
            }
            _ => self.field(depth, outside),
        }
    }

    fn field(&mut self, depth: usize, outside: bool) -> Value {
        let inner = ["x", "y", "a", "a.b", "0", "gone"];
        let outer = [
            "v", "v", "v", "v.a", "v.0", "v.0.x", "n", "k", "o", "o.p", "o.p.q", "list", "list.0", "gone",
            "_id",
        ];
        let name = if outside { self.one(&outer) } else { self.one(&inner) };
        json!({name: self.condition(depth, outside)})
    }

    fn condition(&mut self, depth: usize, outside: bool) -> Value {
        match if depth == 0 { 9 } else { self.roll(14) } {
            0 => json!({"$not": self.test(depth - 1)}),
            1 => json!({"$or": self.few(|dice| dice.condition(depth - 1, outside))}),
            2 => json!({"$and": self.few(|dice| dice.condition(depth - 1, outside))}),
            3 if outside => json!({"$nor": self.few(|dice| dice.condition(depth - 1, outside))}),
            4 => json!({"a": self.condition(depth - 1, outside)}),
            5 => self.value(),
            _ => self.test(depth),
        }
    }

    fn test(&mut self, depth: usize) -> Value {
        let operator = self.one(&["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]);
        match self.roll(14) {
            0 => json!({"$exists": self.roll(2) == 0}),
            1 => json!({"$type": self.one(&["null", "boolean", "number", "string", "array", "object"])}),
            2 => json!({"$in": self.few(Self::value)}),
            3 => json!({"$nin": self.few(Self::value)}),
            4 => json!({"$size": self.roll(3)}),
            5 => json!({"$mod": [self.roll(3) + 1, self.roll(3)]}),
            6 => json!({"$all": self.few(Self::value)}),
            7 | 8 if depth > 0 => {
                let operator = self.one(&["$elemMatch", "$allMatch", "$keyMapMatch"]);
                let plain = self.roll(2) == 0;
                json!({operator: if plain { self.test(depth - 1) } else { self.selector(depth - 1, false) }})
            }
            _ => json!({operator: self.value()}),
        }
    }
}
