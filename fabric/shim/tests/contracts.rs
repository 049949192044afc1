//! Several contracts in one chaincode, hooks, a context of one's own, metadata.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::collections::BTreeMap;
use std::convert::Infallible;

use hlf_shim::testing::{Call, MemoryLedger};
use hlf_shim::{
    Bytes, Chaincode, ContractChaincode, ContractSetError, DateTime, Info, JsonSchema, LedgerError, Response,
    Stub, TransactionContext, contract,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Asset {
    owner: String,
    size: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Without a schema.
#[derive(Serialize, Deserialize)]
struct Plain(u8);

struct First;

#[contract(name = "first", title = "The first", version = "1.2", license = "Apache-2.0")]
impl First {
    #[transaction]
    async fn create(&self, stub: &Stub, id: String, asset: Asset) -> Result<(), LedgerError> {
        stub.put(&id, asset.owner).await
    }

    #[transaction(evaluate)]
    fn echo(
        &self,
        time: DateTime,
        map: BTreeMap<String, u64>,
        maybe: Option<i64>,
    ) -> Result<Vec<String>, Infallible> {
        Ok(vec![time.to_string(), format!("{map:?}"), format!("{maybe:?}")])
    }

    #[transaction(evaluate)]
    fn bytes(&self, bytes: Bytes) -> Result<Bytes, Infallible> {
        Ok(bytes)
    }

    /// What the ledger has, as it is, or nothing.
    #[transaction(evaluate)]
    async fn find(&self, stub: &Stub, key: String) -> Result<Option<Bytes>, LedgerError> {
        Ok(stub.get(&key).await?.map(Bytes))
    }

    #[transaction(evaluate)]
    fn list(&self, parts: Vec<Bytes>, last: Option<Bytes>) -> Result<Vec<Bytes>, Infallible> {
        Ok(parts.into_iter().chain(last).collect())
    }

    #[transaction(evaluate)]
    fn plain(&self, plain: Plain) -> Result<Option<Plain>, Infallible> {
        Ok((plain.0 > 0).then_some(plain))
    }

    #[cfg(any())]
    #[transaction]
    fn absent(&self, nothing: NoSuchType) -> NoSuchType {
        nothing
    }

    #[transaction(evaluate)]
    fn teapot(&self) -> Response {
        Response::error("short and stout").with_status(418)
    }
}

struct Trail {
    stub: Stub,
    steps: Vec<String>,
}

impl TransactionContext for Trail {
    type Error = &'static str;

    async fn new(stub: &Stub) -> Result<Self, &'static str> {
        if stub.channel_id() == "closed" {
            return Err("this channel is closed");
        }
        Ok(Self { stub: stub.clone(), steps: vec!["new".into()] })
    }
}

struct Second;

#[contract(name = "second", context = Trail)]
impl Second {
    #[cfg(test)]
    #[before_transaction]
    async fn before(&self, trail: &mut Trail) -> Result<(), String> {
        trail.steps.push("before".into());
        let transient = trail.stub.transient().map_err(|error| error.to_string())?;
        if transient.contains_key("refuse") { Err("refused before".into()) } else { Ok(()) }
    }

    #[transaction]
    async fn walk(&self, trail: &mut Trail, way: String) -> Result<String, LedgerError> {
        trail.steps.push(way);
        trail.stub.put("walked", "1").await?;
        Ok(trail.steps.join(" "))
    }

    #[transaction(evaluate)]
    fn look(&self, trail: &Trail) -> Result<String, Infallible> {
        Ok(trail.steps.join(" "))
    }

    #[transaction(evaluate)]
    async fn raw(&self, stub: &Stub) -> Result<String, Infallible> {
        Ok(stub.channel_id().to_owned())
    }

    #[cfg(any())]
    #[before_transaction]
    async fn before(&self, nothing: &NoSuchType) -> NoSuchType {
        nothing
    }

    #[unknown_transaction]
    async fn unknown(&self, trail: &Trail, name: &str) -> Result<String, String> {
        if name == "Nothing" {
            Err("nothing at all".into())
        } else {
            Ok(format!("{name}? {}", trail.steps.len()))
        }
    }

    #[after_transaction]
    fn after(&self, trail: &mut Trail, response: &Response) -> Result<(), String> {
        trail.steps.push("after".into());
        if response.payload().ends_with(b"abyss") {
            Err(format!("no way: {}", trail.steps.len()))
        } else {
            Ok(())
        }
    }
}

fn both() -> ContractChaincode {
    ContractChaincode::new(First).with(Second).unwrap()
}

async fn answer(chaincode: &impl Chaincode, call: Call) -> String {
    let response = MemoryLedger::new("both").submit(chaincode, call).await.response;
    let text = String::from_utf8(response.payload().to_vec()).unwrap();
    if response.is_success() { text } else { format!("{}: {}", response.status(), response.message()) }
}

#[tokio::test]
async fn calls_go_to_the_contract_that_they_name() {
    for (function, arguments, expected) in [
        ("plain", &["3"][..], "3"),
        ("first:Plain", &["0"], ""),
        ("teapot", &[], "418: short and stout"),
        ("second:look", &[], "new before"),
        ("second:raw", &[], "channel"),
        ("look", &[], "500: Function look not found in contract first"),
        ("third:look", &[], "500: Contract not found with name third"),
        ("second:", &[], "500: Blank function name passed"),
        ("bytes", &["\"x"], "\"x"),
        ("find", &["nothing"], ""),
        ("list", &[r#"["AP8="]"#, "\"x"], r#"["AP8=","Ing="]"#),
        ("list", &["[]", ""], "[]"),
        (
            "echo",
            &["2026-01-31T12:00:00Z", r#"{"a":1}"#, ""],
            r#"["2026-01-31T12:00:00Z","{\"a\": 1}","None"]"#,
        ),
        (
            "echo",
            &["noon", "{}", ""],
            "500: error managing parameter time. conversion error. cannot convert passed value noon to time.Time",
        ),
        ("plain", &["1", "more", "arguments"], "1"),
    ] {
        let call = Call::new(function, arguments.iter().copied());
        assert_eq!(answer(&both(), call).await, expected, "{function}");
    }
}

#[tokio::test]
async fn hooks_share_the_context_and_can_refuse() {
    let walk = |way: &str| Call::new("second:Walk", [way]);
    assert_eq!(answer(&both(), walk("up")).await, "new before up");
    assert_eq!(answer(&both(), walk("up").transient("refuse", "")).await, "500: refused before");
    assert_eq!(answer(&both(), walk("up").channel_id("closed")).await, "500: this channel is closed");
    assert_eq!(answer(&both(), Call::new("second:Dance", [""; 0])).await, "Dance? 2");
    assert_eq!(answer(&both(), Call::new("second:Nothing", [""; 0])).await, "500: nothing at all");

    let mut ledger = MemoryLedger::new("both");
    let done = ledger.submit(&both(), walk("abyss")).await;
    assert_eq!(done.response.message(), "no way: 4");
    assert_eq!(ledger.get("walked"), None);
}

#[tokio::test]
async fn the_default_is_chosen_and_names_are_taken_once() {
    let chaincode = both().with_default("second").unwrap();
    assert_eq!(answer(&chaincode, Call::new("look", [""; 0])).await, "new before");
    assert_eq!(both().with(First).unwrap_err(), ContractSetError::NameTaken { name: "first" });
    assert_eq!(both().with_default("x").unwrap_err(), ContractSetError::Unknown { name: "x".into() });
}

#[tokio::test]
async fn metadata_describe_contracts_and_types() {
    let info = Info::default().with_title("Both");
    let call = || Call::new("org.hyperledger.fabric:GetMetadata", [""; 0]);
    let text = answer(&both().with_info(info), call()).await;
    let metadata: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(metadata["info"], json!({ "title": "Both", "version": "latest" }));
    let first = &metadata["contracts"]["first"];
    assert_eq!(
        first["info"],
        json!({ "title": "The first", "version": "1.2", "license": { "name": "Apache-2.0" } })
    );
    assert_eq!(
        (&first["default"], &metadata["contracts"]["second"]["default"]),
        (&json!(true), &json!(false))
    );
    let names: Vec<_> =
        first["transactions"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["Bytes", "Create", "Echo", "Find", "List", "Plain", "Teapot"]);
    assert_eq!(
        first["transactions"][1],
        json!({
            "name": "Create",
            "tag": ["submit", "SUBMIT"],
            "parameters": [
                { "name": "id", "schema": { "type": "string" } },
                { "name": "asset", "schema": { "$ref": "#/components/schemas/Asset" } },
            ],
        })
    );
    let echo = &first["transactions"][2];
    assert_eq!(echo["tag"], json!(["evaluate", "EVALUATE"]));
    assert_eq!(echo["parameters"][0]["schema"], json!({ "type": "string", "format": "date-time" }));
    assert_eq!(echo["returns"], json!({ "type": "array", "items": { "type": "string" } }));
    // A type without a schema is anything.
    assert_eq!(first["transactions"][5]["parameters"][0]["schema"], json!({}));
    // Bytes are raw alone, and base64 inside of anything.
    let (raw, maybe) = (
        json!({ "type": "string", "format": "binary" }),
        json!({ "type": ["string", "null"], "format": "binary" }),
    );
    let inside = json!({ "type": "array", "items": { "type": "string", "format": "byte" } });
    let schemas = |index: usize| {
        let transaction = &first["transactions"][index];
        let parameters = transaction["parameters"].as_array().unwrap().iter();
        let schemas = parameters.map(|parameter| &parameter["schema"]).chain([&transaction["returns"]]);
        schemas.cloned().collect::<Vec<_>>()
    };
    assert_eq!(schemas(0), [raw.clone(), raw]);
    assert_eq!(schemas(3), [json!({ "type": "string" }), maybe.clone()]);
    assert_eq!(schemas(4), [inside.clone(), maybe, inside]);
    let asset = &metadata["components"]["schemas"]["Asset"];
    assert_eq!((&asset["$id"], &asset["required"]), (&json!("Asset"), &json!(["owner", "size"])));
    assert_eq!(asset["properties"]["owner"], json!({ "type": "string" }));
    let system = &metadata["contracts"]["org.hyperledger.fabric"]["transactions"][0];
    assert_eq!(system["name"], "GetMetadata");
    // A contract that is a chaincode by itself has them as well.
    let alone: Value = serde_json::from_str(&answer(&First, call()).await).unwrap();
    assert_eq!(alone["contracts"]["first"], *first);
}
