//! TLS, mutual TLS, large messages, and peers that are gone.

use std::time::Duration;

use futures::StreamExt as _;
use hlf_gateway::{
    Backoff, Code, ConnectError, ConnectOptions, Endpoint, Gateway, Origin, Retry, StageCause, Tls,
    TransactionError,
};
use hlf_proto::Message as _;
use hlf_proto::common::{ChannelHeader, Envelope, Payload};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use tonic::transport::{Certificate, Identity as TlsIdentity, ServerTlsConfig};

use crate::caller::Caller;
use crate::peer::{Answer, Cut, Peer};

const NAME: &str = "peer0.bank.test";

/// A certificate authority and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key, PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

fn server(authority: &Authority) -> ServerTlsConfig {
    let (certificate, key) = authority.issue(NAME);
    ServerTlsConfig::new().identity(TlsIdentity::from_pem(certificate, key))
}

async fn connect(address: &str, tls: Tls) -> Result<Gateway, ConnectError> {
    Caller::new().builder().endpoint(Endpoint::tls(address, tls)).connect().await
}

async fn reads(gateway: &Gateway) -> Result<Vec<u8>, hlf_gateway::EvaluateError> {
    gateway.network("payments").contract("basic").evaluate("Read", ["x"]).await
}

/// An address where nobody listens.
fn nobody() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn tls_needs_the_right_authority_and_name() {
    let authority = Authority::new();
    let peer = Peer::start_tls(server(&authority));
    let gateway = connect(&peer.address, Tls::new(authority.pem()).server_name(NAME)).await.unwrap();
    assert_eq!(reads(&gateway).await.unwrap(), b"Read x");

    for tls in [
        Tls::new(authority.pem()),
        Tls::new(authority.pem()).server_name("peer1.bank.test"),
        Tls::new(Authority::new().pem()).server_name(NAME),
    ] {
        let refusal = connect(&peer.address, tls).await.unwrap_err();
        let ConnectError::Unreachable { failures } = &refusal else { panic!("{refusal:?}") };
        assert!(
            failures[0].starts_with(&peer.address) && failures[0].contains("certificate"),
            "{failures:?}"
        );
    }
}

#[tokio::test]
async fn mutual_tls_shows_the_clients_certificate() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let config = server(&authority).client_ca_root(Certificate::from_pem(clients.pem()));
    let peer = Peer::start_tls(config);
    let tls = || Tls::new(authority.pem()).server_name(NAME);

    let (certificate, key) = clients.issue("client");
    // As Fabric's tools have labelled PKCS#8.
    let mislabelled = key.replace("PRIVATE KEY", "EC PRIVATE KEY");
    for key in [key, mislabelled] {
        let gateway = connect(&peer.address, tls().client_certificate(&*certificate, key)).await.unwrap();
        assert_eq!(reads(&gateway).await.unwrap(), b"Read x");
        request_for_blocks_is_bound_to(&gateway, &certificate);
    }

    let (certificate, key) = Authority::new().issue("client");
    for tls in [tls(), tls().client_certificate(certificate, key)] {
        // In TLS 1.3 the server's no comes after the handshake, with the first call.
        let builder = Caller::new().builder().endpoint(Endpoint::tls(&peer.address, tls));
        let error = reads(&builder.connect_lazy().unwrap()).await.unwrap_err();
        assert_eq!(error.code(), Some(Code::Unavailable), "{error:?}");
    }
    assert_eq!(peer.seen().evaluate.len(), 2);
}

/// Peers that ask for certificates deliver blocks only to requests that name the certificate of the connection.
fn request_for_blocks_is_bound_to(gateway: &Gateway, certificate: &str) {
    let request = Envelope::decode(&*gateway.network("payments").block_events().request().bytes()).unwrap();
    assert_eq!(binding(&request), hash(certificate));
}

fn binding(request: &Envelope) -> Vec<u8> {
    let header = Payload::decode(request.payload.as_slice()).unwrap().header.unwrap();
    ChannelHeader::decode(header.channel_header.as_slice()).unwrap().tls_cert_hash
}

fn hash(certificate: &str) -> Vec<u8> {
    Sha256::digest(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).to_vec()
}

/// The client certificate (its SHA-256) that each request for blocks names.
fn bindings(peer: &Peer) -> Vec<Vec<u8>> {
    peer.seen().deliver.iter().map(binding).collect()
}

#[tokio::test]
async fn a_request_for_blocks_names_the_certificate_that_its_peer_is_shown() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let mutual = || server(&authority).client_ca_root(Certificate::from_pem(clients.pem()));
    let peers = [Peer::start_tls(mutual()), Peer::start_tls(mutual())];
    let certificates = ["one", "other"].map(|name| clients.issue(name));
    let hashes = certificates.each_ref().map(|(certificate, _)| hash(certificate));
    let endpoint = |index: usize| {
        let (certificate, key) = certificates[index].clone();
        let tls = Tls::new(authority.pem()).server_name(NAME).client_certificate(certificate, key);
        Endpoint::tls(&peers[index].address, tls)
    };
    let gateway = Caller::new().builder().endpoints([endpoint(0), endpoint(1)]).connect().await.unwrap();
    let blocks = gateway.network("payments").block_events().from_block(0);
    peers.iter().for_each(|peer| peer.set_height(2));

    peers[0].cut_events(1, Cut::End);
    let mut stream = blocks.clone().stream_resuming(Backoff::new(Duration::ZERO, Duration::ZERO));
    stream.next().await.unwrap().unwrap();
    assert_eq!(bindings(&peers[0]), [hashes[0].clone()]);

    let request = blocks.request();
    assert_eq!(binding(&Envelope::decode(&*request.bytes()).unwrap()), hashes[0]);
    let [first, second] = peers;
    drop(first);
    stream.next().await.unwrap().unwrap_err();
    loop {
        if let Ok(block) = stream.next().await.unwrap() {
            break assert_eq!(block.header.unwrap().number, 1);
        }
    }
    assert_eq!(bindings(&second), [hashes[1].clone()]);

    // One that is made for all peers names one certificate.
    request.stream().next().await.unwrap().unwrap();
    assert_eq!(bindings(&second), [hashes[1].clone(), hashes[0].clone()]);
    let mut stream = gateway.network("payments").block_events().from_block(0).stream();
    stream.next().await.unwrap().unwrap();
    assert_eq!(bindings(&second)[2], hashes[1]);
}

#[tokio::test]
async fn messages_may_be_large() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let contract = caller.gateway(&peer.address).network("payments").contract("basic");
    let large = vec![7; 20 * 1024 * 1024];
    let committed = contract.submit("Write", [large.clone()]).await.unwrap();
    assert_eq!(committed.result.len(), large.len() + "Write ".len());

    let options = ConnectOptions::default().with_message_limit(1024);
    let builder = caller.builder().endpoint(Endpoint::plaintext(&peer.address)).options(options);
    let contract = builder.connect().await.unwrap().network("payments").contract("basic");
    let error = contract.evaluate("Read", [large]).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), (Some(Code::OutOfRange), Retry::Never));
}

#[tokio::test]
async fn another_peer_is_used_when_one_is_gone() {
    let (first, second, caller) = (Peer::start(), Peer::start(), Caller::new());
    let endpoints = [&first, &second].map(|peer| Endpoint::plaintext(&peer.address));
    let gateway = caller.builder().endpoints(endpoints).connect().await.unwrap();
    let contract = gateway.network("payments").contract("basic");
    contract.submit("Write", ["a"]).await.unwrap();
    assert_eq!((first.seen().submit.len(), second.seen().submit.len()), (1, 0));

    let address = first.address.clone();
    drop(first);
    contract.evaluate("Read", ["a"]).await.unwrap();
    contract.submit("Write", ["b"]).await.unwrap();
    assert_eq!((second.seen().evaluate.len(), second.seen().submit.len()), (1, 1));

    // And back, when the other is gone.
    let first = Peer::start_at(&address, None);
    drop(second);
    contract.evaluate("Read", ["a"]).await.unwrap();
    contract.submit("Write", ["c"]).await.unwrap();
    assert_eq!(first.seen().submit.len(), 1);
}

#[tokio::test]
async fn connecting_takes_the_first_that_answers() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let endpoints = [nobody(), peer.address.clone()].map(Endpoint::plaintext);
    let gateway = caller.builder().endpoints(endpoints).connect().await.unwrap();
    reads(&gateway).await.unwrap();
}

#[tokio::test]
async fn when_all_peers_are_gone_each_is_named() {
    let (one, other) = (nobody(), nobody());
    let endpoints = [&one, &other].map(Endpoint::plaintext);
    let refusal = Caller::new().builder().endpoints(endpoints.clone()).connect().await.unwrap_err();
    assert!(refusal.to_string().contains(&one) && refusal.to_string().contains(&other), "{refusal}");

    let gateway = Caller::new().builder().endpoints(endpoints).connect_lazy().unwrap();
    let error = reads(&gateway).await.unwrap_err();
    let StageCause::Call(call) = error.cause() else { panic!("{error:?}") };
    assert_eq!((call.code(), call.origin()), (Code::Unavailable, Origin::NotSent));
    assert!(call.message().contains(&one) && call.message().contains(&other), "{call}");
    assert_eq!(error.retry(), Retry::SameRequest);
}

/// A submit that may have arrived is not sent to another peer behind the caller's back; one that has not is.
#[tokio::test]
async fn a_submit_fails_over_only_if_it_was_not_sent() {
    let (first, second, caller) = (Peer::start(), Peer::start(), Caller::new());
    let endpoints = [&first, &second].map(|peer| Endpoint::plaintext(&peer.address));
    let contract =
        caller.builder().endpoints(endpoints).connect().await.unwrap().network("payments").contract("basic");
    first.next_submit(Answer::Never);
    let submit = tokio::spawn(async move { contract.submit("Write", ["a"]).await });
    first.until(|seen| !seen.submit.is_empty()).await;
    drop(first);
    let error = submit.await.unwrap().unwrap_err();
    let TransactionError::Submit { error, transaction } = error else { panic!("{error:?}") };
    let StageCause::Call(call) = error.cause() else { panic!("{error:?}") };
    assert_eq!((call.origin(), call.code()), (Origin::Broken, Code::Unavailable), "{call:?}");
    assert!(error.outcome_unknown());
    assert!(second.seen().submit.is_empty());

    let status = transaction.submit().await.unwrap().status().await.unwrap();
    assert!(status.code().is_valid());
    assert_eq!(second.seen().submit.len(), 1);
}

/// A process that accepts and says nothing, like a peer that hangs.
#[tokio::test]
async fn a_peer_that_never_finishes_the_handshake_does_not_hold_the_next_one_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = Authority::new();
    let peer = Peer::start_tls(server(&authority));
    let tls = Tls::new(authority.pem()).server_name(NAME);
    let addresses = [silent.local_addr().unwrap().to_string(), peer.address.clone()];
    let endpoints = addresses.map(|address| Endpoint::tls(address, tls.clone()));
    let options = ConnectOptions::default().with_connect_timeout(Duration::from_millis(100));
    let gateway = Caller::new().builder().endpoints(endpoints).options(options).connect_lazy().unwrap();
    reads(&gateway).await.unwrap();
    assert_eq!(peer.seen().evaluate.len(), 1);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let caller = Caller::new();
    let none = caller.builder().connect_lazy();
    assert!(matches!(none, Err(ConnectError::NoEndpoint)));
    let bad = caller.builder().endpoint(Endpoint::plaintext("not an address")).connect_lazy();
    let Err(ConnectError::BadAddress { source, .. }) = bad else { panic!("{bad:?}") };
    assert_eq!(source.to_string(), "invalid URI");
    let bad = caller.builder().endpoint(Endpoint::tls("127.0.0.1:1", Tls::new("no PEM"))).connect_lazy();
    assert!(matches!(bad, Err(ConnectError::NoAuthority { .. })));
    let tls = Tls::new(Authority::new().pem()).client_certificate("no PEM", "no key");
    let bad = caller.builder().endpoint(Endpoint::tls("127.0.0.1:1", tls)).connect_lazy();
    assert!(matches!(bad, Err(ConnectError::BadTls { .. })), "{bad:?}");
    let options = ConnectOptions::default().with_keepalive(Duration::from_secs(60), Duration::from_secs(20));
    let rude = caller.builder().endpoint(Endpoint::plaintext("127.0.0.1:1")).options(options).connect_lazy();
    assert!(matches!(rude, Err(ConnectError::KeepaliveTooShort { .. })));
}
