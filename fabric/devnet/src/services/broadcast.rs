//! `AtomicBroadcast`: takes envelopes for ordering, and delivers blocks as an orderer does.

use futures::{StreamExt, stream};
use hlf_proto::common::{Envelope, Status as Code};
use hlf_proto::orderer::atomic_broadcast_server::AtomicBroadcast;
use hlf_proto::orderer::{BroadcastResponse, DeliverResponse, deliver_response};
use tonic::{Request, Response, Status, Streaming};

use super::deliver::{Delivery, deliver};
use super::{Answers, PeerService};
use crate::gateway::stopping;
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
        let shutdown = self.shutdown.clone();
        let answers = stream::unfold(Some(request.into_inner()), move |envelopes| {
            let (orderer, shutdown) = (orderer.clone(), shutdown.clone());
            async move {
                let mut envelopes = envelopes?;
                let envelope = tokio::select! {
                    envelope = envelopes.next() => envelope?,
                    () = shutdown.cancelled() => Err(stopping()),
                };
                let envelope = match envelope {
                    Ok(envelope) => envelope,
                    Err(status) => return Some((Err(status), None)),
                };
                let answer = match orderer.broadcast(&envelope).await {
                    Ok(()) => BroadcastResponse { status: Code::Success.into(), info: String::new() },
                    Err(error) => {
                        BroadcastResponse { status: error.status().into(), info: error.to_string() }
                    }
                };
                Some((Ok(answer), Some(envelopes)))
            }
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let answers = deliver(self, request, Access::Readers, |delivery| {
            let kind = match delivery {
                Delivery::Block { block, .. } => deliver_response::Type::Block(block),
                Delivery::End(status) => deliver_response::Type::Status(status.into()),
            };
            Ok(DeliverResponse { r#type: Some(kind) })
        });
        Ok(Response::new(answers))
    }
}
