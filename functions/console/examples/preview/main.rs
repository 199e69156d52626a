//! Serves the console over a store with runs of every kind, for looking at its pages: `cargo run -p console --example
//! preview -- 127.0.0.1:8790`. With a second argument, `empty`, the store stays empty.

mod stories;
mod world;

use std::error::Error;
use std::sync::Arc;

use console::Console;
use deskwire_core::time::{Clock, SystemClock};
use deskwire_storage::SqliteStore;
use deskwire_templates::{Limits, Templates};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let clock = Arc::new(SystemClock);
    let store = match arguments.next() {
        Some(word) if word == "empty" => SqliteStore::in_memory()?,
        _ => stories::filled(clock.now()).await?.store,
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}/console", listener.local_addr()?);
    let store = Arc::new(store);
    let console = Console {
        history: store.clone(),
        registry: store,
        actions: deskwire_startup::actions_alone(),
        templates: Templates::new(Limits::default()),
        clock,
    };
    axum::serve(listener, console::router(console)).await?;
    Ok(())
}
