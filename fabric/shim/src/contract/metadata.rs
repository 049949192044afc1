//! The document that `org.hyperledger.fabric:GetMetadata` answers with, in the shape of Fabric's contract APIs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::dispatch::{AnyContract, GET_METADATA, SYSTEM_CONTRACT};
use super::schema::{Schemas, Signature};
use super::{Function, Info, Intent};

#[derive(Serialize)]
struct Document {
    info: Info,
    contracts: BTreeMap<&'static str, ContractEntry>,
    components: Components,
}

#[derive(Serialize)]
struct Components {
    #[serde(skip_serializing_if = "Map::is_empty")]
    schemas: Map<String, Value>,
}

#[derive(Serialize)]
struct ContractEntry {
    info: Info,
    name: &'static str,
    transactions: Vec<TransactionEntry>,
    default: bool,
}

#[derive(Serialize)]
struct TransactionEntry {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<Parameter>,
    tag: [&'static str; 2],
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    returns: Option<Value>,
}

#[derive(Serialize)]
struct Parameter {
    name: &'static str,
    schema: Value,
}

/// The document in JSON.
pub(super) fn json(contracts: &[&dyn AnyContract], default: &str, info: &Info) -> String {
    let mut schemas = Schemas::new();
    let mut entries = BTreeMap::from([(SYSTEM_CONTRACT, system_contract())]);
    for contract in contracts {
        let name = contract.name();
        let functions = contract.functions().iter();
        let mut transactions: Vec<_> = functions.map(|function| entry(function, &mut schemas)).collect();
        transactions.sort_by_key(|transaction| transaction.name);
        let info = contract.info().or(name);
        entries.insert(name, ContractEntry { info, name, transactions, default: name == default });
    }
    let document = Document {
        info: info.clone().or("undefined"),
        contracts: entries,
        components: Components { schemas: schemas.into_definitions() },
    };
    serde_json::to_string(&document).expect("names are texts, and schemas are JSON already")
}

fn entry(function: &Function, schemas: &mut Schemas) -> TransactionEntry {
    let Signature { parameters, returns } = (function.describe)(schemas);
    let parameters = function.parameters.iter().zip(parameters);
    TransactionEntry {
        parameters: parameters.map(|(&name, schema)| Parameter { name, schema }).collect(),
        tag: match function.intent {
            Intent::Submit => ["submit", "SUBMIT"],
            Intent::Evaluate => ["evaluate", "EVALUATE"],
        },
        name: function.name,
        returns,
    }
}

fn system_contract() -> ContractEntry {
    let transaction = TransactionEntry {
        parameters: Vec::new(),
        tag: ["evaluate", "EVALUATE"],
        name: GET_METADATA,
        returns: Some(json!({ "type": "string" })),
    };
    ContractEntry {
        info: Info::default().or(SYSTEM_CONTRACT),
        name: SYSTEM_CONTRACT,
        transactions: vec![transaction],
        default: false,
    }
}
