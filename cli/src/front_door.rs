//! How connections and requests come in: so many at once, and each within its time.
//!
//! Nothing is known of a client before its request is read. One that sends its headers or its body slowly, or nothing at all,
//! keeps a connection no longer than the limits say; what bodies may hold in memory together is `deskwire_accept`'s business.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::serve::Listener;
use bytes::Bytes;
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio::time::Sleep;

/// What a client may take of the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long the headers of a request may take to arrive, from when the connection is ready for one.
    pub headers: Duration,
    /// How long a body may take to arrive, as a whole.
    pub body: Duration,
    /// How many connections there are at once. Others wait to be taken.
    pub connections: usize,
    /// How long a stop waits for requests in flight.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(10),
            body: Duration::from_secs(10),
            connections: 1024,
            grace: crate::server::GRACE,
        }
    }
}

/// How much of a request's head is held at most, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;

/// Serves until `stop` is ready, then gives requests in flight their time.
pub(crate) async fn serve<L: Listener>(
    mut listener: L,
    routes: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let routes =
        routes.layer(from_fn(to_its_end)).layer(from_fn(move |request, next| in_time(request, next, limits.body)));
    let (slots, open) = (Arc::new(Semaphore::new(limits.connections)), GracefulShutdown::new());
    tokio::pin!(stop);
    loop {
        let slot = tokio::select! {
            () = &mut stop => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let io = tokio::select! {
            () = &mut stop => break,
            (io, _) = listener.accept() => io,
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.headers)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(io), TowerToHyperService::new(routes.clone()));
        let connection = open.watch(connection);
        tokio::spawn(async move {
            let _slot = slot;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.grace, open.shutdown()).await.is_err() {
        tracing::warn!("some requests were still in flight when the time to stop was over");
    }
}

/// A request that was taken up is carried to its end, whether or not its client is still there: what it does in the store and
/// elsewhere is never left half-way.
async fn to_its_end(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(answer) => answer,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only at the end of the process.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Hands the request on with a body that ends with an error when its time is over.
async fn in_time(request: Request, next: Next, limit: Duration) -> Response {
    let request = request.map(|body| {
        if body.is_end_stream() {
            return body;
        }
        Body::new(InTime { body, until: Box::pin(tokio::time::sleep(limit)) })
    });
    next.run(request).await
}

struct InTime {
    body: Body,
    until: Pin<Box<Sleep>>,
}

#[derive(Debug, thiserror::Error)]
enum NoBody {
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error(transparent)]
    Broken(axum::Error),
}

impl HttpBody for InTime {
    type Data = Bytes;
    type Error = NoBody;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NoBody>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(NoBody::Broken)));
        }
        ready!(self.until.as_mut().poll(cx));
        Poll::Ready(Some(Err(NoBody::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
