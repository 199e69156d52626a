//! The survey, for people: a form that sends a response off.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{Answers, deliver};
use crate::Sandbox;
use crate::page::{answer, is_from_elsewhere};
use crate::world::SURVEY;

#[derive(Template)]
#[template(path = "survey.html")]
struct Page {
    link: Option<String>,
    context: Option<String>,
    thanks: bool,
}

/// What stands in the address: a single-use link's token, or embedded data of an anonymous one.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "Q_DL")]
    link: Option<String>,
    #[serde(rename = "ResponseEventContext")]
    context: Option<String>,
}

pub(super) async fn show(Path(survey): Path<String>, Query(asked): Query<Asked>) -> Response {
    if survey != SURVEY {
        return (StatusCode::NOT_FOUND, "There is no such survey.").into_response();
    }
    answer(&Page { link: asked.link, context: asked.context, thanks: false })
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Given {
    nps: Option<u8>,
    #[serde(default)]
    comment: String,
    call: Option<String>,
    #[serde(default)]
    link: String,
    #[serde(default)]
    context: String,
}

pub(super) async fn send(State(sandbox): State<Sandbox>, headers: HeaderMap, Form(given): Form<Given>) -> Response {
    if is_from_elsewhere(&headers) {
        return (StatusCode::FORBIDDEN, "This form is sent from its own page only.").into_response();
    }
    let context = Some(given.context).filter(|context| !context.is_empty());
    let answers = Answers {
        nps: given.nps.filter(|nps| *nps <= 10),
        comment: Some(given.comment).filter(|comment| !comment.trim().is_empty()),
        call: Some(given.call.is_some()),
        embedded: context.into_iter().map(|context| ("ResponseEventContext".to_owned(), context)).collect(),
        email: None,
    };
    let (random, now) = (sandbox.random(), sandbox.now());
    let response = if given.link.is_empty() {
        Some(sandbox.brand().respond(SURVEY, &answers, random, now))
    } else {
        sandbox.brand().respond_by(&given.link, answers, random, now)
    };
    let Some(response) = response else {
        return (StatusCode::GONE, "This link was used already, or never was one.").into_response();
    };
    let deliveries = deliver::deliveries(&sandbox, &response, now);
    if let Some(deliver) = &sandbox.options().on_delivery {
        deliver(deliveries);
    }
    answer(&Page { link: None, context: None, thanks: true })
}
