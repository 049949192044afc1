//! The socket on which a running network answers questions about its ledger.
//!
//! One question for each connection, in JSON, up to the end of what the client writes. The answer is one byte, 0 for an
//! answer and 1 for a refusal, then the answer itself, or the refusal's text, up to the end.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::{InspectError, Question, answer};
use crate::config::Config;
use crate::peer::channel::Channel;

/// Name of the socket in the network's folder.
const FILE: &str = "inspect.sock";

/// Longest question, in bytes.
const MAX_QUESTION: u64 = 1024 * 1024;

/// How long a client has to ask and to take the answer.
const TIMEOUT: Duration = Duration::from_secs(30);

const ANSWERED: u8 = 0;
const REFUSED: u8 = 1;

/// The socket of a network; its file disappears with it.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens in `folder`. The caller has the ledger there, so that a socket of before has no owner any more.
    ///
    /// # Errors
    /// When the system refuses, for instance because the folder's name is too long for a socket.
    pub(crate) fn open(folder: &Path) -> std::io::Result<Self> {
        let path = folder.join(FILE);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = Self { listener: UnixListener::bind(&path)?, path };
        std::fs::set_permissions(&socket.path, std::fs::Permissions::from_mode(0o600))?;
        Ok(socket)
    }

    /// Answers until the network stops.
    pub(crate) async fn serve(self, config: Arc<Config>, channel: Arc<Channel>, shutdown: CancellationToken) {
        let accept = async {
            loop {
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        let (config, channel) = (Arc::clone(&config), Arc::clone(&channel));
                        let work = tokio::time::timeout(TIMEOUT, one(stream, config, channel));
                        let shutdown = shutdown.clone();
                        tokio::spawn(async move { shutdown.run_until_cancelled(work).await });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "nobody can look inside any more");
                        return;
                    }
                }
            }
        };
        shutdown.run_until_cancelled(accept).await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It may be gone with the whole folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn one(mut stream: UnixStream, config: Arc<Config>, channel: Arc<Channel>) -> std::io::Result<()> {
    let mut question = Vec::new();
    (&mut stream).take(MAX_QUESTION).read_to_end(&mut question).await?;
    let work = move || {
        let question: Question =
            serde_json::from_slice(&question).map_err(|error| format!("not a question: {error}"))?;
        answer(&question, &config, &channel.store).map_err(|error| error.to_string())
    };
    let (first, text) = match tokio::task::spawn_blocking(work).await? {
        Ok(answer) => (ANSWERED, answer),
        Err(refusal) => (REFUSED, refusal.into_bytes()),
    };
    stream.write_u8(first).await?;
    stream.write_all(&text).await?;
    stream.shutdown().await
}

/// Asks the network that runs in `folder`; nothing if none does.
pub(super) async fn ask(folder: &Path, question: &Question) -> Option<Result<Vec<u8>, InspectError>> {
    // Without a network, whether its socket is gone or was left behind, nobody takes the connection.
    let stream = UnixStream::connect(folder.join(FILE)).await.ok()?;
    Some(exchange(stream, question).await)
}

async fn exchange(mut stream: UnixStream, question: &Question) -> Result<Vec<u8>, InspectError> {
    let question = serde_json::to_vec(question).map_err(std::io::Error::from)?;
    stream.write_all(&question).await?;
    stream.shutdown().await?;
    let first = stream.read_u8().await?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await?;
    match first {
        ANSWERED => Ok(text),
        _ => Err(InspectError::Refused(String::from_utf8_lossy(&text).into_owned())),
    }
}
