//! The broker against a provider whose refresh tokens rotate, are taken once, and kill their family when shown again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::connection::{OAuthClientConfig, OAuthGrant};
use deskwire_core::event::Event;
use deskwire_core::ids::{ConnectionName, OAuthClientName};
use deskwire_core::ports::{SealedSecret, SecretStore, StoreError, StoreResult, TokenStates};
use deskwire_core::random::SeededRandom;
use deskwire_core::secret::{ExposeSecret, SecretString};
use deskwire_core::time::{Clock, Timestamp};
use deskwire_core::token::{CONNECTED, Leased, NEEDS_REAUTHORIZATION, NoToken, Standing, TokenSource, TokenState};
use deskwire_oauth::{Client, RefusedBy, TokenError, Tokens};
use deskwire_secrets::{Keys, Vault};
use deskwire_storage::SqliteStore;
use tokio::sync::Notify;
use url::Url;

use super::*;

mod callers;
mod real;

const START: i64 = 1_764_000_000_000;

#[derive(Clone)]
struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Unavailable,
    LostBefore,
    LostAfter,
    ClientRefused,
}

/// The provider's side.
#[derive(Default)]
struct Provider {
    given: AtomicU64,
    valid: Mutex<Option<String>>,
    used: Mutex<BTreeSet<String>>,
    reuses: AtomicUsize,
    asked: AtomicUsize,
    faults: Mutex<VecDeque<Fault>>,
    by_itself: bool,
    /// How often the endpoint that is down was asked.
    asked_in_vain: AtomicUsize,
    /// How long an answer takes: whatever it was asked for is done at once.
    takes: Mutex<Duration>,
}

impl Provider {
    fn give(&self) -> Tokens {
        let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        let refresh = format!("refresh-{number}");
        *self.valid.lock().unwrap() = Some(refresh.clone());
        Tokens {
            access_token: SecretString::from(format!("access-{number}")),
            refresh_token: (!self.by_itself).then(|| SecretString::from(refresh)),
            expires_in: Some(Duration::from_mins(30)),
            refresh_expires_in: Some(Duration::from_hours(720)),
            scopes: Some(vec!["read".to_owned()]),
            scopes_cut: false,
            account: BTreeMap::new(),
        }
    }

    fn take(&self, shown: Option<&SecretString>) -> Result<Tokens, TokenError> {
        let refused = |by| TokenError::Refused { code: "invalid_grant".to_owned(), description: None, by };
        let Some(shown) = shown.map(|token| token.expose_secret().to_owned()) else { return Ok(self.give()) };
        if self.used.lock().unwrap().contains(&shown) {
            self.reuses.fetch_add(1, Ordering::SeqCst);
            *self.valid.lock().unwrap() = None;
            return Err(refused(RefusedBy::Grant));
        }
        if self.valid.lock().unwrap().as_deref() != Some(shown.as_str()) {
            return Err(refused(RefusedBy::Grant));
        }
        self.used.lock().unwrap().insert(shown);
        Ok(self.give())
    }
}

struct Asking {
    provider: Arc<Provider>,
    client: Arc<Client>,
    /// Another one, whose endpoint is down.
    down: Arc<Client>,
    killer: Killer,
}

impl Ask for Asking {
    fn client(&self, connection: &ConnectionName) -> Option<Arc<Client>> {
        match connection.as_str() {
            "gone" => None,
            name if name.starts_with("down") => Some(Arc::clone(&self.down)),
            _ => Some(Arc::clone(&self.client)),
        }
    }

    fn renew<'a>(
        &'a self,
        client: &'a Client,
        refresh_token: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<Tokens, TokenError>> {
        Box::pin(async move {
            self.killer.point("before the provider").await;
            if client.token_url == self.down.token_url {
                self.provider.asked_in_vain.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                return Err(TokenError::Unavailable { reason: "HTTP status 503".to_owned(), retry_after: None });
            }
            self.provider.asked.fetch_add(1, Ordering::SeqCst);
            // Others get their turn while this is on its way.
            tokio::task::yield_now().await;
            let fault = self.provider.faults.lock().unwrap().pop_front();
            let lost = || TokenError::Lost { reason: "time ran out".to_owned() };
            let answer = match fault {
                Some(Fault::Unavailable) => {
                    Err(TokenError::Unavailable { reason: "HTTP status 503".to_owned(), retry_after: None })
                }
                Some(Fault::LostBefore) => Err(lost()),
                Some(Fault::LostAfter) => self.provider.take(refresh_token).and(Err(lost())),
                Some(Fault::ClientRefused) => Err(TokenError::Refused {
                    code: "invalid_client".to_owned(),
                    description: None,
                    by: RefusedBy::Client,
                }),
                None => self.provider.take(refresh_token),
            };
            let takes = *self.provider.takes.lock().unwrap();
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            self.killer.point("after the provider").await;
            answer
        })
    }
}

/// Kills the process at its n-th point: nothing after that ever happens.
#[derive(Clone, Default)]
struct Killer(Arc<Mutex<Killing>>);

#[derive(Default)]
struct Killing {
    at: Option<usize>,
    seen: Vec<&'static str>,
    /// The process is not dead but asleep, and wakes up when this is told.
    wakes: Option<Arc<Notify>>,
}

impl Killer {
    async fn point(&self, what: &'static str) {
        let (dead, wakes) = {
            let mut killing = self.0.lock().unwrap();
            killing.seen.push(what);
            (killing.at.is_some_and(|at| killing.seen.len() > at), killing.wakes.take())
        };
        match (dead, wakes) {
            (false, wakes) => self.0.lock().unwrap().wakes = wakes,
            (true, Some(wakes)) => {
                wakes.notified().await;
                self.0.lock().unwrap().at = None;
            }
            (true, None) => std::future::pending::<()>().await,
        }
    }
}

/// The store, with a point before each write.
#[derive(Clone)]
struct Watched {
    store: SqliteStore,
    killer: Killer,
    reads: Reads,
    /// Can the records not be read?
    damaged: Arc<AtomicBool>,
}

/// How often the store was read, by what was asked.
type Reads = Arc<Mutex<BTreeMap<&'static str, usize>>>;

impl Watched {
    fn read(&self, what: &'static str) {
        *self.reads.lock().unwrap().entry(what).or_default() += 1;
    }
}

macro_rules! watched {
    ($self:ident, $what:literal, $call:expr) => {
        Box::pin(async move {
            $self.killer.point($what).await;
            $call.await
        })
    };
}

impl TokenStates for Watched {
    fn token_state<'a>(&'a self, name: &'a ConnectionName) -> BoxFuture<'a, StoreResult<Option<TokenState>>> {
        self.read("state");
        if self.damaged.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::Corrupt("a record of tokens".to_owned())) });
        }
        self.store.token_state(name)
    }
    fn token_states(&self) -> BoxFuture<'_, StoreResult<Vec<TokenState>>> {
        self.read("all states");
        self.store.token_states()
    }
    fn due_tokens(&self, now: Timestamp, most: usize) -> BoxFuture<'_, StoreResult<Vec<ConnectionName>>> {
        self.read("due");
        self.store.due_tokens(now, most)
    }
    fn unannounced_tokens(&self, most: usize) -> BoxFuture<'_, StoreResult<Vec<TokenState>>> {
        self.read("unannounced");
        self.store.unannounced_tokens(most)
    }
    fn lease_tokens<'a>(
        &'a self,
        name: &'a ConnectionName,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Leased>> {
        watched!(self, "lease", self.store.lease_tokens(name, owner, now, until))
    }
    fn release_tokens<'a>(&'a self, name: &'a ConnectionName, owner: &'a str) -> BoxFuture<'a, StoreResult<()>> {
        watched!(self, "release", self.store.release_tokens(name, owner))
    }
    fn put_tokens(&self, state: TokenState, expected: Option<u64>) -> BoxFuture<'_, StoreResult<bool>> {
        watched!(self, "point", self.store.put_tokens(state, expected))
    }
    fn forget_tokens<'a>(&'a self, name: &'a ConnectionName) -> BoxFuture<'a, StoreResult<()>> {
        self.damaged.store(false, Ordering::SeqCst);
        self.store.forget_tokens(name)
    }
}

impl SecretStore for Watched {
    fn put_secret(&self, secret: SealedSecret) -> BoxFuture<'_, StoreResult<bool>> {
        watched!(self, "seal", self.store.put_secret(secret))
    }
    fn secret<'a>(&'a self, name: &'a str, version: Option<u64>) -> BoxFuture<'a, StoreResult<Option<SealedSecret>>> {
        self.read("secret");
        self.store.secret(name, version)
    }
    fn secrets<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, StoreResult<Vec<SealedSecret>>> {
        self.read("all secrets");
        self.store.secrets(prefix)
    }
    fn retire_secrets<'a>(&'a self, name: &'a str, before: u64, at: Timestamp) -> BoxFuture<'a, StoreResult<()>> {
        watched!(self, "retire", self.store.retire_secrets(name, before, at))
    }
    fn erase_secrets(&self, now: Timestamp) -> BoxFuture<'_, StoreResult<usize>> {
        self.store.erase_secrets(now)
    }
    fn forget_secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<usize>> {
        self.store.forget_secret(name)
    }
    fn rewrap_secret<'a>(&'a self, secret: SealedSecret, old_key: &'a str) -> BoxFuture<'a, StoreResult<bool>> {
        self.store.rewrap_secret(secret, old_key)
    }
}

struct World {
    store: SqliteStore,
    keys: Keys,
    clock: TestClock,
    provider: Arc<Provider>,
    processes: AtomicU64,
    reads: Reads,
    damaged: Arc<AtomicBool>,
    /// A real server that is asked in place of the provider here.
    real: Option<Arc<Client>>,
}

impl World {
    fn new() -> Self {
        Self::with(Provider::default())
    }

    fn with(provider: Provider) -> Self {
        Self {
            store: SqliteStore::in_memory().unwrap(),
            keys: Keys::passing(&SeededRandom::new(1)),
            clock: TestClock(Arc::new(AtomicI64::new(START))),
            provider: Arc::new(provider),
            processes: AtomicU64::new(0),
            reads: Reads::default(),
            damaged: Arc::default(),
            real: None,
        }
    }

    /// A process of its own.
    fn process(&self) -> Broker {
        self.process_with(Killer::default())
    }

    fn process_with(&self, killer: Killer) -> Broker {
        let number = self.processes.fetch_add(1, Ordering::SeqCst);
        let random: Arc<SeededRandom> = Arc::new(SeededRandom::new(100 + number));
        let (store, reads, damaged) = (self.store.clone(), Arc::clone(&self.reads), Arc::clone(&self.damaged));
        let store = Arc::new(Watched { store, killer: killer.clone(), reads, damaged });
        let ask: Arc<dyn Ask> = match &self.real {
            Some(client) => Arc::new(real::Asking::new(Arc::clone(client), killer)),
            None => Arc::new(Asking {
                provider: Arc::clone(&self.provider),
                client: client(self.provider.by_itself, "id"),
                down: client(self.provider.by_itself, "down"),
                killer,
            }),
        };
        let vault = Vault::new(store.clone(), self.keys.clone(), random.clone());
        let options = BrokerOptions { owner: format!("process {number}"), ..BrokerOptions::default() };
        Broker::new(store, vault, ask, Arc::new(self.clock.clone()), random, options)
    }

    fn later(&self, by: Duration) {
        self.clock.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    async fn connected() -> Self {
        let world = Self::new();
        world.process().connect(&slack(), &world.provider.give()).await.unwrap();
        world
    }

    async fn state(&self) -> TokenState {
        self.store.token_state(&slack()).await.unwrap().unwrap()
    }
}

fn client(by_itself: bool, host: &str) -> Arc<Client> {
    let config = OAuthClientConfig {
        name: OAuthClientName::parse("o").unwrap(),
        provider: "http".to_owned(),
        grant: if by_itself { OAuthGrant::ClientCredentials } else { OAuthGrant::AuthorizationCode },
        client_id: "id".to_owned(),
        client_secret: None,
        scopes: vec!["asked".to_owned()],
        tenant: None,
        authorize_url: Some(Url::parse("https://id.example.com/a").unwrap()),
        token_url: Some(Url::parse(&format!("https://{host}.example.com/t")).unwrap()),
        pkce: None,
    };
    Arc::new(Client::new(&config, None).unwrap())
}

fn slack() -> ConnectionName {
    ConnectionName::parse("slack").unwrap()
}

async fn token(broker: &Broker) -> Result<String, NoToken> {
    broker.token(&slack()).await.map(|token| token.secret.expose_secret().to_owned())
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end_and_then_a_new_one() {
    let world = World::connected().await;
    let broker = world.process();
    assert_eq!(token(&broker).await.unwrap(), "access-1");
    world.later(Duration::from_mins(28));
    assert_eq!(token(&broker).await.unwrap(), "access-1");
    world.later(Duration::from_mins(1));
    assert_eq!(token(&broker).await.unwrap(), "access-2");
    assert_eq!(token(&world.process()).await.unwrap(), "access-2");
    assert_eq!(world.provider.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_was_never_connected_says_how() {
    let world = World::new();
    let told = token(&world.process()).await.unwrap_err();
    assert_eq!(
        told,
        NoToken::NeedsPerson(
            "Connection slack has never been connected: `deskwire connections connect slack`.".to_owned()
        )
    );
}

#[tokio::test]
async fn a_client_that_asks_for_itself_needs_nobody() {
    let world = World::with(Provider { by_itself: true, ..Provider::default() });
    let broker = world.process();
    assert_eq!(token(&broker).await.unwrap(), "access-1");
    world.later(Duration::from_hours(1));
    assert_eq!(token(&world.process()).await.unwrap(), "access-2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_and_tasks_that_ask_at_once_cause_one_renewal() {
    let world = Arc::new(World::connected().await);
    world.later(Duration::from_hours(1));
    let mut asked = Vec::new();
    for _ in 0..50 {
        let broker = Arc::new(world.process());
        for _ in 0..4 {
            let broker = Arc::clone(&broker);
            asked.push(tokio::spawn(async move { token(&broker).await.unwrap() }));
        }
    }
    for task in asked {
        assert_eq!(task.await.unwrap(), "access-2");
    }
    assert_eq!(world.provider.asked.load(Ordering::SeqCst), 1);
    assert_eq!(world.provider.reuses.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_process_killed_at_any_point_leaves_the_connection_alive_or_reported() {
    let mut points = Vec::new();
    for at in 0.. {
        let world = World::connected().await;
        world.later(Duration::from_hours(1));
        let killer = Killer(Arc::new(Mutex::new(Killing { at: Some(at), ..Killing::default() })));
        let doomed = world.process_with(killer.clone());
        let ended = tokio::time::timeout(Duration::from_mins(2), token(&doomed)).await;
        let seen = killer.0.lock().unwrap().seen.clone();
        if ended.is_ok() {
            assert_eq!(seen.len(), at, "every point was tried");
            break;
        }
        let point = *seen.last().unwrap();
        points.push(point);
        drop(doomed);
        world.later(Duration::from_secs(61));
        let survivor = world.process();
        let answer = token(&survivor).await;
        // What nobody else can close: the provider has answered, and the answer reached nobody.
        if point == "after the provider" || point == "seal" {
            assert!(matches!(answer, Err(NoToken::NeedsPerson(_))), "killed at {point}: {answer:?}");
            let state = world.state().await;
            assert_eq!(state.standing, Standing::NeedsReauthorization);
            assert!(!state.announced && state.due_at.is_none());
        } else {
            assert_eq!(answer.as_deref(), Ok("access-2"), "killed at {point}");
            assert_eq!(world.state().await.version, 2);
            assert_eq!(world.provider.reuses.load(Ordering::SeqCst), 0, "killed at {point}");
        }
    }
    assert_eq!(points, ["lease", "before the provider", "after the provider", "seal", "point", "retire", "release"]);
}

#[tokio::test]
async fn a_process_that_slept_through_its_lease_still_saves_the_connection() {
    let world = World::connected().await;
    world.later(Duration::from_hours(1));
    let wakes = Arc::new(Notify::new());
    // It has new tokens in hand, and falls asleep before it seals them.
    let killing = Killing { at: Some(3), wakes: Some(Arc::clone(&wakes)), ..Killing::default() };
    let killer = Killer(Arc::new(Mutex::new(killing)));
    let sleeper = Arc::new(world.process_with(killer.clone()));
    let asleep = tokio::spawn(async move { token(&sleeper).await });
    while killer.0.lock().unwrap().seen.last() != Some(&"seal") {
        tokio::task::yield_now().await;
    }
    world.later(Duration::from_secs(61));
    assert!(matches!(token(&world.process()).await, Err(NoToken::NeedsPerson(_))), "its refresh token is used up");
    wakes.notify_one();
    assert_eq!(asleep.await.unwrap().unwrap(), "access-2");
    let state = world.state().await;
    assert_eq!((state.standing, state.version, state.announced), (Standing::Connected, 2, false));
    assert_eq!(token(&world.process()).await.unwrap(), "access-2");
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_endpoint_is_asked_again_later_and_the_token_used_meanwhile() {
    let world = World::connected().await;
    let broker = world.process();
    world.provider.faults.lock().unwrap().extend([Fault::Unavailable; 3]);
    world.later(Duration::from_mins(25));
    assert_eq!(broker.renew_due(world.clock.now()).await.unwrap(), Pass { due: 1, failed: 1, ..Pass::default() });
    let state = world.state().await;
    assert_eq!((state.failures, state.standing), (1, Standing::Connected));
    assert!(state.due_at.unwrap() > world.clock.now());
    assert_eq!(token(&broker).await.unwrap(), "access-1", "it holds still");
    assert_eq!(broker.renew_due(world.clock.now()).await.unwrap().due, 0, "not before its time");
    world.later(Duration::from_hours(1));
    assert!(matches!(token(&broker).await, Err(NoToken::Later { .. })));
    world.later(Duration::from_hours(1));
    assert!(matches!(token(&broker).await, Err(NoToken::Later { .. })));
    world.later(Duration::from_hours(1));
    assert_eq!(token(&broker).await.unwrap(), "access-2");
    assert_eq!(world.state().await.failures, 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again_and_reported_if_it_had_happened() {
    for (fault, saved) in [(Fault::LostBefore, true), (Fault::LostAfter, false)] {
        let world = World::connected().await;
        world.provider.faults.lock().unwrap().push_back(fault);
        world.later(Duration::from_mins(25));
        let broker = world.process();
        assert_eq!(broker.renew_due(world.clock.now()).await.unwrap().failed, 1);
        world.later(Duration::from_secs(5));
        let pass = broker.renew_due(world.clock.now()).await.unwrap();
        assert_eq!((pass.renewed, pass.needs_person), if saved { (1, 0) } else { (0, 1) }, "{fault:?}");
        let standing = world.state().await.standing;
        assert_eq!(standing, if saved { Standing::Connected } else { Standing::NeedsReauthorization });
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_keeps_the_connection_until_its_token_has_ended() {
    let world = World::connected().await;
    world.provider.faults.lock().unwrap().extend([Fault::ClientRefused; 2]);
    world.later(Duration::from_mins(25));
    let broker = world.process();
    assert_eq!(broker.renew_due(world.clock.now()).await.unwrap().failed, 1);
    assert_eq!(token(&broker).await.unwrap(), "access-1");
    world.later(Duration::from_hours(2));
    let told = token(&broker).await.unwrap_err().to_string();
    assert!(told.contains("needs re-authorisation (the provider refused: invalid_client)"), "{told}");
}

#[tokio::test]
async fn a_token_turned_down_is_renewed_once_for_everybody() {
    let world = World::connected().await;
    let (one, two) = (world.process(), world.process());
    assert_eq!(token(&one).await.unwrap(), "access-1");
    assert_eq!(token(&two).await.unwrap(), "access-1");
    assert_eq!(one.renewed(&slack(), 1).await.unwrap().version, 2);
    assert_eq!(two.renewed(&slack(), 1).await.unwrap().version, 2, "the newer one is there already");
    assert_eq!(world.provider.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn only_what_is_due_is_renewed_and_one_bad_provider_delays_nobody() {
    let world = World::with(Provider { by_itself: true, ..Provider::default() });
    let broker = world.process();
    for number in 0..40 {
        let name = ConnectionName::parse(&format!("c{number:02}")).unwrap();
        broker.connect(&name, &world.provider.give()).await.unwrap();
        world.later(Duration::from_mins(1));
    }
    // The first ones have come to 70 to 80 % of their half hour; those of the last twenty minutes have not.
    world.provider.faults.lock().unwrap().push_back(Fault::Unavailable);
    let pass = broker.renew_due(world.clock.now()).await.unwrap();
    assert!((14..=20).contains(&pass.due), "{pass:?}");
    assert_eq!((pass.failed, pass.renewed), (1, pass.due - 1));
}

#[tokio::test]
async fn of_ten_thousand_connections_a_pass_reads_those_that_are_due_and_no_others() {
    let world = World::with(Provider { by_itself: true, ..Provider::default() });
    let (broker, now) = (world.process(), world.clock.now());
    for number in 0..9_500 {
        let name = ConnectionName::parse(&format!("later-{number}")).unwrap();
        let due_at = Some(now.plus(Duration::from_hours(2)));
        let state = TokenState { due_at, ..TokenState::empty(name, now) };
        assert!(world.store.put_tokens(state, None).await.unwrap());
    }
    for number in 0..500 {
        let name = ConnectionName::parse(&format!("due-{number}")).unwrap();
        broker.connect(&name, &world.provider.give()).await.unwrap();
    }
    world.later(Duration::from_mins(29));
    world.reads.lock().unwrap().clear();
    let pass = broker.renew_due(world.clock.now()).await.unwrap();
    assert_eq!((pass.due, pass.renewed, pass.failed), (500, 500, 0));
    assert_eq!(world.provider.asked.load(Ordering::SeqCst), 500, "each provider is asked once");
    let reads = std::mem::take(&mut *world.reads.lock().unwrap());
    assert_eq!((reads["due"], reads.get("all states"), reads.get("all secrets")), (1, None, None), "{reads:?}");
    assert!(reads["state"] <= 3 * 500 && reads["secret"] <= 4 * 500, "so many for each that is due: {reads:?}");
    assert_eq!(broker.renew_due(world.clock.now()).await.unwrap(), Pass::default());
    assert_eq!(*world.reads.lock().unwrap(), BTreeMap::from([("due", 1)]), "where nothing is due, one look");
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_left_alone_soon_and_delays_nobody() {
    let world = World::with(Provider { by_itself: true, ..Provider::default() });
    let broker = world.process();
    for number in 0..300 {
        for kind in ["down", "up"] {
            let name = ConnectionName::parse(&format!("{kind}-{number}")).unwrap();
            broker.connect(&name, &world.provider.give()).await.unwrap();
        }
    }
    // The project does not name it any more.
    let gone = TokenState::empty(ConnectionName::parse("gone").unwrap(), world.clock.now());
    assert!(world.store.put_tokens(gone, None).await.unwrap());
    world.later(Duration::from_mins(29));
    let now = world.clock.now();
    let pass = broker.renew_due(now).await.unwrap();
    let asked = world.provider.asked_in_vain.load(Ordering::SeqCst);
    assert!((3..=16).contains(&asked), "asked {asked} times");
    let expected = Pass { due: 601, renewed: 300, failed: asked, put_off: 301 - asked, needs_person: 0 };
    assert_eq!(pass, expected);
    assert_eq!(world.store.due_tokens(now, 1_000).await.unwrap(), [], "none of them is in the way of the next pass");
    let soon = world.store.due_tokens(now.plus(Duration::from_secs(30)), 1_000).await.unwrap();
    assert_eq!(soon.len(), 300, "the endpoint that is down is asked again soon");
}

#[tokio::test]
async fn disconnecting_lets_go_of_the_tokens_and_connecting_restores() {
    let world = World::connected().await;
    let broker = world.process();
    broker.disconnect(&slack(), "asked by ops").await.unwrap();
    assert!(token(&broker).await.unwrap_err().to_string().contains("is disconnected (asked by ops)"));
    assert!(world.store.secrets("token/").await.unwrap().is_empty());
    assert_eq!(broker.renew_due(world.clock.now()).await.unwrap().due, 0);
    broker.connect(&slack(), &world.provider.give()).await.unwrap();
    assert_eq!(token(&world.process()).await.unwrap(), "access-2");
    broker.delete(&slack()).await.unwrap();
    assert!(world.store.token_states().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_connection_whose_record_cannot_be_read_can_be_disconnected_and_connected_anew() {
    let world = World::connected().await;
    world.damaged.store(true, Ordering::SeqCst);
    let broker = world.process();
    let refused = token(&broker).await.unwrap_err();
    assert!(matches!(&refused, NoToken::NeedsPerson(why) if why.contains("unreadable")), "{refused}");
    broker.disconnect(&slack(), "asked by ops").await.unwrap();
    assert!(token(&broker).await.unwrap_err().to_string().contains("is disconnected (asked by ops)"));
    assert!(world.store.secrets("token/").await.unwrap().is_empty(), "nobody can use its tokens any more");
    world.damaged.store(true, Ordering::SeqCst);
    broker.connect(&slack(), &world.provider.give()).await.unwrap();
    assert_eq!(token(&world.process()).await.unwrap(), "access-2");
    world.damaged.store(true, Ordering::SeqCst);
    broker.delete(&slack()).await.unwrap();
    assert!(world.store.token_states().await.unwrap().is_empty());
}

#[tokio::test]
async fn old_versions_are_erased_after_their_time() {
    let world = World::connected().await;
    let broker = world.process();
    for _ in 0..3 {
        world.later(Duration::from_hours(1));
        token(&broker).await.unwrap();
    }
    let versions: Vec<u64> =
        world.store.secrets("token/").await.unwrap().into_iter().map(|secret| secret.version).collect();
    assert_eq!(versions, [3, 4], "the one before the last may still be about to be used");
}

#[derive(Default)]
struct Heard(Mutex<Vec<Event>>);

impl Announcer for Heard {
    fn announce(&self, event: Event) -> BoxFuture<'_, StoreResult<()>> {
        self.0.lock().unwrap().push(event);
        Box::pin(async { Ok(()) })
    }

    fn link<'a>(&'a self, state: &'a TokenState) -> BoxFuture<'a, String> {
        Box::pin(async { format!("https://relay.example.com/oauth/start/{}", state.connection) })
    }
}

#[tokio::test]
async fn everybody_is_told_once_how_a_connection_stands() {
    let world = World::connected().await;
    let (broker, heard) = (world.process(), Heard::default());
    let tell = async || broker.announce(&heard, world.clock.now()).await.unwrap().told;
    assert_eq!((tell().await, tell().await), (1, 0));
    *world.provider.valid.lock().unwrap() = None;
    world.later(Duration::from_hours(1));
    token(&broker).await.unwrap_err();
    assert_eq!((tell().await, tell().await), (1, 0));
    let heard = heard.0.lock().unwrap();
    let kinds: Vec<&str> = heard.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, [CONNECTED, NEEDS_REAUTHORIZATION]);
    let data = heard[1].data.value().unwrap();
    assert_eq!(data["link"], "https://relay.example.com/oauth/start/slack");
    assert_eq!(heard[1].subject, "connection:slack");
}

#[test]
fn renewals_come_between_seventy_and_eighty_percent_of_the_shorter_life() {
    let random = SeededRandom::new(4);
    let at = |millis| Timestamp::from_millis(millis);
    for _ in 0..100 {
        let due = renew_at(at(0), Some(at(1_000)), Some(at(900_000)), &random).unwrap();
        assert!((700..=800).contains(&due.as_millis()), "{due:?}");
        let lapse = renew_at(at(0), None, Some(at(1_000)), &random).unwrap();
        assert!((700..=800).contains(&lapse.as_millis()));
    }
    assert_eq!(renew_at(at(0), None, None, &random), None);
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_end_cannot_be_written_down_has_no_known_end() {
    let world = World::new();
    for (far, ends) in [(7_900, true), (8_000, false), (292_000_000, false)] {
        let lasts = Some(Duration::from_hours(far * 365 * 24));
        let tokens = Tokens { expires_in: lasts, refresh_expires_in: lasts, ..world.provider.give() };
        world.process().connect(&slack(), &tokens).await.unwrap();
        let state = world.store.token_states().await.unwrap().remove(0);
        assert_eq!((state.expires_at.is_some(), state.lapses_at.is_some()), (ends, ends), "{far} years");
        assert!(token(&world.process()).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_needs_a_person_and_gives_way_to_whatever_they_do() {
    let damaged = async || {
        let world = World::connected().await;
        world.damaged.store(true, Ordering::SeqCst);
        (world.process(), world)
    };
    let (broker, world) = damaged().await;
    let told = token(&broker).await.unwrap_err();
    assert!(matches!(&told, NoToken::NeedsPerson(why) if why.contains("connections connect slack")), "{told}");
    broker.connect(&slack(), &world.provider.give()).await.unwrap();
    assert_eq!(token(&broker).await.as_deref(), Ok("access-2"));
    let (broker, world) = damaged().await;
    broker.disconnect(&slack(), "asked by ops").await.unwrap();
    assert_eq!(world.state().await.standing, Standing::Disconnected);
    assert!(world.store.secrets("token/").await.unwrap().is_empty());
    let (broker, world) = damaged().await;
    broker.delete(&slack()).await.unwrap();
    assert!(world.store.token_states().await.unwrap().is_empty());
}
