//! Deliveries of Qualtrics, spoilt at random: `cargo bench -p qualtrics-webhook --bench fuzz`. None may make the form parser, the
//! verifier or the reading of messages panic, and none may be accepted unless its signature fits by a reckoning of our own
//! that shares no code with the verifier. `FUZZ_INPUTS` and `FUZZ_SEED` change how many and which.

use deskwire_accept::{Delivery, Source, Webhook};
use deskwire_core::ids::SourceName;
use deskwire_core::provider::provider;
use deskwire_core::random::{Random, SeededRandom};
use deskwire_core::secret::SecretString;
use deskwire_core::signature::{Rules, sign, verify};
use deskwire_core::source::SourceConfig;
use deskwire_core::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha512;

const KEY: &str = "kyma4ever";
const OTHER: &str = "an-attacker-s-key";

/// What deliveries are made of.
const PARTS: [&str; 24] = [
    "&",
    "=",
    "%",
    "+",
    "%20",
    "%00",
    "%F0%9F%91%8E",
    "%ff",
    "%zz",
    "%2",
    "HMAC=",
    "MSG=",
    "Topic=",
    "MSG",
    "HMAC",
    "{}",
    "[]",
    "{\"Status\":\"Complete\"}",
    "\"",
    "\\u0000",
    "0",
    "deadbeef",
    ";",
    "\u{202e}",
];

/// What came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub inputs: u64,
    pub accepted: u64,
    pub events: u64,
}

/// Spoils so many deliveries and looks at each.
pub fn fuzz(webhook: &dyn Webhook, seed: u64, inputs: u64) -> Outcome {
    let random = SeededRandom::new(seed);
    let scheme = provider("qualtrics").unwrap().scheme("event_subscription").unwrap();
    let (rules, secrets) = (
        Rules { now: Timestamp::default(), tolerance: std::time::Duration::ZERO, accept_test_secret: false },
        [SecretString::from(KEY)],
    );
    let source = Source {
        config: SourceConfig {
            name: SourceName::parse("fuzz").unwrap(),
            provider: "qualtrics".to_owned(),
            scheme: "event_subscription".to_owned(),
            signing_secrets: vec![],
            tolerance: std::time::Duration::ZERO,
            repeat_window: std::time::Duration::from_mins(5),
            max_age: None,
            account_id: None,
            accept_test_secret: false,
            connection: None,
        },
        scheme,
        secrets: vec![],
    };
    let mut outcome = Outcome { inputs, ..Outcome::default() };
    let below = |most: usize| usize::try_from(random.bits() % u128::try_from(most.max(1)).unwrap()).unwrap();
    for number in 0..inputs {
        let message = message(&random, number);
        // Now and then somebody signs who has another key.
        let key = if below(4) == 0 { OTHER } else { KEY };
        let mac = sign(scheme, key, "", message.as_bytes());
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Topic", "acme.surveyengine.completedResponse.SV_1")
            .append_pair("HMAC", &mac)
            .append_pair("MSG", &message);
        let mut body = form.finish().into_bytes();
        for _ in 0..below(4) {
            spoil(&mut body, &below);
        }
        let Ok(found) = verify(scheme, &HeaderMap::new(), &body, &secrets, rules) else { continue };
        outcome.accepted += 1;
        assert!(
            fits(&body),
            "accepted without the key (seed {seed}, input {number}): {}",
            String::from_utf8_lossy(&body)
        );
        let Ok(read) = deskwire_core::json::from_slice::<serde_json::Value>(&found.payload) else { continue };
        let delivery = Delivery {
            source: &source,
            request: &body,
            payload: &found.payload,
            body: &read,
            signed_at: rules.now,
            stamp: None,
            request_id: &deskwire_core::ids::RequestId::new("req_fuzz"),
        };
        outcome.events += u64::from(webhook.normalise(&delivery).is_ok());
    }
    outcome
}

fn message(random: &SeededRandom, number: u64) -> String {
    match random.bits() % 5 {
        0 => PARTS[usize::try_from(random.bits() % 24).unwrap()].repeat(3),
        1 => format!("{{\"Status\":\"Partial\",\"SurveyID\":\"SV_{number}\",\"CompletedDate\":\"{}\"}}", random.bits()),
        _ => format!(
            "{{\"Status\":\"Complete\",\"SurveyID\":\"SV_1\",\"ResponseID\":\"R_{number}\",\"CompletedDate\":\"2019-06-26 13:28:11\",\
             \"BrandID\":\"acme\",\"ResponseEventContext\":\"café ✓ 100% + x\"}}"
        ),
    }
}

fn spoil(body: &mut Vec<u8>, below: &impl Fn(usize) -> usize) {
    let at = below(body.len() + 1);
    match below(7) {
        0 if at < body.len() => body[at] ^= 1 << below(8),
        1 => body.truncate(at),
        2 if at < body.len() => drop(body.remove(at)),
        3 => {
            let again = body.clone();
            body.push(b'&');
            body.extend(again);
        }
        4 => drop(body.splice(at..at, PARTS[below(PARTS.len())].bytes())),
        5 => {
            let by = at % body.len().max(1);
            body.rotate_left(by);
        }
        _ => {
            let fields: Vec<Vec<u8>> = body.split(|byte| *byte == b'&').map(<[u8]>::to_vec).collect();
            let field = &fields[below(fields.len())];
            body.push(b'&');
            body.extend(field);
        }
    }
}

/// Does the body hold one MSG and one HMAC that fits it? By hand, from what RFC 2104 and the form encoding say.
fn fits(body: &[u8]) -> bool {
    let fields: Vec<(Vec<u8>, Vec<u8>)> = body
        .split(|byte| *byte == b'&')
        .filter(|field| !field.is_empty())
        .map(|field| {
            let cut = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
            (decoded(&field[..cut]), decoded(field.get(cut + 1..).unwrap_or_default()))
        })
        .collect();
    let one = |name: &[u8]| {
        let mut all = fields.iter().filter(|(known, _)| known == name);
        all.next().filter(|_| all.next().is_none()).map(|(_, value)| value)
    };
    let (Some(message), Some(written)) = (one(b"MSG"), one(b"HMAC")) else { return false };
    // What is no text is read as the verifier's library reads it: with marks in place of what cannot be read.
    let message = String::from_utf8_lossy(message);
    let mut mac = Hmac::<Sha512>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    let mac = hex::encode(mac.finalize().into_bytes());
    String::from_utf8_lossy(written).to_ascii_lowercase() == mac
}

fn decoded(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = field;
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        let plain = more.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        match (first, digits.filter(|_| plain)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = &more[2..];
            }
            (b'+', _) => {
                out.push(b' ');
                rest = more;
            }
            (byte, _) => {
                out.push(*byte);
                rest = more;
            }
        }
    }
    out
}
