//! `deskwire.yaml`, and the secrets that do not belong into it.

use std::time::Duration;

use deskwire_core::connection::AuthConfig;
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
    assert_eq!(loaded.project.connections[0].auth.secret(), &SecretRef::File("secrets/crm".into()));
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

#[test]
fn oauth_is_refused_with_what_to_use_instead() {
    assert_eq!(
        project(
            "oauth_clients: {}\nconnections:\n  s: { provider: slack, auth: { type: oauth2, client: s }, allowed_domain: slack.com }\n"
        ),
        [
            "1:1 `oauth_clients` is not supported yet (sign-in by OAuth 2.0 comes later: give connections `auth: { type: bearer, token: { env: NAME } }` for now)",
            "3:39 sign-in by OAuth 2.0 is not supported yet (use `type: bearer` with a token for now)",
            "3:47 `client` is not supported yet (sign-in by OAuth 2.0 comes later: use `type: bearer` with a token for now)",
        ]
    );
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
fn allowed_domains_are_host_names() {
    for domain in [
        "com",
        "'*'",
        "'*.com'",
        "'a.*.com'",
        "https://slack.com",
        "slack.com/x",
        "'slack.com:443'",
        "10.0.0.1",
        "''",
        "a..b",
        "-a.com",
        "'.slack.com'",
    ] {
        let found =
            connection(&format!("provider: zendesk, {AUTH}, allowed_domain: {domain}, base_url: 'https://slack.com'"));
        assert!(
            found.iter().any(|told| told.contains("is not a domain name") || told.contains("must be text")),
            "{domain}: {found:?}"
        );
    }
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
