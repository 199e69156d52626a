//! `deskwire sandbox`: the stand-ins alone, for tests in which they must outlive the server.

use std::net::SocketAddr;

use crate::Outcome;
use crate::hosts::Hosts;
use crate::output::line;
use crate::server::{self, Listening};

pub(crate) async fn run(listen: SocketAddr) -> anyhow::Result<Outcome> {
    let Listening { listener, address } = server::listen(listen).await?;
    let sandbox = server::sandbox(None);
    line(format_args!("listening on http://{address}"));
    server::serve_until_told(listener, server::sandbox_routes(&sandbox, &Hosts::default()), server::told_to_stop())
        .await;
    Ok(Outcome::Fine)
}
