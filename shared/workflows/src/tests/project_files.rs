//! `deskwire.yaml`, and the secrets that do not belong into it.

use std::time::Duration;

use deskwire_core::connection::{AuthConfig, OAuthGrant};
use deskwire_core::secret::SecretRef;

use super::{PROJECT, load_with, told};

fn project(text: &str) -> Vec<String> {
    told(&load_with(text, &[], false))
}

fn connection(text: &str) -> Vec<String> {
    project(&format!("connections:\n  c: {{ {text} }}\n"))
}

const AUTH: &str = "auth: { type: bearer, token: { env: T } }";

#[test]
fn a_sound_project_file_is_read_whole() {
    let loaded = load_with(PROJECT, &[], false);
    assert_eq!(told(&loaded), Vec::<String>::new());
    let source = &loaded.project.sources[0];
    assert_eq!(
        (source.name.as_str(), source.provider.as_str(), source.scheme.as_str()),
        ("zendesk-support", "zendesk", "webhook")
    );
    assert_eq!(source.signing_secrets, [SecretRef::Env("ZENDESK_SIGNING_SECRET".to_owned())]);
    assert_eq!(source.tolerance, Duration::from_mins(5));
    let [slack, zendesk] = &loaded.project.connections[..] else { panic!("two connections") };
    assert_eq!(slack.base_url.as_str(), "https://slack.com/api/");
    assert_eq!(zendesk.base_url.as_str(), "https://acme.zendesk.com/");
    assert!(matches!(&zendesk.auth, AuthConfig::Basic { username, .. } if username == "ops@example.com/token"));
}

#[test]
fn the_other_ways_to_say_things_are_read_too() {
    let text = "sources:
  csat: { provider: qualtrics, scheme: static_secret, shared_key: { secret: csat-key }, account_id: 22129001, repeat_window: 10m }
  try: { provider: zendesk, accept_test_secret: true }
connections:
  crm: { provider: salesforce, auth: { type: api_key, header: X-Key, key: { file: secrets/crm } }, allowed_domain: '*.example.com', base_url: 'https://eu.example.com/api' }
";
    let loaded = load_with(text, &[], false);
    assert_eq!(told(&loaded), Vec::<String>::new());
    let csat = &loaded.project.sources[0];
    assert_eq!((csat.scheme.as_str(), csat.account_id.as_deref()), ("static_secret", Some("22129001")));
    assert_eq!(csat.signing_secrets, [SecretRef::Stored("csat-key".to_owned())]);
    assert!(loaded.project.sources[1].accept_test_secret);
    assert_eq!(loaded.project.connections[0].auth.secret(), Some(&SecretRef::File("secrets/crm".into())));
}

#[test]
fn a_connection_may_be_called_something_in_one_line() {
    let called = |name: &str| format!("provider: slack, {AUTH}, allowed_domain: slack.com, display_name: {name}");
    let text = format!("connections:\n  c: {{ {} }}\n", called("' Support, Europe 🇪🇺 '"));
    let loaded = load_with(&text, &[], false);
    assert_eq!(loaded.project.connections[0].display_name.as_deref(), Some("Support, Europe 🇪🇺"));
    for wrong in ["''", "\"a\\nb\"", &format!("'{}'", "x".repeat(81))] {
        let told = connection(&called(wrong));
        assert!(told[0].contains("`display_name` is no name to show") && told.len() == 1, "{told:?}");
    }
    assert!(connection(&called("[a]"))[0].contains("`display_name` must be text"));
}

#[test]
fn a_secret_in_clear_is_refused_and_never_repeated() {
    let cases = [
        "connections:\n  c: { provider: slack, auth: { type: bearer, token: MARKER }, allowed_domain: slack.com, oops: 1 }\n",
        "connections:\n  c: { provider: slack, auth: { type: bearer, token: { env: 'xoxb-MARKER' } }, allowed_domain: slack.com }\n",
        "connections:\n  c: { provider: slack, auth: { type: bearer, token: { secret: 'xoxb/MARKER' } }, allowed_domain: slack.com }\n",
        "connections:\n  c: { provider: slack, auth: { type: bearer, token: { value: MARKER } }, allowed_domain: slack.com }\n",
        "connections:\n  c: { provider: slack, auth: { type: bearer, tokn: MARKER }, allowed_domain: slack.com }\n",
        "connections:\n  c: { provider: slack, auth: { type: bearer, token: { env: T }, password: MARKER }, allowed_domain: slack.com }\n",
        "connections:\n  c: { provider: slack, auth: { type: oauth2, client: x, token: { env: T } }, secret: MARKER }\n",
        "connections:\n  c: { provider: slack, auth: MARKER, allowed_domain: slack.com }\n",
        "connections:\n  c: MARKER\n",
        "connections: [MARKER]\n",
        "connections:\n  C: { auth: MARKER }\n",
        "connections:\n  c: { provider: slack, auth: { type: api_key, header: 'MARKER MARKER', key: [MARKER] }, allowed_domain: slack.com }\n",
        "connections:\n  c: { provider: slack, auth: { type: bearer, token: { env: T } }, allowed_domain: slack.com, base_url: 'https://u:MARKER@slack.com' }\n",
        "connections:\n  c: { provider: slack, auth: { type: bearer, token: { env: T } }, allowed_domain: slack.com, base_url: 'https://u:MARKER@slack:com' }\n",
        "sources:\n  s: { provider: zendesk, signing_secrets: [MARKER], nope: 1 }\n",
        "sources:\n  s: { provider: zendesk, signing_secrets: MARKER }\n",
        "sources:\n  s: { provider: zendesk, signing_secret: MARKER }\n",
        "sources:\n  s: { provider: zendesk, shared_key: MARKER }\n",
        "sources:\n  s: { provider: zendesk, shared_key: MARKER\n",
        "sources:\n  s:\n    shared_key: 'MARKER' x\n",
        "MARKER\n",
        "token: MARKER\n",
    ];
    for text in cases {
        let loaded = load_with(text, &[], false);
        assert!(loaded.has_errors(), "{text}");
        for diagnostic in &loaded.diagnostics {
            for shown in [diagnostic.render(text, false), diagnostic.render(text, true), format!("{diagnostic:?}")] {
                assert!(!shown.contains("MARKER"), "{text}{shown}");
            }
            assert!(!serde_json::to_string(diagnostic).unwrap().contains("MARKER"), "{text}");
        }
    }
    assert_eq!(
        connection("provider: slack, auth: { type: bearer, token: xoxb-1 }, allowed_domain: slack.com"),
        [
            "2:54 `token` is a secret, and a secret is never written in a file (say where it is: `{ env: NAME }`, `{ file: PATH }` or `{ secret: NAME }`)"
        ]
    );
}

/// A project with this OAuth client, and a connection that uses it.
fn client(text: &str) -> Vec<String> {
    project(&format!(
        "oauth_clients:\n  o: {{ {text} }}\nconnections:\n  c: {{ provider: slack, auth: {{ type: oauth2, client: o }}, allowed_domain: slack.com }}\n"
    ))
}

#[test]
fn oauth_clients_are_read_whole() {
    let text = "oauth_clients:
  slack: { provider: slack, grant: authorization_code, client_id: '123.456', client_secret: { env: S }, scopes: [chat:write, users:read] }
  crm: { provider: salesforce, grant: client_credentials, client_id: x, client_secret: { env: S }, tenant: acme.my, scopes: api id }
  any: { provider: http, grant: authorization_code, client_id: x, authorize_url: 'https://id.example.com/authorize', token_url: 'https://id.example.com/token', pkce: true }
connections:
  slack: { provider: slack, auth: { type: oauth2, client: slack }, allowed_domain: slack.com }
  crm: { provider: salesforce, auth: { type: oauth2, client: crm }, allowed_domain: '*.salesforce.com', base_url: 'https://acme.my.salesforce.com' }
  any: { provider: http, auth: { type: oauth2, client: any }, allowed_domain: api.example.com, base_url: 'https://api.example.com' }
";
    let loaded = load_with(text, &[], false);
    assert_eq!(told(&loaded), Vec::<String>::new());
    let [slack, crm, any] = &loaded.project.oauth_clients[..] else { panic!("three clients") };
    assert_eq!(
        (slack.grant, &slack.scopes[..]),
        (OAuthGrant::AuthorizationCode, &["chat:write".to_owned(), "users:read".to_owned()][..])
    );
    assert_eq!(
        (crm.grant, crm.tenant.as_deref(), crm.scopes.len()),
        (OAuthGrant::ClientCredentials, Some("acme.my"), 2)
    );
    assert_eq!((any.pkce, &any.client_secret), (Some(true), &None));
    assert!(matches!(&loaded.project.connections[0].auth, AuthConfig::OAuth2 { client } if client.as_str() == "slack"));
}

#[test]
fn every_mistake_in_an_oauth_client_is_told_with_its_place() {
    let fine = "client_id: x, client_secret: { env: S }";
    let cases = [
        (format!("provider: slack, {fine}"), "has no `grant`"),
        (
            format!("provider: slack, grant: password, {fine}"),
            "`grant` must be `authorization_code` or `client_credentials`",
        ),
        (format!("grant: authorization_code, {fine}"), "has no `provider`"),
        ("provider: slack, grant: authorization_code, client_secret: { env: S }".to_owned(), "has no `client_id`"),
        (
            "provider: slack, grant: authorization_code, client_id: 123.456, client_secret: { env: S }".to_owned(),
            "`client_id` must be text",
        ),
        ("provider: slack, grant: authorization_code, client_id: x".to_owned(), "has no `client_secret`"),
        (
            "provider: zendesk, tenant: acme, grant: client_credentials, client_id: x".to_owned(),
            "has no `client_secret`",
        ),
        (
            "provider: slack, grant: authorization_code, client_id: x, client_secret: MARKER".to_owned(),
            "a secret is never written in a file",
        ),
        (format!("provider: zendesk, grant: authorization_code, {fine}"), "`tenant` is missing"),
        (format!("provider: zendesk, tenant: 'acme.zendesk.com/x', grant: authorization_code, {fine}"), "is no tenant"),
        (format!("provider: http, grant: authorization_code, {fine}"), "has no `token_url`"),
        (
            format!("provider: http, grant: authorization_code, token_url: 'https://a.example.com/t', {fine}"),
            "has no `authorize_url`",
        ),
        (
            format!("provider: slack, grant: authorization_code, token_url: 'http://slack.com/t', {fine}"),
            "must begin with https://",
        ),
        (
            format!("provider: slack, grant: authorization_code, token_url: 'https://u:MARKER@slack.com/t', {fine}"),
            "holds more than an address",
        ),
        (
            format!("provider: slack, grant: authorization_code, token_url: 'http://127.0.0.1/t', {fine}"),
            "leads to this machine",
        ),
        (format!("provider: slack, grant: authorization_code, token_url: 'not a url', {fine}"), "is not a URL"),
        (
            format!("provider: slack, grant: authorization_code, scopes: ['chat:write,users:read'], {fine}"),
            "is no scope",
        ),
        (format!("provider: slack, grant: authorization_code, scope: chat:write, {fine}"), "has no key `scope`"),
        (
            format!("provider: slack, grant: authorization_code, pkce: yes please, {fine}"),
            "`pkce` must be true or false",
        ),
        (
            format!("provider: zendesk, tenant: acme, grant: authorization_code, {fine}"),
            "one of zendesk, and this connection leads to slack",
        ),
    ];
    for (text, expected) in cases {
        let told = client(&text);
        assert!(told.iter().any(|line| line.contains(expected)), "{text}\n{told:#?}");
        assert!(
            told.iter().all(|line| line.split_once(':').is_some_and(|(line, _)| line.parse::<u32>().is_ok())),
            "{told:?}"
        );
        assert!(!told.concat().contains("MARKER"));
    }
    let other = connection("provider: slack, auth: { type: oauth2, client: slak }, allowed_domain: slack.com");
    assert!(other[0].contains("there is no OAuth client `slak`"), "{other:?}");
    let unused = project(
        "oauth_clients:\n  o: { provider: slack, grant: authorization_code, client_id: x, client_secret: { env: S } }\n",
    );
    assert!(unused[0].contains("no connection uses the OAuth client `o`"), "{unused:?}");
}

#[test]
fn a_header_that_means_something_else_carries_no_key() {
    for header in ["Host", "X-Forwarded-For", "X-Amz-Security-Token", "Cookie", "User-Agent", "X-1"] {
        let told = connection(&format!(
            "provider: http, auth: {{ type: api_key, header: {header}, key: {{ env: K }} }}, allowed_domain: api.example.com, base_url: 'https://api.example.com'"
        ));
        assert!(told[0].contains("`header`"), "{header}: {told:?}");
    }
}

#[test]
fn a_provider_that_sends_no_webhooks_is_no_source() {
    let told = project("sources:\n  s: { provider: http, signing_secrets: [{ env: S }] }\n");
    assert!(told.iter().any(|line| line.contains("sends no webhooks")), "{told:?}");
}

#[test]
fn the_base_url_must_fit_the_allowed_domain() {
    assert_eq!(
        connection(&format!("provider: zendesk, {AUTH}, allowed_domain: acme.zendesk.com")),
        ["2:6 connection `c` has no `base_url` (add one, such as `base_url: \"https://SUBDOMAIN.zendesk.com\"`)"]
    );
    assert_eq!(
        connection(&format!(
            "provider: zendesk, {AUTH}, allowed_domain: acme.zendesk.com, base_url: 'https://zendesk.com'"
        )),
        [
            "2:114 the API is at `zendesk.com`, which is outside the allowed domain `acme.zendesk.com` (make the two agree: credentials are sent to the allowed domain only)"
        ]
    );
    assert_eq!(
        connection(&format!("provider: slack, {AUTH}, allowed_domain: evil.example")),
        [
            "2:84 the API is at `slack.com`, which is outside the allowed domain `evil.example` (make the two agree: credentials are sent to the allowed domain only)"
        ]
    );
    for (domain, url, fits) in [
        ("'*.zendesk.com'", "https://acme.zendesk.com/", true),
        ("'*.zendesk.com'", "https://zendesk.com/", true),
        ("'*.zendesk.com'", "https://evilzendesk.com/", false),
        ("zendesk.com", "https://a.zendesk.com/", false),
        ("bücher.example", "https://bücher.example/", true),
        ("slack.com", "http://slack.com/", false),
        ("slack.com", "https://slack.com/?token=1", false),
        ("slack.com", "ftp://slack.com/", false),
        ("slack.com", "slack.com", false),
    ] {
        let found = connection(&format!("provider: slack, {AUTH}, allowed_domain: {domain}, base_url: '{url}'"));
        assert_eq!(found.is_empty(), fits, "{domain} {url}: {found:?}");
    }
}

#[test]
fn only_who_allows_loopback_gets_it() {
    for url in [
        "http://127.0.0.1:9/api/",
        "http://localhost:9/",
        "http://[::1]:9/",
        "http://0x7f.1/",
        "https://127.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
    ] {
        let text =
            format!("connections:\n  c: {{ provider: slack, {AUTH}, allowed_domain: slack.com, base_url: '{url}' }}\n");
        let refused = load_with(&text, &[], false);
        assert!(told(&refused)[0].contains("`base_url` leads to this machine"), "{url}");
        let allowed = load_with(&text, &[], true);
        assert_eq!(told(&allowed), Vec::<String>::new(), "{url}");
        assert_eq!(allowed.project.connections.len(), 1);
    }
    let elsewhere = format!(
        "connections:\n  c: {{ provider: slack, {AUTH}, allowed_domain: slack.com, base_url: 'http://10.0.0.1/' }}\n"
    );
    assert!(load_with(&elsewhere, &[], true).has_errors());
}

#[test]
fn a_loopback_address_as_allowed_domain_says_to_give_it_to_the_base_url() {
    for (given, authority) in [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("'localhost.'", "localhost"),
        ("'[::1]'", "[::1]"),
        ("'127.0.0.1:8080'", "127.0.0.1:8080"),
        ("'http://localhost'", "localhost"),
        ("'http://localhost:9/api'", "localhost:9"),
        ("0.0.0.0", "127.0.0.1"),
        ("'*.localhost'", "localhost"),
    ] {
        for allow_loopback in [true, false] {
            let text = format!(
                "connections:\n  c: {{ provider: slack, {AUTH}, allowed_domain: {given}, base_url: 'http://{authority}/' }}\n"
            );
            let loaded = load_with(&text, &[], allow_loopback);
            let found = loaded.diagnostics.iter().find(|one| one.message.contains("keep the provider's own domain"));
            let found = found.unwrap_or_else(|| panic!("{given}: {:?}", told(&loaded)));
            let help = found.help.as_deref().unwrap();
            assert!(found.message.contains("give only `base_url` the loopback address"), "{}", found.message);
            let base_url = format!("`allowed_domain: slack.com` and `base_url: \"http://{authority}\"`");
            assert!(help.contains(&base_url) && help.contains("--allow-loopback"), "{given}: {help}");
        }
    }
}

#[test]
fn an_address_of_this_machine_that_is_never_called_says_what_to_write() {
    for (given, wanted) in [
        ("localhost:8080", "http://localhost:8080"),
        ("localhost:8080/api", "http://localhost:8080/api"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("http://localhost.:8080/", "http://localhost:8080"),
        ("http://0.0.0.0:8080/api", "http://127.0.0.1:8080/api"),
        ("http://[::]:8080", "http://[::1]:8080"),
        ("http://api.localhost:8080", "http://localhost:8080"),
    ] {
        let connection = format!(
            "connections:\n  c: {{ provider: slack, {AUTH}, allowed_domain: slack.com, base_url: '{given}' }}\n"
        );
        let client = |key: &str| {
            format!(
                "oauth_clients:\n  o: {{ provider: slack, grant: authorization_code, client_id: i, client_secret: {{ env: S }}, \
                 {key}: '{given}' }}\n"
            )
        };
        for text in [connection, client("token_url"), client("authorize_url")] {
            let loaded = load_with(&text, &[], true);
            let help = loaded.diagnostics.first().and_then(|one| one.help.clone()).unwrap_or_default();
            assert!(help.contains(wanted) && help.contains("--allow-loopback"), "{text}: {:?} {help}", told(&loaded));
        }
    }
}

#[test]
fn what_leads_to_this_machine_names_the_switch_that_allows_it() {
    let connection = format!(
        "connections:\n  c: {{ provider: slack, {AUTH}, allowed_domain: slack.com, base_url: 'http://127.0.0.1:9' }}\n"
    );
    let client = "oauth_clients:\n  o: { provider: slack, grant: authorization_code, client_id: i, client_secret: { env: S }, \
                  token_url: 'http://[::1]:9/t' }\n";
    for text in [connection.as_str(), client] {
        let loaded = load_with(text, &[], false);
        let help = loaded.diagnostics.first().and_then(|one| one.help.clone()).unwrap_or_default();
        assert!(help.contains("`--allow-loopback`"), "{text}: {help}");
        assert!(!load_with(text, &[], true).has_errors(), "{text}");
    }
}

#[test]
fn allowed_domains_are_one_s_own_and_no_wider_than_they_must_be() {
    let long = format!("{}.example.com", "a".repeat(64));
    let longest = format!("{}.com", vec!["abcdefghi"; 13].join("."));
    for (domain, why) in [
        ("com", "is a public suffix"),
        ("'*.com'", "is a public suffix"),
        ("'*.com.au'", "is a public suffix"),
        ("'*.co.uk'", "is a public suffix"),
        ("'*.myshopify.com'", "is a public suffix"),
        ("myshopify.com", "is a public suffix"),
        ("'*'", "has a `*` in an odd place"),
        ("'a.*.com'", "has a `*` in an odd place"),
        ("'exam*.com'", "has a `*` in an odd place"),
        ("'my-*.example.com'", "has a `*` in an odd place"),
        ("'*example.com'", "has a `*` in an odd place"),
        ("'*.*.example.com'", "has a `*` in an odd place"),
        ("https://slack.com", "is not a domain name"),
        ("slack.com/x", "is not a domain name"),
        ("'slack.com:443'", "is not a domain name"),
        ("10.0.0.1", "is an IP address"),
        ("'[::1]'", "is an IP address"),
        ("''", "is not a domain name"),
        ("a..b", "is not a domain name"),
        ("'.slack.com'", "is not a domain name"),
        ("'user@slack.com'", "is not a domain name"),
        (&long, "is not a domain name"),
        (&longest, "is longer than 128 characters"),
    ] {
        let found =
            connection(&format!("provider: zendesk, {AUTH}, allowed_domain: {domain}, base_url: 'https://slack.com'"));
        assert!(found.len() == 1 && found[0].contains(why), "{domain}: {found:?}");
    }
    for (domain, base) in [
        ("acme.zendesk.com", "https://acme.zendesk.com"),
        ("'*.zendesk.com'", "https://acme.zendesk.com"),
        ("'*.zendesk.com'", "https://zendesk.com"),
        ("Acme.ZENDESK.com.", "https://acme.zendesk.com./"),
        ("'*.bücher.example'", "https://www.xn--bcher-kva.example"),
        ("shop.myshopify.com", "https://shop.myshopify.com"),
    ] {
        let found = connection(&format!("provider: zendesk, {AUTH}, allowed_domain: {domain}, base_url: '{base}'"));
        assert_eq!(found, Vec::<String>::new(), "{domain}");
    }
}

#[test]
fn ports_of_other_protocols_are_no_base_url_s() {
    let with =
        |url: &str| connection(&format!("provider: slack, {AUTH}, allowed_domain: slack.com, base_url: '{url}'"));
    assert_eq!(
        with("https://slack.com:22/api"),
        ["2:105 port 22 of `base_url` is none for https (leave the port out, or name one from 1024 on)"]
    );
    assert_eq!(with("https://slack.com:443/api"), Vec::<String>::new());
    assert_eq!(with("https://slack.com:8443/api"), Vec::<String>::new());
}

#[test]
fn a_source_s_connection_exists_and_leads_to_its_provider() {
    let with = |connection: &str| {
        project(&format!(
            "sources:\n  desk: {{ provider: zendesk, shared_key: {{ env: K }}, connection: {connection} }}\nconnections:\n  \
             slack: {{ provider: slack, {AUTH}, allowed_domain: slack.com }}\n  desk: {{ provider: zendesk, {AUTH}, \
             allowed_domain: acme.zendesk.com, base_url: 'https://acme.zendesk.com' }}\n"
        ))
    };
    assert_eq!(with("desk"), Vec::<String>::new());
    assert_eq!(with("dsk"), ["2:66 there is no connection `dsk` (did you mean `desk`?)"]);
    assert_eq!(
        with("slack"),
        ["2:66 the connection `slack` leads to slack (a source is set up through a connection to zendesk)"]
    );
}

#[test]
fn providers_schemes_and_sign_ins_must_exist() {
    assert_eq!(
        project(
            "sources:\n  a: { provider: zendsk, shared_key: { env: A } }\n  b: { provider: zendesk, scheme: x, shared_key: { env: A } }\n  c: { provider: zendesk, tolerance: 5 }\n"
        ),
        [
            "2:18 there is no provider `zendsk` (did you mean `zendesk`?)",
            "3:35 zendesk has no signature scheme `x` (there is: webhook)",
            "4:8 source `c` has no signing secret (add `signing_secrets: [{ env: NAME }]`; only what is signed with one of them is taken in)",
            "4:38 `tolerance` must be text, not a number (put quotes around it if it is meant to be text)",
        ]
    );
    assert_eq!(
        connection("provider: slack, auth: { type: bear, token: { env: T } }, allowed_domain: slack.com"),
        ["2:39 there is no kind of sign-in `bear` (did you mean `bearer`?)"]
    );
    assert_eq!(
        connection("provider: slack, auth: { type: bearer, token: { env: A, file: b } }, allowed_domain: slack.com"),
        [
            "2:54 `token` must name one place where the secret is, not 2 (say where it is: `{ env: NAME }`, `{ file: PATH }` or `{ secret: NAME }`)"
        ]
    );
}

#[test]
fn a_broken_connection_is_still_known_to_the_workflows() {
    let project = PROJECT.replace("acme.zendesk.com\"", "other.zendesk.com\"");
    let workflow = "name: w\ntrigger: { source: zendesk-support, event: ticket.created }\nsteps: [{ id: a, action: zendesk.look_up_ticket, connection: zendesk, with: { ticket_id: 1 } }]\n";
    let loaded = load_with(&project, &[workflow], false);
    assert_eq!(loaded.diagnostics.len(), 1, "{:?}", told(&loaded));
    assert_eq!(loaded.project.connections.len(), 1);
}

#[test]
fn a_project_file_that_cannot_be_read_makes_no_workflow_wrong() {
    let workflow = "name: w\ntrigger: { source: s, event: ticket.created }\nsteps: [{ id: a, action: zendesk.look_up_ticket, connection: z, with: { ticket_id: 1 } }]\n";
    let loaded = load_with("sources: [\n", &[workflow], false);
    assert_eq!(loaded.diagnostics.len(), 1, "{:?}", told(&loaded));
}
