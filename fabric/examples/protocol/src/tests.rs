//! What can be seen without a network; `tests/node` compares the rest.

use hlf_shim::testing::{Call, MemoryLedger};

use crate::contract::Protocol;

async fn answer(ledger: &mut MemoryLedger, function: &str, arguments: &[&str]) -> String {
    let done = ledger.submit(&Protocol, Call::new(function, arguments.iter().copied())).await;
    let text = String::from_utf8_lossy(done.response.payload()).into_owned();
    if done.response.is_success() { text } else { format!("! {}", done.response.message()) }
}

#[tokio::test]
async fn answers_are_what_the_twin_makes_of_them() {
    let mut ledger = MemoryLedger::new("protocol");
    for (function, arguments, expected) in [
        ("put", &["a", "1"][..], "1"),
        ("get", &["a"], "1"),
        ("get", &["b"], ""),
        ("put", &["a", "2"], "2"),
        ("remove", &["a"], ""),
        ("history", &["a"], r#"[null,"2","1"]"#),
        ("putMany", &[r#"[["m1","x"],["m2","y"]]"#], ""),
        ("getMany", &[r#"["m1","absent","m2"]"#], r#"["x","","y"]"#),
        ("fill", &["n", "3"], ""),
        (
            "range",
            &["n", "n002"],
            r#"[["n000","{\"number\":0,\"even\":true}"],["n001","{\"number\":1,\"even\":false}"]]"#,
        ),
        ("page", &["n", "o", "2", ""], r#"{"keys":["n000","n001"],"bookmark":"n002","count":2}"#),
        ("putComposite", &["colour", r#"["red","1"]"#, "x"], ""),
        ("rangeComposite", &["colour", r#"["red"]"#], r#"[[["red","1"],"x"]]"#),
        ("parts", &["colour", "[]"], r#"{"objectType":"colour","attributes":[]}"#),
        ("put", &["guarded", "1"], "1"),
        ("protect", &["guarded", r#"["B","A"]"#], ""),
        ("protectors", &["guarded"], r#"["A","B"]"#),
        ("protectors", &["other"], "[]"),
        ("fail", &["as asked"], "! as asked"),
    ] {
        assert_eq!(answer(&mut ledger, function, arguments).await, expected, "{function} {arguments:?}");
    }
}
