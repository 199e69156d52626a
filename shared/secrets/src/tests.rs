//! References that resolve, and what is said about those that do not.

use std::fs;
use std::path::Path;

use deskwire_core::secret::ExposeSecret;
use tempfile::TempDir;

use super::*;

fn secrets(project: &Path) -> Secrets {
    Secrets::new(
        project,
        Box::new(|name| match name {
            "SLACK_BOT_TOKEN" => Some("marker-token".to_owned()),
            "BLANK" => Some(" \n".to_owned()),
            _ => None,
        }),
    )
}

fn project_with(content: &[u8], mode: u32) -> TempDir {
    let project = TempDir::new().unwrap();
    let path = project.path().join("secret");
    fs::write(&path, content).unwrap();
    set_mode(&path, mode);
    project
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) {}

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

fn file() -> SecretRef {
    SecretRef::File("secret".into())
}

fn complaint(project: &Path, reference: &SecretRef) -> String {
    let error = secrets(project).resolve(reference, "connection slack").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("marker"));
    error.to_string()
}

#[test]
fn a_variable_is_taken_as_it_is() {
    let secret = secrets(Path::new("/")).resolve(&env("SLACK_BOT_TOKEN"), "connection slack").unwrap();
    assert_eq!(secret.expose_secret(), "marker-token");
}

#[test]
fn a_missing_variable_is_named_with_what_needs_it() {
    assert_eq!(
        complaint(Path::new("/"), &env("MISSING")),
        "connection slack: environment variable MISSING is not set; set it and start again"
    );
}

#[test]
fn an_empty_value_is_an_error() {
    assert!(complaint(Path::new("/"), &env("BLANK")).contains("BLANK is empty"));
    let project = project_with(b"\n", 0o600);
    assert!(complaint(project.path(), &file()).contains("file secret is empty"));
}

#[test]
fn a_file_loses_one_line_break_at_its_end_and_nothing_else() {
    for (content, value) in
        [("marker ", "marker "), ("marker\n", "marker"), ("marker\r\n", "marker"), ("a\nmarker\n\n", "a\nmarker\n")]
    {
        let project = project_with(content.as_bytes(), 0o600);
        let secret = secrets(project.path()).resolve(&file(), "connection slack").unwrap();
        assert_eq!(secret.expose_secret(), value);
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_is_refused() {
    for mode in [0o640, 0o604, 0o644, 0o660] {
        let project = project_with(b"marker", mode);
        let expected =
            format!("connection slack: file secret may be read by others (mode {mode:04o}); run `chmod 600` on it");
        assert_eq!(complaint(project.path(), &file()), expected);
    }
    let project = project_with(b"marker", 0o400);
    assert!(secrets(project.path()).resolve(&file(), "connection slack").is_ok());
}

#[test]
fn what_is_no_secret_file_is_refused() {
    let project = project_with(&vec![b'm'; 64 * 1024 + 1], 0o600);
    assert!(complaint(project.path(), &file()).contains("larger than 64 KiB"));
    let project = project_with(b"marker\xff", 0o600);
    assert!(complaint(project.path(), &file()).contains("not UTF-8"));
    assert!(complaint(project.path(), &SecretRef::File("missing".into())).contains("cannot be read"));
    assert!(complaint(project.path(), &SecretRef::File(".".into())).contains("not a regular file"));
}

#[test]
fn a_secret_of_the_store_is_found_there_or_named_with_how_to_set_it() {
    let reference = SecretRef::Stored("slack-token".into());
    let told = complaint(Path::new("/"), &reference);
    assert_eq!(
        told,
        "connection slack: stored secret slack-token is not there; `deskwire secrets set slack-token` stores it"
    );
    let secrets = Secrets::new(Path::new("/"), Box::new(|_| None));
    let versions = ["marker-2", "marker-1"].map(SecretString::from).to_vec();
    secrets.take_stored([("slack-token".to_owned(), versions)].into());
    assert_eq!(secrets.resolve(&reference, "connection slack").unwrap().expose_secret(), "marker-2");
    let all = secrets.resolve_all(&reference, "source slack").unwrap();
    assert_eq!(all.iter().map(ExposeSecret::expose_secret).collect::<Vec<_>>(), ["marker-2", "marker-1"]);
}
