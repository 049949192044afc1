//! How a command ends: the exit codes, and the one error type that every verb returns.
//!
//! | code | meaning | what to do |
//! | --- | --- | --- |
//! | 0 | done | |
//! | 1 | refused, or failed for a reason that repeating does not change | read the sentence |
//! | 2 | wrong usage (unknown flag, malformed value) | `--help` |
//! | 3 | the home folder, its configuration, a key or another file is missing, damaged or locked | fix the file |
//! | 4 | a counterpart (bank, vendor, peer, database) does not answer | check that it runs, repeat |
//! | 5 | the outcome is not known: something was sent and no answer came back | look at the state, then repeat |
//! | 6 | something could not be stored (disk full, no permission); nothing was answered or sent | make room, repeat |
//! | 7 | something does not add up: an audit, a receipt or a record is wrong | investigate |
//! | 130 | interrupted by Ctrl-C: the shell's number for a process that the signal ended | repeat |

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::bank::client::BankError;
use crate::entropy::NoEntropy;
use crate::home::HomeError;
use crate::keystore::KeystoreError;
use crate::tls::TlsError;

/// Exit code of the process; the module's documentation says what each one means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 1: refused, or failed for a reason that repeating does not change.
    Failed,
    /// 2: wrong usage.
    Usage,
    /// 3: home folder, configuration, key or another file.
    Setup,
    /// 4: a counterpart does not answer.
    Unreachable,
    /// 5: something was sent and its outcome is not known.
    OutcomeUnknown,
    /// 6: something could not be stored.
    Storage,
    /// 7: an audit, a receipt or a record is wrong.
    Mismatch,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Setup => 3,
            Self::Unreachable => 4,
            Self::OutcomeUnknown => 5,
            Self::Storage => 6,
            Self::Mismatch => 7,
        }
    }

    /// The kind of failure that an I/O error stands for.
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::ReadOnlyFilesystem => Self::Storage,
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            _ => Self::Setup,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a verb failed: a sentence for the person at the terminal, what to do about it, and the causes below it.
///
/// Roles have error types of their own; at this boundary each becomes an exit code and a sentence.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    what: String,
    hint: Option<String>,
    refusal: Option<u16>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl CliError {
    /// A failure that is described by `what` alone.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), hint: None, refusal: None, source: None }
    }

    /// A failure described by an error's own sentence; its causes are printed below it.
    pub fn from_error(exit: Exit, error: impl Error + Send + Sync + 'static) -> Self {
        Self { exit, what: error.to_string(), hint: None, refusal: None, source: Some(Box::new(error)) }
    }

    /// Adds what the person can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the stable number of a refusal [Spec §10].
    #[must_use]
    pub fn with_refusal(mut self, number: u16) -> Self {
        self.refusal = Some(number);
        self
    }

    /// The exit code that this failure ends the process with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The number of the refusal, where it is one.
    pub fn refusal(&self) -> Option<u16> {
        self.refusal
    }

    /// What the person can do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The sentences of the causes, outermost first, without the failure's own.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next = self.source.as_deref().and_then(|error| error.source());
        while let Some(error) = next {
            causes.push(error.to_string());
            next = error.source();
        }
        causes
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for CliError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().and_then(|error| error.source())
    }
}

impl From<HomeError> for CliError {
    fn from(error: HomeError) -> Self {
        let exit = match &error {
            HomeError::Io { source, .. } => Exit::of_io(source),
            _ => Exit::Setup,
        };
        Self::from_error(exit, error)
    }
}

impl From<KeystoreError> for CliError {
    fn from(error: KeystoreError) -> Self {
        match error {
            KeystoreError::File(error) => error.into(),
            other => Self::from_error(Exit::Setup, other),
        }
    }
}

impl From<TlsError> for CliError {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::File(error) => error.into(),
            TlsError::Key(error) => error.into(),
            other => Self::from_error(Exit::Setup, other),
        }
    }
}

impl From<NoEntropy> for CliError {
    fn from(error: NoEntropy) -> Self {
        Self::from_error(Exit::Failed, error)
    }
}

impl From<BankError> for CliError {
    fn from(error: BankError) -> Self {
        let hint = match &error {
            BankError::Unreachable { .. } => Some("check that `lockstep bank serve` runs at this address"),
            BankError::OtherCertificate(_) => {
                Some("compare the pinned certificate with the bank's tls-cert.pem")
            }
            _ => None,
        };
        let refusal = error.refusal();
        let exit = match &error {
            BankError::Tls(_) | BankError::Address(_) => Exit::Setup,
            BankError::Malformed(_) | BankError::Mismatch(_) | BankError::BadOpening(_) => Exit::Mismatch,
            temporary if temporary.is_temporary() => Exit::Unreachable,
            _ => Exit::Failed,
        };
        let mut error = Self::from_error(exit, error);
        if let Some(hint) = hint {
            error = error.with_hint(hint);
        }
        match refusal {
            Some(refusal) => error.with_refusal(refusal.number()),
            None => error,
        }
    }
}
