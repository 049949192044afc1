use hlf_proto::common::signature_policy::Type;
use hlf_proto::common::{SignaturePolicy, SignaturePolicyEnvelope};
use hlf_proto::msp::MspPrincipal;
use hlf_proto::msp::msp_principal::Classification;

use super::*;
use crate::core::testing::{Chain, setting};

#[test]
fn what_couchdb_does_not_take_is_refused_where_it_is_the_state_database() {
    let chain = Chain::default();
    chain.simulate("1", |run| {
        for collection in ["", "ab"] {
            let mut put = |key, value: &str| {
                run.simulator.put(&run.context, Place { collection, key }, value.as_bytes().to_vec())
            };
            put("k", "{}").unwrap();
            let error = put("_k", "{}").unwrap_err().to_string();
            assert_eq!(error, "invalid key [_k], cannot begin with \"_\"");
            let error = put("k", r#"{"_rev":"1"}"#).unwrap_err().to_string();
            assert_eq!(error, "field [_rev] is not valid for the CouchDB state database");
        }
    });
    let leveldb = Setting { couchdb: false, ..setting("2", &chain.definitions) };
    chain.simulate_at(leveldb, |run| {
        let place = Place { collection: "", key: "_k" };
        run.simulator.put(&run.context, place, br#"{"_rev":"1"}"#.to_vec()).unwrap();
    });
}

/// A key whose policy cannot be evaluated could never be written again.
#[test]
fn a_policy_for_a_key_that_names_something_else_than_roles_is_refused() {
    let principal = MspPrincipal {
        principal_classification: Classification::OrganizationUnit.into(),
        principal: Vec::new(),
    };
    let policy = SignaturePolicyEnvelope {
        version: 0,
        rule: Some(SignaturePolicy { r#type: Some(Type::SignedBy(0)) }),
        identities: vec![principal],
    };
    Chain::default().simulate("1", |run| {
        for collection in ["", "ab"] {
            let place = Place { collection, key: "k" };
            let metadata = Metadata::from([(VALIDATION_PARAMETER.to_owned(), policy.encode_to_vec())]);
            let error = run.simulator.put_metadata(&run.context, place, metadata).unwrap_err().to_string();
            assert_eq!(error, "hlf-devnet supports only roles as principals of policies");
        }
    });
}
