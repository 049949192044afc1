//! What is refused, with Fabric's codes, details and texts.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hlf_devnet::identity::organization;
use hlf_gateway::{Code, Digest, P256Signer, SignError, Signature, Signer, TransactionError};
use hlf_proto::lifecycle::ApproveChaincodeDefinitionForMyOrgResult as Empty;

use crate::harness::{CHAINCODE, TestNetwork, signer};

/// Signs with the high one of the two possible values of s.
struct HighS(P256Signer);

#[async_trait]
impl Signer for HighS {
    async fn sign(&self, digest: &Digest) -> Result<Signature, SignError> {
        let signature = self.0.sign(digest).await?;
        Ok(with_other_s(signature.as_bytes()).into())
    }
}

/// The signature in DER that verifies too: its second number is the order of P-256 without it.
fn with_other_s(der: &[u8]) -> Vec<u8> {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let r_end = 4 + usize::from(der[3]);
    let (r, s) = (&der[4..r_end], &der[r_end + 2..]);
    let mut borrow = 0;
    let mut other: Vec<u8> = Vec::new();
    for (index, digit) in hex::decode(ORDER).unwrap().into_iter().rev().enumerate() {
        let taken = s.iter().rev().nth(index).copied().unwrap_or_default();
        let difference = i16::from(digit) - i16::from(taken) - borrow;
        borrow = i16::from(difference < 0);
        other.insert(0, u8::try_from(difference.rem_euclid(256)).unwrap());
    }
    // It is the high one: its first bit would make it negative.
    let integer = |digits: &[u8]| [&[2, u8::try_from(digits.len()).unwrap()], digits].concat();
    let body = [integer(r), integer(&[&[0], other.as_slice()].concat())].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
}

fn expect_endorse(
    result: Result<hlf_gateway::Committed, TransactionError>,
) -> (Code, String, Vec<(String, String)>) {
    let Err(TransactionError::Endorse(error)) = result else { panic!("{result:?}") };
    let hlf_gateway::StageCause::Call(call) = error.cause() else { panic!("{error:?}") };
    let details = error.details().iter().map(|detail| (detail.msp_id.clone(), detail.message.clone()));
    (call.code(), call.message().to_owned(), details.collect())
}

const FIRST: &str = "failed to endorse transaction, see attached details for more info";
const COLLECT: &str = "failed to collect enough transaction endorsements, see attached details for more info";

#[tokio::test]
async fn a_chaincode_that_says_no() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let (code, message, details) = expect_endorse(contract.submit("Fail", ["LS42 Nope: no"]).await);
    assert_eq!((code, message.as_str()), (Code::Aborted, FIRST));
    assert_eq!(details, [("BankMSP".into(), "chaincode response 500, LS42 Nope: no".into())]);
    let (_, _, details) = expect_endorse(contract.submit::<&str>("Warn", []).await);
    assert_eq!(details[0].1, "chaincode response 404, four hundred and four");

    let error = contract.evaluate("Fail", ["LS42 Nope: no"]).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::Unknown));
    let hlf_gateway::StageCause::Call(call) = error.cause() else { panic!("{error:?}") };
    assert_eq!(
        call.message(),
        "evaluate call to endorser returned error: chaincode response 500, LS42 Nope: no"
    );
    assert_eq!(error.chaincode_message(), Some("LS42 Nope: no"));
    assert!(call.details()[0].address.starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn organisations_that_disagree() {
    let network = TestNetwork::start().await;
    let (code, message, details) = expect_endorse(network.contract(0).await.submit::<&str>("Who", []).await);
    assert_eq!((code, message.as_str()), (Code::Aborted, COLLECT));
    let expected = "ProposalResponsePayloads do not match".to_owned();
    assert_eq!(details, [("ClientMSP".into(), expected.clone()), ("VendorMSP".into(), expected)]);
}

#[tokio::test]
async fn signatures_that_do_not_count() {
    let network = TestNetwork::start().await;
    let files = network.files(0);
    let certificate = files.user_certificate("User1");
    let denied = "error validating proposal: access denied: channel [payments] creator org [BankMSP]";

    let high = network.network_as(0, &certificate, HighS(signer(&files.user_key("User1")))).await;
    let (code, message, details) = expect_endorse(high.contract(CHAINCODE).submit("Put", ["k", "v"]).await);
    assert_eq!((code, message.as_str(), details[0].1.as_str()), (Code::Aborted, FIRST, denied));
    let error = high.contract(CHAINCODE).evaluate("Get", ["k"]).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::FailedPrecondition));

    let wrong = network.network_as(0, &certificate, signer(&files.user_key("Admin"))).await;
    let (code, _, details) = expect_endorse(wrong.contract(CHAINCODE).submit("Put", ["k", "v"]).await);
    assert_eq!((code, details[0].1.as_str()), (Code::Aborted, denied));
    let error = wrong.commit("00").status().await.unwrap_err();
    assert_eq!(error.code(), Some(Code::PermissionDenied));

    // Endorsed for the right signer, submitted with a wrong signature: the orderer turns it away.
    let contract = network.contract(0).await;
    let transaction = contract.proposal("Put").arguments(["k", "v"]).build().endorse().await.unwrap();
    let signature = signer(&files.user_key("Admin")).sign(&transaction.digest()).await.unwrap();
    let error = transaction.clone().with_signature(signature).submit().await.unwrap_err();
    assert_eq!(error.code(), Some(Code::Aborted));
    let hlf_gateway::StageCause::Call(call) = error.cause() else { panic!("{error:?}") };
    assert_eq!(
        call.message(),
        "received unsuccessful response from orderer: status=FORBIDDEN, info=implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the 'Writers' sub-policies to be satisfied: permission denied"
    );
    let signature = HighS(signer(&files.user_key("User1"))).sign(&transaction.digest()).await.unwrap();
    let error = transaction.with_signature(signature).submit().await.unwrap_err();
    assert_eq!(error.code(), Some(Code::Aborted));
}

#[tokio::test]
async fn identities_that_do_not_belong() {
    let network = TestNetwork::start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = organization(elsewhere.path(), "bank.lockstep.test").unwrap();
    let stranger = network
        .network_as(0, &foreign.user_certificate("User1"), signer(&foreign.user_key("User1")))
        .await
        .contract(CHAINCODE);
    let (_, _, details) = expect_endorse(stranger.submit("Put", ["k", "v"]).await);
    let denied = "error validating proposal: access denied: channel [payments] creator org unknown, creator is malformed";
    assert_eq!(details[0].1, denied);

    // A peer is a member, but no writer.
    let files = network.files(0);
    let peer =
        network.network_as(0, &files.host_certificate("peer0"), signer(&files.host_key("peer0"))).await;
    let (_, _, details) = expect_endorse(peer.contract(CHAINCODE).submit("Put", ["k", "v"]).await);
    assert!(details[0].1.contains("with policy [/Channel/Application/Writers]"), "{details:?}");
}

#[tokio::test]
async fn times_far_from_now() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let late = SystemTime::now() + Duration::from_secs(3600);
    let propose = |time| contract.proposal("Put").arguments(["k", "v"]).timestamp(time);
    let (code, message, details) = expect_endorse(propose(late).submit().await);
    assert_eq!((code, message.as_str()), (Code::Aborted, FIRST));
    assert!(details[0].1.starts_with("request unauthorized due to incorrect timestamp 2"), "{details:?}");
    assert!(details[0].1.ends_with("peer.authentication.timewindow 15m0s"), "{details:?}");
    let error = propose(late).evaluate().await.unwrap_err();
    assert_eq!((error.code(), error.details().len()), (Some(Code::Unavailable), 3));
    propose(SystemTime::now() - Duration::from_secs(600)).submit().await.unwrap();
}

#[tokio::test]
async fn a_transaction_id_that_is_taken() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let proposal = contract.proposal("Put").arguments(["k", "v"]).build();
    let transaction = proposal.endorse().await.unwrap();
    let status = transaction.submit().await.unwrap().status().await.unwrap();
    assert!(status.code().is_valid());
    let error = proposal.endorse().await.unwrap_err();
    let message = &error.details()[0].message;
    assert!(message.starts_with("duplicate transaction found ["), "{message}");
}

#[tokio::test]
async fn what_devnet_cannot_is_refused_by_name() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let refusal = async |function: &str| {
        let error = contract.evaluate::<&str>(function, []).await.unwrap_err();
        error.chaincode_message().map(str::to_owned).unwrap_or_else(|| format!("{error:?}"))
    };
    assert!(refusal("Call").await.contains("chaincode other not found"));
    assert!(refusal("Rich").await.contains("Missing required key: selector"));
    assert!(refusal("PageAndPut").await.contains("has already performed a paginated query"));
}

#[tokio::test]
async fn services_that_devnet_has_not_are_refused_by_name() {
    let network = TestNetwork::start().await;
    let channel = network.channel(0).await;
    for (path, text) in [
        ("/discovery.Discovery/Discover", "hlf-devnet has no service discovery: "),
        ("/protos.Snapshot/Generate", "hlf-devnet has no snapshots of its ledger: "),
        ("/gossip.Gossip/Ping", "hlf-devnet has no gossip: "),
        ("/some.Other/Call", "hlf-devnet has no service \"some.Other\""),
    ] {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
        let call = client.unary(tonic::Request::new(Empty {}), path.parse().unwrap(), codec);
        let refusal = call.await.unwrap_err();
        assert_eq!(refusal.code(), Code::Unimplemented, "{refusal:?}");
        assert!(refusal.message().starts_with(text), "{refusal:?}");
    }
}

#[tokio::test]
async fn names_that_do_not_exist() {
    let network = TestNetwork::start().await;
    let channel = network.network(0).await;
    let error = channel.contract("nothing").evaluate("Get", ["k"]).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::FailedPrecondition));
    let (code, message, _) = expect_endorse(channel.contract("nothing").submit("Put", ["k", "v"]).await);
    assert_eq!(code, Code::FailedPrecondition);
    assert!(message.contains("No metadata was found for chaincode nothing in channel payments"), "{message}");
    let contract = channel.contract(CHAINCODE);
    let proposal = contract.proposal("Put").arguments(["k", "v"]).organizations(["OtherMSP"]);
    let (code, message, _) = expect_endorse(proposal.submit().await);
    assert_eq!(
        (code, message.as_str()),
        (Code::Unavailable, "failed to find any endorsing peers for org(s): OtherMSP")
    );
}
