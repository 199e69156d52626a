//! The console's pages over the real embedded store, asked for as a browser asks, without a socket.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod away;
mod lists;
mod phone;
mod safety;
mod single;
#[path = "../../examples/preview/stories.rs"]
mod stories;
#[path = "../../examples/preview/world.rs"]
mod world;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use console::Console;
use deskwire_core::ports::{History, Registry};
use deskwire_core::time::{FixedClock, Timestamp};
use deskwire_templates::{Limits, Templates};
use http_body_util::BodyExt;
use tower::ServiceExt;
use world::World;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    #[track_caller]
    fn says(&self, words: &str) {
        assert!(self.text.contains(words), "{words:?} is not in\n{}", self.text);
    }

    #[track_caller]
    fn does_not_say(&self, words: &str) {
        assert!(!self.text.contains(words), "{words:?} is in\n{}", self.text);
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// How many rows the first table has below its head.
    fn rows(&self) -> usize {
        let body = self.text.split("<tbody").nth(1).unwrap_or_default().split("</tbody>").next().unwrap_or_default();
        body.matches("<tr ").count()
    }
}

/// What every page is asked of.
trait Store: History + Registry {}

impl<T: History + Registry> Store for T {}

fn router<T: Store + 'static>(store: Arc<T>) -> Router {
    console::router(Console {
        history: store.clone(),
        registry: store,
        actions: deskwire_startup::actions_alone(),
        templates: Templates::new(Limits::default()),
        clock: Arc::new(FixedClock(NOW)),
    })
}

async fn ask<T: Store + 'static>(store: Arc<T>, method: Method, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = router(store).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

async fn get(world: &World, path: &str) -> Answer {
    ask(Arc::new(world.store.clone()), Method::GET, path).await
}

/// The page of one of the world's runs.
async fn run_page(world: &World, name: &str) -> Answer {
    let answer = get(world, &format!("/console/runs/{}", world.runs[name])).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer
}
