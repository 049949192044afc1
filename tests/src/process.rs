//! Programs under test as processes: started, waited for until ready, stopped or killed, never left behind.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a daemon may take until it says that it is ready.
const READY: Duration = Duration::from_secs(60);

/// How long a daemon may take to stop after SIGTERM before it is killed.
const STOP: Duration = Duration::from_secs(20);

/// What can go wrong with a program under test.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program did not start or its output could not be read.
    #[error("{program}")]
    Io {
        /// Path of the program.
        program: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The daemon did not say that it is ready.
    #[error("{what} was not ready after {seconds} s; its log:\n{log}")]
    NotReady {
        /// The daemon's name.
        what: String,
        /// How long it was given.
        seconds: u64,
        /// The end of what it logged.
        log: String,
    },
    /// The command ended with another exit code than 0.
    #[error("`{command}` ended with {code:?}: {stderr}")]
    Failed {
        /// The command line.
        command: String,
        /// Its exit code; none if a signal ended it.
        code: Option<i32>,
        /// What it wrote to standard error.
        stderr: String,
        /// What it wrote to standard output.
        stdout: String,
    },
    /// The command's output is not the JSON that was asked for.
    #[error("`{command}` printed no JSON: {stdout}")]
    NotJson {
        /// The command line.
        command: String,
        /// What it printed.
        stdout: String,
    },
}

/// A daemon under test; killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    ready: Value,
    log: PathBuf,
}

impl Daemon {
    /// Starts `command`, whose standard error goes to `log`, and waits for its one line of JSON on standard output that says that it is ready.
    ///
    /// # Errors
    /// [`ProcessError::Io`] if it does not start, [`ProcessError::NotReady`] if it ends or stays silent.
    pub fn start(name: &str, mut command: Command, log: PathBuf) -> Result<Self, ProcessError> {
        let program = PathBuf::from(command.get_program());
        let io = |source| ProcessError::Io { program: program.clone(), source };
        let stderr = File::options().create(true).append(true).open(&log).map_err(io)?;
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().map_err(io)?;
        let stdout = child.stdout.take().ok_or_else(|| io(io::ErrorKind::BrokenPipe.into()))?;
        let mut daemon = Self { name: name.to_owned(), child, ready: Value::Null, log };
        daemon.ready = first_json_line(stdout, READY).ok_or_else(|| ProcessError::NotReady {
            what: name.to_owned(),
            seconds: READY.as_secs(),
            log: tail(&daemon.log),
        })?;
        Ok(daemon)
    }

    /// What the daemon said when it was ready.
    #[must_use]
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// The daemon's name in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the process has ended, though nobody ended it through this handle.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks the daemon to stop and waits until it has; true if it went by itself with exit code 0.
    pub fn stop(mut self) -> bool {
        self.signal(Signal::TERM);
        end_within(&mut self.child, STOP) == Some(0)
    }

    /// Waits until the daemon ends by itself and gives its exit code; none if it does not, and is killed.
    pub fn end_within(mut self, limit: Duration) -> Option<i32> {
        end_within(&mut self.child, limit)
    }

    /// Kills the daemon at once (SIGKILL), as a crash would.
    pub fn kill(self) {}

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // The process may be gone already: then there is nobody to tell.
            let _gone = kill_process(pid, signal);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and been waited for.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// A command that runs, and whose answer nobody reads; killed when dropped.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts it.
    ///
    /// # Errors
    /// [`ProcessError::Io`] if it does not start.
    pub fn start(mut command: Command) -> Result<Self, ProcessError> {
        let program = PathBuf::from(command.get_program());
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Self).map_err(|source| ProcessError::Io { program, source })
    }

    /// Kills it at once (SIGKILL), as a crash would.
    pub fn kill(self) {}

    /// Waits until it ends by itself and gives its exit code; none if it does not, and is killed.
    pub fn end_within(mut self, limit: Duration) -> Option<i32> {
        end_within(&mut self.0, limit)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and been waited for.
        let _ended = self.0.kill();
        let _waited = self.0.wait();
    }
}

fn end_within(child: &mut Child, limit: Duration) -> Option<i32> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.code(),
            Ok(None) => thread::park_timeout(Duration::from_millis(10)),
            Err(_) => return None,
        }
    }
    None
}

/// Runs a command to its end and gives the JSON that it prints.
///
/// # Errors
/// [`ProcessError::Failed`] for another exit code than 0, [`ProcessError::NotJson`] for other output.
pub fn json(command: Command) -> Result<Value, ProcessError> {
    let (line, stdout) = run(command)?;
    serde_json::from_str(&stdout).map_err(|_| ProcessError::NotJson { command: line, stdout })
}

/// Runs a command to its end and gives its command line and what it printed.
///
/// # Errors
/// [`ProcessError::Failed`] for another exit code than 0.
pub fn run(mut command: Command) -> Result<(String, String), ProcessError> {
    let program = PathBuf::from(command.get_program());
    let line = command_line(&command);
    let output =
        command.stdin(Stdio::null()).output().map_err(|source| ProcessError::Io { program, source })?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok((line, stdout));
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(ProcessError::Failed { command: line, code: output.status.code(), stderr, stdout })
}

/// How a command that may be killed ended.
#[derive(Debug)]
pub enum Ended {
    /// By itself.
    Itself {
        /// Its exit code; none if a signal that nobody here sent ended it.
        code: Option<i32>,
        /// What it wrote to standard output.
        stdout: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// It was killed (SIGKILL) when its time was over.
    Killed,
}

/// Runs a command for `limit` at most, then kills it.
///
/// # Errors
/// [`ProcessError::Io`].
pub fn run_for(mut command: Command, limit: Duration) -> Result<Ended, ProcessError> {
    let program = PathBuf::from(command.get_program());
    let io = |source| ProcessError::Io { program: program.clone(), source };
    let child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(io)?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (sender, receiver) = mpsc::channel();
    // Reads both pipes to their end, so that the command never blocks on them.
    thread::spawn(move || sender.send(child.wait_with_output()));
    let (output, killed) = match receiver.recv_timeout(limit) {
        Ok(output) => (output, false),
        Err(_late) => {
            // Not waited for yet, so the number is still this process's.
            let _gone = pid.map(|pid| kill_process(pid, Signal::KILL));
            (receiver.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())), true)
        }
    };
    let output = output.map_err(io)?;
    if killed && output.status.code().is_none() {
        return Ok(Ended::Killed);
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended::Itself {
        code: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}

fn command_line(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_else(|| command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The first line that is JSON; the reader then drains the pipe for ever, so that the daemon never blocks on it.
fn first_json_line(stdout: impl io::Read + Send + 'static, limit: Duration) -> Option<Value> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Ok(value) = serde_json::from_str::<Value>(&line) {
                // Nobody listens after the first one.
                let _unheard = sender.send(value);
            }
        }
    });
    receiver.recv_timeout(limit).ok()
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
}
