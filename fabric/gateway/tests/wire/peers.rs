//! What is each peer's own: installing packages, joining channels.

use hlf_gateway::Endpoint;
use hlf_gateway::lifecycle::{ChaincodeServer, Package, PackageId};
use hlf_gateway::operations::PeerError;
use hlf_proto::Message as _;
use hlf_proto::common::{ChannelHeader, Header};
use hlf_proto::lifecycle::{InstallChaincodeArgs, InstallChaincodeResult, QueryInstalledChaincodesResult};
use hlf_proto::protos::{ChannelQueryResponse, Proposal};

use crate::caller::Caller;
use crate::peer::{Peer, call};

#[tokio::test]
async fn a_package_is_installed_on_each_peer() {
    let (first, second, caller) = (Peer::start(), Peer::start(), Caller::new());
    let endpoints = [&first, &second].map(|peer| Endpoint::plaintext(&peer.address));
    let gateway = caller.builder().endpoints(endpoints).connect().await.unwrap();
    let package = Package::of_service("basic", &ChaincodeServer::new("127.0.0.1:1")).unwrap();
    let answer =
        InstallChaincodeResult { package_id: package.id().to_string(), label: package.label().into() };
    first.next_proposal(200, "", answer.encode_to_vec());
    let again = format!("… chaincode already successfully installed (package ID '{}')", package.id());
    second.next_proposal(500, &again, Vec::new());

    let peers = gateway.peers();
    let addresses: Vec<_> = peers.iter().map(|peer| peer.address()).collect();
    assert_eq!(addresses, [&first.address, &second.address]);
    for peer in &peers {
        assert_eq!(peer.install(&package).await.unwrap(), package.id());
    }
    for peer in [&first, &second] {
        let proposal = peer.seen().proposals.remove(0);
        assert!(caller.has_signed(&proposal.proposal_bytes, &proposal.signature));
        let args = call(&proposal);
        assert_eq!(args[0], b"InstallChaincode");
        let install = InstallChaincodeArgs::decode(args[1].as_slice()).unwrap();
        assert_eq!(install.chaincode_install_package, package.bytes());
        // It is about the peer, not about a channel.
        let proposal = Proposal::decode(proposal.proposal_bytes.as_slice()).unwrap();
        let header = Header::decode(proposal.header.as_slice()).unwrap();
        assert_eq!(ChannelHeader::decode(header.channel_header.as_slice()).unwrap().channel_id, "");
    }
}

#[tokio::test]
async fn what_a_peer_has_is_asked() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let admin = caller.gateway(&peer.address).peers().remove(0);
    let answer = QueryInstalledChaincodesResult::default();
    peer.next_proposal(200, "", answer.encode_to_vec());
    assert!(admin.installed().await.unwrap().is_empty());
    let channel = hlf_proto::protos::ChannelInfo { channel_id: "payments".into() };
    peer.next_proposal(200, "", ChannelQueryResponse { channels: vec![channel] }.encode_to_vec());
    assert_eq!(admin.channels().await.unwrap(), ["payments"]);

    peer.next_proposal(500, "could not find it", Vec::new());
    let error = admin.installed_package(&PackageId::from("x:0".to_owned())).await.unwrap_err();
    let PeerError::Refused { status, message, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*status, message.as_str()), (500, "could not find it"));
    peer.next_proposal(200, "", vec![0xff]);
    assert!(matches!(admin.channels().await, Err(PeerError::Reply { .. })));
}
