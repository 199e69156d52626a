//! The contract's fourth part: sealed secrets.

use deskwire_core::ports::SealedSecret;

use super::{Stores, at};

fn sealed(name: &str, version: u64, bytes: &[u8]) -> SealedSecret {
    SealedSecret { name: name.to_owned(), version, key: "k1".to_owned(), sealed: bytes.to_vec(), stored_at: at(1) }
}

async fn put(s: &Stores, name: &str, version: u64, bytes: &[u8]) -> bool {
    s.secrets.put_secret(sealed(name, version, bytes)).await.expect("storing works")
}

/// A version of a secret never changes once it is stored.
pub async fn versions_of_a_secret_never_change(s: Stores) {
    assert!(put(&s, "token/slack", 1, b"one").await);
    assert!(put(&s, "token/slack", 1, b"one").await, "the same again is no harm");
    assert!(!put(&s, "token/slack", 1, b"other").await);
    assert!(put(&s, "token/slack", 2, b"two").await);
    assert!(put(&s, "token/slack-2", 7, &[0, 255, 128]).await);
    let read = async |version| s.secrets.secret("token/slack", version).await.expect("reading works");
    assert_eq!(read(Some(1)).await, Some(sealed("token/slack", 1, b"one")));
    assert_eq!(read(None).await, Some(sealed("token/slack", 2, b"two")), "the latest");
    assert_eq!(read(Some(3)).await, None);
    let all = s.secrets.secrets("token/").await.expect("reading works");
    let names: Vec<_> = all.iter().map(|secret| (secret.name.as_str(), secret.version)).collect();
    assert_eq!(names, [("token/slack", 1), ("token/slack", 2), ("token/slack-2", 7)]);
    assert!(s.secrets.secrets("secret/").await.expect("reading works").is_empty());
}

/// Old versions are erased when their time has come, and a forgotten secret at once.
pub async fn old_versions_of_a_secret_are_erased_at_their_time(s: Stores) {
    for version in 1..=3 {
        put(&s, "a", version, b"x").await;
    }
    s.secrets.retire_secrets("a", 2, at(100)).await.expect("retiring works");
    s.secrets.retire_secrets("a", 3, at(500)).await.expect("retiring works");
    let versions = async || {
        let all = s.secrets.secrets("a").await.expect("reading works");
        all.iter().map(|secret| secret.version).collect::<Vec<_>>()
    };
    assert_eq!(s.secrets.erase_secrets(at(99)).await.expect("erasing works"), 0);
    assert_eq!(s.secrets.erase_secrets(at(100)).await.expect("erasing works"), 1);
    assert_eq!(versions().await, [2, 3]);
    assert_eq!(s.secrets.erase_secrets(at(500)).await.expect("erasing works"), 1);
    assert_eq!(s.secrets.forget_secret("a").await.expect("erasing works"), 1);
    assert_eq!(versions().await, Vec::<u64>::new());
}

/// Another key takes the place of the one that was expected, and of no other.
pub async fn a_secret_is_sealed_anew_only_from_the_key_it_has(s: Stores) {
    put(&s, "a", 1, b"x").await;
    let anew = |key: &str| SealedSecret { key: key.to_owned(), sealed: key.as_bytes().to_vec(), ..sealed("a", 1, b"") };
    assert!(s.secrets.rewrap_secret(anew("k2"), "k1").await.expect("writing works"));
    assert!(!s.secrets.rewrap_secret(anew("k3"), "k1").await.expect("writing works"));
    let stored = s.secrets.secret("a", None).await.expect("reading works").expect("it is there");
    assert_eq!((stored.key.as_str(), stored.sealed.as_slice(), stored.stored_at), ("k2", &b"k2"[..], at(1)));
}
