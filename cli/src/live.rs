//! What keeps a running server going beside its routes: staying in step, schedules, tokens, and old data.
//!
//! Each is a loop of its own beside the server, and ends with it.

use std::sync::Arc;
use std::time::Duration;

use deskwire_core::public_url::below;
use deskwire_startup::Deskwire;
use oauth::Doors;
use scheduler::Scheduler;
use token_refresh::{Invitations, TokenRefresh};
use tokio::sync::watch;
use url::Url;

use crate::current::{self, Began};
use crate::jobs::{Health, Job, keep};
use crate::server;

/// How often the registry is asked whether somebody switched or applied something.
const FOLLOW: Duration = Duration::from_millis(500);

/// The longest sleep between two looks at the schedules.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// How often the connections' tokens are looked at. What is not due costs nothing.
const TOKENS: Duration = Duration::from_secs(2);

/// How often old data is removed, and how many events at once, so that nobody waits for it.
const PURGE: Duration = Duration::from_mins(1);
const PURGE_CHUNK: usize = 100;

/// The shortest rest between two turns of that. Otherwise it rests as long as it has worked, so that it keeps up with what
/// comes in and leaves at least half of the store's time to others.
const SHORTEST_REST: Duration = Duration::from_millis(2);

/// How often what was counted is folded together.
const FOLD: Duration = Duration::from_secs(5);

/// Starts the loops. They end when `stopping` says so.
pub(crate) fn keep_in_step(
    deskwire: &Arc<Deskwire>,
    began: Option<Began>,
    public_url: &Url,
    health: &Arc<Health>,
    stopping: &watch::Receiver<bool>,
) {
    let began = began.map(Arc::new);
    let start = |does, work: Box<dyn Fn() -> Job + Send>| drop(keep(does, false, health, stopping, work));
    let own = || Arc::clone(deskwire);
    let (to_follow, to_schedule, to_purge, to_refresh) = (own(), own(), own(), own());
    let public_url = public_url.clone();
    start(
        "takes over what changed",
        Box::new(move || {
            let deskwire = Arc::clone(&to_follow);
            match &began {
                Some(began) => Box::pin(current::keep(deskwire, Arc::clone(began))),
                None => Box::pin(follow(deskwire)),
            }
        }),
    );
    start("keeps schedules", Box::new(move || Box::pin(keep_schedules(Arc::clone(&to_schedule)))));
    start("removes old data", Box::new(move || Box::pin(remove_old(Arc::clone(&to_purge)))));
    start("folds numbers", Box::new(|| Box::pin(fold_numbers())));
    start("renews tokens", Box::new(move || Box::pin(keep_tokens(Arc::clone(&to_refresh), public_url.clone()))));
}

/// Takes over what another process switched or applied.
async fn follow(deskwire: Arc<Deskwire>) {
    let mut known = None;
    loop {
        match deskwire.store.generation().await {
            Ok(generation) if known != Some(generation) => {
                // What was in force at the start is known already.
                if known.is_some()
                    && let Err(error) = deskwire.follow().await
                {
                    tracing::error!(%error, "cannot take over what is in force now; trying again");
                } else {
                    known = Some(generation);
                }
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "cannot see what is in force; trying again"),
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

async fn keep_schedules(deskwire: Arc<Deskwire>) {
    let store = deskwire.store.clone();
    let scheduler = Scheduler { inbox: store.clone(), registry: store, random: Arc::clone(&deskwire.random) };
    loop {
        let workflows = deskwire.workflows();
        let now = deskwire.clock.now();
        let nap = match scheduler.tick(&workflows, now).await {
            Ok(ticked) => ticked.next.map_or(LONGEST_NAP, |next| next.since(deskwire.clock.now()).min(LONGEST_NAP)),
            Err(error) => {
                tracing::error!(%error, "cannot start what is scheduled; trying again");
                FOLLOW
            }
        };
        // A workflow that is switched on or changed meanwhile has ticks of its own.
        let until = tokio::time::Instant::now() + nap;
        while tokio::time::Instant::now() < until && Arc::ptr_eq(&workflows, &deskwire.workflows()) {
            tokio::time::sleep_until(until.min(tokio::time::Instant::now() + FOLLOW)).await;
        }
    }
}

/// Renews tokens before they end, and tells of connections that need a person.
async fn keep_tokens(deskwire: Arc<Deskwire>, public_url: Url) {
    let invited = server::doors(&public_url) == Doors::Invited;
    let refresh = TokenRefresh {
        broker: Arc::clone(&deskwire.broker),
        intake: deskwire.intake(),
        start_link: below(&public_url, "oauth/start/").into(),
        invitations: invited
            .then(|| Invitations { vault: deskwire.vault.clone(), random: Arc::clone(&deskwire.random) }),
        clock: Arc::clone(&deskwire.clock),
    };
    loop {
        if let Err(error) = refresh.pass().await {
            tracing::error!(%error, "cannot look at the connections' tokens; trying again");
        }
        tokio::time::sleep(TOKENS).await;
    }
}

/// Folds what was counted, so that it takes no room where nobody asks for it.
async fn fold_numbers() {
    loop {
        tokio::time::sleep(FOLD).await;
        if let Some(counted) = crate::metrics::count() {
            counted.run_upkeep();
        }
    }
}

async fn remove_old(deskwire: Arc<Deskwire>) {
    loop {
        tokio::time::sleep(PURGE).await;
        if let Err(error) = deskwire.vault.erase_due(deskwire.clock.now()).await {
            tracing::error!(%error, "cannot erase old secrets; trying again in a minute");
        }
        let before = deskwire.clock.now().minus(deskwire.project().retention);
        loop {
            let began = tokio::time::Instant::now();
            match deskwire.store.purge(before, PURGE_CHUNK).await {
                Ok(PURGE_CHUNK) => tokio::time::sleep(began.elapsed().max(SHORTEST_REST)).await,
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(%error, "cannot remove old events; trying again in a minute");
                    break;
                }
            }
        }
    }
}
