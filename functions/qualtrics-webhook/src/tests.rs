//! Both captured deliveries, and everything that is not one.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use deskwire_accept::{Catalogue, CurrentCatalogue, Source};
use deskwire_core::ids::SourceName;
use deskwire_core::ports::{Filter, History};
use deskwire_core::provider::provider;
use deskwire_core::random::SeededRandom;
use deskwire_core::secret::SecretString;
use deskwire_core::signature::sign;
use deskwire_core::source::{DEFAULT_REPEAT_WINDOW, DEFAULT_TOLERANCE, SourceConfig};
use deskwire_core::time::{FixedClock, Timestamp};
use deskwire_storage::SqliteStore;
use http::Request;
use serde_json::json;
use tower::ServiceExt;

use super::*;

#[path = "../../../tests/fuzz/qualtrics.rs"]
mod fuzz;

#[test]
fn no_spoilt_delivery_panics_or_is_accepted_without_the_key() {
    let outcome = fuzz::fuzz(&Qualtrics, 7, 20_000);
    assert!(outcome.accepted > 1_000 && outcome.events > 500, "what is not spoilt is taken: {outcome:?}");
}

const KEY: &str = "kyma4ever";
const FORM: &str = "application/x-www-form-urlencoded";

struct World {
    store: SqliteStore,
    router: Router,
}

impl World {
    fn new(scheme: &str, change: impl FnOnce(&mut SourceConfig)) -> Self {
        let mut config = SourceConfig {
            name: SourceName::parse("csat").unwrap(),
            provider: "qualtrics".to_owned(),
            scheme: scheme.to_owned(),
            signing_secrets: vec![],
            tolerance: DEFAULT_TOLERANCE,
            repeat_window: DEFAULT_REPEAT_WINDOW,
            max_age: None,
            account_id: None,
            accept_test_secret: false,
            connection: None,
        };
        change(&mut config);
        let scheme = provider("qualtrics").unwrap().scheme(scheme).unwrap();
        let secrets = ["before", KEY].map(SecretString::from).to_vec();
        let catalogue = CurrentCatalogue::default();
        catalogue.replace(Catalogue::new(vec![Source { config, scheme, secrets }], vec![], None));
        let store = SqliteStore::in_memory().unwrap();
        let intake = Intake {
            inbox: Arc::new(store.clone()),
            catalogue: Arc::new(catalogue),
            clock: Arc::new(FixedClock(Timestamp::parse("2019-06-26T14:00:00Z").unwrap())),
            random: Arc::new(SeededRandom::new(1)),
            largest_body: deskwire_accept::MAX_BODY_BYTES,
            bodies: deskwire_accept::Bodies::default(),
        };
        Self { store, router: router(Arc::new(intake)) }
    }

    fn signed() -> Self {
        Self::new("event_subscription", |_| {})
    }

    async fn send(&self, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let mut request = Request::post("/webhooks/qualtrics/csat");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn answer(&self, request: Request<Body>) -> (u16, Value) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, deskwire_core::json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn form(&self, body: &str) -> (u16, Value) {
        self.send(&[("content-type", FORM)], body).await
    }

    /// Type, subject, id and time of what is kept.
    async fn kept(&self) -> Vec<(String, String, String)> {
        let filter = Filter { oldest_first: true, ..Filter::default() };
        let all = self.store.events(filter).await.unwrap();
        all.into_iter().map(|event| (event.kind, event.subject, event.id)).collect()
    }
}

/// A delivery as Qualtrics makes it, with the fields in this order.
fn delivery(message: &Value, topic: &str, order: &[&str]) -> String {
    let text = message.to_string();
    let scheme = provider("qualtrics").unwrap().scheme("event_subscription").unwrap();
    let mac = sign(scheme, KEY, "", text.as_bytes());
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for name in order {
        form.append_pair(
            name,
            match *name {
                "Topic" => topic,
                "HMAC" => &mac,
                "MSG" => &text,
                other => other,
            },
        );
    }
    form.finish()
}

fn completed(response: &str) -> Value {
    json!({ "Status": "Complete", "SurveyID": "SV_0000000000000AA", "ResponseID": response,
            "CompletedDate": "2019-06-26 13:28:11", "BrandID": "acme", "ResponseEventContext": "48213", "CreatorID": "UR_1" })
}

const TOPIC: &str = "acme.surveyengine.completedResponse.SV_0000000000000AA";

/// Both were caught on the wire, years ago, by people who had nothing to do with us.
#[tokio::test]
async fn both_captured_deliveries_are_events() {
    let world = World::signed();
    let first = format!(
        "Topic=sapdevelopment.surveyengine.completedResponse.SV_1AmkKSDmoZ4XlQx&HMAC={}&MSG={}",
        "c2c585a404c239aa3063b462cc33551d3ed3ed2de0899f58d456fc0ef7ebef6f3c3af44957989bd0592603e41edde9528f7d9ed09ee128bf719aa12f46e5c598",
        "%7B%22Status%22%3A%22Complete%22%2C%22SurveyID%22%3A%22SV_1AmkKSDmoZ4XlQx%22%2C%22ResponseID%22%3A%22R_0B7IcnXszjEUHLP%22%2C%22CompletedDate%22%3A%222019-06-25+07%3A58%3A25%22%2C%22BrandID%22%3A%22sapdevelopment%22%7D",
    );
    let second = "HMAC=5db5cd1e0200e9ce6831ea0f1924beb97f136939e367c53f5af8f7d79c6727af495cb90d6c744fe72ab45efd9f9f2ba7c15b13fdf6565af3d5a4f50ed2c0c7d4&MSG=%7B%22Status%22%3A%22Complete%22%2C%22SurveyID%22%3A%22SV_22VlHYNeldrrrkp%22%2C%22ResponseID%22%3A%22R_1l9mcVuXubb4aGm%22%2C%22CompletedDate%22%3A%222019-06-26%2013%3A28%3A11%22%2C%22BrandID%22%3A%22sapdevelopment%22%7D&Topic=sapdevelopment.surveyengine.completedResponse.SV_22VlHYNeldrrrkp&undefined=";
    for body in [first.as_str(), second, second] {
        assert_eq!(world.form(body).await.0, 200, "{body}");
    }
    let kind = "surveyengine.completedResponse".to_owned();
    assert_eq!(
        world.kept().await,
        [
            (
                kind.clone(),
                "qualtrics:response:R_0B7IcnXszjEUHLP".into(),
                "SV_1AmkKSDmoZ4XlQx/R_0B7IcnXszjEUHLP/Complete".into()
            ),
            (
                kind,
                "qualtrics:response:R_1l9mcVuXubb4aGm".into(),
                "SV_22VlHYNeldrrrkp/R_1l9mcVuXubb4aGm/Complete".into()
            ),
        ],
        "and the repeat of the second is one"
    );
    let event = world.store.event("SV_22VlHYNeldrrrkp/R_1l9mcVuXubb4aGm/Complete").await.unwrap().unwrap();
    assert_eq!(event.event.unwrap().time, Timestamp::parse("2019-06-26T13:28:11Z").unwrap());
}

#[tokio::test]
async fn fields_come_in_any_order_and_with_strays() {
    for (number, order) in [
        ["Topic", "HMAC", "MSG"],
        ["Topic", "MSG", "HMAC"],
        ["HMAC", "Topic", "MSG"],
        ["HMAC", "MSG", "Topic"],
        ["MSG", "Topic", "HMAC"],
        ["MSG", "HMAC", "Topic"],
    ]
    .iter()
    .enumerate()
    {
        let world = World::signed();
        let body = format!("undefined=&{}&other=1", delivery(&completed(&format!("R_{number}")), TOPIC, order));
        assert_eq!(world.form(&body).await.1["status"], "unwanted", "{order:?}");
    }
}

#[tokio::test]
async fn what_is_not_signed_with_a_key_of_ours_is_refused() {
    let good = delivery(&completed("R_1"), TOPIC, &["Topic", "HMAC", "MSG"]);
    let mac = form_value(&good, "HMAC");
    let flat =
        "Topic=acme.surveyengine.completedResponse.SV_1&Status=Complete&SurveyID=SV_1&ResponseID=R_1&BrandID=acme";
    let cases = [
        flat.to_owned(),
        String::new(),
        good.replace("R_1", "R_2"),
        good.replace(&mac, &mac[..64]),
        good.replace(&mac, &"0".repeat(128)),
        good.replace("HMAC=", "hmac="),
        format!("{good}&MSG=%7B%7D"),
        format!("{good}&HMAC={mac}"),
        // The SHA-256 that pages made by machines speak of.
        good.replace(&mac, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    ];
    for body in cases {
        let world = World::signed();
        assert_eq!(world.form(&body).await.0, 401, "{body}");
        assert_eq!(world.kept().await, [], "nothing is kept of it");
    }
    let world = World::signed();
    assert_eq!(world.form(&good.replace(&mac, &mac.to_uppercase())).await.0, 200, "either case of hexadecimal digits");
}

fn form_value(body: &str, name: &str) -> String {
    url::form_urlencoded::parse(body.as_bytes()).find(|(key, _)| key == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn the_unsigned_topic_may_not_say_otherwise_than_the_message() {
    let reject = |body: String| async move {
        let world = World::signed();
        let (status, answer) = world.form(&body).await;
        assert_eq!(status, 400, "{body}: {answer}");
        answer["detail"].as_str().unwrap().to_owned()
    };
    let all = ["Topic", "HMAC", "MSG"];
    for topic in [
        "acme.surveyengine.partialResponse.SV_0000000000000AA",
        "acme.surveyengine.completedResponse.SV_0000000000000AB",
        "other.surveyengine.completedResponse.SV_0000000000000AA",
        "acme.controlpanel.activateSurvey",
        "acme.threesixty.created",
        "",
    ] {
        let told = reject(delivery(&completed("R_1"), topic, &all)).await;
        assert!(told.contains("Topic, which is not signed"), "{topic}: {told}");
    }
    let doubled = format!("{}&Topic={TOPIC}", delivery(&completed("R_1"), TOPIC, &all));
    assert!(reject(doubled).await.contains("Topic came more than once"));
    let strange = json!({ "SurveyID": "SV_1", "BrandID": "acme", "Status": "New" });
    assert!(reject(delivery(&strange, "acme.surveyengine.completedResponse.SV_1", &all)).await.contains("Neither"));
    let world = World::signed();
    assert_eq!(
        world.form(&delivery(&completed("R_1"), TOPIC, &["HMAC", "MSG"])).await.0,
        200,
        "what is signed says it, too"
    );
    let unknown = json!({ "BrandID": "acme", "Anything": "x" });
    assert_eq!(world.form(&delivery(&unknown, "acme.threesixty.created", &all)).await.0, 200);
    assert_eq!(world.kept().await[1].0, "threesixty.created");
}

#[tokio::test]
async fn encrypted_messages_and_bad_ones_say_what_to_do_and_are_kept() {
    let world = World::signed();
    let scheme = provider("qualtrics").unwrap().scheme("event_subscription").unwrap();
    for (message, words) in [
        ("U2FsdGVkX1+vupppZksvRf5pq5g5XjFRIipRkwB0K1Y=", "encrypted event subscriptions are not supported"),
        ("[1]", "must be a JSON object"),
        ("{\"Status\":", "not JSON"),
        ("{\"Status\":\"Complete\",\"SurveyID\":\"SV_1\",\"CompletedDate\":\"yesterday\"}", "time"),
    ] {
        let mac = sign(scheme, KEY, "", message.as_bytes());
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("HMAC", &mac).append_pair("MSG", message);
        let (status, answer) = world.form(&form.finish()).await;
        assert!(status == 400 && answer["detail"].as_str().unwrap().contains(words), "{message}: {answer}");
    }
    assert_eq!(world.kept().await.len(), 4, "each is kept with its reason");
}

#[tokio::test]
async fn a_get_is_answered_and_means_nothing() {
    let world = World::signed();
    for method in ["GET", "HEAD"] {
        let request = Request::builder().method(method).uri("/webhooks/qualtrics/csat?challenge=1");
        assert_eq!(world.answer(request.body(Body::empty()).unwrap()).await, (200, Value::Null), "{method}");
    }
    let unknown = Request::get("/webhooks/qualtrics/other").body(Body::empty()).unwrap();
    assert_eq!(world.answer(unknown).await.0, 404);
    assert_eq!(world.kept().await, []);
}

#[tokio::test]
async fn old_events_and_those_of_another_brand_are_rejected_where_the_source_says_so() {
    let all = ["Topic", "HMAC", "MSG"];
    let body = delivery(&completed("R_1"), TOPIC, &all);
    let week = World::new("event_subscription", |source| source.max_age = Some(Duration::from_hours(1)));
    assert_eq!(week.form(&body).await.0, 200, "half an hour old");
    let narrow = World::new("event_subscription", |source| source.max_age = Some(Duration::from_mins(30)));
    assert!(narrow.form(&body).await.1["detail"].as_str().unwrap().contains("max_age"));
    let other = World::new("event_subscription", |source| source.account_id = Some("other".to_owned()));
    assert!(other.form(&body).await.1["detail"].as_str().unwrap().contains("brand acme"));
}

#[tokio::test]
async fn starts_and_switches_have_ids_of_their_own() {
    let world = World::signed();
    let all = ["Topic", "HMAC", "MSG"];
    let started = |recipient: &str| {
        json!({ "Status": "Started", "SurveyID": "SV_1", "RecipientID": recipient, "StartedDate": "2019-06-26 13:00:00",
                "BrandID": "acme" })
    };
    for recipient in ["CGC_1", "CGC_2", "CGC_1"] {
        world.form(&delivery(&started(recipient), "acme.surveyengine.startedRecipientSession.SV_1", &all)).await;
    }
    let active = json!({ "Status": "Active", "SurveyID": "SV_1", "BrandID": "acme" });
    for _ in 0..2 {
        world.form(&delivery(&active, "acme.controlpanel.activateSurvey", &all)).await;
    }
    let kinds: Vec<String> =
        world.kept().await.into_iter().map(|(kind, subject, _)| format!("{kind} {subject}")).collect();
    assert_eq!(
        kinds,
        [
            "surveyengine.startedRecipientSession qualtrics:survey:SV_1",
            "surveyengine.startedRecipientSession qualtrics:survey:SV_1",
            "controlpanel.activateSurvey qualtrics:survey:SV_1",
        ]
    );
}

#[tokio::test]
async fn a_web_service_task_shows_its_secret_in_any_of_four_ways() {
    let body =
        r#"{"event":"survey.response","survey_id":"SV_1","response_id":"R_1","recorded_at":"2019-06-26T13:00:00Z"}"#;
    let good = [
        ("x-deskwire-secret", KEY.to_owned()),
        ("authorization", KEY.to_owned()),
        ("authorization", format!("Bearer {KEY}")),
        ("authorization", "Basic cWE6a3ltYTRldmVy".to_owned()),
    ];
    for (name, value) in &good {
        let world = World::new("static_secret", |_| {});
        let headers = [("content-type", "application/json"), (*name, value.as_str())];
        assert_eq!(world.send(&headers, body).await.0, 200, "{name}: {value}");
        assert_eq!(world.send(&headers, body).await.1["status"], "repeat");
        assert_eq!(
            world.kept().await,
            [("task.survey.response".into(), "qualtrics:response:R_1".into(), "SV_1/R_1/task.survey.response".into())]
        );
    }
    let bad: [(&str, &str); 7] = [
        ("x-deskwire-secret", "other"),
        ("x-deskwire-secret", ""),
        ("authorization", "Bearer other"),
        ("authorization", "Basic cWE6b3RoZXI="),
        ("authorization", "Basic ???"),
        ("authorization", "Bearer"),
        ("x-other", KEY),
    ];
    for (name, value) in bad {
        let world = World::new("static_secret", |_| {});
        let headers = [("content-type", "application/json"), (name, value)];
        assert_eq!(world.send(&headers, body).await.0, 401, "{name}: {value}");
    }
}

#[tokio::test]
async fn what_authors_write_is_an_event_whatever_it_names() {
    let world = World::new("static_secret", |_| {});
    for body in [r#"{"ticket_id":48213,"note":"x"}"#, r#"{"event":"../../etc","event_id":"e-7"}"#, "{}"] {
        let headers = [("content-type", "text/plain; charset=utf-8"), ("authorization", KEY)];
        assert_eq!(world.send(&headers, body).await.0, 200, "{body}");
    }
    let kept = world.kept().await;
    let told: Vec<_> = kept.iter().map(|(kind, subject, _)| (kind.as_str(), subject.as_str())).collect();
    assert_eq!(
        told,
        [("task.sent", "zen:ticket:48213"), ("task.sent", "qualtrics:task"), ("task.sent", "qualtrics:task")]
    );
    assert_eq!(kept[1].2, "e-7");
    // Text that was piped in without escaping.
    let broken = "{\"comment\":\"she said \"no\"\"}";
    assert_eq!(world.send(&[("content-type", "application/json"), ("authorization", KEY)], broken).await.0, 400);
}

#[tokio::test]
async fn a_completed_date_is_taken_in_every_form_and_an_error_quotes_what_was_sent() {
    let message = |date: &str| json!({ "BrandID": "acme", "SurveyID": "SV_1", "ResponseID": "R_1", "Status": "Complete", "CompletedDate": date });
    let topic = "acme.surveyengine.completedResponse.SV_1";
    for date in [
        "2019-06-26 13:28:11",
        "2019-06-26T13:28:11",
        "2019-06-26 13:28:11Z",
        "2019-06-26T13:28:11Z",
        "2019-06-26T13:28:11.500Z",
        "2019-06-26T07:28:11-06:00",
        " 2019-06-26 13:28:11 ",
    ] {
        let world = World::signed();
        let (status, answer) = world.form(&delivery(&message(date), topic, &["Topic", "HMAC", "MSG"])).await;
        assert!(status < 300, "{date}: {answer}");
        let kept = world.store.events(Filter::default()).await.unwrap().remove(0);
        let detail = world.store.event(&kept.id).await.unwrap().unwrap();
        let time = detail.event.unwrap().time.to_string();
        assert!(time.starts_with("2019-06-26T13:28:11."), "{date}: {time}");
    }
    for (date, words) in [
        ("26/06/2019 13:28", "\"26/06/2019 13:28\" is not a time"),
        ("2019-06-26", "\"2019-06-26\" is not a time"),
        ("12019-06-26 13:28:11", "\"12019-06-26 13:28:11\" is too far away"),
    ] {
        let (status, answer) = World::signed().form(&delivery(&message(date), topic, &["Topic", "HMAC", "MSG"])).await;
        assert_eq!(status, 400, "{date}: {answer}");
        assert!(answer["detail"].as_str().unwrap().contains(words), "{date}: {answer}");
    }
}

#[tokio::test]
async fn an_emoji_that_was_cut_in_two_stops_no_answer_of_a_survey() {
    let world = World::signed();
    let text = r#"{"BrandID":"acme","SurveyID":"SV_1","ResponseID":"R_1","Status":"Complete","Note":"so \ud83d"}"#;
    let scheme = provider("qualtrics").unwrap().scheme("event_subscription").unwrap();
    let mac = sign(scheme, KEY, "", text.as_bytes());
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("Topic", "acme.surveyengine.completedResponse.SV_1");
    form.append_pair("HMAC", &mac).append_pair("MSG", text);
    let (status, answer) = world.form(&form.finish()).await;
    assert!(status < 300, "{answer}");
    assert_eq!(world.kept().await[0].1, "qualtrics:response:R_1");
}

#[tokio::test]
async fn without_a_window_every_task_is_an_event_of_its_own_since_no_time_is_signed() {
    for (window, kept) in [(Duration::ZERO, 2), (DEFAULT_REPEAT_WINDOW, 1)] {
        let world = World::new("static_secret", |config| config.repeat_window = window);
        for _ in 0..2 {
            let headers = [("content-type", "application/json"), ("x-deskwire-secret", KEY)];
            assert_eq!(world.send(&headers, r#"{"event":"survey.closed"}"#).await.0, 200);
        }
        assert_eq!(world.kept().await.len(), kept, "{window:?}");
    }
}
