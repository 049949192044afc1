//! The system chaincodes: `_lifecycle`, `qscc`, and what `peer` asks of `cscc`.

pub(crate) mod agreement;
mod installed;
pub(crate) mod lifecycle;
mod queries;

use std::collections::BTreeMap;

use hlf_proto::protos::{ChaincodeInput, Response};

use super::endorser::Endorser;
use crate::core::definition::Definition;
use crate::core::policy::Policy;
use crate::core::simulator::Simulator;

/// Name of the chaincode that installs, approves and commits chaincodes.
pub(crate) const LIFECYCLE: &str = "_lifecycle";
const QUERIES: &str = "qscc";
const CONFIGURATION: &str = "cscc";

/// A failure with its status: 404 for what is not there, else 500.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) status: i32,
    pub(super) message: String,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { status: 500, message }
    }
}

/// True for the name of a system chaincode.
pub(crate) fn is_system(name: &str) -> bool {
    [LIFECYCLE, QUERIES, CONFIGURATION].contains(&name)
}

/// The system chaincodes as the channel has them: a majority endorses definitions.
pub(crate) fn definitions(majority: &Policy) -> impl Iterator<Item = (String, Definition)> {
    [LIFECYCLE, QUERIES, CONFIGURATION].into_iter().map(|name| {
        let definition = Definition {
            version: "syscc".into(),
            sequence: 0,
            policy: majority.clone(),
            init_required: false,
            collections: BTreeMap::new(),
            terms: None,
        };
        (name.to_owned(), definition)
    })
}

impl Endorser {
    /// Runs a system chaincode; without a simulator outside of any channel.
    pub(super) fn run_system(
        &self,
        name: &str,
        input: &ChaincodeInput,
        simulator: Option<&mut Simulator>,
        admin: bool,
    ) -> Response {
        let (function, arguments) = match input.args.split_first() {
            Some((function, arguments)) => (String::from_utf8_lossy(function).into_owned(), arguments),
            None => (String::new(), [].as_slice()),
        };
        let result = match name {
            LIFECYCLE => lifecycle::call(self, &function, arguments, simulator, admin),
            QUERIES => queries::ledger(self, &function, arguments),
            _ => queries::configuration(self, &function),
        };
        match result {
            Ok(payload) => Response { status: 200, message: String::new(), payload },
            Err(Failure { status, message }) => Response { status, message, payload: Vec::new() },
        }
    }
}
