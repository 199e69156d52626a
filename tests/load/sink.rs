//! A Slack stand-in without latency: it answers every post at once and keeps what was posted.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Runs the sink until it is killed.
pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening on http://{}", listener.local_addr().unwrap());
        let posts: Arc<Mutex<Vec<String>>> = Arc::default();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, Arc::clone(&posts)));
        }
    });
}

async fn serve(mut stream: TcpStream, posts: Arc<Mutex<Vec<String>>>) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::with_capacity(8192);
    loop {
        let Some((head, body)) = request(&mut stream, &mut buffer).await else { return };
        let body = if head.starts_with("GET /count") {
            posts.lock().unwrap().len().to_string()
        } else if head.starts_with("GET /report") {
            posts.lock().unwrap().join("\n")
        } else {
            let text = field(&body, "text").unwrap_or_default();
            let mut posts = posts.lock().unwrap();
            posts.push(text);
            format!(r#"{{"ok":true,"channel":"C0LOAD","ts":"1700000000.{:06}"}}"#, posts.len())
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next request's head and body; what follows stays in the buffer.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            if buffer.len() >= end + 4 + length {
                let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
                let body = String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]).into_owned();
                buffer.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// A field of a form body. The benchmark's texts need no decoding beyond `+`.
fn field(body: &str, name: &str) -> Option<String> {
    body.split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.replace('+', " "))
}

async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: sink\r\n\r\n").as_bytes()).await.unwrap();
    let mut buffer = Vec::new();
    // The answer has the shape of a request: head, length, body.
    request(&mut stream, &mut buffer).await.unwrap().1
}

/// How many posts the sink has.
pub(crate) async fn count(address: &str) -> usize {
    get(address, "/count").await.parse().unwrap()
}

/// Every post as ticket and event number, in the order in which they came.
pub(crate) async fn report(address: &str) -> Vec<(usize, usize)> {
    let parse = |line: &str| {
        let (ticket, number) = line.split_once(' ')?;
        Some((ticket.parse().ok()?, number.parse().ok()?))
    };
    get(address, "/report").await.lines().map(|line| parse(line).unwrap_or_else(|| panic!("{line}"))).collect()
}
