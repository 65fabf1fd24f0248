//! A refresh token in an encrypted file.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{KeptToken, RefreshTokenStore};
use crate::{Error, ErrorKind, Sent, TokenError};

/// First bytes of each file: what it is, and which version. They are covered by the seal.
const MARK: &[u8] = b"cosell-refresh-token 1\n";

/// Longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The key that seals a [`TokenFile`]: 32 bytes. Keep it apart from the file: in the service
/// manager's credentials, a vault, a hardware module.
pub struct TokenFileKey(SecretBox<[u8; 32]>);

impl TokenFileKey {
    /// A key of these bytes. They must come from a random generator, not from a password.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// A key written as base64 (44 characters).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the text is not 32 bytes in base64.
    pub fn from_base64(text: &SecretString) -> Result<Self, Error> {
        let mut key = SecretBox::new(Box::new([0_u8; 32]));
        let bytes = SecretBox::new(Box::new(
            STANDARD
                .decode(text.expose_secret().trim())
                .unwrap_or_default(),
        ));
        if bytes.expose_secret().len() != 32 {
            return Err(Error::new(
                "sign_in.token_file",
                ErrorKind::Invalid,
                Sent::No,
                "key: give 32 random bytes in base64, such as `openssl rand -base64 32` prints",
            ));
        }
        key.expose_secret_mut()
            .copy_from_slice(bytes.expose_secret());
        Ok(Self(key))
    }

    /// A new random key in base64, for the place where you keep it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the system has no random numbers.
    pub fn generate() -> Result<SecretString, Error> {
        let mut key = SecretBox::new(Box::new([0_u8; 32]));
        rand::fill(key.expose_secret_mut()).map_err(|_| {
            Error::new(
                "sign_in.token_file",
                ErrorKind::Invalid,
                Sent::No,
                "the system gives no random numbers",
            )
        })?;
        Ok(STANDARD.encode(key.expose_secret()).into())
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, TokenError> {
        RandomizedNonceKey::new(&AES_256_GCM, self.0.expose_secret())
            .map_err(|_| TokenError::Store("the key cannot be used".into()))
    }
}

impl fmt::Debug for TokenFileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenFileKey(…)")
    }
}

/// A [`RefreshTokenStore`] in one file: sealed with AES-256-GCM, readable by its owner only,
/// and replaced as a whole, so that a crash leaves either the old or the new token.
///
/// The new token is written beside the file and synced before it takes the file's name. On Unix
/// a file that others may read is refused; elsewhere the rights of the folder decide who may.
/// Both methods do short blocking file work in place.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    key: TokenFileKey,
}

#[derive(Deserialize)]
struct Content {
    refresh_token: String,
    obtained: Option<DateTime<Utc>>,
}

impl TokenFile {
    /// A file at `path`, sealed with `key`. Touches nothing yet; its folder must exist when a
    /// token is saved.
    pub fn new(path: impl Into<PathBuf>, key: TokenFileKey) -> Self {
        Self {
            path: path.into(),
            key,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn fault(&self, what: impl fmt::Display) -> TokenError {
        TokenError::Store(format!("{}: {what}", self.path.display()))
    }

    fn read(&self) -> Result<Vec<u8>, TokenError> {
        let file = File::open(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.fault("there is no such file; sign in once to make it"),
            _ => self.fault(error),
        })?;
        only_the_owner_reads(&file).map_err(|fault| self.fault(fault))?;
        let mut bytes = Vec::new();
        file.take(LONGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| self.fault(error))?;
        if bytes.len() as u64 > LONGEST {
            return Err(self.fault("too long for a token file"));
        }
        Ok(bytes)
    }

    fn open(&self, bytes: &[u8]) -> Result<KeptToken, TokenError> {
        let sealed = bytes
            .strip_prefix(MARK)
            .ok_or_else(|| self.fault("this is no token file of a known version"))?;
        let refused = || {
            self.fault(
                "the file was sealed with another key, or was changed; give the right key, or \
                 sign in again",
            )
        };
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(refused)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused())?;
        let mut sealed = SecretBox::new(Box::new(sealed.to_vec()));
        let plain = self
            .key
            .cipher()?
            .open_in_place(nonce, Aad::from(MARK), sealed.expose_secret_mut())
            .map_err(|_| refused())?;
        let content: Content = serde_json::from_slice(plain)
            .map_err(|_| self.fault("the file holds no token; sign in again"))?;
        Ok(KeptToken::new(
            content.refresh_token.into(),
            content.obtained,
        ))
    }

    fn seal(&self, token: &KeptToken) -> Result<Vec<u8>, TokenError> {
        let content = json!({
            "refresh_token": token.token.expose_secret(),
            "obtained": token.obtained,
        });
        let mut sealed = SecretBox::new(Box::new(content.to_string().into_bytes()));
        let nonce = self
            .key
            .cipher()?
            .seal_in_place_append_tag(Aad::from(MARK), sealed.expose_secret_mut())
            .map_err(|_| self.fault("the token cannot be sealed"))?;
        let sealed = sealed.expose_secret();
        Ok([MARK, nonce.as_ref(), sealed].concat())
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let name = self
            .path
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut beside = std::ffi::OsString::from(".");
        beside.push(name);
        beside.push(format!(".{}", Uuid::new_v4().simple()));
        let beside = folder.join(beside);
        let written = write_new(&beside, bytes).and_then(|()| fs::rename(&beside, &self.path));
        if written.is_err() {
            // What is left is sealed; the first error is the one to tell.
            let _ = fs::remove_file(&beside);
        }
        written?;
        sync_folder(folder)
    }
}

#[async_trait]
impl RefreshTokenStore for TokenFile {
    async fn load(&self) -> Result<KeptToken, TokenError> {
        self.open(&self.read()?)
    }

    async fn save(&self, newest: &KeptToken) -> Result<(), TokenError> {
        let sealed = self.seal(newest)?;
        self.replace(&sealed).map_err(|error| self.fault(error))
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn only_the_owner_reads(file: &File) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = file
        .metadata()
        .map_err(|error| error.to_string())?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(format!(
            "others may read or write the file (mode {:03o}); make it yours alone with `chmod 600`",
            mode & 0o777
        ))
    }
}

#[cfg(not(unix))]
fn only_the_owner_reads(_: &File) -> Result<(), String> {
    Ok(())
}

/// Makes the new name durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
