//! Rich queries: CouchDB's selectors over JSON, without indexes.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A query as chaincodes write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RichQuery {
    selector: Map<String, Value>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    sort: Vec<Value>,
    limit: Option<usize>,
    #[serde(default)]
    skip: usize,
    /// Which index to take makes no difference to the results.
    #[serde(default, rename = "use_index")]
    _use_index: Value,
}

impl RichQuery {
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        serde_json::from_str(query).map_err(|error| error.to_string())
    }

    /// The entries that match: keys and values in JSON. Values that are no JSON never match.
    pub(super) fn run<'a>(
        &self,
        entries: impl Iterator<Item = (&'a str, &'a Vec<u8>)>,
    ) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut found = Vec::new();
        for (key, value) in entries {
            let Ok(mut document) = serde_json::from_slice::<Value>(value) else { continue };
            if let Value::Object(fields) = &mut document {
                fields.insert("_id".to_owned(), Value::String(key.to_owned()));
            }
            if matches_all(&self.selector, Some(&document))? {
                found.push((key.to_owned(), document, value));
            }
        }
        for rule in self.sort.iter().rev() {
            let (path, descending) = sort_rule(rule)?;
            found.sort_by(|(_, left, _), (_, right, _)| {
                let order = compare(field(left, path), field(right, path));
                if descending { order.reverse() } else { order }
            });
        }
        let found = found.into_iter().skip(self.skip).take(self.limit.unwrap_or(usize::MAX));
        Ok(found.map(|(key, document, value)| (key, self.project(&document, value))).collect())
    }

    /// Only the fields that are asked for.
    fn project(&self, document: &Value, value: &[u8]) -> Vec<u8> {
        if self.fields.is_empty() {
            return value.to_vec();
        }
        let chosen =
            self.fields.iter().filter_map(|path| Some((path.clone(), field(document, path)?.clone())));
        Value::Object(chosen.collect()).to_string().into_bytes()
    }
}

/// `"name"` or `{"name": "desc"}`.
fn sort_rule(rule: &Value) -> Result<(&str, bool), String> {
    match rule {
        Value::String(path) => Ok((path, false)),
        Value::Object(rule) if rule.len() == 1 => {
            let (path, direction) = rule.iter().next().ok_or("an empty sort rule")?;
            Ok((path, direction == "desc"))
        }
        _ => Err(format!("{rule} is no sort rule")),
    }
}

/// The value under a path with dots.
fn field<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(document, |value, name| value.get(name))
}

/// Whether a value, perhaps none, matches every rule of a selector.
fn matches_all(selector: &Map<String, Value>, value: Option<&Value>) -> Result<bool, String> {
    for (name, rule) in selector {
        let holds = if name.starts_with('$') {
            holds(name, rule, value)?
        } else {
            matches(rule, value.and_then(|value| field(value, name)))?
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A rule about one value: a selector, or the value that it must equal.
fn matches(rule: &Value, value: Option<&Value>) -> Result<bool, String> {
    match rule {
        Value::Object(selector) => matches_all(selector, value),
        _ => Ok(value == Some(rule)),
    }
}

/// An operator.
fn holds(operator: &str, rule: &Value, value: Option<&Value>) -> Result<bool, String> {
    let rules = || rule.as_array().ok_or_else(|| format!("{operator} takes an array"));
    let count = |rules: &[Value]| -> Result<usize, String> {
        let results: Vec<bool> = rules.iter().map(|rule| matches(rule, value)).collect::<Result<_, _>>()?;
        Ok(results.into_iter().filter(|holds| *holds).count())
    };
    let elements = value.and_then(Value::as_array);
    Ok(match operator {
        "$and" => count(rules()?)? == rules()?.len(),
        "$or" => count(rules()?)? > 0,
        "$nor" => count(rules()?)? == 0,
        "$not" => !matches(rule, value)?,
        "$exists" => rule.as_bool().ok_or("$exists takes true or false")? == value.is_some(),
        "$eq" => value == Some(rule),
        "$ne" => value.is_some_and(|value| value != rule),
        "$gt" => value.is_some() && compare(value, Some(rule)).is_gt(),
        "$gte" => value.is_some() && compare(value, Some(rule)).is_ge(),
        "$lt" => value.is_some() && compare(value, Some(rule)).is_lt(),
        "$lte" => value.is_some() && compare(value, Some(rule)).is_le(),
        "$in" => value.is_some_and(|value| rule.as_array().is_some_and(|rules| rules.contains(value))),
        "$nin" => value.is_some_and(|value| rule.as_array().is_some_and(|rules| !rules.contains(value))),
        "$size" => elements.is_some_and(|elements| rule.as_u64() == u64::try_from(elements.len()).ok()),
        "$all" => {
            let rules = rules()?;
            elements.is_some_and(|elements| rules.iter().all(|rule| elements.contains(rule)))
        }
        "$elemMatch" | "$allMatch" => {
            let Some(elements) = elements else { return Ok(false) };
            let results = elements.iter().map(|element| matches(rule, Some(element)));
            let results: Vec<bool> = results.collect::<Result<_, _>>()?;
            if operator == "$elemMatch" {
                results.contains(&true)
            } else {
                !results.is_empty() && !results.contains(&false)
            }
        }
        "$type" => value.is_some_and(|value| rule == type_name(value)),
        "$mod" => {
            let [divisor, remainder] = rules()?.as_slice() else {
                return Err("$mod takes two numbers".into());
            };
            let (Some(divisor), Some(remainder)) = (divisor.as_i64(), remainder.as_i64()) else {
                return Err("$mod takes two numbers".into());
            };
            value.and_then(Value::as_i64).and_then(|value| value.checked_rem(divisor)) == Some(remainder)
        }
        "$beginsWith" => {
            let prefix = rule.as_str().ok_or("$beginsWith takes a text")?;
            value.and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix))
        }
        _ => return Err(format!("the ledger in memory has no operator {operator}")),
    })
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// CouchDB's order over all of JSON: null, booleans, numbers, texts, arrays, objects.
fn compare(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    let rank = |value: Option<&Value>| match value {
        None => 0,
        Some(Value::Null) => 1,
        Some(Value::Bool(_)) => 2,
        Some(Value::Number(_)) => 3,
        Some(Value::String(_)) => 4,
        Some(Value::Array(_)) => 5,
        Some(Value::Object(_)) => 6,
    };
    match (left, right) {
        (Some(Value::Bool(left)), Some(Value::Bool(right))) => left.cmp(right),
        (Some(Value::Number(left)), Some(Value::Number(right))) => {
            left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Some(Value::String(left)), Some(Value::String(right))) => left.cmp(right),
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            let pairs = left.iter().zip(right).map(|(left, right)| compare(Some(left), Some(right)));
            pairs.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(query: &str) -> Result<String, String> {
        let documents = [
            ("a", r#"{"owner":"ann","size":5,"tags":["x","y"],"at":{"row":1}}"#),
            ("b", r#"{"owner":"bob","size":10,"tags":["y"],"at":{"row":2}}"#),
            ("c", r#"{"owner":"ann","size":15}"#),
            ("d", "not json"),
        ];
        let documents: Vec<_> = documents.map(|(key, json)| (key, json.as_bytes().to_vec())).into();
        let found = RichQuery::parse(query)?.run(documents.iter().map(|(key, value)| (*key, value)))?;
        Ok(found.into_iter().map(|(key, _)| key).collect())
    }

    #[test]
    fn selectors_choose() {
        for (selector, expected) in [
            (r#"{}"#, "abc"),
            (r#"{"owner":"ann"}"#, "ac"),
            (r#"{"owner":"ann","size":{"$gt":5}}"#, "c"),
            (r#"{"size":{"$gte":5,"$lt":15}}"#, "ab"),
            (r#"{"at.row":2}"#, "b"),
            (r#"{"at":{"row":{"$lte":1}}}"#, "a"),
            (r#"{"tags":{"$exists":false}}"#, "c"),
            (r#"{"tags":{"$all":["x"]}}"#, "a"),
            (r#"{"tags":{"$elemMatch":{"$eq":"y"}}}"#, "ab"),
            (r#"{"tags":{"$size":1}}"#, "b"),
            (r#"{"$or":[{"size":10},{"size":15}]}"#, "bc"),
            (r#"{"$nor":[{"size":10},{"size":15}]}"#, "a"),
            (r#"{"$not":{"owner":"ann"}}"#, "b"),
            (r#"{"owner":{"$in":["bob","eve"]}}"#, "b"),
            (r#"{"owner":{"$nin":["bob","eve"]}}"#, "ac"),
            (r#"{"owner":{"$ne":"ann"}}"#, "b"),
            (r#"{"size":{"$mod":[10,5]}}"#, "ac"),
            (r#"{"owner":{"$type":"string","$beginsWith":"a"}}"#, "ac"),
            (r#"{"_id":{"$gt":"a"}}"#, "bc"),
        ] {
            assert_eq!(keys(&format!(r#"{{"selector":{selector}}}"#)).as_deref(), Ok(expected), "{selector}");
        }
        assert!(keys(r#"{"selector":{"owner":{"$regex":"a"}}}"#).unwrap_err().contains("$regex"));
        assert!(keys(r#"{"selector":{},"bogus":1}"#).is_err() && keys("{}").is_err());
    }

    #[test]
    fn results_are_sorted_cut_and_projected() {
        assert_eq!(keys(r#"{"selector":{},"sort":[{"size":"desc"}]}"#).as_deref(), Ok("cba"));
        assert_eq!(keys(r#"{"selector":{},"sort":["owner",{"size":"desc"}]}"#).as_deref(), Ok("cab"));
        assert_eq!(keys(r#"{"selector":{},"skip":1,"limit":1,"use_index":["x","y"]}"#).as_deref(), Ok("b"));
        let query = RichQuery::parse(r#"{"selector":{"size":5},"fields":["owner"]}"#).unwrap();
        let value = br#"{"owner":"ann","size":5}"#.to_vec();
        let found = query.run([("a", &value)].into_iter()).unwrap();
        assert_eq!(found[0].1, br#"{"owner":"ann"}"#);
    }
}
