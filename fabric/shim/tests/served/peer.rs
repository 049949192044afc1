//! A peer that speaks the chaincode protocol as far as the tests need it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hlf_proto::Message;
use hlf_proto::protos::chaincode_client::ChaincodeClient;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{
    ChaincodeAdditionalParams, ChaincodeId, ChaincodeInput, ChaincodeMessage, ChaincodeSpec, GetState,
    GetStateByRange, GetStateMultiple, GetStateMultipleResult, PutState, QueryMetadata, QueryResponse,
    QueryResponseMetadata, QueryResultBytes, QueryStateClose, QueryStateNext, Response, WriteBatchState,
};
use hlf_proto::queryresult::Kv;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Identity};
use tonic::{Request, Status, Streaming};

use crate::credentials::Credentials;

/// No test waits longer for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// Results that this peer sends at once.
const BATCH: usize = 2;
const MESSAGE_BYTES: usize = 100 * 1024 * 1024;

pub(crate) type State = BTreeMap<String, Vec<u8>>;

pub(crate) struct FakePeer {
    /// The id that the chaincode registered under.
    pub(crate) registered: String,
    /// Queries that are open, and what is left of them.
    pub(crate) open: BTreeMap<String, Vec<QueryResultBytes>>,
    /// How many queries the chaincode closed.
    pub(crate) closed: usize,
    outbound: mpsc::Sender<ChaincodeMessage>,
    inbound: Streaming<ChaincodeMessage>,
}

impl FakePeer {
    pub(crate) async fn try_connect(
        address: SocketAddr,
        credentials: &Credentials,
        identity: Option<Identity>,
    ) -> Result<Self, Status> {
        let channel = channel(address, credentials, identity).await?;
        let mut client = ChaincodeClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES);
        let (outbound, messages) = mpsc::channel(1000);
        let mut inbound = client.connect(ReceiverStream::new(messages)).await?.into_inner();
        let register = inbound.message().await?.ok_or_else(|| Status::unavailable("no REGISTER"))?;
        assert_eq!(register.r#type(), Type::Register);
        let registered = ChaincodeId::decode(register.payload.as_slice()).unwrap().name;
        Ok(Self { registered, open: BTreeMap::new(), closed: 0, outbound, inbound })
    }

    /// A peer that got REGISTER and has not answered it.
    pub(crate) async fn greet(address: SocketAddr, credentials: &Credentials) -> Self {
        Self::try_connect(address, credentials, Some(credentials.client_identity())).await.unwrap()
    }

    pub(crate) async fn make_ready(&mut self, offers: &ChaincodeAdditionalParams) {
        self.send(Type::Registered, "", b"").await;
        self.send(Type::Ready, "", &offers.encode_to_vec()).await;
    }

    pub(crate) async fn send(&self, kind: Type, txid: &str, payload: &[u8]) {
        let message = ChaincodeMessage {
            r#type: kind.into(),
            payload: payload.to_vec(),
            txid: txid.to_owned(),
            channel_id: "ch".to_owned(),
            ..ChaincodeMessage::default()
        };
        self.outbound.send(message).await.unwrap();
    }

    pub(crate) async fn call(&self, txid: &str, args: &[&str]) {
        let args = args.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        let input = ChaincodeInput { args, ..ChaincodeInput::default() };
        self.send(Type::Transaction, txid, &input.encode_to_vec()).await;
    }

    pub(crate) async fn next(&mut self) -> ChaincodeMessage {
        let message = tokio::time::timeout(DEADLINE, self.inbound.message()).await.unwrap();
        message.unwrap().expect("the chaincode keeps the stream open")
    }

    /// How the stream ends.
    pub(crate) async fn end(&mut self) -> Result<(), Status> {
        let message = tokio::time::timeout(DEADLINE, self.inbound.message()).await.unwrap()?;
        assert_eq!(message, None);
        Ok(())
    }

    /// Replies to requests until `count` transactions have ended: status and text of each.
    pub(crate) async fn answers(
        &mut self,
        state: &mut State,
        count: usize,
    ) -> BTreeMap<String, (i32, String)> {
        let mut answers = BTreeMap::new();
        while answers.len() < count {
            let message = self.next().await;
            if message.r#type() == Type::Completed {
                let response = Response::decode(message.payload.as_slice()).unwrap();
                let text = [response.message.into_bytes(), response.payload].concat();
                answers.insert(message.txid, (response.status, String::from_utf8(text).unwrap()));
            } else {
                self.reply(state, message).await;
            }
        }
        answers
    }

    /// Replies to one request.
    pub(crate) async fn reply(&mut self, state: &mut State, message: ChaincodeMessage) {
        let payload = message.payload.as_slice();
        let reply = match message.r#type() {
            Type::GetState => {
                let request = GetState::decode(payload).unwrap();
                state.get(&request.key).cloned().unwrap_or_default()
            }
            Type::GetStateMultiple => {
                let request = GetStateMultiple::decode(payload).unwrap();
                let values = request.keys.iter().map(|key| state.get(key).cloned().unwrap_or_default());
                GetStateMultipleResult { values: values.collect() }.encode_to_vec()
            }
            Type::WriteBatchState => {
                let request = WriteBatchState::decode(payload).unwrap();
                state.extend(request.rec.into_iter().map(|record| (record.key, record.value)));
                Vec::new()
            }
            Type::PutState => {
                let request = PutState::decode(payload).unwrap();
                state.insert(request.key, request.value);
                Vec::new()
            }
            Type::GetStateByRange => {
                self.range(state, GetStateByRange::decode(payload).unwrap(), &message.txid)
            }
            Type::QueryStateNext => {
                let id = QueryStateNext::decode(payload).unwrap().id;
                let rest = self.open.remove(&id).unwrap();
                self.batch(rest, &id)
            }
            Type::QueryStateClose => {
                let id = QueryStateClose::decode(payload).unwrap().id;
                self.open.remove(&id).unwrap();
                self.closed += 1;
                Vec::new()
            }
            Type::InvokeChaincode => nested(ChaincodeSpec::decode(payload).unwrap()),
            kind => panic!("{kind:?}"),
        };
        self.send(Type::Response, &message.txid, &reply).await;
    }

    fn range(&mut self, state: &State, request: GetStateByRange, id: &str) -> Vec<u8> {
        let GetStateByRange { start_key, end_key, metadata, .. } = request;
        let result = |(key, value): (&String, &Vec<u8>)| QueryResultBytes {
            result_bytes: Kv { namespace: "cc".into(), key: key.clone(), value: value.clone() }
                .encode_to_vec(),
        };
        let before_end = |key: &String| end_key.is_empty() || *key < end_key;
        if metadata.is_empty() {
            let results = state.range(start_key..).filter(|(key, _)| before_end(key)).map(result).collect();
            return self.batch(results, id);
        }
        let page = QueryMetadata::decode(metadata.as_slice()).unwrap();
        let mut rest = state.range(page.bookmark..);
        let results: Vec<_> = rest.by_ref().take(page.page_size.try_into().unwrap()).map(result).collect();
        let metadata = QueryResponseMetadata {
            fetched_records_count: results.len().try_into().unwrap(),
            bookmark: rest.next().map(|(key, _)| key.clone()).unwrap_or_default(),
        };
        QueryResponse { results, metadata: metadata.encode_to_vec(), ..QueryResponse::default() }
            .encode_to_vec()
    }

    fn batch(&mut self, mut results: Vec<QueryResultBytes>, id: &str) -> Vec<u8> {
        let rest = results.split_off(results.len().min(BATCH));
        let has_more = !rest.is_empty();
        if has_more {
            self.open.insert(id.to_owned(), rest);
        }
        QueryResponse { results, has_more, id: id.to_owned(), metadata: Vec::new() }.encode_to_vec()
    }
}

/// The answer of a chaincode that repeats what it is told.
fn nested(spec: ChaincodeSpec) -> Vec<u8> {
    let name = spec.chaincode_id.unwrap().name;
    let argument = String::from_utf8(spec.input.unwrap().args.concat()).unwrap();
    let payload = format!("{name} says {argument}").into_bytes();
    let response = Response { status: 200, message: String::new(), payload };
    let payload = response.encode_to_vec();
    ChaincodeMessage { r#type: Type::Completed.into(), payload, ..ChaincodeMessage::default() }
        .encode_to_vec()
}

pub(crate) async fn channel(
    address: SocketAddr,
    credentials: &Credentials,
    identity: Option<Identity>,
) -> Result<Channel, Status> {
    let mut tls = credentials.client_tls();
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
    endpoint.connect().await.map_err(|error| Status::unavailable(error.to_string()))
}

/// Sends something that is no chaincode message, and waits for the end of the stream.
pub(crate) async fn send_garbage(address: SocketAddr, credentials: &Credentials) -> Status {
    let channel = channel(address, credentials, Some(credentials.client_identity())).await.unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    // Where a chaincode message has its type as a number, this has text.
    let garbage = ChaincodeId { path: "garbage".into(), ..ChaincodeId::default() };
    let codec = tonic_prost::ProstCodec::<ChaincodeId, ChaincodeMessage>::default();
    let (outbound, messages) = mpsc::channel(1);
    let request = Request::new(ReceiverStream::new(messages));
    let path = "/protos.Chaincode/Connect".parse().unwrap();
    let mut inbound = grpc.streaming(request, path, codec).await.unwrap().into_inner();
    outbound.send(garbage).await.unwrap();
    tokio::time::timeout(DEADLINE, async {
        loop {
            match inbound.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return Status::ok(""),
                Err(status) => return status,
            }
        }
    })
    .await
    .unwrap()
}
