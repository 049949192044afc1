//! Everything that a stub can ask for, on the ledger of the test kit.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "what a test cannot do fails it, and a table of functions is one function"
)]

use hlf_shim::testing::{Call, Caller, Collection, MemoryLedger};
use hlf_shim::{
    Chaincode, CompositeKey, KeyEndorsementPolicy, KeyValue, LedgerError, PolicyRole, Query, Response, Stub,
};

/// A chaincode whose functions are the stub's.
struct Everything;

impl Chaincode for Everything {
    async fn invoke(&self, stub: &Stub) -> Response {
        let (function, arguments) = stub.function_and_parameters().unwrap();
        let answer = match function.split_once('.') {
            Some((collection, function)) => private(stub, collection, function, &arguments).await,
            None => public(stub, function, &arguments).await,
        };
        answer.map_or_else(|error| Response::error(error.to_string()), Response::success)
    }
}

async fn keys(query: Result<Query<KeyValue>, LedgerError>) -> Result<String, LedgerError> {
    let entries = query?.collect().await?;
    Ok(entries.into_iter().map(|entry| entry.key.replace('\0', "/")).collect::<Vec<_>>().join(" "))
}

fn shown(value: Option<Vec<u8>>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| String::from_utf8(value).unwrap())
}

fn policy(organizations: &str) -> Vec<u8> {
    let mut policy = KeyEndorsementPolicy::new();
    policy.add(PolicyRole::Peer, organizations.split('+'));
    policy.encode()
}

fn organizations(policy: Option<Vec<u8>>) -> String {
    let Some(policy) = policy else { return "the chaincode's".to_owned() };
    let policy = KeyEndorsementPolicy::decode(&policy).unwrap();
    policy.organizations().collect::<Vec<_>>().join("+")
}

async fn public(stub: &Stub, function: &str, arguments: &[&str]) -> Result<String, LedgerError> {
    Ok(match (function, arguments) {
        ("get", [key]) => shown(stub.get(key).await?),
        ("many", keys) => {
            let values = stub.get_many(keys).await?;
            values.into_iter().map(shown).collect::<Vec<_>>().join(" ")
        }
        ("put", pairs) => {
            for pair in pairs.chunks(2) {
                stub.put(pair[0], pair[1]).await?;
            }
            String::new()
        }
        ("batch", pairs) => {
            stub.start_write_batch();
            for pair in pairs.chunks(2) {
                stub.put(pair[0], pair[1]).await?;
            }
            String::new()
        }
        ("batches", []) => {
            stub.start_write_batch();
            stub.put("first", "1").await?;
            stub.set_validation_parameter("first", policy("A")).await?;
            stub.private("p").purge("gone").await?;
            stub.delete("old").await?;
            stub.finish_write_batch().await?;
            stub.finish_write_batch().await?;
            stub.put("second", "2").await?;
            String::new()
        }
        ("batched_page", []) => {
            stub.range_page("", "", 1, "").await?;
            stub.start_write_batch();
            stub.put("k", "1").await?;
            String::new()
        }
        ("delete", [key]) => stub.delete(key).await.map(|()| String::new())?,
        ("policy", [key]) => organizations(stub.validation_parameter(key).await?),
        ("set_policy", [key, list]) => {
            stub.set_validation_parameter(key, policy(list)).await.map(|()| String::new())?
        }
        ("composite", [object_type, attributes @ ..]) => {
            keys(stub.composite_range(&CompositeKey::new(object_type, attributes).unwrap()).await).await?
        }
        ("composite_page", [object_type, size, bookmark]) => {
            let prefix = CompositeKey::new(object_type, [""; 0]).unwrap();
            let page = stub.composite_range_page(&prefix, size.parse().unwrap(), bookmark).await?;
            format!("{} then {}", page.entries.len(), page.bookmark.replace('\0', "/"))
        }
        ("all_composite", [size]) => {
            let page = stub.all_composite_page(size.parse().unwrap(), "").await?;
            format!("{} then {}", page.entries.len(), page.bookmark.replace('\0', "/"))
        }
        ("query", [query]) => keys(stub.query(query).await).await?,
        ("query_page", [query, size, bookmark]) => {
            let page = stub.query_page(query, size.parse().unwrap(), bookmark).await?;
            let keys: Vec<_> = page.entries.into_iter().map(|entry| entry.key).collect();
            format!("{} then {}", keys.join(" "), page.bookmark)
        }
        ("call", [name, function, arguments @ ..]) => {
            let (name, channel) = name.split_once('/').map_or((*name, None), |(name, on)| (name, Some(on)));
            let args = [function].into_iter().chain(arguments).map(|text| text.as_bytes().to_vec()).collect();
            let response = stub.call_chaincode(name, args, channel).await?;
            format!("{} {}", response.status(), String::from_utf8_lossy(response.payload()))
        }
        ("context", []) => [
            stub.local_msp_id().unwrap_or("nobody said").to_owned(),
            shown(stub.decorations().get("d").cloned()),
            shown(stub.transient().unwrap().get("t").cloned()),
            String::from_utf8(stub.args_joined()).unwrap(),
            stub.binding().unwrap().len().to_string(),
            stub.client_identity().unwrap().attribute("role").unwrap_or_default().to_owned(),
        ]
        .join(" "),
        _ => panic!("no function {function}"),
    })
}

async fn private(
    stub: &Stub,
    collection: &str,
    function: &str,
    arguments: &[&str],
) -> Result<String, LedgerError> {
    let private = stub.private(collection);
    Ok(match (function, arguments) {
        ("get", [key]) => shown(private.get(key).await?),
        ("many", keys) => {
            let values = private.get_many(keys).await?;
            values.into_iter().map(shown).collect::<Vec<_>>().join(" ")
        }
        ("hash", [key]) => private.hash(key).await?.map_or_else(String::new, |hash| hash.len().to_string()),
        ("put", [key, value]) => private.put(key, *value).await.map(|()| String::new())?,
        ("delete", [key]) => private.delete(key).await.map(|()| String::new())?,
        ("purge", [key]) => private.purge(key).await.map(|()| String::new())?,
        ("range", [start, end]) => keys(private.range(start, end).await).await?,
        ("composite", [object_type]) => {
            keys(private.composite_range(&CompositeKey::new(object_type, [""; 0]).unwrap()).await).await?
        }
        ("query", [query]) => keys(private.query(query).await).await?,
        ("query_and_put", [query]) => {
            private.query(query).await?;
            private.put("k", "v").await.map(|()| String::new())?
        }
        ("policy", [key]) => organizations(private.validation_parameter(key).await?),
        ("set_policy", [key, list]) => {
            private.set_validation_parameter(key, policy(list)).await.map(|()| String::new())?
        }
        _ => panic!("no function {function}"),
    })
}

/// The answer's payload, or its message.
async fn run(ledger: &mut MemoryLedger, call: &[&str]) -> Result<String, String> {
    run_call(ledger, Call::new(call[0], call[1..].iter().copied())).await
}

async fn run_call(ledger: &mut MemoryLedger, call: Call) -> Result<String, String> {
    let response = ledger.submit(&Everything, call).await.response;
    let payload = String::from_utf8(response.payload().to_vec()).unwrap();
    if response.is_success() { Ok(payload) } else { Err(response.message().to_owned()) }
}

/// Runs calls of words and compares what they answer.
async fn all(ledger: &mut MemoryLedger, calls: &[(&str, &str)]) {
    for (call, expected) in calls {
        let words: Vec<_> = call.split(' ').collect();
        let answer = run(ledger, &words).await.unwrap_or_else(|error| format!("! {error}"));
        let ok = expected.strip_prefix("..").map_or(answer == *expected, |part| answer.contains(part));
        assert!(ok, "{call}: {answer}, expected {expected}");
    }
}

#[tokio::test]
async fn private_data() {
    let mut ledger = MemoryLedger::new("cc");
    all(
        &mut ledger,
        &[
            ("c.put k1 v1", ""),
            ("c.put k2 v2", ""),
            ("c.get k1", "v1"),
            ("get k1", "nothing"),
            ("other.get k1", "nothing"),
            ("c.many k1 none k2", "v1 nothing v2"),
            ("c.hash k1", "32"),
            ("c.hash none", ""),
            ("c.range k1 k2", "k1"),
            ("c.range  ", "k1 k2"),
            ("c.set_policy k1 A+B", ""),
            ("c.policy k1", "A+B"),
            ("c.policy k2", "the chaincode's"),
            ("c.purge k1", ""),
            ("c.delete k2", ""),
            ("c.range  ", ""),
            ("c.put  v", "! key must not be an empty string"),
            (".put k v", "! collection must not be an empty string"),
            (".get k", "! collection must not be an empty string"),
            (".hash k", "! collection must not be an empty string"),
            (".purge k", "! collection must not be an empty string"),
            (".policy k", "! collection must not be an empty string"),
        ],
    )
    .await;
    let key = CompositeKey::new("owner", ["ann", "1"]).unwrap().to_string();
    ledger.put_private("c", &key, br#"{"owner":"ann"}"#);
    ledger.put_private("c", "k", br#"{"owner":"bob"}"#);
    let query = r#"c.query {"selector":{"owner":"bob"}}"#;
    all(&mut ledger, &[("c.composite owner", "/owner/ann/1/"), (query, "k")]).await;
    assert_eq!(ledger.private_keys("c").count(), 2);
}

#[tokio::test]
async fn collections_have_members() {
    let mut ledger = MemoryLedger::new("cc");
    ledger.define_collection(Collection::new("ours", ["Org1MSP"]).member_only_read().member_only_write());
    ledger.define_collection(Collection::new("open", ["Org1MSP"]));
    all(
        &mut ledger,
        &[
            ("ours.put k v", ""),
            ("open.put k v", ""),
            ("_implicit_org_Org1MSP.put k v", ""),
            ("none.get k", "..collection cc/none could not be found"),
        ],
    )
    .await;
    let stranger = Caller::new("Org2MSP", "bob");
    let read = run_call(&mut ledger, Call::new("ours.get", ["k"]).by(&stranger)).await.unwrap_err();
    let denied = "tx creator does not have read access permission on privatedata in chaincodeName:cc collectionName: ours";
    assert!(read.ends_with(denied), "{read}");
    let write = run_call(&mut ledger, Call::new("ours.put", ["k", "x"]).by(&stranger)).await.unwrap_err();
    assert!(write.contains("write access permission"));
    assert_eq!(run_call(&mut ledger, Call::new("open.get", ["k"]).by(&stranger)).await, Ok("v".into()));
    // A peer of another organisation has the hash alone.
    ledger.set_local_msp_id(Some("Org2MSP"));
    all(&mut ledger, &[("open.hash k", "32"), ("open.get k", "..is not available")]).await;
    let own = [("_implicit_org_Org1MSP.hash k", "32"), ("_implicit_org_Org1MSP.get k", "..is not available")];
    all(&mut ledger, &own).await;
    // Its queries find what it keeps.
    let none = [
        ("open.range k l", ""),
        ("_implicit_org_Org1MSP.range k l", ""),
        (r#"open.query {"selector":{}}"#, ""),
    ];
    all(&mut ledger, &none).await;
    ledger.set_local_msp_id(Some("Org1MSP"));
    all(&mut ledger, &[("open.range k l", "k"), ("_implicit_org_Org1MSP.range k l", "k")]).await;
    let init = ledger.submit(&Everything, Call::new("open.get", ["k"]).init()).await.response;
    assert!(init.message().ends_with("private data APIs are not allowed in chaincode Init()"));
}

#[tokio::test]
async fn endorsement_policies_of_keys() {
    let mut ledger = MemoryLedger::new("cc");
    all(
        &mut ledger,
        &[
            ("put k v", ""),
            ("policy k", "the chaincode's"),
            ("set_policy k A+B", ""),
            ("policy k", "A+B"),
            ("put k w", ""),
            ("policy k", "A+B"),
            ("set_policy k C", ""),
            ("policy k", "C"),
            ("delete k", ""),
            ("policy k", "the chaincode's"),
            ("set_policy  C", "! key must not be an empty string"),
        ],
    )
    .await;
}

#[tokio::test]
async fn several_keys_are_read_in_one_or_many_requests() {
    for offered in [true, false] {
        let mut ledger = MemoryLedger::new("cc");
        ledger.set_batching(offered);
        all(&mut ledger, &[("put a 1 b 2", ""), ("many a none b", "1 nothing 2"), ("many", "")]).await;
        let calls: Vec<_> = (0..2500).map(|number| number.to_string()).collect();
        let call = Call::new("many", calls.iter().map(String::as_str));
        assert_eq!(run_call(&mut ledger, call).await.unwrap().split(' ').count(), 2500);
        assert!(run(&mut ledger, &["many", "a", ""]).await.is_err());
    }
}

#[tokio::test]
async fn batches_write_as_single_writes_do() {
    for offered in [true, false] {
        let mut ledger = MemoryLedger::new("cc");
        ledger.set_batching(offered);
        ledger.put("old", "1");
        ledger.put_private("p", "gone", "1");
        all(&mut ledger, &[("batch a 1 b 2 a 3", ""), ("many a b", "3 2"), ("batches", "")]).await;
        all(&mut ledger, &[("many first second old", "1 2 nothing"), ("policy first", "A")]).await;
        assert_eq!(ledger.get_private("p", "gone"), None);
        let text = run(&mut ledger, &["batched_page"]).await.unwrap_err();
        assert!(text.contains("Transaction has already performed a paginated query"), "{text}");
        assert_eq!(text.starts_with("failed send batch: "), offered);
    }
}

#[tokio::test]
async fn composite_keys_and_rich_queries_come_in_pages() {
    let mut ledger = MemoryLedger::new("cc");
    for (number, owner) in ["ann", "bob", "ann"].into_iter().enumerate() {
        let json = format!(r#"{{"owner":"{owner}","n":{number}}}"#);
        ledger.put(CompositeKey::new("o", [owner, &number.to_string()]).unwrap().to_string(), b"1");
        ledger.put(CompositeKey::new("n", [number.to_string()]).unwrap().to_string(), b"1");
        ledger.put(format!("k{number}"), json);
    }
    let page = r#"query_page {"selector":{"owner":"ann"}} 1 "#;
    let next = r#"query_page {"selector":{"owner":"ann"}} 1 1"#;
    all(
        &mut ledger,
        &[
            ("composite o ann", "/o/ann/0/ /o/ann/2/"),
            ("composite_page o 2 ", "2 then /o/bob/1/"),
            ("all_composite 3", "3 then /o/ann/0/"),
            (r#"query {"selector":{"owner":"ann"}}"#, "k0 k2"),
            (page, "k0 then 1"),
            (next, "k2 then 2"),
            (r#"query {"selector":{"owner":{"$regex":"^b"}}}"#, "k1"),
            (r#"query {"selector":{"x":{"$text":"."}}}"#, "..Invalid operator: $text"),
        ],
    )
    .await;
    let query = r#"{"selector":{}}"#;
    let error = run(&mut ledger, &["c.query_and_put", query]).await.unwrap_err();
    assert!(error.contains("Transaction has already performed queries on pvt data"), "{error}");
}

#[tokio::test]
async fn a_chaincode_calls_others() {
    let mut ledger = MemoryLedger::new("cc");
    ledger.add_chaincode("other", Everything);
    ledger.add_chaincode("far/elsewhere", Everything);
    all(
        &mut ledger,
        &[
            ("call other put k v", "200 "),
            ("call other get k", "200 v"),
            ("get k", "nothing"),
            ("call far/elsewhere put k v", "200 "),
            ("call far/elsewhere get k", "200 nothing"),
            ("call other/channel get k", "200 v"),
            ("call missing get k", "..chaincode missing not found"),
            ("call cc get k", "..(channel) exists"),
        ],
    )
    .await;
    let done = ledger.submit(&Everything, Call::new("call", ["other", "get", ""])).await;
    assert_eq!(done.response.payload(), b"500 ");
}

#[tokio::test]
async fn the_context_is_what_was_chosen() {
    let mut ledger = MemoryLedger::new("cc");
    ledger.set_caller(&Caller::new("Org1MSP", "ann").unit("client").attribute("role", "auditor"));
    let call = Call::new("context", [""; 0]).transient("t", "transient").decoration("d", "decorated");
    assert_eq!(
        run_call(&mut ledger, call.clone()).await.as_deref(),
        Ok("Org1MSP decorated transient context 32 auditor")
    );
    ledger.set_local_msp_id(None);
    assert!(run_call(&mut ledger, call).await.unwrap().starts_with("nobody said"));
}
