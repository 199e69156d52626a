use std::path::Path;

use deskwire_core::ids::{WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Deploy, Deployed};
use deskwire_core::time::Timestamp;
use deskwire_secrets::Secrets;
use deskwire_storage::SqliteStore;

use super::*;
use crate::{Deskwire, Place, Settings, begin};

const PROJECT_FILE: &str = "sources:\n  s: { provider: zendesk, signing_secrets: [{ env: KEY }] }\n";

fn workflow(name: &str) -> String {
    format!(
        "name: {name}\nactive: true\ntrigger: {{ source: s, event: ticket.created }}\nsteps: [{{ id: a, stop: x }}]\n"
    )
}

struct World {
    folder: tempfile::TempDir,
    settings: Settings,
    secrets: Secrets,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("workflows")).unwrap();
        let settings = Settings {
            place: Place::Folder(folder.path().join("data")),
            allow_loopback: false,
            stand_ins: None,
            apply: true,
            leave_out: false,
            needs_secrets: true,
            needs_workflows: true,
        };
        let secrets = Secrets::new(folder.path(), Box::new(|name| (name == "KEY").then(|| "secret".to_owned())));
        let world = Self { folder, settings, secrets };
        world.write("deskwire.yaml", PROJECT_FILE);
        world.write("workflows/one.yaml", &workflow("one"));
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Which nobody else may read.
    fn write_secret(&self, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        self.write("key.txt", text);
        std::fs::set_permissions(self.path().join("key.txt"), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn origin(&self) -> Origin {
        Origin::Folder(self.path().to_owned())
    }

    async fn begin(&self) -> Result<(Deskwire, Option<HeldBack>), StartError> {
        begin(&self.settings, &self.origin(), &self.secrets).await
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.path().join("data")).unwrap()
    }

    async fn deploy(&self, change: Deploy) {
        self.store().deploy(vec![change], Timestamp::from_millis(1)).await.unwrap();
    }
}

fn names(deskwire: &Deskwire) -> Vec<String> {
    deskwire.workflows().iter().map(|one| one.workflow.name.to_string()).collect()
}

#[tokio::test]
async fn a_version_in_force_that_no_longer_compiles_stops_no_other() {
    let world = World::new();
    drop(world.begin().await.unwrap());
    world
        .deploy(Deploy::Put(Deployed {
            name: WorkflowName::parse("odd").unwrap(),
            version: WorkflowVersion::new("old"),
            active: true,
            file_active: Some(true),
            file: "workflows/odd.yaml".to_owned(),
            applied_at: Timestamp::default(),
            text: "name: odd\nsteps: [{ id: a, action: slack.was_removed }]\n".to_owned(),
        }))
        .await;
    // Files that cannot be used leave it in force.
    world.write("workflows/two.yaml", "name: two\n");
    let (deskwire, held_back) = world.begin().await.unwrap();
    assert!(matches!(held_back.unwrap().why, StartError::Mistakes(_)));
    assert_eq!(names(&deskwire), ["one"]);
    assert!(deskwire.catalogue.get().source("zendesk", "s").is_some());
}

#[tokio::test]
async fn what_of_the_deployed_project_this_version_cannot_use_stops_nothing_else() {
    let world = World::new();
    drop(world.begin().await.unwrap());
    let text = format!("{PROJECT_FILE}  odd: {{ provider: of-another-version }}\n");
    world.deploy(Deploy::Document { name: PROJECT.to_owned(), text }).await;
    std::fs::remove_file(world.path().join("deskwire.yaml")).unwrap();
    let (deskwire, held_back) = world.begin().await.unwrap();
    assert!(held_back.is_some());
    assert!(deskwire.catalogue.get().source("zendesk", "s").is_some());
    assert_eq!(names(&deskwire), ["one"]);
}

#[tokio::test]
async fn a_store_of_before_that_keeps_no_project_file_takes_the_folder_s_where_that_is_sound() {
    let world = World::new();
    world
        .deploy(Deploy::Put(Deployed {
            name: WorkflowName::parse("one").unwrap(),
            version: WorkflowVersion::new("v"),
            active: true,
            file_active: Some(true),
            file: "workflows/one.yaml".to_owned(),
            applied_at: Timestamp::default(),
            text: workflow("one"),
        }))
        .await;
    world.write("workflows/two.yaml", "name: two\n");
    let (deskwire, held_back) = world.begin().await.unwrap();
    assert!(held_back.is_some());
    assert!(deskwire.catalogue.get().source("zendesk", "s").is_some());
    world.write("deskwire.yaml", "sources: [\n");
    assert!(matches!(world.begin().await, Err(StartError::Mistakes(_))), "nothing says what the sources are");
}

#[tokio::test]
async fn a_reload_whose_files_cannot_be_used_takes_over_the_secrets_all_the_same() {
    let world = World::new();
    world.write("deskwire.yaml", &PROJECT_FILE.replace("env: KEY", "file: key.txt"));
    world.write_secret("first");
    let (deskwire, _) = world.begin().await.unwrap();
    world.write("workflows/two.yaml", "name: two\n");
    world.write_secret("second");
    let taken = deskwire.reload(&world.settings, &world.origin(), &world.secrets).await.unwrap();
    assert!(taken.held_back.is_some());
    let catalogue = deskwire.catalogue.get();
    let source = catalogue.source("zendesk", "s").unwrap();
    assert_eq!(deskwire_core::secret::ExposeSecret::expose_secret(&source.secrets[0]), "second");
}

#[tokio::test]
async fn a_reload_reads_everything_in_its_own_turn_so_the_newest_is_taken_over_last() {
    let world = World::new();
    let (deskwire, _) = world.begin().await.unwrap();
    let turn = deskwire.turn.lock().await;
    let origin = world.origin();
    let first = deskwire.reload(&world.settings, &origin, &world.secrets);
    let second = deskwire.reload(&world.settings, &origin, &world.secrets);
    tokio::pin!(first, second);
    assert!(futures_util::poll!(&mut first).is_pending(), "somebody else has the turn");
    assert!(futures_util::poll!(&mut second).is_pending());
    // Newer than both were asked for.
    world.write("workflows/two.yaml", &workflow("two"));
    drop(turn);
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.unwrap().applied.changed().count(), 1);
    assert_eq!(second.unwrap().applied.changed().count(), 0);
    assert_eq!(names(&deskwire), ["one", "two"]);
}
