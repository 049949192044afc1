//! A contract written with the macros, called through the test kit.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use hlf_shim::testing::{Call, MemoryLedger};
use hlf_shim::{Bytes, CallError, CompositeKey, Contract, Intent, LedgerError, Stub, Timestamp, contract};
use serde::{Deserialize, Serialize};

struct Register;

#[derive(Serialize, Deserialize)]
struct Entry {
    owner: String,
    count: u32,
}

#[derive(Debug, thiserror::Error)]
enum RegisterError {
    #[error("R1 call: {0}")]
    Call(#[from] CallError),
    #[error("R2 ledger: {0}")]
    Ledger(#[from] LedgerError),
    #[error("R3 {0} is not there")]
    Absent(String),
}

#[contract(name = "register", error = RegisterError, exact_arguments)]
impl Register {
    /// Async, with a stub, by JSON.
    #[transaction(submit)]
    async fn put_entry(&self, stub: &Stub, name: String, entry: Entry) -> Result<Entry, RegisterError> {
        let json = serde_json::to_vec(&entry).map_err(|_| RegisterError::Absent(name.clone()))?;
        stub.put(&name, json).await?;
        stub.put(&CompositeKey::new("owner", [&entry.owner, &name]).unwrap().to_string(), b"1").await?;
        stub.set_event("Put", name).unwrap();
        Ok(entry)
    }

    #[transaction(evaluate, name = "Entry")]
    async fn read(&self, stub: &Stub, name: String) -> Result<Bytes, RegisterError> {
        stub.get(&name).await?.map(Bytes).ok_or(RegisterError::Absent(name))
    }

    #[transaction(evaluate)]
    async fn names(
        &self,
        stub: &Stub,
        page_size: u32,
        bookmark: String,
    ) -> Result<Vec<String>, RegisterError> {
        let page = stub.range_page("", "", page_size, &bookmark).await?;
        Ok(page.entries.into_iter().map(|entry| entry.key).chain([page.bookmark]).collect())
    }

    #[transaction(evaluate)]
    async fn owned(&self, stub: &Stub, owner: String) -> Result<usize, RegisterError> {
        let prefix = CompositeKey::new("owner", [owner]).unwrap();
        Ok(stub.composite_range(&prefix).await?.collect().await?.len())
    }

    #[transaction]
    async fn remove_all(&self, stub: &Stub) -> Result<(), RegisterError> {
        let mut names = stub.range("", "").await?;
        while let Some(entry) = names.next().await? {
            stub.delete(&entry.key).await?;
        }
        Ok(())
    }

    #[transaction(evaluate)]
    async fn history(&self, stub: &Stub, name: String) -> Result<Vec<Option<String>>, RegisterError> {
        let changes = stub.history(&name).await?.collect().await?;
        Ok(changes
            .into_iter()
            .map(|change| change.value.map(|value| String::from_utf8(value).unwrap()))
            .collect())
    }

    #[transaction(evaluate)]
    async fn context(&self, stub: &Stub) -> Result<Vec<String>, RegisterError> {
        Ok(vec![
            stub.creator().unwrap().mspid,
            stub.chaincode_name().unwrap(),
            stub.channel_id().to_owned(),
            stub.timestamp().unwrap().seconds.to_string(),
            String::from_utf8(stub.transient().unwrap()["secret"].clone()).unwrap(),
        ])
    }

    /// Neither async nor with a stub.
    #[transaction(evaluate)]
    fn add(&self, left: u32, right: u32) -> Result<u32, RegisterError> {
        Self::sum(left, right).ok_or_else(|| RegisterError::Absent("the sum".into()))
    }

    #[transaction]
    async fn break_down(&self, stub: &Stub) -> Result<(), RegisterError> {
        stub.put("broken", b"yes").await?;
        panic!("something confidential")
    }

    /// Not for clients.
    fn sum(left: u32, right: u32) -> Option<u32> {
        left.checked_add(right)
    }
}

async fn text(ledger: &mut MemoryLedger, call: Call) -> Result<String, String> {
    let done = ledger.submit(&Register, call).await;
    let text = String::from_utf8(done.response.payload().to_vec()).unwrap();
    if done.response.is_success() { Ok(text) } else { Err(done.response.message().to_owned()) }
}

async fn filled() -> MemoryLedger {
    let mut ledger = MemoryLedger::new("register");
    for (name, owner) in [("a", "ann"), ("b", "bob"), ("c", "ann")] {
        let entry = format!(r#"{{"owner":"{owner}","count":1}}"#);
        let call = Call::new("PutEntry", [name, &entry]);
        assert_eq!(text(&mut ledger, call).await, Ok(entry));
    }
    ledger
}

#[test]
fn the_table_says_what_clients_can_call() {
    let functions = Register.functions();
    assert_eq!(Register.name(), "register");
    assert_eq!((functions[0].name, functions[0].intent), ("PutEntry", Intent::Submit));
    assert_eq!(functions[0].parameters, ["name", "entry"]);
    assert_eq!((functions[1].name, functions[1].intent), ("Entry", Intent::Evaluate));
    assert!(functions.iter().all(|function| function.exact && function.name != "Sum"));
}

#[tokio::test]
async fn state_ranges_pages_and_history() {
    let mut ledger = filled().await;
    assert_eq!(text(&mut ledger, Call::new("entry", ["a"])).await.unwrap(), r#"{"owner":"ann","count":1}"#);
    assert_eq!(text(&mut ledger, Call::new("Entry", ["d"])).await.unwrap_err(), "R3 d is not there");
    assert_eq!(text(&mut ledger, Call::new("Names", ["2", ""])).await.unwrap(), r#"["a","b","c"]"#);
    assert_eq!(text(&mut ledger, Call::new("Names", ["2", "c"])).await.unwrap(), r#"["c",""]"#);
    assert_eq!(text(&mut ledger, Call::new("Owned", ["ann"])).await.unwrap(), "2");
    assert!(
        text(&mut ledger, Call::new("Names", ["0", ""]))
            .await
            .unwrap_err()
            .starts_with("R2 ledger: a page of 0")
    );

    text(&mut ledger, Call::new("RemoveAll", [""; 0])).await.unwrap();
    let history = text(&mut ledger, Call::new("History", ["a"])).await.unwrap();
    assert_eq!(history, r#"[null,"{\"owner\":\"ann\",\"count\":1}"]"#);
    // Composite keys are not in ranges over simple ones.
    assert_eq!(ledger.keys().count(), 3);
}

#[tokio::test]
async fn long_ranges_come_in_batches() {
    let mut ledger = MemoryLedger::new("register");
    for number in 0..250 {
        ledger.put(format!("{number:03}"), b"1");
    }
    let done = ledger.submit(&Register, Call::new("RemoveAll", [""; 0])).await;
    assert_eq!(done.writes.len(), 250);
    assert_eq!(ledger.keys().count(), 0);
}

#[tokio::test]
async fn a_call_that_is_malformed_is_the_contracts_to_answer() {
    let mut ledger = MemoryLedger::new("register");
    for (call, answer) in [
        (Call::raw(vec![]), "Blank function name passed"),
        (Call::raw(vec![vec![0xff]]), "the function name is not UTF-8"),
        (Call::new("Nothing", [""; 0]), "Function Nothing not found in contract register"),
        (Call::new("other:Entry", ["a"]), "Contract not found with name other"),
        (Call::new("Entry", [""; 0]), "incorrect number of params. Expected 1, received 0"),
        (Call::new("Entry", ["a", "b"]), "incorrect number of params. Expected 1, received 2"),
        (
            Call::new("Entry", [[0xff]]),
            "error managing parameter name. conversion error. the argument is not UTF-8",
        ),
        (Call::new("Sum", ["1", "2"]), "Function Sum not found in contract register"),
    ] {
        assert_eq!(text(&mut ledger, call).await, Err(format!("R1 call: {answer}")));
    }
    let error = text(&mut ledger, Call::new("Add", ["1", "-2"])).await.unwrap_err();
    assert!(error.starts_with("R1 call: error managing parameter right. conversion error. cannot convert passed value -2 to uint32"), "{error}");
    assert_eq!(text(&mut ledger, Call::new("register:add", ["1", "2"])).await, Ok("3".into()));
}

#[tokio::test]
async fn a_failure_writes_nothing_and_a_panic_is_one() {
    let mut ledger = MemoryLedger::new("register");
    let done = ledger.submit(&Register, Call::new("BreakDown", [""; 0])).await;
    assert_eq!((done.response.status(), done.response.message()), (500, "the chaincode panicked"));
    assert_eq!(done.event, None);
    assert_eq!(ledger.get("broken"), None);
}

#[tokio::test]
async fn events_and_the_context_are_those_of_the_call() {
    let mut ledger = filled().await;
    let call = Call::new("PutEntry", ["d", r#"{"owner":"dan","count":2}"#]);
    let event = ledger.evaluate(&Register, call).await.event.unwrap();
    assert_eq!((event.name.as_str(), event.payload.as_slice()), ("Put", &b"d"[..]));
    assert_eq!(ledger.get("d"), None);

    ledger.set_timestamp(Timestamp { seconds: 7, nanos: 0 });
    let call =
        Call::new("Context", [""; 0]).creator("BankMSP", "pem").transient("secret", "s3").channel_id("ch");
    assert_eq!(text(&mut ledger, call).await.unwrap(), r#"["BankMSP","register","ch","7","s3"]"#);
}

#[tokio::test]
async fn init_without_a_function_succeeds() {
    let mut ledger = MemoryLedger::new("register");
    assert!(ledger.submit(&Register, Call::raw(vec![]).init()).await.response.is_success());
    assert_eq!(text(&mut ledger, Call::new("Add", ["1", "2"]).init()).await, Ok("3".into()));
}
