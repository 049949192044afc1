//! The chaincode under test, and the server that serves it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use hlf_proto::protos::ChaincodeAdditionalParams;
use hlf_shim::{Chaincode, LedgerError, Response, ServeError, ServerConfig, Stub, TlsConfig, serve};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::credentials::Credentials;
use crate::peer::{DEADLINE, FakePeer};

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) credentials: Credentials,
    shutdown: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<(), ServeError>>,
    events: Mutex<mpsc::UnboundedReceiver<Result<(), LedgerError>>>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let credentials = Credentials::new();
        let pair = credentials.pair();
        // What Fabric does to its keys: PKCS#8 inside, SEC 1 on the label.
        let key = pair.key.replace("PRIVATE KEY", "EC PRIVATE KEY");
        let tls = TlsConfig::new(pair.certificate, key).with_client_ca(credentials.ca());
        let mut config = ServerConfig::new("test:0123").with_tls(tls);
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, stop) = oneshot::channel();
        let (sender, events) = mpsc::unbounded_channel();
        let chaincode = TestChaincode { events: Arc::new(sender) };
        let serving = tokio::spawn(serve(listener, config, chaincode, stop.map(drop)));
        Self { address, credentials, shutdown: Some(shutdown), serving, events: Mutex::new(events) }
    }

    /// A peer that has registered the chaincode.
    pub(crate) async fn connect(&self) -> FakePeer {
        let mut peer = FakePeer::greet(self.address, &self.credentials).await;
        peer.make_ready(&ChaincodeAdditionalParams::default()).await;
        peer
    }

    /// What the chaincode reports next.
    pub(crate) async fn event(&self) -> Result<(), LedgerError> {
        let mut events = self.events.lock().await;
        tokio::time::timeout(DEADLINE, events.recv()).await.unwrap().unwrap()
    }

    pub(crate) fn shut_down(&mut self) {
        self.shutdown.take().unwrap().send(()).unwrap();
    }

    /// Waits for the end of the server.
    pub(crate) async fn stopped(self) {
        tokio::time::timeout(DEADLINE, self.serving).await.unwrap().unwrap().unwrap();
    }

    /// Ends the server, which has nothing left to do.
    pub(crate) async fn stop(mut self) {
        self.shut_down();
        self.stopped().await;
    }
}

struct TestChaincode {
    events: Arc<mpsc::UnboundedSender<Result<(), LedgerError>>>,
}

impl Chaincode for TestChaincode {
    async fn invoke(&self, stub: &Stub) -> Response {
        self.answer(stub).await.unwrap_or_else(|error| Response::error(error.to_string()))
    }
}

impl TestChaincode {
    async fn answer(&self, stub: &Stub) -> Result<Response, LedgerError> {
        let args = stub.string_args().unwrap();
        let text = match args[..] {
            ["put", key, value] => {
                stub.put(key, value).await?;
                String::new()
            }
            ["get", key] => match stub.get(key).await? {
                Some(value) => return Ok(Response::success(value)),
                None => return Ok(Response::error("none")),
            },
            ["swap", key, value] => {
                let before = stub.get(key).await?;
                // Two requests at once are sent one after the other.
                let (put, again) = tokio::join!(stub.put(key, value), stub.get(key));
                put?;
                again?;
                before.map_or_else(|| "was nothing".to_owned(), |_| "was something".to_owned())
            }
            ["nothing"] => String::new(),
            ["wait"] => std::future::pending().await,
            ["many"] => {
                let keys: Vec<_> = (0..250).map(|number| format!("k{number}")).collect();
                stub.start_write_batch();
                for key in &keys {
                    stub.put(key, key.as_str()).await?;
                }
                stub.finish_write_batch().await?;
                stub.start_write_batch();
                stub.put("last", "sent at the end").await?;
                let keys: Vec<_> = keys.iter().map(String::as_str).collect();
                let values = stub.get_many(&keys).await?;
                values.into_iter().flatten().count().to_string()
            }
            ["count", start, end] => stub.range(start, end).await?.collect().await?.len().to_string(),
            ["page", size, bookmark] => {
                let page = stub.range_page("", "", size.parse().unwrap(), bookmark).await?;
                let keys: Vec<_> = page.entries.into_iter().map(|entry| entry.key).collect();
                format!("{} then {}", keys.join(" "), page.bookmark)
            }
            ["first"] => {
                let first = stub.range("", "").await?.next().await?.unwrap().key;
                stub.get(&first).await?;
                first
            }
            ["nested", name, argument] => {
                return stub.call_chaincode(name, vec![argument.into()], Some("ch2")).await;
            }
            ["impatient", first, second] => {
                let given_up = tokio::time::timeout(Duration::from_millis(20), stub.get(first)).await;
                self.events.send(given_up.map_or(Ok(()), |_| Err(LedgerError::TransactionOver))).unwrap();
                return Ok(Response::success(stub.get(second).await?.unwrap()));
            }
            ["watch", key] => {
                let result = stub.get(key).await.map(drop);
                self.events.send(result).unwrap();
                String::new()
            }
            _ => panic!("no such function"),
        };
        Ok(Response::success(text))
    }
}
