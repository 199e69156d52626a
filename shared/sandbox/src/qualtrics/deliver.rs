//! Event subscriptions: what Qualtrics posts when somebody has answered. The fields come in any order and spaces either way, as
//! they were caught.

use bytes::Bytes;
use deskwire_core::provider::provider;
use deskwire_core::random::Random;
use deskwire_core::secret::ExposeSecret;
use deskwire_core::signature::sign;
use deskwire_core::time::Timestamp;
use serde_json::{Value, json};

use super::brand::Response;
use crate::world::QUALTRICS_BRAND;
use crate::{Sandbox, SignedDelivery};

/// One delivery for each subscription that covers it; where there is none, one that is signed with the sandbox's own secret.
pub(crate) fn deliveries(sandbox: &Sandbox, response: &str, _: Timestamp) -> Vec<SignedDelivery> {
    let mut brand = sandbox.brand();
    let Some(response) = brand.response(response).cloned() else { return Vec::new() };
    let topic = format!("surveyengine.completedResponse.{}", response.survey);
    let mut keys = Vec::new();
    for subscription in brand.subscriptions.iter_mut().filter(|one| covers(&one.topics, &topic)) {
        subscription.calls += 1;
        keys.push(subscription.key.clone());
    }
    if brand.subscriptions.is_empty() {
        keys.push(sandbox.options().signing_secret.expose_secret().to_owned());
    }
    drop(brand);
    keys.iter().map(|key| delivery(sandbox.random(), &response, &topic, key)).collect()
}

fn covers(pattern: &str, topic: &str) -> bool {
    pattern == topic || pattern.strip_suffix('*').is_some_and(|beginning| topic.starts_with(beginning))
}

fn delivery(random: &dyn Random, response: &Response, topic: &str, key: &str) -> SignedDelivery {
    let bits = random.bits();
    let text = response.completed_at.to_string();
    let completed = text.get(..19).unwrap_or(&text).replacen('T', " ", 1);
    let context = response.values.get("ResponseEventContext").and_then(Value::as_str).unwrap_or_default();
    let mut message = json!({
        "Status": "Complete",
        "SurveyID": response.survey,
        "RecipientID": "",
        "ResponseEventContext": context,
        "DistributionID": response.distribution,
        "ResponseID": response.id,
        "CompletedDate": completed,
        "BrandID": QUALTRICS_BRAND,
    });
    if bits & 1 == 1 {
        message["CreatorID"] = json!("UR_0000000000001");
        message["DistributionChannel"] = json!("anonymous");
    }
    let message = message.to_string();
    let scheme = provider("qualtrics").and_then(|qualtrics| qualtrics.scheme("event_subscription"));
    let mac = scheme.map(|scheme| sign(scheme, key, "", message.as_bytes())).unwrap_or_default();
    let mut fields = [("Topic", format!("{QUALTRICS_BRAND}.{topic}")), ("HMAC", mac), ("MSG", message)];
    fields.rotate_left(usize::try_from((bits >> 1) % 3).unwrap_or(0));
    if bits & 8 == 8 {
        fields.swap(0, 2);
    }
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields.iter().map(|(name, value)| (*name, value.as_str())));
    let body = form.finish();
    let body = if bits & 16 == 16 { body.replace('+', "%20") } else { body };
    let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    SignedDelivery { provider: "qualtrics", body: Bytes::from(body), headers }
}
