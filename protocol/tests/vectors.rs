//! Every field of the independent implementation's vectors, recomputed; and a changed one found.

#![expect(clippy::unwrap_used, reason = "in the tests' helpers a failure is the test's")]

#[path = "../examples/check_vectors/checker.rs"]
mod checker;
#[path = "../examples/check_vectors/draw.rs"]
mod draw;
#[path = "../examples/check_vectors/inputs.rs"]
mod inputs;
#[path = "../examples/check_vectors/leaves.rs"]
mod leaves;
#[path = "../examples/check_vectors/payments.rs"]
mod payments;

use serde_json::Value;

const FILES: [&str; 3] = [
    include_str!("vectors/channel-1.json"),
    include_str!("vectors/channel-2.json"),
    include_str!("vectors/channel-3.json"),
];

#[test]
fn every_field_agrees() {
    for file in FILES {
        let found = checker::check(file).unwrap();
        assert!(found.drawn && found.fields > 280, "{found:?}");
    }
}

/// Changes the leaf under a path.
fn changed(file: &str, path: &str) -> String {
    let mut document: Value = serde_json::from_str(file).unwrap();
    let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
    let leaf = document.pointer_mut(&pointer).unwrap();
    *leaf = match &*leaf {
        Value::Number(number) => Value::from(number.as_u64().unwrap() ^ 1),
        Value::String(text) if text.starts_with('0') => Value::from(text.replacen('0', "1", 1)),
        Value::String(text) if text.is_empty() => Value::from("00"),
        Value::String(text) => {
            let rest: String = text.chars().skip(1).collect();
            Value::from(format!("0{rest}"))
        }
        other => panic!("{path} is {other}"),
    };
    document.to_string()
}

fn leaf_paths(value: &Value, path: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            leaf_paths(member, path, out);
        }),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .for_each(|(index, element)| leaf_paths(element, format!("{path}[{index}]"), out)),
        _ => out.push(path),
    }
}

#[test]
fn any_changed_field_is_found_and_named() {
    let mut paths = Vec::new();
    leaf_paths(&serde_json::from_str(FILES[0]).unwrap(), String::new(), &mut paths);
    // With another seed the file is one with inputs of its own, see below.
    for path in paths.iter().filter(|path| *path != "seed") {
        let difference = checker::check(&changed(FILES[0], path)).unwrap_err();
        assert_eq!(difference.path, *path, "{difference}");
    }
}

#[test]
fn missing_and_unknown_fields_are_found() {
    let mut document: Value = serde_json::from_str(FILES[1]).unwrap();
    document["payments"][2].as_object_mut().unwrap().remove("lock");
    assert_eq!(checker::check(&document.to_string()).unwrap_err().path, "payments[2].lock");

    let mut document: Value = serde_json::from_str(FILES[1]).unwrap();
    document["opening"]["extra"] = Value::from(1);
    assert_eq!(checker::check(&document.to_string()).unwrap_err().path, "opening.extra");
}

#[test]
fn a_file_with_inputs_of_its_own_is_checked_from_them() {
    // Nothing in this file is drawn from its seed any more, so its inputs are its own.
    let mut document: Value = serde_json::from_str(FILES[2]).unwrap();
    document["seed"] = Value::from("chosen by hand");
    assert!(!checker::check(&document.to_string()).unwrap().drawn);
    document["payments"][4]["lock"] = document["payments"][3]["lock"].clone();
    assert_eq!(checker::check(&document.to_string()).unwrap_err().path, "payments[4].lock");
}
