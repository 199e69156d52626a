//! What a token endpoint answers, and what it means.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use deskwire_core::provider::OAuthFacts;
use deskwire_core::secret::SecretString;
use http::StatusCode;
use serde_json::Value;

use crate::lenient::{Lifetime, Refusal, document, refusal, scopes, text};

/// The most text of scopes that is kept.
const MOST_SCOPE_TEXT: usize = 255;

/// Tokens as a provider gave them out.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The access token.
    pub access_token: SecretString,
    /// The refresh token, where there is a new one.
    pub refresh_token: Option<SecretString>,
    /// How long the access token holds, where the answer says so; zero where it says that it has ended. `None` where there
    /// is no known end.
    pub expires_in: Option<Duration>,
    /// How long the refresh token holds if it is not used, where the answer or the provider's page says so.
    pub refresh_expires_in: Option<Duration>,
    /// The scopes that the answer names: at most 255 characters of them. `None` where it names none.
    pub scopes: Option<Vec<String>>,
    /// Did the answer name more than are kept?
    pub scopes_cut: bool,
    /// What the answer says about the account, by the names of the facts table.
    pub account: BTreeMap<String, String>,
}

/// Why there are no tokens. No message holds a token, a code or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The provider said no.
    #[error("the provider refused: {code}{}", described(.description.as_ref()))]
    Refused {
        /// Its own word: `invalid_grant`, `bad_client_secret`.
        code: String,
        /// What it adds, on one line.
        description: Option<String>,
        /// What it is about.
        by: RefusedBy,
    },
    /// Nothing was consumed, and it may pass: the same refresh token can be shown again.
    #[error("the token endpoint cannot be used now: {reason}")]
    Unavailable {
        /// What is the matter.
        reason: String,
        /// How long the provider asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The request may have arrived, and its answer is lost: a refresh token that rotates may be used up.
    #[error("the answer of the token endpoint is lost: {reason}")]
    Lost {
        /// What is the matter.
        reason: String,
    },
    /// An answer that is no token answer.
    #[error("the token endpoint's answer cannot be used: {reason}")]
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
}

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedBy {
    /// The code or refresh token: used, ended, revoked, or somebody else's.
    Grant,
    /// The client: its id, its secret, or what it may do.
    Client,
    /// The scopes that were asked for.
    Scope,
    /// Something else.
    Other,
}

fn described(description: Option<&String>) -> String {
    description.map(|text| format!(" ({text})")).unwrap_or_default()
}

/// Reads an answer, whatever media type it claims to be of.
pub(crate) fn read(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
    facts: &OAuthFacts,
) -> Result<Tokens, TokenError> {
    let document = document(body);
    let refusal = document.as_ref().and_then(refusal);
    let code = refusal.as_ref().map(|refusal| refusal.code.as_str());
    // What a provider turns away for now has no effect, and says so in words or by its status.
    if status == StatusCode::TOO_MANY_REQUESTS || matches!(code, Some("ratelimited" | "rate_limited" | "slow_down")) {
        return Err(TokenError::Unavailable { reason: "too many requests".to_owned(), retry_after });
    }
    if code == Some("temporarily_unavailable") {
        return Err(TokenError::Unavailable { reason: "it is temporarily unavailable".to_owned(), retry_after });
    }
    let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425);
    if let Some(Refusal { code, description }) = refusal {
        let by = refused_by(&code, facts);
        // Servers in front of a provider say `error` for troubles of their own, too.
        let known = by != RefusedBy::Other && code != "server_error";
        if known || !(passing || code == "server_error") {
            return Err(TokenError::Refused {
                code: one_line(&code),
                description: description.map(|text| one_line(&text)),
                by,
            });
        }
        return Err(TokenError::Lost { reason: format!("HTTP status {} ({})", status.as_u16(), one_line(&code)) });
    }
    if passing {
        // A gateway's 5xx may hide that the provider did its work.
        return Err(TokenError::Lost { reason: format!("HTTP status {}", status.as_u16()) });
    }
    if !status.is_success() {
        return Err(TokenError::Refused {
            code: format!("http_{}", status.as_u16()),
            description: None,
            by: if status == StatusCode::UNAUTHORIZED { RefusedBy::Client } else { RefusedBy::Other },
        });
    }
    match document {
        Some(document) => tokens(&document, facts),
        None => Err(TokenError::Lost { reason: "its body is neither JSON nor a form".to_owned() }),
    }
}

fn tokens(document: &Value, facts: &OAuthFacts) -> Result<Tokens, TokenError> {
    let unreadable = |reason: &str| TokenError::Unreadable { reason: reason.to_owned() };
    let holds = |part: &&Value| text(part, "access_token").is_some();
    let nested = facts.nested.as_deref().and_then(|name| document.get(name));
    let part = Some(document).filter(holds).or_else(|| nested.filter(holds));
    let part = part.ok_or_else(|| unreadable("it holds no access token"))?;
    let kind = text(part, "token_type").unwrap_or_else(|| "bearer".to_owned());
    if !facts.token_types.iter().any(|known| known.eq_ignore_ascii_case(&kind)) {
        return Err(unreadable(&format!("its token is of the unknown type `{}`", one_line(&kind))));
    }
    let (scopes, scopes_cut) = match scopes(part) {
        None => (None, false),
        Some(scopes) => {
            let (scopes, cut) = kept(scopes);
            (Some(scopes), cut)
        }
    };
    let account = facts.account.iter().filter_map(|(name, pointer)| {
        let value = document.pointer(pointer)?.as_str()?;
        Some((name.clone(), one_line(value)))
    });
    let refresh_expires_in = match Lifetime::read(part, "refresh_token_expires_in") {
        Lifetime::Unsaid => facts.refresh_lifetime.map(Duration::from_secs),
        said => said.known(),
    };
    Ok(Tokens {
        access_token: SecretString::from(text(part, "access_token").unwrap_or_default()),
        refresh_token: text(part, "refresh_token").map(SecretString::from),
        expires_in: Lifetime::read(part, "expires_in").known(),
        refresh_expires_in,
        scopes,
        scopes_cut,
        account: account.collect(),
    })
}

/// The scopes that fit into what is kept, and whether there were more.
fn kept(all: Vec<String>) -> (Vec<String>, bool) {
    let mut scopes: Vec<String> = Vec::new();
    let mut length = 0;
    for name in all {
        length += name.len() + usize::from(!scopes.is_empty());
        if length > MOST_SCOPE_TEXT {
            return (scopes, true);
        }
        scopes.push(one_line(&name));
    }
    (scopes, false)
}

fn refused_by(code: &str, facts: &OAuthFacts) -> RefusedBy {
    match facts.error_codes.get(code).map_or(code, String::as_str) {
        "invalid_grant" => RefusedBy::Grant,
        "invalid_client" | "unauthorized_client" => RefusedBy::Client,
        "invalid_scope" => RefusedBy::Scope,
        _ => RefusedBy::Other,
    }
}

/// A provider's words on one line, at most 200 characters, without control characters.
fn one_line(text: &str) -> String {
    const MOST: usize = 200;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect::<String>().trim().to_owned()
}

impl fmt::Display for RefusedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grant => "the code or refresh token",
            Self::Client => "the client",
            Self::Scope => "the scopes",
            Self::Other => "something else",
        })
    }
}

#[cfg(test)]
mod tests;
