//! Everything that leads a request to where it must not go, against a server that notices every connection. The guard and
//! the resolver have tests of their own; here it is the whole client that must not let a byte out.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::tests::get;
use super::*;
use crate::guard::Refusal;

/// A server of this machine, and how often somebody has connected to it.
struct Inner {
    port: u16,
    connected: Arc<AtomicUsize>,
}

impl Inner {
    /// Listens on every address of this machine, in both families if it has both.
    async fn start() -> Self {
        let listener = match TcpListener::bind("[::]:0").await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind("0.0.0.0:0").await.unwrap(),
        };
        let (port, connected) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&connected);
        tokio::spawn(async move {
            loop {
                if listener.accept().await.is_ok() {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        Self { port, connected }
    }

    fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }
}

/// Hosts as a URL may spell them that lead to this machine, to its network or to a cloud's metadata.
const HOSTS: &[&str] = &[
    // This machine, in every spelling that URL parsers know.
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0X7F.1",
    "017700000001",
    "0177.0.0.01",
    "0",
    "0.0.0.0",
    "127.127.127.127",
    "１２７.０.０.１",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "%31%32%37.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "a.localhost",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    // By a detour: NAT64, 6to4, Teredo.
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    // The network around it.
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "[fc00::1]",
    "[fe80::1]",
    "[ff02::1]",
    "255.255.255.255",
    // Where clouds keep credentials.
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "[fd00:ec2::254]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
];

/// Whole addresses that look like the provider's.
fn tricks(port: u16) -> Vec<String> {
    [
        "https://example.com@127.0.0.1:PORT/",
        "https://example.com:443@127.0.0.1:PORT/",
        "https://example.com%2f@127.0.0.1:PORT/",
        "https://127.0.0.1:PORT\\@example.com/",
        "https://127.0.0.1:PORT#@example.com/",
        "https://127.0.0.1:PORT?@example.com/",
        "https://127.0.0.1:PORT/example.com",
        "https://example.com.127.0.0.1:PORT/",
        "https://127.0.0.1.example.org:PORT/",
        "https://ex\tample.com@127.0.0.1:PORT/",
        "https:\\\\127.0.0.1:PORT\\example.com",
        "https:127.0.0.1:PORT/",
        "https:////127.0.0.1:PORT/",
        "http://example.com:PORT/",
        "https://example.com:22/",
        "https://example.com:25/",
        "ftp://example.com/",
    ]
    .iter()
    .map(|trick| trick.replace("PORT", &port.to_string()))
    .collect()
}

fn strict() -> Egress {
    Egress::new(EgressOptions { connect_timeout: Duration::from_millis(200), ..EgressOptions::default() })
}

#[tokio::test]
async fn no_spelling_of_an_inner_address_is_ever_connected_to() {
    let inner = Inner::start().await;
    let mut all = tricks(inner.port);
    all.extend(
        HOSTS.iter().flat_map(|host| ["https", "http"].map(|scheme| format!("{scheme}://{host}:{}/", inner.port))),
    );
    for url in all {
        // What is no URL at all cannot be asked for.
        let Ok(parsed) = Url::parse(&url) else { continue };
        let error = get(&strict(), &url).await.unwrap_err();
        assert!(matches!(error, EgressError::Blocked { .. }), "{url} ({parsed}): {error:?}");
    }
    assert_eq!(inner.connected(), 0);
}

#[tokio::test]
async fn a_connection_s_own_wildcard_makes_no_difference() {
    let inner = Inner::start().await;
    for (allowed, url) in [
        ("*.example.com", "https://127.0.0.1:PORT/"),
        ("*.example.com", "https://localhost:PORT/"),
        ("*.nip.io", "https://127.0.0.1:PORT/"),
    ] {
        let request = Request {
            method: Method::GET,
            url: Url::parse(&url.replace("PORT", &inner.port.to_string())).unwrap(),
            allowed_domain: &AllowedDomain::parse(allowed).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            time_limit: None,
        };
        assert!(matches!(strict().send(request).await, Err(EgressError::Blocked { .. })), "{url}");
    }
    assert_eq!(inner.connected(), 0);
}

#[tokio::test]
async fn a_name_whose_answers_hold_one_inner_address_is_not_connected_to_at_all() {
    let inner = Inner::start().await;
    let inner_answers = [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001::1",
        "fd00:ec2::254",
        "fe80::1",
    ];
    for answer in inner_answers {
        for answers in [vec![answer], vec!["1.1.1.1", answer], vec![answer, "2606:4700::1111"]] {
            let addresses: Vec<std::net::SocketAddr> =
                answers.iter().map(|text| std::net::SocketAddr::new(text.parse().unwrap(), 0)).collect();
            let mut egress = strict();
            egress.look_up = Arc::new(move |_| {
                let addresses = addresses.clone();
                Box::pin(async move { Ok(addresses) })
            });
            let error = get(&egress, &format!("https://example.com:{}/", inner.port)).await.unwrap_err();
            let refused = matches!(&error, EgressError::Blocked { refusal: Refusal::NotPublic { .. }, .. });
            assert!(refused, "{answers:?}: {error:?}");
        }
    }
    assert_eq!(inner.connected(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_after_the_check_gains_nothing() {
    let inner = Inner::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let mut egress = strict();
    let counted = Arc::clone(&asked);
    egress.look_up = Arc::new(move |_| {
        // The first answer is harmless and leads nowhere; every later one is this machine.
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        let answer = if first { "1.1.1.1:0" } else { "127.0.0.1:0" };
        Box::pin(async move { Ok(vec![answer.parse().unwrap()]) })
    });
    let url = format!("https://example.com:{}/", inner.port);
    let error = get(&egress, &url).await.unwrap_err();
    assert!(matches!(error, EgressError::NotSent { .. }), "{error:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "what was checked is what is connected to");
    assert!(matches!(get(&egress, &url).await, Err(EgressError::Blocked { .. })));
    assert_eq!(inner.connected(), 0);
}

#[tokio::test]
async fn a_redirect_to_any_of_them_is_not_followed() {
    let (inner, server) = (Inner::start().await, MockServer::start().await);
    let egress = Egress::new(EgressOptions { allow_loopback: true, ..EgressOptions::default() });
    for (number, host) in HOSTS.iter().filter(|host| host.is_ascii()).enumerate() {
        for status in [301, 302, 303, 307, 308] {
            let at = format!("/{number}/{status}");
            let location = format!("http://{host}:{}/", inner.port);
            let answer = ResponseTemplate::new(status).insert_header("location", location.as_str());
            Mock::given(wiremock::matchers::path(at.clone())).respond_with(answer).mount(&server).await;
            let response = get(&egress, &format!("{}{at}", server.uri())).await.unwrap();
            assert_eq!(response.status.as_u16(), status);
        }
    }
    assert_eq!(inner.connected(), 0);
}
