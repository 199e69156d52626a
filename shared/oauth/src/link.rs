//! The link that a person follows to agree, and the proof that binds its answer to us.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use deskwire_core::random::Random;
use deskwire_core::secret::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

use crate::client::Client;

/// Binds a code to whoever asked for it (RFC 7636, method S256).
#[derive(Debug, Clone)]
pub struct Pkce {
    /// What is shown when the code is exchanged.
    pub verifier: SecretString,
}

impl Pkce {
    /// A verifier of 256 random bits: 43 characters.
    pub fn generate(random: &dyn Random) -> Self {
        let bits = [random.bits().to_be_bytes(), random.bits().to_be_bytes()].concat();
        Self { verifier: SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bits)) }
    }

    /// What goes into the link.
    pub fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose_secret()))
    }
}

/// Where a person agrees; `None` where nobody has to. `redirect_uri` is where the provider sends them back to, exactly.
pub fn authorize_link(client: &Client, state: &str, redirect_uri: &Url, pkce: Option<&Pkce>) -> Option<Url> {
    let mut link = client.authorize_url.clone()?;
    {
        let mut query = link.query_pairs_mut();
        query.append_pair("response_type", "code");
        query.append_pair("client_id", &client.client_id);
        query.append_pair("redirect_uri", redirect_uri.as_str());
        query.append_pair("state", state);
        if !client.scopes.is_empty() {
            query.append_pair("scope", &client.scopes.join(&client.facts.scope_separator));
        }
        if let Some(pkce) = pkce {
            query.append_pair("code_challenge", &pkce.challenge());
            query.append_pair("code_challenge_method", "S256");
        }
        for (name, value) in &client.facts.authorize_params {
            query.append_pair(name, value);
        }
    }
    Some(link)
}
