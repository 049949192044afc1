use hlf_proto::protos::TxValidationCode::{MvccReadConflict, Valid};

use super::*;
use crate::core::simulator::{Page, Place, SimulationError};
use crate::core::snapshot::Snapshot;
use crate::core::testing::{Chain, setting};

#[test]
fn values_stay_off_the_ledger_and_members_read_them() {
    let mut chain = Chain::default();
    let write = chain.simulate("1", |run| run.put_private("ab", "k", "secret"));
    let encoded = write.set.encode();
    assert!(!encoded.windows(6).any(|window| window == b"secret"));
    let collection = &write.set.namespaces[0].collections[0];
    assert_eq!(collection.set.hashed_writes[0].key_hash, Sha256::digest("k").to_vec());
    assert_eq!(collection.set.hashed_writes[0].value_hash, Sha256::digest("secret").to_vec());
    assert_eq!(chain.commit(&[write]), [Valid]);
    chain.simulate("2", |run| {
        assert_eq!(run.get_private("ab", "k").unwrap(), Some(b"secret".to_vec()));
        let place = Place { collection: "ab", key: "k" };
        let hash = run.simulator.private_hash(&run.context, place).unwrap();
        assert_eq!(hash, Some(Sha256::digest("secret").to_vec()));
    });
    // The peer of an organisation that is no member has the hash alone, and says so.
    let outside = crate::core::simulator::Setting { peer: "C".into(), ..setting("3", &chain.definitions) };
    chain.simulate_at(outside, |run| {
        let error = run.get_private("ab", "k").unwrap_err().to_string();
        assert_eq!(
            error,
            "private data matching public hash version is not available. Public hash version = {BlockNum: 0, TxNum: 0}, Private data version = <nil>"
        );
        assert_eq!(run.get_private("ab", "none").unwrap(), None);
    });
}

#[test]
fn of_two_that_read_and_write_one_private_key_the_first_is_valid() {
    let mut chain = Chain::default();
    let change = |chain: &Chain, id: &str| {
        chain.simulate(id, |run| {
            run.get_private("ab", "k").unwrap();
            run.put_private("ab", "k", id);
        })
    };
    let block = [change(&chain, "1"), change(&chain, "2")];
    assert_eq!(chain.commit(&block), [Valid, MvccReadConflict]);
    let late = change(&Chain::default(), "3");
    assert_eq!(chain.commit(&[late]), [MvccReadConflict]);
    let value = chain.ledger.get(&private_namespace("cc", "ab"), "k").unwrap().unwrap().value;
    assert_eq!(value, b"1");
}

#[test]
fn deletions_and_purges_take_value_and_hash_away() {
    let mut chain = Chain::default();
    chain.commit(&[chain.simulate("1", |run| {
        run.put_private("ab", "deleted", "1");
        run.put_private("ab", "purged", "1");
    })]);
    let remove = chain.simulate("2", |run| {
        run.put_private("ab", "deleted", "");
        run.simulator.purge(&run.context, Place { collection: "ab", key: "purged" }).unwrap();
        let error = run.simulator.purge(&run.context, Place { collection: "", key: "k" }).unwrap_err();
        assert_eq!(error.to_string(), "only applicable for private data");
    });
    let writes = &remove.set.namespaces[0].collections[0].set.hashed_writes;
    assert_eq!(
        writes.iter().map(|write| (write.is_delete, write.is_purge)).collect::<Vec<_>>(),
        [(true, false), (true, true)]
    );
    assert_eq!(chain.commit(&[remove]), [Valid]);
    for key in ["deleted", "purged"] {
        assert_eq!(chain.ledger.get(&private_namespace("cc", "ab"), key).unwrap(), None);
        assert_eq!(chain.ledger.get(&hashed_namespace("cc", "ab"), &state_key(key)).unwrap(), None);
    }
}

#[test]
fn access_is_for_members_and_collections_must_exist() {
    let chain = Chain::default();
    chain.simulate("1", |run| {
        let error = run.get_private("bc", "k").unwrap_err().to_string();
        assert_eq!(
            error,
            "tx creator does not have read access permission on privatedata in chaincodeName:cc collectionName: bc"
        );
        run.put_private("bc", "k", "anybody may write");
        let error = run.get_private("none", "k").unwrap_err().to_string();
        assert_eq!(error, "collection ch/cc/none could not be found");
        assert!(matches!(run.get_private("_implicit_org_Z", "k"), Err(SimulationError::NoCollection { .. })));
        run.context.is_init = true;
        let error = run.get_private("ab", "k").unwrap_err().to_string();
        assert_eq!(error, "private data APIs are not allowed in chaincode Init()");
    });
}

#[test]
fn private_queries_are_for_reading_only() {
    let mut chain = Chain::default();
    chain.commit(&[chain.simulate("1", |run| {
        for key in ["a", "b", "c"] {
            run.put_private("ab", key, &format!("{{\"key\":\"{key}\"}}"));
        }
    })]);
    chain.simulate("2", |run| {
        let page = Page { size: 1, bookmark: String::new() };
        let batch = run.simulator.range(&run.context, "ab", ("b", ""), Some(&page)).unwrap();
        assert_eq!((batch.results.len(), batch.bookmark), (2, None), "pages are for public keys");
        let batch = run.simulator.query(&run.context, "ab", r#"{"selector":{"key":"c"}}"#, None).unwrap();
        assert_eq!(batch.results.len(), 1);
        let error = run.put("k", b"1".to_vec()).unwrap_err().to_string();
        assert!(
            error.ends_with("Transaction has already performed queries on pvt data. Writes are not allowed")
        );
    });
    chain.simulate("3", |run| {
        run.put("k", b"1".to_vec()).unwrap();
        let error = run.simulator.range(&run.context, "ab", ("", ""), None).unwrap_err().to_string();
        assert!(error.ends_with("Queries on pvt data is supported only in a read-only transaction"));
    });
}
