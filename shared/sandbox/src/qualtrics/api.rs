//! The API as HTTP: who asks, what is carried out, and the envelope of every answer.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use deskwire_core::secret::ExposeSecret;
use deskwire_core::time::Timestamp;
use http::header::{HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;

use super::brand::{Brand, Contact, Distribution, Response as Recorded, Subscription, definition, id, link};
use super::endpoint::Endpoint;
use super::export;
use crate::Sandbox;
use crate::exchange::{Answer, Asked, carry_out, request_id};
use crate::fault::{Fault, FaultKind};
use crate::oauth::{self, Standing, bearer};
use crate::world::{QUALTRICS_BRAND, SURVEY};

/// A refusal: status, Qualtrics' code (where it has one), and its words.
pub(super) struct Refused(StatusCode, Option<&'static str>, String);

impl Refused {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), Some(code), message.into())
    }

    pub(super) fn missing(code: &'static str, what: &str) -> Self {
        Self::new(404, code, format!("{what} not found"))
    }
}

pub(crate) async fn call(
    State(sandbox): State<Sandbox>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let endpoint = Endpoint::find(&method, uri.path());
    let asked = Asked {
        provider: "qualtrics",
        operation: endpoint.as_ref().map_or("unknown", Endpoint::operation),
        method,
        path: uri.path().to_owned(),
        facts: Map::new(),
        request_id: request_id(&headers),
    };
    let has_url = uri.query().is_some_and(|query| query.contains("urlTokenId="));
    // A file is a file, and comes without the envelope.
    let is_file = matches!(endpoint, Some(Endpoint::ExportFile(..)));
    let act = || {
        // Whoever has the address of a JSON event may use it.
        let known = if has_url && endpoint == Some(Endpoint::JsonEvent) { Ok(()) } else { sign_in(&sandbox, &headers) };
        let done = known.and_then(|()| match endpoint {
            Some(endpoint) => carried_out(&sandbox, endpoint, &body),
            None => Err(Refused(StatusCode::NOT_FOUND, None, "The requested resource does not exist.".to_owned())),
        });
        match done {
            Ok(file) if is_file => Answer { response: Json(file).into_response(), outcome: "ok".to_owned() },
            Ok(result) => Answer { response: envelope(StatusCode::OK, result, None), outcome: "ok".to_owned() },
            Err(Refused(status, code, message)) => {
                let mut error = json!({ "errorMessage": message });
                if let Some(code) = code {
                    error["errorCode"] = json!(code);
                }
                let outcome = code.unwrap_or(status.as_str()).to_owned();
                Answer { response: envelope(status, None, Some(error)), outcome }
            }
        }
    };
    carry_out(&sandbox, asked, refuse, act).await
}

fn envelope(status: StatusCode, result: Option<Value>, error: Option<Value>) -> Response {
    let words = format!("{} - {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    // The id of a request that failed may be null.
    let id = error.is_none().then_some("00000000-0000-4000-8000-000000000001");
    let mut body = json!({ "meta": { "httpStatus": words, "requestId": id } });
    if let Some(result) = result {
        body["result"] = result;
    }
    if let Some(error) = error {
        body["meta"]["error"] = error;
    }
    (status, Json(body)).into_response()
}

fn sign_in(sandbox: &Sandbox, headers: &HeaderMap) -> Result<(), Refused> {
    let token = headers.get("x-api-token").and_then(|value| value.to_str().ok());
    let given = token.unwrap_or_else(|| bearer(headers));
    if given.is_empty() {
        return Err(Refused::new(400, "ATP_2", "No authorization header was given."));
    }
    let own = sandbox.options().qualtrics_token.expose_secret();
    let fits = bool::from(given.as_bytes().ct_eq(own.as_bytes()))
        || token.is_none()
            && sandbox.authority().standing(oauth::QUALTRICS.name, given, sandbox.now()) == Standing::Good;
    if fits { Ok(()) } else { Err(Refused::new(401, "DCD_7", "Unrecognized X-API-TOKEN.")) }
}

fn carried_out(sandbox: &Sandbox, endpoint: Endpoint, body: &[u8]) -> Result<Option<Value>, Refused> {
    let given: Value = deskwire_core::json::from_slice(body).unwrap_or_default();
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut brand = sandbox.brand();
    match endpoint {
        Endpoint::Whoami => Ok(Some(json!({
            "userId": "UR_0000000000001", "brandId": QUALTRICS_BRAND, "userName": "ops@example.com#acme", "accountType": "UT_BRANDADMIN",
        }))),
        Endpoint::Survey(survey) if survey == SURVEY => Ok(Some(definition())),
        Endpoint::Survey(survey) => Err(Refused::missing("GSI_2", &survey)),
        Endpoint::Response(survey, _) if survey != SURVEY => Err(Refused::missing("GSI_2", &survey)),
        Endpoint::Response(_, response) => read(&mut brand, &response).map(Some),
        Endpoint::StartExport(survey) | Endpoint::Export(survey, _) | Endpoint::ExportFile(survey, _)
            if survey != SURVEY =>
        {
            Err(Refused::missing("GSI_2", &survey))
        }
        Endpoint::StartExport(_) => export::start(sandbox, &mut brand, &given).map(Some),
        Endpoint::Export(_, progress) => export::progress(&mut brand, &progress).map(Some),
        Endpoint::ExportFile(_, file) => export::file(&brand, &file).map(Some),
        Endpoint::CreateContact(_) => {
            let (contact, look_up) = (id("CID_", sandbox.random()), id("CGC_", sandbox.random()));
            let made = Contact {
                email: text("email"),
                first_name: given.get("firstName").and_then(Value::as_str).map(str::to_owned),
                embedded: embedded(&given),
            };
            brand.contacts.insert(look_up.clone(), made);
            Ok(Some(json!({ "id": contact, "contactLookupId": look_up })))
        }
        Endpoint::CreateDistribution => distribute(sandbox, &mut brand, &given).map(Some),
        Endpoint::Links(distribution) => links(&brand, &distribution).map(Some),
        Endpoint::ListSubscriptions => {
            let all: Vec<Value> = brand.subscriptions.iter().map(show).collect();
            Ok(Some(json!({ "elements": all, "nextPage": null })))
        }
        Endpoint::CreateSubscription => {
            let (topics, url) = (text("topics"), text("publicationUrl"));
            if topics.is_empty() || url.is_empty() {
                return Err(Refused::new(400, "ESSG_1", "topics and publicationUrl are required"));
            }
            let made = Subscription { id: id("SUB_", sandbox.random()), topics, url, key: text("sharedKey"), calls: 0 };
            let shown = json!({ "id": made.id });
            brand.subscriptions.push(made);
            Ok(Some(shown))
        }
        Endpoint::ShowSubscription(wanted) => {
            let found = brand.subscriptions.iter().find(|one| one.id == wanted);
            found.map(|one| Some(show(one))).ok_or_else(|| Refused::missing("ESSG_2", &wanted))
        }
        Endpoint::DeleteSubscription(wanted) => {
            let before = brand.subscriptions.len();
            brand.subscriptions.retain(|one| one.id != wanted);
            if brand.subscriptions.len() < before { Ok(None) } else { Err(Refused::missing("ESSG_2", &wanted)) }
        }
        Endpoint::JsonEvent => {
            if body.len() > 100 * 1024 {
                return Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, None, "The event is too large.".to_owned()));
            }
            brand.events.push(given);
            Ok(None)
        }
        Endpoint::DeleteAll => {
            brand.subscriptions.clear();
            Ok(None)
        }
    }
}

fn read(brand: &mut Brand, response: &str) -> Result<Value, Refused> {
    let found = brand.responses.iter_mut().find(|found| found.id == response);
    let found = found.ok_or_else(|| Refused::missing("RSI_1", response))?;
    if found.unreadable > 0 {
        found.unreadable -= 1;
        return Err(Refused::missing("RSI_1", response));
    }
    Ok(shown(found))
}

/// A response as the API and files show it.
pub(super) fn shown(found: &Recorded) -> Value {
    let displayed: Vec<&String> = found.values.keys().filter(|key| key.starts_with("QID")).collect();
    json!({
        "responseId": found.id,
        "values": found.values,
        "labels": found.labels,
        "displayedFields": displayed,
        "displayedValues": { "QID1": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] },
    })
}

fn distribute(sandbox: &Sandbox, brand: &mut Brand, given: &Value) -> Result<Value, Refused> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("action") != "CreateDistribution" || text("linkType") != "Individual" {
        return Err(Refused::new(400, "GED_1", "Only individual links are made here."));
    }
    if text("surveyId") != SURVEY {
        return Err(Refused::missing("GSI_2", &text("surveyId")));
    }
    let contact = text("contactId");
    if !contact.starts_with("CGC_") {
        return Err(Refused::new(400, "GED_1", "contactId must be the contact's look-up id."));
    }
    // As `2026-03-31 00:00:00`.
    let is_time = |text: &str| {
        text.len() == 19
            && text.as_bytes()[10] == b' '
            && Timestamp::parse(&format!("{}Z", text.replacen(' ', "T", 1))).is_ok()
    };
    if !is_time(&text("expirationDate")) {
        return Err(Refused::new(400, "GED_1", "expirationDate must be a time such as 2026-03-31 00:00:00."));
    }
    let data = embedded(given);
    let too_long = |(name, value): &(String, String)| name.chars().count() > 200 || value.chars().count() > 1_024;
    if data.len() > 10 || data.iter().any(too_long) {
        return Err(Refused::new(
            400,
            "GED_1",
            "Of embeddedData, 10 names of 200 and values of 1024 characters are taken.",
        ));
    }
    let made = Distribution {
        id: id("EMD_", sandbox.random()),
        survey: text("surveyId"),
        contact,
        embedded: embedded(given),
        expires: text("expirationDate"),
        token: Some(format!("{:032x}", deskwire_core::random::Random::bits(sandbox.random()))),
    };
    let shown = json!({ "id": made.id });
    brand.distributions.push(made);
    Ok(shown)
}

fn links(brand: &Brand, distribution: &str) -> Result<Value, Refused> {
    let made = brand.distributions.iter().find(|made| made.id == distribution);
    let made = made.ok_or_else(|| Refused::missing("GED_3", distribution))?;
    let contact = brand.contacts.get(&made.contact).cloned().unwrap_or_default();
    let elements: Vec<Value> = link(made)
        .map(|link| {
            json!({
                "contactId": made.contact, "transactionId": "1", "link": link, "exceededContactFrequency": false,
                "linkExpiration": made.expires, "status": "Email not sent", "firstName": contact.first_name,
                "email": contact.email, "unsubscribed": false,
            })
        })
        .into_iter()
        .collect();
    Ok(json!({ "elements": elements, "nextPage": null }))
}

fn embedded(given: &Value) -> Vec<(String, String)> {
    let data = given.get("embeddedData").and_then(Value::as_object).into_iter().flatten();
    data.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// `encrypt` on write, `encrypted` on read; the key is never read back.
fn show(subscription: &Subscription) -> Value {
    json!({
        "id": subscription.id,
        "scope": QUALTRICS_BRAND,
        "topics": subscription.topics,
        "publicationUrl": subscription.url,
        "encrypted": false,
        "successfulCalls": subscription.calls,
    })
}

fn refuse(fault: &Fault) -> Response {
    if fault.kind == FaultKind::RateLimited {
        let mut response =
            envelope(StatusCode::TOO_MANY_REQUESTS, None, Some(json!({ "errorMessage": "Too many requests" })));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(fault.retry_after.unwrap_or(1)));
        return response;
    }
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::BAD_REQUEST);
    let code = fault.code.as_deref().unwrap_or("PLANNED");
    envelope(status, None, Some(json!({ "errorMessage": "Planned by the sandbox", "errorCode": code })))
}
