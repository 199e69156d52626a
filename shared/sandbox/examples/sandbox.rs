//! The stand-ins on a port of their own, to look at their pages: `cargo run -p deskwire-sandbox --example sandbox`.

use std::sync::Arc;

use deskwire_core::secret::SecretString;
use deskwire_core::time::SystemClock;
use deskwire_sandbox::{Sandbox, SandboxOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let sandbox = Sandbox::new(SandboxOptions {
        clock: Arc::new(SystemClock),
        slack_token: SecretString::from("sandbox-slack-token"),
        zendesk_username: "ops@example.com".to_owned(),
        zendesk_token: SecretString::from("sandbox-zendesk-token"),
        qualtrics_token: SecretString::from("qualtrics-marker"),
        signing_secret: SecretString::from("sandbox-signing-secret"),
        on_delivery: None,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/slack", listener.local_addr()?);
    axum::serve(listener, sandbox.router()).await
}
