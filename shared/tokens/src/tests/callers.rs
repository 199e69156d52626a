//! Callers that come and go while an exchange is under way, and endpoints that hang.

use super::*;

/// Longer than a step that waits for it has.
const EXCHANGE: Duration = Duration::from_secs(6);
const STEP: Duration = Duration::from_secs(5);

/// A connection whose token has ended, at a provider that takes its time to answer.
async fn slow() -> World {
    let world = World::connected().await;
    *world.provider.takes.lock().unwrap() = EXCHANGE;
    world.later(Duration::from_hours(1));
    world
}

fn asked(world: &World) -> (usize, usize) {
    (world.provider.asked.load(Ordering::SeqCst), world.provider.reuses.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn a_renewal_outlives_the_caller_that_gives_up() {
    let world = slow().await;
    let broker = world.process();
    assert!(tokio::time::timeout(STEP, token(&broker)).await.is_err(), "the caller's time is over");
    assert_eq!(token(&broker).await.as_deref(), Ok("access-2"));
    assert_eq!(asked(&world), (1, 0), "the refresh token was shown once");
    assert_eq!(world.state().await.standing, Standing::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_waits_for_what_is_under_way() {
    let world = slow().await;
    let broker = world.process();
    let name = slack();
    drop(tokio::time::timeout(STEP, broker.token(&name)).await);
    let left = tokio::time::timeout(Duration::from_secs(10), broker.idle()).await;
    assert!(left.is_ok(), "it takes no longer than the exchange");
    assert_eq!((world.state().await.version, asked(&world)), (2, (1, 0)));
    broker.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_stopped_loses_no_renewal() {
    let world = slow().await;
    let broker = world.process();
    world.provider.takes.lock().unwrap().clone_from(&EXCHANGE);
    assert!(tokio::time::timeout(STEP, broker.renew_due(world.clock.now())).await.is_err());
    broker.idle().await;
    assert_eq!((world.state().await.version, asked(&world)), (2, (1, 0)));
}

#[tokio::test(start_paused = true)]
async fn tokens_that_a_person_brought_are_kept_though_nobody_waits_for_it() {
    let world = World::new();
    let broker = world.process();
    let tokens = world.provider.give();
    let name = slack();
    let gone = tokio::time::timeout(Duration::ZERO, broker.connect(&name, &tokens)).await;
    assert!(gone.is_err(), "nobody waits any more");
    broker.idle().await;
    assert_eq!(token(&broker).await.as_deref(), Ok("access-1"));
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_share_one_exchange_also_when_it_fails() {
    let world = Arc::new(slow().await);
    world.provider.faults.lock().unwrap().extend([Fault::Unavailable; 8]);
    let broker = world.process();
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let broker = broker.clone();
            tokio::spawn(async move { token(&broker).await })
        })
        .collect();
    for one in waiting {
        let Err(NoToken::Later { after: Some(after), .. }) = one.await.unwrap() else { panic!("a token") };
        assert!((7..=15).contains(&after.as_secs()), "{after:?}");
    }
    assert_eq!(asked(&world), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_left_alone_for_as_long_as_the_record_says() {
    let world = World::connected().await;
    world.later(Duration::from_hours(1));
    world.provider.faults.lock().unwrap().push_back(Fault::Unavailable);
    let (broker, other) = (world.process(), world.process());
    token(&broker).await.unwrap_err();
    let due = world.state().await.due_at.unwrap();
    for process in [&broker, &other, &broker] {
        let Err(NoToken::Later { reason, after }) = token(process).await else { panic!("a token") };
        assert_eq!(after, Some(due.since(world.clock.now())));
        assert!(reason.contains("503"), "{reason}");
    }
    assert_eq!(asked(&world).0, 1, "nobody asked meanwhile");
    world.later(due.since(world.clock.now()));
    assert_eq!(token(&other).await.as_deref(), Ok("access-2"));
}

#[tokio::test(start_paused = true)]
async fn another_process_that_waited_for_the_lease_does_not_ask_once_more() {
    let world = slow().await;
    world.provider.faults.lock().unwrap().extend([Fault::Unavailable; 2]);
    let (one, two) = (world.process(), world.process());
    let (first, second) = tokio::join!(token(&one), token(&two));
    assert!(matches!((first, second), (Err(NoToken::Later { .. }), Err(NoToken::Later { .. }))));
    assert_eq!(asked(&world), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_person_who_has_mended_it_need_not_wait() {
    let world = World::connected().await;
    world.later(Duration::from_hours(1));
    world.provider.faults.lock().unwrap().push_back(Fault::Unavailable);
    let broker = world.process();
    token(&broker).await.unwrap_err();
    token(&broker).await.unwrap_err();
    broker.ask_again(&slack()).await.unwrap();
    assert_eq!(token(&broker).await.as_deref(), Ok("access-2"));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_turned_down_is_not_given_out_for_the_new_one() {
    let world = World::connected().await;
    world.provider.faults.lock().unwrap().push_back(Fault::Unavailable);
    let broker = world.process();
    assert_eq!(token(&broker).await.as_deref(), Ok("access-1"));
    let told = broker.renewed(&slack(), 1).await.unwrap_err();
    assert!(matches!(told, NoToken::Later { after: Some(_), .. }), "{told:?}");
    world.later(Duration::from_mins(1));
    assert_eq!(broker.renewed(&slack(), 1).await.unwrap().version, 2);
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_a_clock_set_back_has_stretched_does_not_count() {
    let world = World::connected().await;
    world.later(Duration::from_hours(9));
    world.provider.faults.lock().unwrap().push_back(Fault::Unavailable);
    let broker = world.process();
    token(&broker).await.unwrap_err();
    world.clock.0.fetch_sub(2 * 3_600_000, Ordering::SeqCst);
    assert_eq!(token(&broker).await.as_deref(), Ok("access-2"));
}

#[tokio::test(start_paused = true)]
async fn one_whose_newer_token_was_turned_down_does_not_take_the_answer_of_an_older_renewal() {
    let world = slow().await;
    let broker = world.process();
    let first = {
        let broker = broker.clone();
        tokio::spawn(async move { token(&broker).await })
    };
    tokio::task::yield_now().await;
    // The first brings version 2, which is what was turned down here.
    assert_eq!(broker.renewed(&slack(), 2).await.unwrap().version, 3);
    assert_eq!(first.await.unwrap().as_deref(), Ok("access-2"));
    assert_eq!(asked(&world), (2, 0));
}
