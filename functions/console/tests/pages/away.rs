//! A store that is away or damaged, as a reader sees it.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use deskwire_core::BoxFuture;
use deskwire_core::connection::FixedFacts;
use deskwire_core::ids::{RunId, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{
    Counts, Deploy, Deployed, EventDetail, EventSummary, Filter, History, Registry, RunDetail, RunSummary, StoreError,
    StoreResult,
};
use deskwire_core::run::Entry;
use deskwire_core::time::Timestamp;

use crate::ask;

/// A store that is away, or damaged.
struct Away {
    damaged: bool,
}

impl Away {
    fn error<T>(&self) -> BoxFuture<'_, StoreResult<T>>
    where
        T: Send + 'static,
    {
        let inside = "disk I/O error at /var/lib/deskwire.db".to_owned();
        let error = if self.damaged { StoreError::Corrupt(inside) } else { StoreError::Unavailable { reason: inside } };
        Box::pin(std::future::ready(Err(error)))
    }
}

impl History for Away {
    fn events(&self, _: Filter) -> BoxFuture<'_, StoreResult<Vec<EventSummary>>> {
        self.error()
    }

    fn event<'a>(&'a self, _: &'a str) -> BoxFuture<'a, StoreResult<Option<EventDetail>>> {
        self.error()
    }

    fn runs(&self, _: Filter) -> BoxFuture<'_, StoreResult<Vec<RunSummary>>> {
        self.error()
    }

    fn runs_by_id(&self, _: Vec<RunId>) -> BoxFuture<'_, StoreResult<Vec<RunSummary>>> {
        self.error()
    }

    fn run<'a>(&'a self, _: &'a str) -> BoxFuture<'a, StoreResult<Option<RunDetail>>> {
        self.error()
    }

    fn events_called<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, StoreResult<Vec<String>>> {
        self.error()
    }

    fn runs_beginning<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, StoreResult<Vec<RunId>>> {
        self.error()
    }

    fn replay<'a>(
        &'a self,
        _: &'a RunId,
        _: RunId,
        _: Vec<Entry>,
        _: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Option<u32>>> {
        self.error()
    }

    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> {
        self.error()
    }

    fn decide<'a>(&'a self, _: &'a RunId, _: Vec<Entry>, _: Timestamp) -> BoxFuture<'a, StoreResult<bool>> {
        self.error()
    }

    fn purge(&self, _: Timestamp, _: usize) -> BoxFuture<'_, StoreResult<usize>> {
        self.error()
    }

    fn version_text<'a>(
        &'a self,
        _: &'a WorkflowName,
        _: &'a WorkflowVersion,
    ) -> BoxFuture<'a, StoreResult<Option<String>>> {
        self.error()
    }
}

impl Registry for Away {
    fn document<'a>(&'a self, _: &'a str) -> BoxFuture<'a, StoreResult<Option<String>>> {
        self.error()
    }

    fn deployed(&self) -> BoxFuture<'_, StoreResult<Vec<Deployed>>> {
        self.error()
    }

    fn fixed_connections(&self) -> BoxFuture<'_, StoreResult<Vec<FixedFacts>>> {
        self.error()
    }

    fn deploy(&self, _: Vec<Deploy>, _: Timestamp) -> BoxFuture<'_, StoreResult<()>> {
        self.error()
    }

    fn set_active<'a>(&'a self, _: &'a WorkflowName, _: bool, _: Timestamp) -> BoxFuture<'a, StoreResult<bool>> {
        self.error()
    }

    fn generation(&self) -> BoxFuture<'_, StoreResult<u64>> {
        self.error()
    }

    fn schedule_position<'a>(&'a self, _: &'a WorkflowName) -> BoxFuture<'a, StoreResult<Option<Timestamp>>> {
        self.error()
    }

    fn move_schedule<'a>(&'a self, _: &'a WorkflowName, _: Timestamp) -> BoxFuture<'a, StoreResult<()>> {
        self.error()
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_a_page_that_tries_again_and_names_nothing_internal() {
    for path in ["/console", "/console/runs/run_x", "/console/events", "/console/events/1", "/console/workflows"] {
        let answer = ask(Arc::new(Away { damaged: false }), Method::GET, path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "5");
        answer.says(r#"<meta http-equiv="refresh" content="5">"#);
        answer.does_not_say("disk");
    }
}

#[tokio::test]
async fn a_damaged_store_is_a_page_that_names_nothing_internal() {
    let answer = ask(Arc::new(Away { damaged: true }), Method::GET, "/console").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    answer.says("This page cannot be shown");
    answer.does_not_say("disk");
    answer.does_not_say("http-equiv");
}
