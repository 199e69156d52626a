//! The client against servers on loopback, some of which misbehave.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::guard::Refusal;

fn options() -> EgressOptions {
    EgressOptions { allow_loopback: true, ..EgressOptions::default() }
}

fn domain() -> AllowedDomain {
    AllowedDomain::parse("example.com").unwrap()
}

pub(super) async fn get(egress: &Egress, url: &str) -> Result<Response, EgressError> {
    let mut headers = HeaderMap::new();
    let mut secret = HeaderValue::from_static("Bearer marker-credential");
    secret.set_sensitive(true);
    headers.insert(http::header::AUTHORIZATION, secret);
    let url = Url::parse(url).unwrap();
    send_within(egress, url, headers, None).await
}

async fn send_within(
    egress: &Egress,
    url: Url,
    headers: HeaderMap,
    time_limit: Option<Duration>,
) -> Result<Response, EgressError> {
    let domain = domain();
    let request =
        Request { method: Method::GET, url, allowed_domain: &domain, headers, body: Bytes::new(), time_limit };
    egress.send(request).await
}

/// A server that reads a request, writes `answer` and then closes the connection, or keeps it open without a word.
async fn raw_server(answer: &'static str, close: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(answer.as_bytes()).await;
        if !close {
            std::future::pending::<()>().await;
        }
    });
    address
}

#[tokio::test]
async fn status_headers_and_body_come_back_as_they_were_sent() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/things"))
        .and(header("authorization", "Bearer t"))
        .respond_with(ResponseTemplate::new(418).insert_header("x-request-id", "r1").set_body_string("short and stout"))
        .mount(&server)
        .await;
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer t"));
    let request = Request {
        method: Method::POST,
        url: Url::parse(&format!("{}/things", server.uri())).unwrap(),
        allowed_domain: &domain(),
        headers,
        body: Bytes::from_static(b"a=b"),
        time_limit: None,
    };
    let response = Egress::new(options()).send(request).await.unwrap();
    assert_eq!(response.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(response.headers["x-request-id"], "r1");
    assert_eq!(response.body, "short and stout");
    let received = server.received_requests().await.unwrap();
    assert_eq!(received[0].body, b"a=b");
    assert!(received[0].headers["user-agent"].to_str().unwrap().starts_with("deskwire/"));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = MockServer::start().await;
    let elsewhere = format!("{}/elsewhere", server.uri());
    Mock::given(path("/from"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", elsewhere.as_str()))
        .mount(&server)
        .await;
    let response = get(&Egress::new(options()), &format!("{}/from", server.uri())).await.unwrap();
    assert_eq!(response.status, StatusCode::FOUND);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn loopback_is_refused_unless_it_was_allowed() {
    let error = get(&Egress::new(EgressOptions::default()), "http://127.0.0.1:9/").await.unwrap_err();
    assert!(matches!(error, EgressError::Blocked { refusal: Refusal::NotHttps, .. }), "{error}");
}

#[tokio::test]
async fn a_name_that_leads_to_an_inner_address_is_refused_before_connecting() {
    let mut egress = Egress::new(options());
    egress.look_up =
        Arc::new(|_| Box::pin(async { Ok(vec!["1.1.1.1:0".parse().unwrap(), "169.254.169.254:0".parse().unwrap()]) }));
    let error = get(&egress, "https://example.com/latest?token=marker-query").await.unwrap_err();
    assert!(matches!(error, EgressError::Blocked { refusal: Refusal::NotPublic { .. }, .. }), "{error:?}");
    assert!(error.to_string().contains("169.254.169.254"), "{error}");
    assert!(!format!("{error} {error:?}").contains("marker"));
}

#[tokio::test]
async fn a_name_that_is_not_found_sends_nothing() {
    let mut egress = Egress::new(options());
    egress.look_up = Arc::new(|_| Box::pin(async { Err(std::io::Error::other("no such name")) }));
    let error = get(&egress, "https://example.com/?token=marker-query").await.unwrap_err();
    assert!(matches!(error, EgressError::NotSent { .. }), "{error:?}");
    assert_eq!(error.to_string(), "nothing reached example.com: no such name");
    assert!(!format!("{error:?}").contains("marker"));
}

#[tokio::test]
async fn a_closed_port_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = get(&Egress::new(options()), &format!("http://{address}/?q=marker-query")).await.unwrap_err();
    assert!(matches!(error, EgressError::NotSent { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("marker"));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gets_no_request() {
    let address = raw_server("plain words\r\n", true).await;
    let error = get(&Egress::new(options()), &format!("https://{address}/")).await.unwrap_err();
    assert!(matches!(error, EgressError::NotSent { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_is_lost() {
    for cut_answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"] {
        let address = raw_server(cut_answer, true).await;
        let error = get(&Egress::new(options()), &format!("http://{address}/?q=marker-query")).await.unwrap_err();
        assert!(matches!(error, EgressError::Lost { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("marker"));
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_lost() {
    for begun_answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"] {
        let address = raw_server(begun_answer, false).await;
        let egress = Egress::new(EgressOptions { total_timeout: Duration::from_millis(50), ..options() });
        let error = get(&egress, &format!("http://{address}/")).await.unwrap_err();
        assert!(matches!(error, EgressError::Lost { .. }), "{error:?}");
        assert!(error.to_string().contains("timed out"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused_announced_or_not() {
    let announced = raw_server("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n01234567890", true).await;
    let unannounced = raw_server("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n01234567890", true).await;
    for address in [announced, unannounced] {
        let egress = Egress::new(EgressOptions { max_response_bytes: 10, ..options() });
        let error = get(&egress, &format!("http://{address}/")).await.unwrap_err();
        assert!(matches!(error, EgressError::TooLarge { limit: 10, .. }), "{error:?}");
        assert!(error.to_string().ends_with("larger than the limit of 10 bytes"), "{error}");
    }
}

#[tokio::test]
async fn a_request_s_own_time_limit_replaces_the_usual_one_both_ways() {
    let silent = raw_server("", false).await;
    let url = Url::parse(&format!("http://{silent}/")).unwrap();
    let patient = Egress::new(options());
    let error = send_within(&patient, url, HeaderMap::new(), Some(Duration::from_millis(50))).await.unwrap_err();
    assert!(matches!(&error, EgressError::Lost { source, .. } if source.is_timeout()), "{error:?}");

    let server = MockServer::start().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_millis(150));
    Mock::given(path("/late")).respond_with(late).mount(&server).await;
    let hasty = Egress::new(EgressOptions { total_timeout: Duration::from_millis(50), ..options() });
    let url = Url::parse(&format!("{}/late", server.uri())).unwrap();
    assert!(get(&hasty, url.as_str()).await.is_err());
    assert!(send_within(&hasty, url, HeaderMap::new(), Some(Duration::from_secs(30))).await.is_ok());
}

#[tokio::test]
async fn requests_share_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..3 {
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
    });
    let egress = Egress::new(options());
    for _ in 0..3 {
        assert_eq!(get(&egress, &format!("http://{address}/")).await.unwrap().body, "ok");
    }
    served.await.unwrap();
}
