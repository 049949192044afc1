//! The payment stream's gRPC service.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::session;
use super::shared::Shared;
use crate::stream::{PaymentStream, ToClient, wire};

/// Messages on their way to one client.
const OUTGOING: usize = 16;

/// Answers gRPC.
#[derive(Clone, Debug)]
pub(super) struct Service(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl PaymentStream for Service {
    type PayStream = BoxStream<'static, Result<wire::ToClient, Status>>;

    async fn terms(&self, _: Request<wire::TermsRequest>) -> Result<Response<wire::TermsReply>, Status> {
        Ok(Response::new((&self.0.terms).into()))
    }

    async fn pay(
        &self,
        request: Request<Streaming<wire::ToVendor>>,
    ) -> Result<Response<Self::PayStream>, Status> {
        let shared = Arc::clone(&self.0);
        // Strangers have a pool of their own: they do not take the room of clients that pay.
        let Ok(permit) = Arc::clone(&shared.strangers).try_acquire_owned() else {
            return Err(Status::resource_exhausted(
                "the vendor serves as many streams as it can; try again later",
            ));
        };
        let (out, outgoing) = mpsc::channel::<ToClient>(OUTGOING);
        let incoming = request.into_inner();
        let tasks = shared.tasks.clone();
        tasks.spawn(async move {
            session::serve(shared, incoming, out, permit).await;
        });
        let outgoing = ReceiverStream::new(outgoing).map(|message| Ok(wire::ToClient::from(message)));
        Ok(Response::new(outgoing.boxed()))
    }
}
