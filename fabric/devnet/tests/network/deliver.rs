//! Requests for blocks that a peer does not answer with blocks.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::{StreamExt, stream};
use hlf_gateway::EventError;
use hlf_proto::common::{ChannelHeader, Envelope, Header, Payload, SignatureHeader, Status};
use hlf_proto::protos::deliver_client::DeliverClient;
use hlf_proto::protos::deliver_response::Type;
use hlf_proto::{Message, Timestamp};

use crate::harness::{CHANNEL, TestNetwork};

const MINUTE: Duration = Duration::from_secs(60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The answer to an unsigned request that claims to have been made at this time.
async fn status_of(network: &TestNetwork, made: Option<SystemTime>) -> Status {
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let header = ChannelHeader {
        channel_id: CHANNEL.into(),
        timestamp: made.map(|time| Timestamp { seconds: seconds(time).try_into().unwrap(), nanos: 0 }),
        ..ChannelHeader::default()
    };
    let header = Header {
        channel_header: header.encode_to_vec(),
        signature_header: SignatureHeader::default().encode_to_vec(),
    };
    let payload = Payload { header: Some(header), data: Vec::new() }.encode_to_vec();
    let request = stream::iter([Envelope { payload, signature: Vec::new() }]);
    let mut peer = DeliverClient::new(network.channel(0).await);
    let answer = peer.deliver(request).await.unwrap().into_inner().message().await.unwrap().unwrap();
    let Some(Type::Status(status)) = answer.r#type else { panic!("{answer:?}") };
    status.try_into().unwrap()
}

#[tokio::test]
async fn requests_say_when_they_were_made_and_that_is_now() {
    let network = TestNetwork::start().await;
    let now = SystemTime::now();
    for (made, status) in [
        (None, Status::BadRequest),
        (Some(now - 16 * MINUTE), Status::BadRequest),
        (Some(now + 16 * MINUTE), Status::BadRequest),
        // In time, but signed by nobody.
        (Some(now - 14 * MINUTE), Status::Forbidden),
        (Some(now), Status::Forbidden),
    ] {
        assert_eq!(status_of(&network, made).await, status, "{made:?}");
    }
}

#[tokio::test]
async fn who_has_expired_gets_no_blocks() {
    let mut network = TestNetwork::start_with(|config| config.time_window = 100 * YEAR).await;
    let first = async |network: &TestNetwork| {
        let mut blocks = network.network(0).await.block_events().from_block(0).stream();
        blocks.next().await.unwrap()
    };
    first(&network).await.unwrap();
    network.down().await;
    network.up_at(Arc::new(|| SystemTime::now() + 11 * YEAR)).await;
    let refused = first(&network).await.unwrap_err();
    let forbidden = i32::from(Status::Forbidden);
    assert!(matches!(refused, EventError::Refused { status } if status == forbidden), "{refused:?}");
}
