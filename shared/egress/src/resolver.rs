//! The name look-up of the client: refuses a name if any of its addresses is not public, and hands over exactly the
//! addresses it checked, so that no second look-up can answer differently (DNS rebinding). Called by the HTTP library for
//! names only; addresses in a URL pass it by and are checked by the guard.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::not_public;
use crate::guard::{LOCALHOST, Refusal};

/// The answer of a look-up.
pub(crate) type Answers = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// Asks for the addresses of a name.
pub(crate) type LookUp = Arc<dyn Fn(String) -> Answers + Send + Sync>;

/// The system's own look-up.
pub(crate) fn system() -> LookUp {
    // Port 0 stands for the URL's port.
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
}

pub(crate) struct GuardedResolver {
    pub(crate) look_up: LookUp,
    pub(crate) allow_loopback: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback_expected = self.allow_loopback && name.as_str().eq_ignore_ascii_case(LOCALHOST);
        let answers = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let answers = answers.await?;
            vet(&answers, loopback_expected)?;
            Ok(Box::new(answers.into_iter()) as Addrs)
        })
    }
}

fn vet(answers: &[SocketAddr], loopback_expected: bool) -> Result<(), Refusal> {
    for answer in answers {
        let address = answer.ip();
        if loopback_expected {
            if !address.is_loopback() {
                return Err(Refusal::NotLoopback { address });
            }
        } else if let Some(what) = not_public(address) {
            return Err(Refusal::NotPublic { address, what });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn one_inner_address_among_public_ones_refuses_the_name() {
        assert!(vet(&answers(&["1.1.1.1", "2606:4700::1111"]), false).is_ok());
        assert!(matches!(vet(&answers(&["1.1.1.1", "10.0.0.1"]), false), Err(Refusal::NotPublic { .. })));
    }

    #[test]
    fn localhost_leads_to_loopback_or_nowhere() {
        assert!(vet(&answers(&["127.0.0.1", "::1"]), true).is_ok());
        assert!(matches!(vet(&answers(&["127.0.0.1", "1.1.1.1"]), true), Err(Refusal::NotLoopback { .. })));
    }
}
