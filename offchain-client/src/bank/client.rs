//! A bank's HTTP interface, from the side of wallet and vendor.

use std::error::Error as _;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use lockstep_protocol::account::AccountProof;
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::hash::{ChannelId, ShortText};
use lockstep_protocol::key::{PublicKey, SecretKey};
use lockstep_protocol::opening::{OpeningMismatch, SignedOpening, SignedRequest};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::time::MaxDrift;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::books::{Account, Statement};
use super::wire::{
    ChallengeDocument, CredentialRequest, FraudAnswer, FraudReport, HeldCredential, Info, IssuedCredential,
    Nothing, OpeningDocument, Problem, Proven, StatementRequest,
};
use crate::tls::{ALPN_HTTP, TlsError, pinned_client_config};

const CONNECT: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_secs(30);
/// The largest answer is a statement of 500 lines.
const MAX_ANSWER: usize = 4 << 20;

/// Speaks with one bank, whose certificate and key the caller has been given.
#[derive(Clone)]
pub struct BankClient {
    transport: Transport,
    bank_key: PublicKey,
}

/// The connection to a bank's server, known by its certificate alone.
#[derive(Clone)]
struct Transport {
    http: Client,
    base: Url,
}

impl fmt::Debug for BankClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BankClient")
            .field("base", &self.transport.base.as_str())
            .field("bank_key", &self.bank_key)
            .finish()
    }
}

/// Why the bank's answer is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BankError {
    /// The address is none.
    #[error("{0:?} is no address of a bank; give host:port")]
    Address(String),
    /// The bank's certificate cannot be used.
    #[error("cannot use the bank's certificate")]
    Tls(#[from] TlsError),
    /// The HTTP client cannot be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The bank refused: its rules do not allow it.
    #[error("the bank refused: {0}")]
    Refused(Refusal),
    /// The bank answered with a problem that is no refusal of this version.
    #[error("the bank answered {status}: {detail}")]
    Problem {
        /// The HTTP status.
        status: u16,
        /// The bank's sentence.
        detail: String,
        /// The number of a refusal that this version does not know.
        refusal: Option<u16>,
    },
    /// The bank does not answer. Asking the same again is safe.
    #[error("the bank at {address} does not answer")]
    Unreachable {
        /// Where it was asked.
        address: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// The server at the address shows another certificate than the pinned one.
    #[error("the server at {0} does not show the bank's certificate")]
    OtherCertificate(String),
    /// The answer is not the document that was asked for.
    #[error("the bank's answer cannot be understood: {0}")]
    Malformed(String),
    /// The server is another bank than the one whose key is pinned.
    #[error("the server is the bank {found}, not {expected}")]
    OtherBank {
        /// The key that is pinned.
        expected: Box<PublicKey>,
        /// The key that the server names.
        found: Box<PublicKey>,
    },
    /// The opening is not what was asked for; do not use it.
    #[error(transparent)]
    Mismatch(#[from] OpeningMismatch),
    /// The opening breaks the rules or is not signed by the bank; do not use it.
    #[error("the bank's opening is not good: {0}")]
    BadOpening(Refusal),
}

impl BankError {
    /// The bank's refusal, if it is one.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal) => Some(*refusal),
            _ => None,
        }
    }

    /// Whether the same question may be answered later without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem { status, .. } => *status == 408 || *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

impl BankClient {
    /// For the bank at `address` (`host:port`, `https://host:port`) that shows the certificate in the file `certificate` and has
    /// the key `bank_key`. Nothing is asked yet.
    ///
    /// # Errors
    /// Address or certificate cannot be used.
    pub fn new(address: &str, certificate: &Path, bank_key: PublicKey) -> Result<Self, BankError> {
        Ok(Self { transport: Transport::new(address, certificate)?, bank_key })
    }

    /// Asks a bank for its key: for the first contact, with nothing but its certificate.
    ///
    /// # Errors
    /// [`BankError`].
    pub async fn discover(address: &str, certificate: &Path) -> Result<Info, BankError> {
        Transport::new(address, certificate)?.info().await
    }

    /// The pinned key of the bank.
    pub fn bank_key(&self) -> &PublicKey {
        &self.bank_key
    }

    /// What anybody may know of the bank, checked to be the pinned one.
    ///
    /// # Errors
    /// [`BankError`].
    pub async fn info(&self) -> Result<Info, BankError> {
        let info = self.transport.info().await?;
        if info.bank_key == self.bank_key {
            Ok(info)
        } else {
            Err(BankError::OtherBank { expected: Box::new(self.bank_key), found: Box::new(info.bank_key) })
        }
    }

    /// Opens the account of a key, or finds it.
    ///
    /// # Errors
    /// [`BankError`].
    pub async fn open_account(&self, key: &SecretKey) -> Result<Account, BankError> {
        self.proven("accounts", key, Nothing {}).await
    }

    /// The account of a key.
    ///
    /// # Errors
    /// [`BankError`].
    pub async fn account(&self, key: &SecretKey) -> Result<Account, BankError> {
        self.proven("account", key, Nothing {}).await
    }

    /// A fresh credential over the attributes that `names` lists, or all that the bank has verified; root and
    /// signature are checked.
    ///
    /// # Errors
    /// [`BankError`].
    pub async fn credential(
        &self,
        key: &SecretKey,
        names: Option<Vec<ShortText>>,
    ) -> Result<IssuedCredential, BankError> {
        let issued: IssuedCredential = self.proven("credentials", key, CredentialRequest { names }).await?;
        let credential = &issued.credential;
        let bad = |what: &str| BankError::Malformed(format!("the credential's {what} is not good"));
        if credential.public_key() != key.public_key() {
            return Err(bad("key"));
        }
        credential.verify(&self.bank_key, credential.issued()).map_err(|_| bad("signature"))?;
        let set = lockstep_protocol::credential::AttributeSet::of(&issued.attributes)
            .map_err(|_| bad("attributes"))?;
        if set.root() == *credential.root() { Ok(issued) } else { Err(bad("root")) }
    }

    /// What the bank has of the key's credentials.
    ///
    /// # Errors
    /// [`BankError`].
    pub async fn held_credential(&self, key: &SecretKey) -> Result<HeldCredential, BankError> {
        self.proven("credential", key, Nothing {}).await
    }

    /// Asks for an opening. Every field of the answer is checked against the request, the rules and the
    /// bank's signature [Spec §4]. The same request again gets the same answer.
    ///
    /// # Errors
    /// [`BankError`].
    pub async fn request_opening(
        &self,
        key: &SecretKey,
        signed: &SignedRequest,
        drift: MaxDrift,
    ) -> Result<SignedOpening, BankError> {
        let document = OpeningDocument { signed: signed.clone() };
        let opening: SignedOpening = self.proven("openings", key, document).await?;
        signed.request().check_answer(opening.opening())?;
        let verified = opening.verify(&self.bank_key, drift).map_err(BankError::BadOpening)?;
        Ok(verified.as_signed().clone())
    }

    /// The statement of a key's account, from the entry after `after` (0: from the first).
    ///
    /// # Errors
    /// [`BankError`].
    pub async fn statement(&self, key: &SecretKey, after: u64) -> Result<Statement, BankError> {
        self.proven("statement", key, StatementRequest { after, limit: None }).await
    }

    /// Brings a proof that a channel's client has cheated; `key` is the vendor's. The same proof again is safe, and
    /// gets the same answer.
    ///
    /// # Errors
    /// [`BankError`].
    pub async fn report_fraud(
        &self,
        key: &SecretKey,
        channel: ChannelId,
        proof: &FraudProof,
    ) -> Result<FraudAnswer, BankError> {
        let report = FraudReport { proof: hex::encode(proof.encode()) };
        let answer: FraudAnswer =
            self.proven(&format!("channels/{channel}/fraud-proof"), key, report).await?;
        if answer.channel_id == channel {
            Ok(answer)
        } else {
            Err(BankError::Malformed("it is about another channel".to_owned()))
        }
    }

    /// Sends a request with a fresh proof of the account's key.
    async fn proven<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &SecretKey,
        request: impl Serialize,
    ) -> Result<T, BankError> {
        let transport = &self.transport;
        let sent = transport.http.post(transport.url("challenge")?).send().await;
        let challenge = transport.read::<ChallengeDocument>(sent).await?.challenge;
        let proof = AccountProof::sign(key, &self.bank_key, &challenge);
        let document = Proven { challenge, proof, request };
        let sent = transport.http.post(transport.url(path)?).json(&document).send().await;
        transport.read(sent).await
    }
}

impl Transport {
    fn new(address: &str, certificate: &Path) -> Result<Self, BankError> {
        let no_address = || BankError::Address(address.to_owned());
        let authority = address.strip_prefix("https://").unwrap_or(address).trim_end_matches('/');
        let base = Url::parse(&format!("https://{authority}/v1/")).map_err(|_| no_address())?;
        if base.path() != "/v1/" || !base.username().is_empty() || base.query().is_some() {
            return Err(no_address());
        }
        let http = Client::builder()
            .tls_backend_preconfigured(pinned_client_config(certificate, ALPN_HTTP)?)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            .build()
            .map_err(BankError::Client)?;
        Ok(Self { http, base })
    }

    async fn info(&self) -> Result<Info, BankError> {
        let sent = self.http.get(self.url("info")?).send().await;
        self.read(sent).await
    }

    fn url(&self, path: &str) -> Result<Url, BankError> {
        self.base.join(path).map_err(|_| BankError::Address(self.base.to_string()))
    }

    async fn read<T: DeserializeOwned>(&self, sent: reqwest::Result<Response>) -> Result<T, BankError> {
        let mut response = sent.map_err(|error| self.failed(error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
                return Err(BankError::Malformed("it is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|error| BankError::Malformed(error.to_string()));
        }
        let problem: Problem = serde_json::from_slice(&body)
            .map_err(|_| BankError::Malformed(format!("status {status} without a problem document")))?;
        Err(match problem.as_refusal() {
            Some(refusal) => BankError::Refused(refusal),
            None => BankError::Problem {
                status: status.as_u16(),
                detail: problem.detail,
                refusal: problem.refusal,
            },
        })
    }

    fn failed(&self, error: reqwest::Error) -> BankError {
        let address = self.base.authority().to_owned();
        if error.source().is_some_and(shows_other_certificate) {
            return BankError::OtherCertificate(address);
        }
        BankError::Unreachable { address, source: error }
    }
}

/// Whether a refused certificate is among the causes. An I/O error shows what it wraps through `get_ref`.
fn shows_other_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(inner) => shows_other_certificate(inner),
        None => error.source().is_some_and(shows_other_certificate),
    }
}
