//! The file of a Unix socket: made with its permissions, never taken from a process
//! that listens on it, and removed at the end.

use std::ffi::OsString;
use std::fs::{Metadata, Permissions, symlink_metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

/// A socket file of ours, removed when this is dropped.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and number of the file: another process may have replaced it.
    id: (u64, u64),
}

/// Listens on a socket at `path`, which only the owner and the group may use.
pub(super) async fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    refuse_to_replace(path).await?;
    // Until it has its permissions it has another name, which no client knows; and
    // the old file is replaced at one moment.
    let mut made = OsString::from(path);
    made.push(format!(".{}", std::process::id()));
    let made = PathBuf::from(made);
    // Of a process with this number that was killed at this point.
    std::fs::remove_file(&made).ok();
    let listener = UnixListener::bind(&made)?;
    let placed = std::fs::set_permissions(&made, Permissions::from_mode(MODE))
        .and_then(|()| std::fs::rename(&made, path))
        .and_then(|()| symlink_metadata(path));
    match placed {
        Ok(found) => Ok((listener, SocketFile { path: path.to_owned(), id: id(&found) })),
        Err(error) => {
            std::fs::remove_file(&made).ok();
            Err(error)
        }
    }
}

/// Fails where there is something other than a socket without a listener.
async fn refuse_to_replace(path: &Path) -> io::Result<()> {
    let Ok(found) = symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "the file is not a socket"));
    }
    // One whose queue is full neither takes nor refuses a connection.
    let connected = timeout(PATIENCE, UnixStream::connect(path)).await;
    match connected.unwrap_or_else(|_| Err(ErrorKind::WouldBlock.into())) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error),
        Ok(_) | Err(_) => {
            Err(io::Error::new(ErrorKind::AddrInUse, "another process listens on it"))
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if symlink_metadata(&self.path).is_ok_and(|found| id(&found) == self.id) {
            // There is nowhere left to report a failure; the next start replaces it.
            std::fs::remove_file(&self.path).ok();
        }
    }
}

fn id(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// For the owner and the group: the API shows what every client asks.
const MODE: u32 = 0o660;

/// A process that runs answers a connection at once.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn with_runtime<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work)
    }

    fn mode(path: &Path) -> u32 {
        symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_socket_has_its_permissions_and_goes_with_its_listener() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        with_runtime(async {
            let (listener, file) = bind(&path).await.unwrap();
            assert_eq!(mode(&path), 0o660);
            UnixStream::connect(&path).await.unwrap();
            drop((listener, file));
        });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_a_socket_without_a_listener_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, file) = (dir.path().join("socket"), dir.path().join("file"));
        std::fs::write(&file, "precious").unwrap();
        let live = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        with_runtime(async {
            let kind = async |path| bind(path).await.unwrap_err().kind();
            assert_eq!(kind(&file).await, ErrorKind::AlreadyExists);
            assert_eq!(kind(&socket).await, ErrorKind::AddrInUse);
            drop(live);
            bind(&socket).await.unwrap();
        });
        assert!(file.exists());
    }

    #[test]
    fn the_file_of_a_successor_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        with_runtime(async {
            let (listener, old) = bind(&path).await.unwrap();
            drop(listener);
            let (_listener, _new) = bind(&path).await.unwrap();
            drop(old);
            UnixStream::connect(&path).await.unwrap();
        });
    }
}
