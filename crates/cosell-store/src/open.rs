//! Opening a file: rights, health, settings, version, scope.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection, MAIN_DB, OpenFlags,
    backup::{Backup, StepResult},
};

use crate::{error::OpenError, schema};

/// How a store is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How long another process may keep the file locked before a call fails; 5 seconds.
    pub busy_timeout: Duration,
    /// Check all pages when opening; on. Takes about a second for a gigabyte on a good disk.
    pub check: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            check: true,
        }
    }
}

impl Options {
    /// With this patience for locks of other processes.
    #[must_use]
    pub fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// With or without the check of all pages.
    #[must_use]
    pub fn with_check(mut self, check: bool) -> Self {
        self.check = check;
        self
    }
}

/// A path that SQLite takes for a file, whatever it is called (`:memory:` is a name too).
pub(crate) fn plain(path: &Path) -> PathBuf {
    Path::new(".").join(path)
}

pub(crate) fn open(path: &Path, scope: &str, options: &Options) -> Result<Connection, OpenError> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    // All statements of this crate stay prepared.
    connection.set_prepared_statement_cache_capacity(64);
    // Reading the header first: a file of another program is left exactly as it is.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    refuse_read_only(&connection)?;
    if options.check {
        check(&connection)?;
    }
    schema::prepare(&mut connection, scope)?;
    settings(&connection)?;
    Ok(connection)
}

/// The state holds what deals hold: a new file is its owner's alone.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

/// SQLite quietly opens for reading what it may not write.
fn refuse_read_only(connection: &Connection) -> Result<(), OpenError> {
    if connection.is_readonly(MAIN_DB)? {
        return Err(OpenError::ReadOnly);
    }
    Ok(())
}

fn check(connection: &Connection) -> Result<(), OpenError> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(OpenError::Damaged(verdict))
    }
}

fn settings(connection: &Connection) -> Result<(), OpenError> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(OpenError::NoWal);
    }
    // A commit is durable when it returns, also when the power fails right after it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    // What is deleted or overwritten leaves no trace in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

/// Copies the whole state into a new file, as of one moment.
pub(crate) fn copy(connection: &Connection, to: &Path) -> Result<(), OpenError> {
    if to.try_exists()? {
        return Err(OpenError::Exists);
    }
    // Under another name until it is whole: half a copy must not look like one.
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    if let Err(error) = copy_whole(connection, &partial) {
        // The first fault is the one to tell; what is left over goes with the next copy.
        let _ = std::fs::remove_file(&partial);
        return Err(error);
    }
    std::fs::rename(&partial, to)?;
    Ok(())
}

fn copy_whole(connection: &Connection, to: &Path) -> Result<(), OpenError> {
    make_private(to)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(to, flags)?;
    // All pages in one step: commits wait meanwhile, so the copy is of one moment.
    match Backup::new(connection, &mut target)?.step(-1)? {
        StepResult::Done => {}
        _ => return Err(OpenError::Locked),
    }
    // The copy is one file, without a log beside it.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    target.close().map_err(|(_, error)| error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_means_something_to_sqlite_is_only_a_name() {
        for name in [":memory:", "", "file:state"] {
            assert_eq!(plain(Path::new(name)), Path::new(".").join(name));
        }
        assert_eq!(plain(Path::new("/var/state")), Path::new("/var/state"));
    }

    #[test]
    fn a_file_that_may_only_be_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        drop(open(&path, "here", &Options::default()).unwrap());
        // A user who may write everything is stopped by no file right, so the flag stands in.
        let connection =
            Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        assert!(matches!(
            refuse_read_only(&connection),
            Err(OpenError::ReadOnly)
        ));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        drop(open(&path, "here", &Options::default()).unwrap());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
