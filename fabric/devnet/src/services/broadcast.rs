//! `AtomicBroadcast`: takes envelopes for ordering, and delivers blocks as an orderer does.

use futures::StreamExt;
use hlf_proto::common::{Envelope, Status as Code};
use hlf_proto::orderer::atomic_broadcast_server::AtomicBroadcast;
use hlf_proto::orderer::{BroadcastResponse, DeliverResponse, deliver_response};
use tonic::{Request, Response, Status, Streaming};

use super::deliver::{Delivery, deliver};
use super::{Answers, PeerService};
use crate::peer::access::Access;

#[async_trait::async_trait]
impl AtomicBroadcast for PeerService {
    type BroadcastStream = Answers<BroadcastResponse>;
    type DeliverStream = Answers<DeliverResponse>;

    async fn broadcast(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::BroadcastStream>, Status> {
        let orderer = self.orderer.clone();
        let answers = request.into_inner().then(move |envelope| {
            let orderer = orderer.clone();
            async move {
                let result = orderer.broadcast(&envelope?).await;
                Ok(match result {
                    Ok(()) => BroadcastResponse { status: Code::Success.into(), info: String::new() },
                    Err(error) => {
                        BroadcastResponse { status: error.status().into(), info: error.to_string() }
                    }
                })
            }
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let answers = deliver(self, request.into_inner(), Access::Readers, |delivery| {
            let kind = match delivery {
                Delivery::Block { block, .. } => deliver_response::Type::Block(block),
                Delivery::End(status) => deliver_response::Type::Status(status.into()),
            };
            Ok(DeliverResponse { r#type: Some(kind) })
        });
        Ok(Response::new(answers))
    }
}
