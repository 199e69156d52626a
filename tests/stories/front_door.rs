//! A deployment's address as the world knows it. The emulator tells its HTTP APIs apart by their host name, which no resolver
//! knows, so whoever calls this address is passed on with that name.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

/// Where requests are passed on to.
#[derive(Clone)]
struct Inside {
    url: String,
    host: String,
    client: reqwest::Client,
}

pub struct FrontDoor {
    /// `http://localhost:PORT`
    pub url: String,
    inside: Arc<OnceLock<Inside>>,
}

impl FrontDoor {
    /// Known before what is behind it.
    pub async fn build() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let inside = Arc::new(OnceLock::new());
        let routes = Router::new().fallback(pass_on).with_state(Arc::clone(&inside));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, inside }
    }

    /// Opens it to one API of the emulator at `url`.
    pub fn open(&self, url: &str, api: &str) {
        let port = url.rsplit(':').next().unwrap();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let host = format!("{api}.execute-api.localhost:{port}");
        assert!(self.inside.set(Inside { url: url.to_owned(), host, client }).is_ok(), "it is open already");
    }
}

async fn pass_on(State(inside): State<Arc<OnceLock<Inside>>>, parts: Parts, body: Bytes) -> Response {
    let Some(inside) = inside.get() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let mut request = inside.client.request(parts.method, format!("{}{}", inside.url, parts.uri)).body(body);
    for (name, value) in parts.headers.iter().filter(|(name, _)| !["host", "content-length"].contains(&name.as_str())) {
        request = request.header(name, value);
    }
    let Ok(answer) = request.header("host", &inside.host).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let Ok(body) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in
        headers.iter().filter(|(name, _)| !["transfer-encoding", "content-length"].contains(&name.as_str()))
    {
        response.headers_mut().append(name, value.clone());
    }
    response
}
