//! Clients that must show a certificate.

use futures::StreamExt;
use hlf_gateway::{ConnectError, Endpoint, EventError, Gateway, Identity, Tls};
use hlf_proto::common::{Block, Status};

use crate::harness::{CHAINCODE, CHANNEL, ORGANIZATIONS, TestNetwork, read, signer};

/// User1 of an organisation, at the gateway of the first one.
async fn connect(network: &TestNetwork, organization: usize, tls: Tls) -> Result<Gateway, ConnectError> {
    let files = network.files(organization);
    let msp_id = network.config.organizations[organization].msp_id.clone();
    let certificate = std::fs::read(files.user_certificate("User1")).unwrap();
    Gateway::builder(Identity::new(msp_id, certificate).unwrap())
        .signer(signer(&files.user_key("User1")))
        .endpoint(Endpoint::tls(network.address(0), tls))
        .connect()
        .await
}

/// What the first organisation's gateway is recognised by.
fn server(network: &TestNetwork) -> Tls {
    Tls::new(std::fs::read(network.files(0).tls_ca()).unwrap()).server_name(network.files(0).host("peer0"))
}

/// The same, with a user's own certificate to show.
fn client(network: &TestNetwork, organization: usize) -> Tls {
    let files = network.files(organization);
    let file = |path| std::fs::read(path).unwrap();
    let (certificate, key) = (file(files.user_tls_certificate("User1")), file(files.user_tls_key("User1")));
    server(network).client_certificate(certificate, key)
}

#[tokio::test]
async fn members_of_all_organisations_come_in_and_nobody_else() {
    let network = TestNetwork::start_with(|config| config.mutual_tls = true).await;
    for organization in 0..ORGANIZATIONS.len() {
        let gateway = connect(&network, organization, client(&network, organization)).await.unwrap();
        let channel = gateway.network(CHANNEL);
        let contract = channel.contract(CHAINCODE);
        let key = format!("key{organization}");
        let committed = contract.submit("Put", [key.as_str(), "v"]).await.unwrap();
        assert_eq!(read(&contract, "Get", &[&key]).await, "v");
        // Requests for blocks are bound to the certificate.
        let mut blocks = channel.block_events().from_block(committed.block_number).stream();
        let block = blocks.next().await.unwrap().unwrap();
        assert_eq!(block.header.unwrap().number, committed.block_number);
    }
    // With no certificate, and with one whose authority is no organisation's.
    let stranger = tempfile::tempdir().unwrap();
    let stranger = hlf_devnet::identity::organization(stranger.path(), "stranger.test").unwrap();
    let file = |path| std::fs::read(path).unwrap();
    let theirs = server(&network).client_certificate(
        file(stranger.user_tls_certificate("User1")),
        file(stranger.user_tls_key("User1")),
    );
    for tls in [server(&network), theirs] {
        match connect(&network, 0, tls).await {
            Err(_) => {}
            // In TLS 1.3 a client learns that it was refused with its first call.
            Ok(gateway) => {
                let contract = gateway.network(CHANNEL).contract(CHAINCODE);
                contract.evaluate("Get", ["key0"]).await.unwrap_err();
            }
        }
    }
}

/// A request that names another certificate was made for another connection.
#[tokio::test]
async fn a_request_for_blocks_is_bound_to_its_connection() {
    let network = TestNetwork::start_with(|config| config.mutual_tls = true).await;
    let first = connect(&network, 0, client(&network, 0)).await.unwrap();
    let second = connect(&network, 0, client(&network, 1)).await.unwrap();
    let request = first.network(CHANNEL).block_events().from_block(0).request().bytes();
    let from = |gateway: &Gateway| gateway.block_events_from_bytes::<Block>(&request).unwrap().stream();
    from(&first).next().await.unwrap().unwrap();
    let refused = from(&second).next().await.unwrap().unwrap_err();
    let bad_request = i32::from(Status::BadRequest);
    assert!(matches!(refused, EventError::Refused { status } if status == bad_request), "{refused:?}");
}
