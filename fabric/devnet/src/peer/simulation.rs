//! Simulating a transaction: the chaincode that the client calls, and those that this one calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{
    ChaincodeEvent, ChaincodeInput, ChaincodeInterest, ChaincodeMessage, Response, SignedProposal,
};
use prost::Message;

use super::access::Access;
use super::endorser::{ERROR_THRESHOLD, Endorser};
use super::proposal::{Outline, Unpacked};
use super::system::is_system;
use crate::chaincode::process::{Connection, ExecuteError};
use crate::chaincode::session::{Callee, Invocation, NestedCall, SharedSimulator};
use crate::core::definition::{Definition, Definitions};
use crate::core::interest::{PrivateReads, interest};
use crate::core::policy::Role;
use crate::core::rwset::ReadWriteSet;
use crate::core::simulator::{Context, Place, Setting, Simulation, Simulator};

/// Key that notes which version of a chaincode has been initialised; the same as in Fabric.
const INITIALIZED: &str = "\0\u{10ffff}initialized";

/// A chaincode's successful run.
pub(super) struct Run {
    /// Its response.
    pub(super) response: Response,
    /// Its event.
    pub(super) event: Option<ChaincodeEvent>,
    /// What it read and wants to write.
    pub(super) set: ReadWriteSet,
    /// Whose endorsements are needed.
    pub(super) interest: ChaincodeInterest,
}

impl Endorser {
    /// Simulates a proposal on the newest block.
    ///
    /// # Errors
    /// When there is no result, with the message of a response with status 500.
    pub(super) async fn simulate(
        self: &Arc<Self>,
        proposal: Unpacked,
        definitions: &Arc<Definitions>,
    ) -> Result<Run, String> {
        let Unpacked { channel_header, signature_header, chaincode, input, signed, .. } = proposal;
        let (tx_id, channel) = (channel_header.tx_id, channel_header.channel_id);
        let failed =
            |error: String| format!("error in simulation: failed to execute transaction {tx_id}: {error}");
        if is_system(&chaincode) {
            return self.simulate_system(&chaincode, &input, &signature_header.creator, definitions, &tx_id);
        }
        // Dialled first, so that the snapshot is as new as can be. Blocks that are committed meanwhile do not change it;
        // Fabric holds them up until the simulation has ended.
        let connection = self.connect(&chaincode).await.map_err(failed)?;
        let snapshot = self.channel.store.snapshot().map_err(|error| error.to_string())?;
        let snapshot = Arc::new(snapshot);
        let creator = self.channel.msps.identify(&signature_header.creator);
        let setting = Setting {
            channel: channel.clone(),
            tx_id: tx_id.clone(),
            creator: creator.map_err(|error| error.to_string())?.principal().clone(),
            peer: self.msp_id.clone(),
            definitions: Arc::clone(definitions),
            couchdb: self.couchdb,
        };
        let simulator = Arc::new(Mutex::new(Simulator::new(snapshot.clone(), setting)));
        let context = begin(&simulator, &chaincode, definitions.get(&chaincode), &input).map_err(failed)?;
        let callee: Arc<dyn Callee> = Arc::clone(self) as _;
        let invocation = Invocation {
            channel,
            tx_id: tx_id.clone(),
            input,
            proposal: signed,
            context,
            simulator: Arc::clone(&simulator),
            callee,
        };
        let message = connection.execute(invocation).await.map_err(|error| failed(error.to_string()))?;
        if message.r#type() != Type::Completed {
            let text = String::from_utf8_lossy(&message.payload);
            return Err(format!("error in simulation: transaction returned with failure: {text}"));
        }
        let response = Response::decode(message.payload.as_slice()).map_err(|error| {
            format!("error in simulation: failed to unmarshal response for transaction {tx_id}: {error}")
        })?;
        let Simulation { set, private, private_reads } = lock(&simulator).finish();
        let interest = interest(&set, &private_reads, &*snapshot).map_err(|error| error.to_string())?;
        if let Some(private) = private.filter(|_| response.status < ERROR_THRESHOLD) {
            self.channel.transient.keep(&tx_id, *self.channel.height.borrow(), private);
        }
        let event = message.chaincode_event.filter(|_| response.status < ERROR_THRESHOLD);
        let event = event.map(|event| ChaincodeEvent { chaincode_id: chaincode, tx_id, ..event });
        Ok(Run { response, event, set, interest })
    }

    /// The same for a system chaincode, which is a part of the peer.
    fn simulate_system(
        &self,
        chaincode: &str,
        input: &ChaincodeInput,
        creator: &[u8],
        definitions: &Arc<Definitions>,
        tx_id: &str,
    ) -> Result<Run, String> {
        let snapshot = Arc::new(self.channel.store.snapshot().map_err(|error| error.to_string())?);
        let creator = self.channel.msps.identify(creator).map_err(|error| error.to_string())?;
        let setting = Setting {
            channel: self.channel.name.clone(),
            tx_id: tx_id.to_owned(),
            creator: creator.principal().clone(),
            peer: self.msp_id.clone(),
            definitions: Arc::clone(definitions),
            couchdb: self.couchdb,
        };
        let mut simulator = Simulator::new(snapshot.clone(), setting);
        let admin = creator.principal().role == Role::Admin && creator.principal().msp_id == self.msp_id;
        let response = self.run_system(chaincode, input, Some(&mut simulator), admin);
        let Simulation { set, private, .. } = simulator.finish();
        if let Some(private) = private.filter(|_| response.status < ERROR_THRESHOLD) {
            self.channel.transient.keep(tx_id, *self.channel.height.borrow(), private);
        }
        // An approval is endorsed by the own organisation, everything else by the chaincode's policy.
        let interest = interest(&set, &PrivateReads::new(), &*snapshot).map_err(|error| error.to_string())?;
        Ok(Run { response, event: None, set, interest })
    }

    async fn connect(&self, chaincode: &str) -> Result<Arc<Connection>, String> {
        let Some(process) = self.process_of(chaincode) else {
            return Err(format!("chaincode {chaincode} is not installed"));
        };
        process.connect().await.map_err(|error: ExecuteError| error.to_string())
    }
}

#[async_trait]
impl Callee for Endorser {
    async fn call(self: Arc<Self>, call: NestedCall) -> Result<ChaincodeMessage, String> {
        let NestedCall { target, mut input, channel, tx_id, proposal, simulator } = call;
        let (chaincode, target_channel) = target.split_once('/').unwrap_or((&target, &channel));
        // The version that a name may carry is not used, in Fabric neither.
        let chaincode = chaincode.split_once(':').map_or(chaincode, |(name, _)| name);
        let (setting, creator) = {
            let simulator = lock(&simulator);
            (simulator.setting().clone(), Outline::creator(&proposal.proposal_bytes))
        };
        let creator = creator.map_err(|error| error.to_string())?;
        let SignedProposal { proposal_bytes, signature } = &proposal;
        self.channel
            .check_access(target_channel, Access::Writers, &creator, proposal_bytes, signature)
            .map_err(|error| error.to_string())?;
        // Only the client's call can initialise.
        input.is_init = false;
        if is_system(chaincode) {
            let admin = setting.creator.role == Role::Admin && setting.creator.msp_id == self.msp_id;
            let response = self.run_system(chaincode, &input, Some(&mut lock(&simulator)), admin);
            let (kind, payload) = (Type::Completed.into(), response.encode_to_vec());
            return Ok(ChaincodeMessage { r#type: kind, payload, ..ChaincodeMessage::default() });
        }
        let failed = |error: String| format!("execute failed: {error}");
        let context =
            begin(&simulator, chaincode, setting.definitions.get(chaincode), &input).map_err(failed)?;
        let connection = self.connect(chaincode).await.map_err(failed)?;
        let callee: Arc<dyn Callee> = Arc::clone(&self) as _;
        let invocation = Invocation { channel, tx_id, input, proposal, context, simulator, callee };
        connection.execute(invocation).await.map_err(|error| failed(error.to_string()))
    }
}

/// Begins a chaincode's part of a simulation, by Fabric's rule for chaincodes that must be initialised once for each
/// version.
fn begin(
    simulator: &SharedSimulator,
    chaincode: &str,
    definition: Option<&Arc<Definition>>,
    input: &ChaincodeInput,
) -> Result<Context, String> {
    let mut simulator = lock(simulator);
    let Some(definition) = definition else {
        let channel = &simulator.setting().channel;
        return Err(format!(
            "invalid invocation: [channel {channel}] failed to get chaincode container info for {chaincode}: chaincode {chaincode} not found"
        ));
    };
    let context = Context { namespace: chaincode.to_owned(), is_init: false };
    let place = Place { collection: "", key: INITIALIZED };
    let version = definition.version.as_bytes();
    let needed = definition.init_required
        && simulator.get(&context, place).map_err(|error| error.to_string())?.as_deref() != Some(version);
    match (input.is_init, definition.init_required, needed) {
        (true, false, _) => Err(format!(
            "invalid invocation: chaincode '{chaincode}' does not require initialization but called as init"
        )),
        (true, true, false) => Err(format!(
            "invalid invocation: chaincode '{chaincode}' is already initialized but called as init"
        )),
        (true, true, true) => {
            let written = simulator.put(&context, place, version.to_vec());
            written.map_err(|error| error.to_string())?;
            Ok(Context { is_init: true, ..context })
        }
        (false, _, true) => Err(format!(
            "invalid invocation: chaincode '{chaincode}' has not been initialized for this version, must call as init first"
        )),
        (false, _, false) => Ok(context),
    }
}

fn lock(simulator: &SharedSimulator) -> MutexGuard<'_, Simulator> {
    simulator.lock().unwrap_or_else(PoisonError::into_inner)
}
