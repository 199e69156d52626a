//! How each provider's OAuth server behaves, as its pages say (all checked 2026-11-23).

use serde_json::{Map, Value, json};

use crate::world::{APP, BOT_USER, OAUTH_CLIENT, OAUTH_SECRET, TEAM, TEAM_NAME};

/// One provider's server.
#[derive(Debug)]
pub(crate) struct Manners {
    pub name: &'static str,
    /// How it is called for people.
    pub title: &'static str,
    /// What faults and the log call its token endpoint.
    pub operation: &'static str,
    pub authorize: Option<&'static str>,
    pub token: &'static str,
    /// May a client prove itself by `Authorization: Basic`, and by fields of the form?
    pub basic: bool,
    pub in_body: bool,
    /// Does it bind a code to a verifier where one is given?
    pub pkce: bool,
    /// What stands between scopes.
    pub separator: char,
    /// How long a code holds, in seconds.
    pub code_lasts: u64,
    /// How long an access token holds, in seconds, unless the request may say so.
    pub access_lasts: Option<u64>,
    /// The least and most that a request may ask for as `expires_in`.
    pub asked_lasts: Option<(u64, u64)>,
    /// How long a refresh token holds that nobody uses, in seconds.
    pub refresh_lasts: Option<u64>,
    /// Is each refresh token good for one use, and for how long after it, in seconds?
    pub rotates: Option<u64>,
    /// Does a refresh end the access tokens before it? Otherwise so many live side by side.
    pub most_access: usize,
    pub access_prefix: &'static str,
    pub refresh_prefix: &'static str,
}

/// <https://docs.slack.dev/authentication/using-token-rotation>. How long a used refresh token is still taken is unpublished.
pub(crate) const SLACK: Manners = Manners {
    name: "slack",
    title: "Slack",
    operation: "slack.oauth_access",
    authorize: Some("/slack/oauth/v2/authorize"),
    token: "/slack/api/oauth.v2.access",
    basic: true,
    in_body: true,
    pkce: true,
    separator: ',',
    code_lasts: 600,
    access_lasts: Some(43_200),
    asked_lasts: None,
    refresh_lasts: None,
    rotates: Some(30),
    most_access: 2,
    access_prefix: "xoxe.xoxb-1-",
    refresh_prefix: "xoxe-1-",
};

/// <https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/>
pub(crate) const ZENDESK: Manners = Manners {
    name: "zendesk",
    title: "Zendesk",
    operation: "zendesk.oauth_tokens",
    authorize: Some("/zendesk/oauth/authorizations/new"),
    token: "/zendesk/oauth/tokens",
    basic: false,
    in_body: true,
    pkce: true,
    separator: ' ',
    code_lasts: 120,
    access_lasts: None,
    asked_lasts: Some((300, 172_800)),
    refresh_lasts: Some(2_592_000),
    rotates: Some(0),
    most_access: 1,
    access_prefix: "",
    refresh_prefix: "",
};

/// <https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_web_server_flow.htm>. Rotation is a switch there, and
/// off here.
pub(crate) const SALESFORCE: Manners = Manners {
    name: "salesforce",
    title: "Salesforce",
    operation: "salesforce.oauth_token",
    authorize: Some("/salesforce/services/oauth2/authorize"),
    token: "/salesforce/services/oauth2/token",
    basic: true,
    in_body: true,
    pkce: true,
    separator: ' ',
    code_lasts: 900,
    access_lasts: Some(7_200),
    asked_lasts: None,
    refresh_lasts: Some(2_592_000),
    rotates: None,
    most_access: 5,
    access_prefix: "00DB0000000TfcR!",
    refresh_prefix: "5Aep861",
};

/// <https://api.qualtrics.com/guides/docs/Instructions/oauth-authentication.md>
pub(crate) const QUALTRICS: Manners = Manners {
    name: "qualtrics",
    title: "Qualtrics",
    operation: "qualtrics.oauth_token",
    authorize: None,
    token: "/qualtrics/oauth2/token",
    basic: true,
    in_body: false,
    pkce: false,
    separator: ' ',
    code_lasts: 0,
    access_lasts: Some(3_599),
    asked_lasts: None,
    refresh_lasts: None,
    rotates: None,
    most_access: 10,
    access_prefix: "",
    refresh_prefix: "",
};

/// What goes wrong at a token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    UnknownClient,
    BadSecret,
    BadCode,
    BadRedirect,
    BadVerifier,
    BadRefresh,
    BadGrantType,
    BadLifetime,
    NotThisGrant,
}

impl Trouble {
    /// Status and body, as the provider words it.
    pub(crate) fn words(self, manners: &Manners) -> (u16, Value) {
        if manners.name == SLACK.name {
            // Slack's own shape, with status 200.
            let code = match self {
                Self::UnknownClient => "invalid_client_id",
                Self::BadSecret => "bad_client_secret",
                Self::BadCode => "invalid_code",
                Self::BadRedirect => "bad_redirect_uri",
                Self::BadVerifier => "invalid_code_verifier",
                Self::BadRefresh => "invalid_refresh_token",
                Self::BadGrantType | Self::NotThisGrant | Self::BadLifetime => "invalid_grant_type",
            };
            return (200, json!({ "ok": false, "error": code }));
        }
        if manners.name == QUALTRICS.name && matches!(self, Self::UnknownClient | Self::BadSecret) {
            return (401, json!({ "error": "invalid_client", "error_description": "AUTH_6.0" }));
        }
        let (status, code, description) = match self {
            Self::UnknownClient | Self::BadSecret => (401, "invalid_client", "Client authentication failed"),
            Self::BadRedirect if manners.name == SALESFORCE.name => {
                (400, "redirect_uri_mismatch", "redirect_uri must match")
            }
            Self::BadVerifier if manners.name == SALESFORCE.name => (400, "invalid_request", "invalid code verifier"),
            Self::BadRefresh if manners.name == SALESFORCE.name => {
                (400, "invalid_grant", "expired access/refresh token")
            }
            Self::BadCode | Self::BadRedirect | Self::BadVerifier | Self::BadRefresh => {
                (400, "invalid_grant", "The provided access grant is invalid, expired, or revoked")
            }
            Self::BadGrantType | Self::NotThisGrant => {
                (400, "unsupported_grant_type", "The grant type is not supported")
            }
            Self::BadLifetime => (400, "invalid_request", "expires_in is out of bounds"),
        };
        (status, json!({ "error": code, "error_description": description }))
    }
}

/// What is given out.
pub(crate) struct Given {
    pub access: String,
    /// What is left of the access token's life, where it has an end.
    pub access_lasts: Option<u64>,
    pub refresh: Option<String>,
    pub scopes: Vec<String>,
    /// A user's own token, where Slack was asked for user scopes.
    pub user: Option<(String, Vec<String>)>,
    /// Milliseconds since 1970.
    pub now: i64,
    pub refreshed: bool,
    /// Where the stand-in's API is.
    pub instance_url: String,
}

impl Given {
    /// Status and body, as the provider words it.
    pub(crate) fn words(self, manners: &Manners) -> (u16, Value) {
        match manners.name {
            "slack" => (200, self.of_slack()),
            "zendesk" => (201, self.of_zendesk(manners)),
            "salesforce" => (200, self.of_salesforce()),
            _ => {
                let scope = self.scopes.join(" ");
                let body = json!({ "access_token": self.access, "token_type": "Bearer", "expires_in": self.access_lasts, "scope": scope });
                (200, body)
            }
        }
    }

    fn of_slack(self) -> Value {
        let mut user = json!({ "id": "U1234" });
        if let Some((token, scopes)) = self.user {
            user["scope"] = json!(scopes.join(","));
            user["access_token"] = json!(token);
            user["token_type"] = json!("user");
        }
        let mut body = json!({
            "ok": true,
            "app_id": APP,
            "team": { "id": TEAM, "name": TEAM_NAME },
            "enterprise": null,
            "is_enterprise_install": false,
            "authed_user": user,
        });
        // Asked for user scopes only, there is no bot.
        if !self.scopes.is_empty() {
            body["access_token"] = json!(self.access);
            body["token_type"] = json!("bot");
            body["scope"] = json!(self.scopes.join(","));
            body["bot_user_id"] = json!(BOT_USER);
            body["expires_in"] = json!(self.access_lasts);
            body["refresh_token"] = json!(self.refresh);
        }
        body
    }

    fn of_zendesk(self, manners: &Manners) -> Value {
        let mut body = json!({
            "access_token": self.access,
            "token_type": "bearer",
            "scope": self.scopes.join(" "),
            // Null where nobody asked for an end.
            "expires_in": self.access_lasts,
        });
        if let Some(refresh) = self.refresh {
            body["refresh_token"] = json!(refresh);
            body["refresh_token_expires_in"] = json!(manners.refresh_lasts);
        }
        body
    }

    fn of_salesforce(self) -> Value {
        let id = "https://login.salesforce.com/id/00DB0000000TfcRMAS/005B0000001AbCdIAK";
        let mut body = json!({
            "access_token": self.access,
            "scope": self.scopes.join(" "),
            "instance_url": self.instance_url,
            "id": id,
            "token_type": "Bearer",
            "issued_at": self.now.to_string(),
        });
        // Without rotation a refresh answers with no refresh token.
        if let Some(refresh) = self.refresh.filter(|_| !self.refreshed) {
            body["refresh_token"] = json!(refresh);
        }
        body
    }
}

/// Is this the client that the stand-ins know?
pub(crate) fn check_client(id: &str, secret: &str) -> Result<(), Trouble> {
    if id != OAUTH_CLIENT {
        return Err(Trouble::UnknownClient);
    }
    if secret == OAUTH_SECRET { Ok(()) } else { Err(Trouble::BadSecret) }
}

/// A request's fields, from a form or, as Zendesk documents it, JSON.
pub(crate) fn fields(body: &[u8]) -> Map<String, Value> {
    if let Ok(Value::Object(fields)) = deskwire_core::json::from_slice(body) {
        return fields;
    }
    url::form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect()
}
