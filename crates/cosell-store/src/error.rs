//! What can go wrong with a file, said so that a person can act.

use std::io;

use cosell_sync::StoreError;
use rusqlite::ErrorCode;

/// A store cannot be opened or copied. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file or its directory cannot be reached or made.
    #[error("the state file cannot be opened: check that its directory exists and may be written")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file may be read only.
    #[error("the state file is read-only: give this user the right to write it and its directory")]
    ReadOnly,
    /// Another process keeps the file locked.
    #[error("the state file is locked by another process: end that process, then try again")]
    Locked,
    /// It is no SQLite file, or one of another program.
    #[error("the file is no cosell state: give the path of another file, or of none")]
    NotAStore,
    /// The file's pages contradict each other.
    #[error("the state file is damaged ({0}): restore a backup, or begin with a new file")]
    Damaged(String),
    /// A newer version of this crate wrote the file.
    #[error("the state file has version {found}, this program knows up to {known}: update it")]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The file belongs to another tenant or organization.
    #[error(
        "the state file belongs to {found}, not to {wanted}: give each scope a file of its own"
    )]
    OtherScope {
        /// The file's scope.
        found: String,
        /// The scope asked for.
        wanted: String,
    },
    /// The place for a copy is taken.
    #[error("a file with the copy's name exists: remove it, or give another name")]
    Exists,
    /// The file system lacks what the store needs.
    #[error("the file system cannot share memory between processes: use a local disk")]
    NoWal,
    /// The disk is full.
    #[error("the disk is full: free some space, then try again")]
    Full,
    /// Anything else.
    #[error("SQLite refused")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::Unreachable(Box::new(error))
            }
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::NotADatabase) => Self::NotAStore,
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Failed(Box::new(error)),
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::StorageFull => Self::Full,
            _ => Self::Unreachable(Box::new(error)),
        }
    }
}

/// How an error of SQLite is told to the engine.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
pub(crate) fn failed(error: rusqlite::Error) -> StoreError {
    let told = |cure: &str| format!("{cure} ({error})");
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked(told(
            "another process keeps the state file locked: end it, or wait until it is done",
        )),
        Some(ErrorCode::DiskFull) => StoreError::Full(told("the disk is full: free some space")),
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly(told(
            "the state file has become read-only: give the right to write it back",
        )),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged(format!(
            "{error}: stop, restore a backup, or begin with a new file"
        )),
        _ => StoreError::Failed(told("SQLite refused")),
    }
}

/// A commit failed while it was made durable.
pub(crate) fn failed_at_the_end(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => StoreError::Failed(format!(
            "the disk failed while a commit was written, which may or may not be stored: check \
             the disk, then open the store again ({error})"
        )),
        _ => failed(error),
    }
}

/// A stored body cannot be read.
pub(crate) fn unreadable(what: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Damaged(format!(
        "a stored {what} cannot be read (line {}, column {}): restore a backup, or begin with a \
         new file",
        error.line(),
        error.column()
    ))
}
