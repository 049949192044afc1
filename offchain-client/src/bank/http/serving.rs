//! HTTP on the connections of the listener: every head has its time, every connection its life.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::pin;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Limits, Peer};
use crate::listener::{Secured, TlsListener, network_of};

/// A connection is asked to end after that long, so that nobody has a place for ever; clients dial again.
const LIFE: Duration = Duration::from_secs(600);
/// Requests at once on one connection.
const STREAMS: u32 = 16;
/// Bytes of bodies on their way on one connection.
const WINDOW: u32 = 256 * 1024;
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Serves connections until `stop` resolves, then ends what is being answered.
pub(super) async fn run(
    mut listener: TlsListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) {
    let (stopping, connections) = (CancellationToken::new(), TaskTracker::new());
    pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Some(accepted) => accepted,
                None => break,
            },
            () = &mut stop => break,
        };
        let router = router.clone().layer(Extension(Peer(network_of(peer.ip()))));
        connections.spawn(serve(stream, router, limits, stopping.clone()));
    }
    drop(listener);
    stopping.cancel();
    connections.close();
    connections.wait().await;
}

async fn serve(stream: Secured, router: Router, limits: Limits, stopping: CancellationToken) {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(limits.arrival);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { tokio::select! { () = stopping.cancelled() => {}, () = sleep(LIFE) => {} } } => {
            connection.as_mut().graceful_shutdown();
            let rest = limits.arrival + limits.work;
            timeout(rest, connection).await.unwrap_or_else(|_| {
                tracing::debug!("a connection did not end in time");
                Ok(())
            })
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection broke");
    }
}
