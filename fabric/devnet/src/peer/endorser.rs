//! One organisation's endorsing peer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hlf_proto::Timestamp;
use hlf_proto::lifecycle::ChaincodeSource;
use hlf_proto::lifecycle::chaincode_source::Type as Source;
use hlf_proto::protos::{
    ChaincodeAction, ChaincodeId, Endorsement, ProposalResponse, ProposalResponsePayload, Response,
    SignedProposal,
};
use prost::Message;
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::access::Access;
use super::channel::Channel;
use super::packages::Packages;
use super::proposal::{HeaderError, Unpacked};
use super::simulation::Run;
use super::system::agreement::{own_collection, source_key};
use super::system::lifecycle::unmarked;
use super::system::{LIFECYCLE, is_system};
use crate::chaincode::process::Process;
use crate::core::policy::{Principal, Role};
use crate::core::private::private_namespace;
use crate::core::snapshot::Snapshot as _;
use crate::identity::msp::IdentityError;
use crate::identity::signer::Signer;

/// Status from which a chaincode's response is not endorsed.
pub(super) const ERROR_THRESHOLD: i32 = 400;
/// Status from which a response is an error that carries its payload.
const ERROR: i32 = 500;

/// A proposal that is not processed. A peer answers such a call with an error instead of a response.
#[derive(Debug, Error)]
pub(crate) enum Rejection {
    /// Turned away by a filter before the endorser sees it.
    #[error("{0}")]
    Filtered(String),
    /// Turned away by the endorser: malformed, not authentic, not allowed, or already committed.
    #[error("{0}")]
    Refused(String),
}

/// An organisation's peer.
#[derive(Debug)]
pub(crate) struct Endorser {
    /// The organisation.
    pub(crate) msp_id: String,
    /// Host and port of its gateway, as error details name it.
    pub(crate) address: String,
    /// Its signing identity.
    pub(crate) signer: Signer,
    /// Its chaincode processes by name of the chaincode.
    pub(crate) processes: BTreeMap<String, Arc<Process>>,
    /// The chaincodes that have been installed on it.
    pub(crate) packages: Packages,
    /// MSP ids of all organisations.
    pub(crate) msp_ids: Vec<String>,
    /// The channel.
    pub(crate) channel: Arc<Channel>,
    /// True if its state database is CouchDB, which does not take everything.
    pub(crate) couchdb: bool,
}

impl Endorser {
    /// Processes a proposal. A fault while it is processed is a response with status 500 and no payload.
    ///
    /// # Errors
    /// When the proposal is turned away.
    pub(crate) async fn process(
        self: &Arc<Self>,
        signed: &SignedProposal,
    ) -> Result<ProposalResponse, Rejection> {
        let refuse = |error: String| Rejection::Refused(error);
        let proposal = Unpacked::read(signed);
        if let Ok(proposal) = &proposal {
            self.filter(proposal)?;
        }
        let proposal = proposal.map_err(|error| refuse(error.to_string()))?;
        let channel = &proposal.channel_header.channel_id;
        if channel.is_empty() {
            return self.without_channel(&proposal).map_err(refuse);
        }
        if *channel != self.channel.name {
            return Ok(fault(format!("channel '{channel}' not found")));
        }
        self.admit(&proposal).map_err(refuse)?;
        match self.endorse(proposal).await {
            Ok(response) => Ok(response),
            Err(message) => {
                tracing::warn!(msp_id = self.msp_id, message, "proposal failed");
                Ok(fault(message))
            }
        }
    }

    /// A call that belongs to no channel: of a system chaincode, by somebody of the peer's own organisation.
    fn without_channel(&self, proposal: &Unpacked) -> Result<ProposalResponse, String> {
        proposal.check_header().map_err(|error| format!("error validating proposal: {error}"))?;
        if !is_system(&proposal.chaincode) {
            return Ok(fault("channel '' not found".into()));
        }
        let denied = || "error validating proposal: access denied: channel [] creator org unknown, creator is malformed";
        let identity =
            self.channel.msps.identify(&proposal.signature_header.creator).map_err(|_| denied())?;
        let SignedProposal { proposal_bytes, signature } = &proposal.signed;
        identity.verify(proposal_bytes, signature).map_err(|_| denied())?;
        let Principal { msp_id, role } = identity.principal();
        if *msp_id != self.msp_id {
            return Err(format!("access denied: {msp_id} is not the organization of this peer"));
        }
        let response = self.run_system(&proposal.chaincode, &proposal.input, None, *role == Role::Admin);
        let response = Some(response);
        Ok(ProposalResponse { version: 1, response, ..ProposalResponse::default() })
    }

    /// True when the peer can simulate the chaincode.
    pub(crate) fn has(&self, chaincode: &str) -> bool {
        is_system(chaincode) || self.process_of(chaincode).is_some()
    }

    /// The process of a chaincode: of the package that the organisation has approved, or as in the configuration.
    pub(super) fn process_of(&self, chaincode: &str) -> Option<Arc<Process>> {
        let definitions = self.channel.definitions();
        let definition = definitions.get(chaincode)?;
        // Nobody has approved a definition of the configuration file.
        if definition.terms.is_none() {
            return self.processes.get(chaincode).cloned();
        }
        match self.approved_source(chaincode, definition.sequence) {
            Some(Source::LocalPackage(local)) => self.packages.process(chaincode, &local.package_id),
            Some(Source::Unavailable(_)) => None,
            None => self.processes.get(chaincode).cloned(),
        }
    }

    /// With what the organisation runs a definition that it has approved.
    pub(super) fn approved_source(&self, chaincode: &str, sequence: i64) -> Option<Source> {
        let collection = private_namespace(LIFECYCLE, &own_collection(&self.msp_id));
        let snapshot = self.channel.store.snapshot().ok()?;
        let approved = snapshot.get(&collection, &source_key(chaincode, sequence)).ok().flatten()?;
        ChaincodeSource::decode(unmarked(&approved.value)).ok()?.r#type
    }

    /// The filters in front of an endorser: expired certificates, and times far from our own.
    fn filter(&self, proposal: &Unpacked) -> Result<(), Rejection> {
        let now = (self.channel.clock)();
        let identity = self.channel.msps.identify(&proposal.signature_header.creator);
        if identity.is_ok_and(|identity| identity.is_expired(now)) {
            return Err(Rejection::Filtered("proposal client identity expired".into()));
        }
        let window = self.channel.time_window;
        let claimed = proposal.channel_header.timestamp.unwrap_or_default();
        if window.is_zero() || is_within(&claimed, now, window) {
            return Ok(());
        }
        Err(Rejection::Filtered(format!(
            "request unauthorized due to incorrect timestamp {}, peer time {}, peer.authentication.timewindow {}",
            rfc3339(claimed.seconds),
            rfc3339(unix_seconds(now)),
            go_duration(window),
        )))
    }

    /// Fabric's checks before the simulation, in its order.
    fn admit(&self, proposal: &Unpacked) -> Result<(), String> {
        let invalid = |error: String| format!("error validating proposal: {error}");
        proposal.check_header().map_err(|error: HeaderError| invalid(error.to_string()))?;
        let (channel, creator) = (&self.channel.name, &proposal.signature_header.creator);
        let identity = self.channel.msps.identify(creator).map_err(|error| {
            tracing::warn!(%error, "access denied");
            invalid(match error {
                IdentityError::NoRole { msp_id } => {
                    format!("access denied: channel [{channel}] creator org [{msp_id}]")
                }
                IdentityError::Malformed
                | IdentityError::UnknownMsp(_)
                | IdentityError::Unreadable(_)
                | IdentityError::Invalid(_) => {
                    format!("access denied: channel [{channel}] creator org unknown, creator is malformed")
                }
            })
        })?;
        let SignedProposal { proposal_bytes, signature } = &proposal.signed;
        if let Err(error) = identity.verify(proposal_bytes, signature) {
            tracing::warn!(%error, "access denied: creator's signature over the proposal is not valid");
            let msp_id = &identity.principal().msp_id;
            return Err(invalid(format!("access denied: channel [{channel}] creator org [{msp_id}]")));
        }
        let tx_id = &proposal.channel_header.tx_id;
        if self.channel.store.outcome(tx_id).map_err(|error| error.to_string())?.is_some() {
            let creator = hex::encode(creator);
            return Err(format!("duplicate transaction found [{tx_id}]. Creator [{creator}]"));
        }
        let checked = self.channel.check_access(channel, Access::Writers, creator, proposal_bytes, signature);
        checked.map_err(|error| error.to_string())
    }

    /// Simulates and signs; an error is the message of a response with status 500.
    async fn endorse(self: &Arc<Self>, proposal: Unpacked) -> Result<ProposalResponse, String> {
        let name = proposal.chaincode.clone();
        let definitions = self.channel.definitions();
        let Some(definition) = definitions.get(&name) else {
            return Err(format!(
                "make sure the chaincode {name} has been successfully defined on channel {} and try again: chaincode {name} not found",
                self.channel.name,
            ));
        };
        let hash = proposal.hash.clone();
        let run: Run = self.simulate(proposal, &definitions).await?;
        let status = run.response.status;
        if (ERROR_THRESHOLD..ERROR).contains(&status) {
            return Ok(ProposalResponse { response: Some(run.response), ..ProposalResponse::default() });
        }
        let action = ChaincodeAction {
            results: run.set.encode(),
            events: run.event.map(|event| event.encode_to_vec()).unwrap_or_default(),
            response: Some(run.response.clone()),
            chaincode_id: Some(ChaincodeId {
                name,
                version: definition.version.clone(),
                ..ChaincodeId::default()
            }),
        };
        let payload = ProposalResponsePayload { proposal_hash: hash, extension: action.encode_to_vec() };
        let payload = payload.encode_to_vec();
        let mut response = ProposalResponse {
            response: Some(run.response),
            payload,
            interest: Some(run.interest),
            ..ProposalResponse::default()
        };
        if status < ERROR {
            response.version = 1;
            response.endorsement = Some(self.sign(&response.payload)?);
        }
        Ok(response)
    }

    /// An endorsement: signature over the payload and our identity.
    fn sign(&self, payload: &[u8]) -> Result<Endorsement, String> {
        let endorser = self.signer.identity().to_vec();
        let message = [payload, &endorser].concat();
        let signature = self.signer.sign(&message);
        let signature = signature.map_err(|error| format!("endorsing with plugin failed: {error}"))?;
        if let Ok(identity) = self.channel.msps.identify(&endorser) {
            identity.signed_here(&message, &signature);
        }
        Ok(Endorsement { endorser, signature })
    }
}

fn fault(message: String) -> ProposalResponse {
    let response = Response { status: ERROR, message, payload: Vec::new() };
    ProposalResponse { response: Some(response), ..ProposalResponse::default() }
}

fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// True when the claimed time is at most `window` before or after `now`.
pub(crate) fn is_within(claimed: &Timestamp, now: SystemTime, window: Duration) -> bool {
    let claimed = i128::from(claimed.seconds) * 1_000_000_000 + i128::from(claimed.nanos);
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let difference = claimed.abs_diff(i128::try_from(now).unwrap_or(i128::MAX));
    difference <= window.as_nanos()
}

/// A time in RFC 3339, to the second.
fn rfc3339(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}

/// A duration as Go writes it: `15m0s`.
fn go_duration(duration: Duration) -> String {
    let (hours, minutes, seconds) =
        (duration.as_secs() / 3600, duration.as_secs() / 60 % 60, duration.as_secs() % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}
