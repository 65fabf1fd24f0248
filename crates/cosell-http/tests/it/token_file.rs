//! A refresh token in an encrypted file.

use std::{fs, path::Path};

use cosell_http::{
    TokenError, TokenProvider,
    sign_in::{KeptToken, RefreshToken, RefreshTokenStore, TokenFile, TokenFileKey},
};
use cosell_sandbox::{REFRESH_TOKEN, Rotation, SignInOptions};
use secrecy::ExposeSecret;

use crate::world::{REFERRALS, World};

const KEY: [u8; 32] = [7; 32];

fn file(folder: &Path) -> TokenFile {
    TokenFile::new(folder.join("referrals.token"), TokenFileKey::new(KEY))
}

fn kept(token: &str) -> KeptToken {
    let obtained = "2026-03-09T14:00:00Z".parse().unwrap();
    KeptToken::new(token.into(), Some(obtained))
}

// R34
#[tokio::test]
async fn the_newest_token_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(SignInOptions::default().with_rotation(Rotation::OldDies));
    file(folder.path())
        .save(&kept(REFRESH_TOKEN))
        .await
        .unwrap();
    for _ in 0..3 {
        // A new provider over a newly opened file each time.
        let person = RefreshToken::of(world.confidential(), REFERRALS, file(folder.path()));
        person.token(None).await.unwrap();
    }
    let newest = file(folder.path()).load().await.unwrap();
    assert_ne!(newest.token.expose_secret(), REFRESH_TOKEN);
    assert_eq!(newest.obtained, Some(world.sandbox.now()));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside it: {left:?}");
}

#[tokio::test]
async fn without_the_key_the_file_says_nothing_and_no_change_goes_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path());
    file.save(&kept("hush-hush")).await.unwrap();
    let good = fs::read(file.path()).unwrap();
    assert!(!String::from_utf8_lossy(&good).contains("hush"));
    file.save(&kept("hush-hush")).await.unwrap();
    assert_ne!(
        fs::read(file.path()).unwrap(),
        good,
        "sealed anew each time"
    );

    let other = TokenFile::new(file.path(), TokenFileKey::new([8; 32]));
    let error = other.load().await.unwrap_err().to_string();
    assert!(error.contains("another key"), "{error}");

    for at in [0, 5, 23, 30, 40, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(file.path(), &bad).unwrap();
        let error = file.load().await.unwrap_err();
        assert!(matches!(error, TokenError::Store(_)), "{at}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    for bad in [&b""[..], &good[..24], &good[..40], &[b' '; 70_000]] {
        fs::write(file.path(), bad).unwrap();
        file.load().await.unwrap_err();
    }
    fs::write(file.path(), &good).unwrap();
    assert_eq!(
        file.load().await.unwrap().token.expose_secret(),
        "hush-hush"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path());
    file.save(&kept("t")).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file.path()), 0o600);
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let error = file.load().await.unwrap_err().to_string();
    assert!(
        error.contains("644") && error.contains("chmod 600"),
        "{error}"
    );
    file.save(&kept("t")).await.unwrap();
    assert_eq!(mode(file.path()), 0o600, "replaced, not written over");
    file.load().await.unwrap();
}

#[tokio::test]
async fn a_save_that_fails_leaves_the_old_token() {
    let folder = tempfile::tempdir().unwrap();
    let gone = TokenFile::new(folder.path().join("no/such/x"), TokenFileKey::new(KEY));
    let error = gone.load().await.unwrap_err().to_string();
    assert!(error.contains("sign in once"), "{error}");
    let error = gone.save(&kept("t")).await.unwrap_err();
    assert!(matches!(error, TokenError::Store(_)));
    // The name is taken by a folder: the last step fails, and cleans up.
    let taken = TokenFile::new(folder.path().join("taken"), TokenFileKey::new(KEY));
    fs::create_dir_all(taken.path().join("inside")).unwrap();
    taken.save(&kept("t")).await.unwrap_err();
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "only the folder");
}

#[test]
fn keys_are_checked_and_never_printed() {
    let key = TokenFileKey::generate().unwrap();
    let other = TokenFileKey::generate().unwrap();
    assert_ne!(key.expose_secret(), other.expose_secret());
    let read = TokenFileKey::from_base64(&key).unwrap();
    let printed = format!("{:?}", TokenFile::new("x", read));
    assert!(!printed.contains(key.expose_secret()), "{printed}");
    for wrong in ["", "c2hvcnQ=", "not base64 at all, not at all, no"] {
        let error = TokenFileKey::from_base64(&wrong.into()).unwrap_err();
        assert!(error.to_string().contains("32 random bytes"), "{error}");
        assert!(wrong.is_empty() || !error.to_string().contains(wrong));
    }
}
