//! A chaincode that calls the peer which started it.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::time::Duration;

use futures::FutureExt;
use hlf_proto::Message;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::chaincode_support_server::{ChaincodeSupport, ChaincodeSupportServer};
use hlf_proto::protos::{self, ChaincodeId, ChaincodeInput, ChaincodeMessage};
use hlf_shim::{Chaincode, DialConfig, DialError, DialTls, Response, Stub, dial};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Status, Streaming};

const DEADLINE: Duration = Duration::from_secs(30);

struct Greeter;

impl Chaincode for Greeter {
    async fn invoke(&self, stub: &Stub) -> Response {
        let name = stub.get("name").await.unwrap().unwrap();
        let local = stub.local_msp_id().unwrap();
        Response::success(format!("{} of {local}", String::from_utf8(name).unwrap()))
    }
}

/// One conversation: what the chaincode says, and the way to answer.
struct Conversation {
    inbound: Streaming<ChaincodeMessage>,
    outbound: mpsc::Sender<Result<ChaincodeMessage, Status>>,
}

impl Conversation {
    async fn next(&mut self) -> ChaincodeMessage {
        tokio::time::timeout(DEADLINE, self.inbound.message()).await.unwrap().unwrap().unwrap()
    }

    async fn send(&self, kind: Type, payload: Vec<u8>) {
        let message = ChaincodeMessage {
            r#type: kind.into(),
            payload,
            txid: "t1".into(),
            channel_id: "ch".into(),
            ..ChaincodeMessage::default()
        };
        self.outbound.send(Ok(message)).await.unwrap();
    }
}

struct Peer {
    conversations: mpsc::Sender<Conversation>,
    /// Whether it answers at all; without that, not even headers come.
    answers: bool,
}

#[tonic::async_trait]
impl ChaincodeSupport for Peer {
    type RegisterStream = ReceiverStream<Result<ChaincodeMessage, Status>>;

    async fn register(
        &self,
        request: Request<Streaming<ChaincodeMessage>>,
    ) -> Result<tonic::Response<Self::RegisterStream>, Status> {
        let (outbound, messages) = mpsc::channel(16);
        let conversation = Conversation { inbound: request.into_inner(), outbound };
        self.conversations.send(conversation).await.unwrap();
        if !self.answers {
            std::future::pending::<()>().await;
        }
        Ok(tonic::Response::new(ReceiverStream::new(messages)))
    }
}

async fn peer() -> (mpsc::Receiver<Conversation>, DialConfig) {
    peer_that(true).await
}

/// A peer with TLS that asks for a client certificate, and what a chaincode of its needs to call it.
async fn peer_that(answers: bool) -> (mpsc::Receiver<Conversation>, DialConfig) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let pair = || {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &ca).unwrap().pem(), key.serialize_pem())
    };
    let (certificate, key) = pair();
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(ca.pem()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (conversations, receiver) = mpsc::channel(1);
    let service = ChaincodeSupportServer::new(Peer { conversations, answers });
    let server = Server::builder().tls_config(tls).unwrap().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let (certificate, key) = pair();
    // As peers write the keys that they make for chaincodes.
    let key = key.replace("PRIVATE KEY", "EC PRIVATE KEY").into_bytes();
    let mut config = DialConfig::new(format!("localhost:{port}"), "greeter:1.0");
    config.local_msp_id = Some("Org1MSP".into());
    config.tls = Some(DialTls::new(ca.pem()).with_identity(certificate, key));
    (receiver, config)
}

async fn registered(conversations: &mut mpsc::Receiver<Conversation>) -> Conversation {
    let mut peer = tokio::time::timeout(DEADLINE, conversations.recv()).await.unwrap().unwrap();
    let register = peer.next().await;
    assert_eq!(register.r#type(), Type::Register);
    assert_eq!(ChaincodeId::decode(register.payload.as_slice()).unwrap().name, "greeter:1.0");
    peer.send(Type::Registered, Vec::new()).await;
    peer.send(Type::Ready, Vec::new()).await;
    peer
}

#[tokio::test]
async fn the_chaincode_calls_registers_and_answers_until_it_is_stopped() {
    let (mut conversations, config) = peer().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let chaincode = tokio::spawn(dial(config, Greeter, stopped.map(drop)));
    let mut peer = registered(&mut conversations).await;
    let input = ChaincodeInput { args: vec![b"Greet".to_vec()], ..ChaincodeInput::default() };
    peer.send(Type::Transaction, input.encode_to_vec()).await;
    assert_eq!(peer.next().await.r#type(), Type::GetState);
    // Told to stop in the middle of a transaction, which may end first.
    stop.send(()).unwrap();
    peer.send(Type::Response, b"ann".to_vec()).await;
    let completed = peer.next().await;
    let response = protos::Response::decode(completed.payload.as_slice()).unwrap();
    assert_eq!((response.status, response.payload.as_slice()), (200, &b"ann of Org1MSP"[..]));
    tokio::time::timeout(DEADLINE, chaincode).await.unwrap().unwrap().unwrap();
}

/// As Fabric does with a registration that it refuses.
#[tokio::test]
async fn a_peer_that_never_answers_does_not_keep_it_from_stopping() {
    let (mut conversations, config) = peer_that(false).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let chaincode = tokio::spawn(dial(config, Greeter, stopped.map(drop)));
    let mut peer = tokio::time::timeout(DEADLINE, conversations.recv()).await.unwrap().unwrap();
    assert_eq!(peer.next().await.r#type(), Type::Register, "sent before there are headers");
    stop.send(()).unwrap();
    tokio::time::timeout(DEADLINE, chaincode).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_transaction_that_never_ends_does_not_keep_it_from_stopping() {
    let (mut conversations, mut config) = peer().await;
    config.drain_timeout = Duration::from_millis(1);
    let (stop, stopped) = oneshot::channel::<()>();
    let chaincode = tokio::spawn(dial(config, Greeter, stopped.map(drop)));
    let mut peer = registered(&mut conversations).await;
    peer.send(Type::Transaction, ChaincodeInput::default().encode_to_vec()).await;
    assert_eq!(peer.next().await.r#type(), Type::GetState);
    stop.send(()).unwrap();
    // The peer keeps its side open.
    tokio::time::timeout(DEADLINE, chaincode).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn it_can_be_stopped_before_the_peer_can_be_reached() {
    // It takes connections and says nothing in TLS.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_conversations, mut config) = peer().await;
    config.peer_address = format!("localhost:{}", listener.local_addr().unwrap().port());
    let ended = tokio::time::timeout(DEADLINE, dial(config, Greeter, std::future::ready(()))).await;
    assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
}

#[tokio::test]
async fn it_ends_when_the_peer_ends_the_conversation() {
    let (mut conversations, config) = peer().await;
    let chaincode = tokio::spawn(dial(config, Greeter, std::future::pending()));
    drop(registered(&mut conversations).await);
    let ended = tokio::time::timeout(DEADLINE, chaincode).await.unwrap().unwrap();
    assert!(matches!(ended, Err(DialError::Ended { .. })), "{ended:?}");
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_an_error() {
    let config = DialConfig::new("127.0.0.1:1", "greeter:1.0");
    let ended = dial(config, Greeter, std::future::pending()).await;
    assert!(matches!(ended, Err(DialError::Connect { .. })), "{ended:?}");
}
