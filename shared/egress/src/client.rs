//! The client itself: one per process, built when it is first needed, with keep-alive and limits. Called by connectors.
//! It repeats nothing and follows nothing.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use deskwire_core::domain::AllowedDomain;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use crate::error::EgressError;
use crate::guard;
use crate::resolver::{self, GuardedResolver, LookUp};

/// Idle connections are dropped after this time: a frozen Lambda wakes up with dead sockets, and load balancers close
/// idle ones after 60 s or less.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// How the client behaves.
#[derive(Debug, Clone)]
pub struct EgressOptions {
    /// May loopback addresses be called, over plain http too? For tests and the sandbox.
    pub allow_loopback: bool,
    /// The longest time for name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The longest time for the whole exchange, the answer's body included, unless the request says otherwise.
    pub total_timeout: Duration,
    /// The largest answer, in bytes.
    pub max_response_bytes: usize,
    /// What we call ourselves.
    pub user_agent: HeaderValue,
}

impl Default for EgressOptions {
    /// No loopback; 5 s to connect, 30 s altogether, 1 MiB.
    fn default() -> Self {
        Self {
            allow_loopback: false,
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(30),
            max_response_bytes: 1024 * 1024,
            user_agent: HeaderValue::from_static(concat!("deskwire/", env!("CARGO_PKG_VERSION"))),
        }
    }
}

/// A request. Mark header values that are credentials as sensitive.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Where credentials of this connection may go.
    pub allowed_domain: &'a AllowedDomain,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// The longest time for this exchange, in place of [`EgressOptions::total_timeout`]: some APIs think for minutes.
    pub time_limit: Option<Duration>,
}

/// An answer, of whatever status; a redirect (3xx) is an answer too.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}

/// The guarded HTTP client. Share one: it keeps the connections.
pub struct Egress {
    options: EgressOptions,
    look_up: LookUp,
    client: OnceLock<Result<reqwest::Client, Arc<reqwest::Error>>>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Egress {
    /// A client with these options. Reading the system's root certificates takes milliseconds, so that is left to the
    /// first request; commands that send nothing do not pay for it.
    pub fn new(options: EgressOptions) -> Self {
        Self { options, look_up: resolver::system(), client: OnceLock::new() }
    }

    /// Sends one request, once, if the guard lets it pass.
    pub async fn send(&self, request: Request<'_>) -> Result<Response, EgressError> {
        let host = host_of(&request.url);
        if let Err(refusal) = guard::check(&request.url, request.allowed_domain, self.options.allow_loopback) {
            return Err(EgressError::Blocked { host, refusal });
        }
        let client = self.client().map_err(EgressError::Setup)?;
        let mut outgoing = reqwest::Request::new(request.method, request.url);
        *outgoing.headers_mut() = request.headers;
        *outgoing.timeout_mut() = request.time_limit;
        if !request.body.is_empty() {
            *outgoing.body_mut() = Some(request.body.into());
        }
        match client.execute(outgoing).await {
            Ok(answer) => self.receive(host, answer).await,
            Err(error) => Err(EgressError::from_transport(host, error)),
        }
    }

    async fn receive(&self, host: String, mut answer: reqwest::Response) -> Result<Response, EgressError> {
        let limit = self.options.max_response_bytes;
        let announced = answer.content_length().unwrap_or(0);
        if announced > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(EgressError::TooLarge { host, limit });
        }
        let mut body = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0));
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                    return Err(EgressError::TooLarge { host, limit });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Err(EgressError::from_transport(host, error)),
            }
        }
        let headers = std::mem::take(answer.headers_mut());
        Ok(Response { status: answer.status(), headers, body: body.freeze() })
    }

    fn client(&self) -> Result<&reqwest::Client, Arc<reqwest::Error>> {
        self.client.get_or_init(|| self.build().map_err(Arc::new)).as_ref().map_err(Arc::clone)
    }

    fn build(&self) -> Result<reqwest::Client, reqwest::Error> {
        reqwest::Client::builder()
            .user_agent(self.options.user_agent.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .http1_only()
            .tcp_nodelay(true)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .connect_timeout(self.options.connect_timeout)
            .timeout(self.options.total_timeout)
            .dns_resolver(GuardedResolver {
                look_up: Arc::clone(&self.look_up),
                allow_loopback: self.options.allow_loopback,
            })
            .build()
    }
}

fn host_of(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::from("an address without a host"),
    }
}

#[cfg(test)]
mod ssrf;
#[cfg(test)]
mod tests;
