//! OAuth servers that nobody here wrote, in processes of their own, and a person who agrees. Tests of several crates share
//! this file.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use deskwire_core::connection::{OAuthClientConfig, OAuthGrant};
use deskwire_core::ids::OAuthClientName;
use deskwire_core::secret::SecretString;
use deskwire_oauth::{Client, Pkce, authorize_link};
use serde_json::Value;
use url::Url;

/// A server in a process of its own, which ends with this value.
pub struct Server {
    child: Child,
    pub url: Url,
}

impl Server {
    pub fn start(script: &str) -> Self {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/oauth"));
        assert!(folder.join("node_modules").is_dir(), "the OAuth servers are not installed: run ./tests/run");
        let mut node = Command::new("node");
        node.arg(script).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = node.spawn().expect("node is not installed: the OAuth servers of the tests need it");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = deskwire_core::json::from_str(&line).expect("the server did not start");
        Self { child, url: Url::parse(ready["url"].as_str().unwrap()).unwrap() }
    }

    pub fn client(&self, grant: OAuthGrant, secret: &str) -> Client {
        let at = |path: &str| Some(self.url.join(path).unwrap());
        let config = OAuthClientConfig {
            name: OAuthClientName::parse("o").unwrap(),
            provider: "http".to_owned(),
            grant,
            client_id: if grant == OAuthGrant::ClientCredentials { "machine" } else { "desk" }.to_owned(),
            client_secret: None,
            scopes: if grant == OAuthGrant::ClientCredentials { vec![] } else { vec!["openid".to_owned()] },
            tenant: None,
            authorize_url: at("auth"),
            token_url: at("token"),
            pkce: None,
        };
        Client::new(&config, Some(SecretString::from(secret))).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn redirect() -> Url {
    Url::parse("http://127.0.0.1:9999/cb").unwrap()
}

/// Follows a link as a browser would, with its cookies, until it is sent to the redirect address.
async fn agree(link: Url) -> BTreeMap<String, String> {
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let (mut link, mut cookies) = (link, BTreeMap::new());
    for _ in 0..10 {
        let jar: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = browser.get(link.clone()).header("cookie", jar.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            // An empty one takes a cookie back.
            if value.is_empty() {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let to = answer.headers().get("location").unwrap_or_else(|| panic!("{link} leads nowhere")).to_str().unwrap();
        link = link.join(to).unwrap();
        if link.as_str().starts_with(redirect().as_str()) {
            return link.query_pairs().into_owned().collect();
        }
    }
    panic!("the browser is sent around in circles");
}

pub async fn code(client: &Client, pkce: &Pkce) -> SecretString {
    let answer = agree(authorize_link(client, "the-state", &redirect(), Some(pkce)).unwrap()).await;
    assert_eq!(answer["state"], "the-state", "{answer:?}");
    SecretString::from(answer["code"].as_str())
}
