//! The client on the network that `HLF_GATEWAY_PROFILE` names: a `profile.toml` as `scripts/network up` writes it, with at
//! least two organisations, their administrators, and chaincode that runs as a service. Without it nothing is tested, and
//! the tests say so.
//!
//! A definition of a name of its own is put on the channel, which makes transactions; no chaincode process is needed.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, but not what they call")]

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use hlf_gateway::lifecycle::{ChaincodeServer, Definition, Lifecycle, Package, Policy, Readiness};
use hlf_gateway::operations::{PeerError, block_transactions};
use hlf_gateway::proto::common::Block;
use hlf_gateway::{
    Code, Gateway, Retry, Retrying, Signer as _, TransactionError, TransactionId, TxValidationCode,
};
use tokio::time::timeout;

use crate::profile::Profile;

#[path = "../examples/profile/mod.rs"]
mod profile;

/// No answer is waited for longer than this.
const DEADLINE: Duration = Duration::from_secs(60);

struct World {
    profile: Profile,
}

impl World {
    /// The network, or a word that there is none.
    fn find() -> Option<Self> {
        let Ok(file) = std::env::var("HLF_GATEWAY_PROFILE") else {
            eprintln!("skipped: HLF_GATEWAY_PROFILE does not name the profile of a network");
            return None;
        };
        Some(Self { profile: Profile::read(Path::new(&file)).unwrap() })
    }

    fn admin(&self, organization: usize) -> Gateway {
        let organization = self.profile.organizations.get(organization).unwrap();
        let admin = organization.admin().unwrap();
        let gateway = self.profile.gateway(organization, admin).unwrap();
        gateway.signer(self.profile.signer(admin).unwrap()).connect_lazy().unwrap()
    }

    fn policy(&self) -> Policy {
        let peers = self.profile.organizations.iter().map(|of| format!("'{}.peer'", of.msp_id));
        format!("OutOf(1, {})", peers.collect::<Vec<_>>().join(", ")).parse().unwrap()
    }
}

/// A name that no run before has used.
fn fresh_name() -> String {
    format!("live{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos())
}

/// What puts chaincode on a channel, and what the channel's chain says about it after.
#[tokio::test]
async fn a_definition_from_package_to_commit() {
    let Some(world) = World::find() else { return };
    let definition = Definition::new(fresh_name(), "1.0", 1).with_policy(&world.policy());
    let package = Package::of_service(&definition.name, &ChaincodeServer::new("127.0.0.1:9")).unwrap();
    let channel = world.profile.channel.as_str();

    for organization in 0..world.profile.organizations.len() {
        let gateway = world.admin(organization);
        for peer in gateway.peers() {
            assert!(peer.channels().await.unwrap().contains(&channel.to_owned()));
            for _again in 0..2 {
                assert_eq!(peer.install(&package).await.unwrap(), package.id());
            }
            let installed = peer.installed().await.unwrap();
            assert!(installed.iter().any(|installed| installed.id == package.id()));
            assert_eq!(peer.installed_package(&package.id()).await.unwrap(), package.bytes());
        }
        let lifecycle = gateway.network(channel).lifecycle();
        assert_eq!(lifecycle.approved(&definition.name, 1).await.unwrap(), None);
        lifecycle.approve(&definition, Some(&package.id())).await.unwrap();
        let approved = lifecycle.approved(&definition.name, 1).await.unwrap().unwrap();
        assert_eq!(approved.package_id, Some(package.id()));
        assert_eq!(approved.definition.validation_parameter, definition.validation_parameter);
        let again = lifecycle.approve(&definition, Some(&package.id())).await.unwrap_err();
        assert!(again.chaincode_message().unwrap().contains("unchanged content"), "{again:?}");
        assert_eq!(again.retry(), Retry::Never);
    }

    let network = world.admin(0).network(channel);
    let lifecycle = network.lifecycle();
    assert_eq!(lifecycle.committed(&definition.name).await.unwrap(), None);
    let everybody = world.profile.organizations.len();
    let readiness = all_approved(&lifecycle, &definition, everybody).await;
    let committed = lifecycle.commit(&definition, readiness.approved_by()).await.unwrap();
    let found = lifecycle.committed(&definition.name).await.unwrap().unwrap();
    assert_eq!(found.definition.validation_parameter, definition.validation_parameter);
    assert!(found.approvals.values().all(|approved| *approved));
    let all = lifecycle.all_committed().await.unwrap();
    assert!(all.iter().any(|found| found.definition.name == definition.name));

    let ledger = network.ledger();
    assert!(ledger.info().await.unwrap().height > committed.block_number);
    let block = ledger.block(committed.block_number).await.unwrap();
    assert_eq!(ledger.block_of(&committed.transaction_id).await.unwrap(), block);
    let transactions = block_transactions(&block).unwrap();
    let transaction = transactions.iter().find(|found| found.id.as_ref() == Some(&committed.transaction_id));
    let transaction = transaction.unwrap();
    assert!(transaction.code.is_valid() && transaction.calls_chaincode(), "{transaction:?}");
    assert_eq!(transaction.msp_id, world.profile.organizations[0].msp_id);
    let processed = ledger.transaction(&committed.transaction_id).await.unwrap();
    assert_eq!(processed.validation_code, i32::from(TxValidationCode::Valid));
    let nothing = ledger.block(1 << 40).await.unwrap_err();
    assert!(nothing.chaincode_message().is_some(), "{nothing:?}");
    let config = ledger.config_block().await.unwrap();
    assert!(!block_transactions(&config).unwrap()[0].calls_chaincode());
}

/// The three streams of blocks from the peer, with what this test makes it commit, and signed elsewhere too.
#[tokio::test]
async fn blocks_as_they_commit() {
    let Some(world) = World::find() else { return };
    let organization = &world.profile.organizations[0];
    let network = world.admin(0).network(world.profile.channel.as_str());
    let first = network.ledger().info().await.unwrap().height;

    let mut full = network.block_events().from_block(0).stream();
    for number in 0..first {
        let block = timeout(DEADLINE, full.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(block.header.unwrap().number, number);
    }
    let definition = Definition::new(fresh_name(), "1.0", 1);
    let approved = network.lifecycle().approve(&definition, None).await.unwrap();
    let number = approved.block_number;

    let block = until(&mut full, |block: &Block| block.header.as_ref().unwrap().number == number).await;
    let id = approved.transaction_id;
    // Other transactions may be in it too.
    assert!(block_transactions(&block).unwrap().iter().any(|found| found.id.as_ref() == Some(&id)));

    let mut filtered = network.filtered_block_events().from_block(number).stream();
    let block = until(&mut filtered, |block| block.number == number).await;
    let verdict = block.filtered_transactions.iter().find(|found| found.txid == id.as_str()).unwrap();
    assert_eq!(verdict.tx_validation_code(), TxValidationCode::Valid);

    // The approval lies in the organisation's own collection, which its peer delivers to it.
    let mut private = network.private_block_events().from_block(number).stream();
    let block = until(&mut private, |_block| true).await;
    assert_eq!(block.block.unwrap().header.unwrap().number, number);
    let collections = block.private_data_map.values().flat_map(|data| &data.ns_pvt_rwset);
    let names: Vec<_> = collections.map(|namespace| namespace.namespace.as_str()).collect();
    assert!(names.contains(&"_lifecycle"), "{names:?}");

    let admin = organization.admin().unwrap();
    let signer = world.profile.signer(admin).unwrap();
    let gateway = world.profile.gateway(organization, admin).unwrap();
    let gateway = gateway.hash(signer.hash()).connect_lazy().unwrap();
    let request = gateway.network(world.profile.channel.as_str()).block_events().from_block(number).request();
    let signature = signer.sign(&request.digest()).await.unwrap();
    let taken_up = gateway.block_events_from_bytes::<Block>(&request.bytes()).unwrap();
    let block = timeout(DEADLINE, taken_up.with_signature(signature).stream().next()).await.unwrap();
    assert_eq!(block.unwrap().unwrap().header.unwrap().number, number);
}

async fn until<T: Send + 'static>(
    stream: &mut hlf_gateway::EventStream<T>,
    wanted: impl Fn(&T) -> bool,
) -> T {
    timeout(DEADLINE, async {
        loop {
            let item = stream.next().await.unwrap().unwrap();
            if wanted(&item) {
                return item;
            }
        }
    })
    .await
    .expect("the block is delivered")
}

/// Every stage of a transaction goes away as bytes and comes back signed by somebody else; then the very same is
/// submitted once more, and there is no second one. (It writes no private data: peers look for those of the second for a
/// minute before they go on.)
#[tokio::test]
async fn a_transaction_signed_elsewhere_and_submitted_twice() {
    let Some(world) = World::find() else { return };
    let channel = world.profile.channel.as_str();
    let definition = Definition::new(fresh_name(), "1.0", 1);
    for organization in 0..world.profile.organizations.len() {
        world.admin(organization).network(channel).lifecycle().approve(&definition, None).await.unwrap();
    }
    let msp_ids: Vec<_> = world.profile.organizations.iter().map(|of| of.msp_id.as_str()).collect();
    all_approved(&world.admin(0).network(channel).lifecycle(), &definition, msp_ids.len()).await;

    let organization = &world.profile.organizations[0];
    let admin = organization.admin().unwrap();
    let signer = world.profile.signer(admin).unwrap();
    let gateway = world.profile.gateway(organization, admin).unwrap();
    let gateway = gateway.hash(signer.hash()).connect_lazy().unwrap();
    let contract = gateway.network(channel).contract("_lifecycle");
    let proposal = contract.proposal("CommitChaincodeDefinition").argument(commit_arguments(&definition));
    let proposal = proposal.organizations(msp_ids).build();
    let proposal = gateway.proposal_from_bytes(&proposal.bytes()).unwrap();
    let signature = signer.sign(&proposal.digest()).await.unwrap();
    let transaction = proposal.with_signature(signature).endorse().await.unwrap();
    let transaction = gateway.transaction_from_bytes(&transaction.bytes()).unwrap();
    let signature = signer.sign(&transaction.digest()).await.unwrap();
    let transaction = transaction.with_signature(signature);
    let commit = transaction.submit().await.unwrap();
    let commit = gateway.commit_from_bytes(&commit.bytes()).unwrap();
    let signature = signer.sign(&commit.digest()).await.unwrap();
    let commit = commit.with_signature(signature);
    let first = commit.status().await.unwrap();
    assert!(first.code().is_valid(), "{first:?}");

    transaction.submit().await.unwrap();
    let again = commit.status().await.unwrap();
    assert_eq!((again.code(), again.block_number()), (first.code(), first.block_number()));
}

fn commit_arguments(definition: &Definition) -> Vec<u8> {
    use hlf_gateway::proto::Message as _;
    hlf_gateway::proto::lifecycle::CommitChaincodeDefinitionArgs {
        sequence: definition.sequence,
        name: definition.name.clone(),
        version: definition.version.clone(),
        ..Default::default()
    }
    .encode_to_vec()
}

/// Waits until so many approvals have reached the peer that is asked.
async fn all_approved(lifecycle: &Lifecycle, definition: &Definition, count: usize) -> Readiness {
    let ready = timeout(DEADLINE, async {
        loop {
            let readiness = lifecycle.readiness(definition).await.unwrap();
            if readiness.approved_by().count() == count {
                return readiness;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    ready.await.expect("approvals reach the first organisation's peer")
}

/// What a network refuses, in its own words and codes.
#[tokio::test]
async fn refusals() {
    let Some(world) = World::find() else { return };
    let organization = &world.profile.organizations[0];
    let member = organization.user().unwrap();
    let user = world.profile.gateway(organization, member).unwrap();
    let user = user.signer(world.profile.signer(member).unwrap()).connect_lazy().unwrap();
    let channel = world.profile.channel.as_str();
    let network = user.network(channel);

    let error = network.contract("nowhere").evaluate("Read", ["x"]).await.unwrap_err();
    assert!(error.code().is_some() && error.chaincode_message().is_none(), "{error:?}");
    let once = Retrying::default().with_attempts(1);
    let definition = Definition::new(fresh_name(), "1.0", 1);
    let refused = network.lifecycle().with_retrying(once).approve(&definition, None).await.unwrap_err();
    assert!(matches!(refused, TransactionError::Endorse(_)), "only administrators approve: {refused:?}");
    let refused = user.peers()[0].installed().await.unwrap_err();
    assert!(matches!(refused, PeerError::Call { .. } | PeerError::Refused { .. }), "{refused:?}");

    // Somebody else's key: the signature does not belong to the certificate.
    let other = world.profile.organizations[1].user().unwrap();
    let impostor = world.profile.gateway(organization, member).unwrap();
    let impostor = impostor.signer(world.profile.signer(other).unwrap()).connect().await.unwrap();
    let impostor = impostor.network(channel);
    assert!(impostor.ledger().info().await.is_err());
    let error = impostor.commit(TransactionId::from("some-id")).status().await.unwrap_err();
    assert_eq!(error.code(), Some(Code::PermissionDenied), "{error:?}");
    let mut events = impostor.chaincode_events("nowhere").stream();
    let error = timeout(DEADLINE, events.next()).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.code(), Some(Code::PermissionDenied), "{error:?}");
    let mut blocks = impostor.block_events().from_block(0).stream();
    let error = timeout(DEADLINE, blocks.next()).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, hlf_gateway::EventError::Refused { status: 403 }), "{error:?}");
}
