use TxValidationCode::{EndorsementPolicyFailure, InvalidChaincode, Valid};

use crate::core::policy::Principal;
use crate::core::testing::{Chain, peer};
use crate::core::validation::Candidate;

use super::*;

fn signed(mut candidate: Candidate, signers: &[&str]) -> Candidate {
    candidate.signers = signers.iter().map(|msp_id| peer(msp_id)).collect::<Vec<Principal>>();
    candidate
}

#[test]
fn a_key_with_a_policy_of_its_own_is_judged_by_it_alone() {
    let mut chain = Chain::default();
    let protect = chain.simulate("1", |run| {
        run.put("k", b"1".to_vec()).unwrap();
        run.set_policy("", "k", "AND('C.peer')");
    });
    assert_eq!(chain.commit(&[signed(protect.clone(), &["C"])]), [EndorsementPolicyFailure]);
    let protect = Candidate { tx_id: "1b".into(), ..protect };
    assert_eq!(chain.commit(&[protect]), [Valid], "the chaincode's policy, while the key has none");
    let write = |chain: &Chain, id: &str| chain.simulate(id, |run| run.put("k", id.into()).unwrap());
    assert_eq!(chain.commit(&[write(&chain, "2")]), [EndorsementPolicyFailure]);
    assert_eq!(chain.commit(&[signed(write(&chain, "3"), &["C"])]), [Valid]);
    assert_eq!(chain.get("k"), Some(b"3".to_vec()));
    // Of two keys each is judged by its own.
    let both = chain.simulate("4", |run| {
        run.put("k", b"4".to_vec()).unwrap();
        run.put("other", b"4".to_vec()).unwrap();
    });
    assert_eq!(chain.commit(&[signed(both.clone(), &["C"])]), [EndorsementPolicyFailure]);
    let both = Candidate { tx_id: "5".into(), ..both };
    assert_eq!(chain.commit(&[signed(both, &["A", "B", "C"])]), [Valid]);
    // A write keeps the policy, a deletion drops it.
    let delete = chain.simulate("6", |run| run.put("k", Vec::new()).unwrap());
    assert_eq!(chain.commit(&[signed(delete, &["C"])]), [Valid]);
    assert_eq!(chain.commit(&[write(&chain, "7")]), [Valid]);
}

#[test]
fn a_policy_that_changes_in_the_block_turns_later_writes_away() {
    let mut chain = Chain::default();
    chain.commit(&[chain.simulate("1", |run| run.put("k", b"1".to_vec()).unwrap())]);
    let block = [
        chain.simulate("2", |run| run.set_policy("", "k", "OR('A.peer')")),
        chain.simulate("3", |run| run.put("k", b"3".to_vec()).unwrap()),
    ];
    assert_eq!(chain.commit(&block), [Valid, EndorsementPolicyFailure]);
    // Not if the change itself is not endorsed.
    let block = [
        signed(chain.simulate("4", |run| run.set_policy("", "k", "OR('B.peer')")), &["C"]),
        chain.simulate("5", |run| run.put("k", b"5".to_vec()).unwrap()),
    ];
    assert_eq!(chain.commit(&block), [EndorsementPolicyFailure, Valid]);
}

#[test]
fn metadata_alone_count_as_a_change_of_the_key_but_not_of_its_history() {
    let mut chain = Chain::default();
    chain.commit(&[chain.simulate("1", |run| run.put("k", b"1".to_vec()).unwrap())]);
    let before = chain.ledger.get("cc", "k").unwrap().unwrap().version;
    let protect = chain.simulate("2", |run| run.set_policy("", "k", "OR('A.peer')"));
    let read = chain.simulate("3", |run| drop(run.get("k").unwrap()));
    assert_eq!(chain.commit(&[protect, read]), [Valid, TxValidationCode::MvccReadConflict]);
    let after = chain.ledger.get("cc", "k").unwrap().unwrap();
    assert!(after.version > before);
    assert_eq!((after.value, after.metadata.len()), (b"1".to_vec(), 1));
    assert_eq!(chain.ledger.history("cc", "k", None, 9).unwrap().len(), 1);
    // Of a key that does not exist they are nothing.
    let nothing = chain.simulate("4", |run| run.set_policy("", "gone", "OR('A.peer')"));
    assert_eq!(chain.commit(&[nothing]), [Valid]);
    assert_eq!(chain.ledger.get("cc", "gone").unwrap(), None);
}

#[test]
fn collections_may_have_policies_of_their_own() {
    let mut chain = Chain::default();
    let write =
        |chain: &Chain, id: &str| chain.simulate(id, |run| run.put_private("_implicit_org_C", "k", "1"));
    assert_eq!(chain.commit(&[write(&chain, "1")]), [EndorsementPolicyFailure], "A and B are not C");
    assert_eq!(chain.commit(&[signed(write(&chain, "2"), &["C"])]), [Valid]);
    let write = chain.simulate("3", |run| run.put_private("ab", "k", "1"));
    assert_eq!(chain.commit(&[signed(write.clone(), &["A"])]), [EndorsementPolicyFailure]);
    assert_eq!(chain.commit(&[Candidate { tx_id: "4".into(), ..write }]), [Valid], "the chaincode's policy");
    // Keys of collections can have policies too.
    let protect = chain.simulate("5", |run| run.set_policy("ab", "k", "OR('C.peer')"));
    assert_eq!(chain.commit(&[protect]), [Valid]);
    let write = chain.simulate("6", |run| run.put_private("ab", "k", "2"));
    assert_eq!(chain.commit(std::slice::from_ref(&write)), [EndorsementPolicyFailure]);
    assert_eq!(chain.commit(&[signed(Candidate { tx_id: "7".into(), ..write }, &["C"])]), [Valid]);
}

#[test]
fn a_chaincode_that_is_not_defined_cannot_be_written() {
    let mut chain = Chain::default();
    let mut candidate = chain.simulate("1", |run| run.put("k", b"1".to_vec()).unwrap());
    candidate.set.namespaces[0].name = "other".into();
    assert_eq!(chain.commit(&[candidate]), [InvalidChaincode]);
}
