//! Packages that a peer keeps.

use hlf_gateway::lifecycle::{ChaincodeServer, Package};

use crate::harness::{TestNetwork, signer};

#[tokio::test]
async fn a_package_comes_back_as_it_was_installed() {
    let mut network = TestNetwork::start().await;
    let package = Package::of_service("basic", &ChaincodeServer::new("127.0.0.1:9")).unwrap();
    let admin = async |network: &TestNetwork, user: &str| {
        let files = network.files(0);
        network.gateway_as(0, &files.user_certificate(user), signer(&files.user_key(user))).await
    };
    let gateway = admin(&network, "Admin").await;
    let missing = gateway.peers()[0].installed_package(&package.id()).await.unwrap_err();
    let text = format!("chaincode install package '{}' not found", package.id());
    assert!(missing.to_string().contains(&text), "{missing}");
    gateway.peers()[0].install(&package).await.unwrap();
    network.down().await;
    network.up().await;
    let gateway = admin(&network, "Admin").await;
    assert_eq!(gateway.peers()[0].installed_package(&package.id()).await.unwrap(), package.bytes());
    let user = admin(&network, "User1").await;
    assert!(user.peers()[0].installed_package(&package.id()).await.is_err(), "for administrators");
}
