//! What the fuzz targets call: the decoders of what clients send. No part of the interface.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hlf_proto::common::{ChannelHeader, Envelope, Header, Payload, SignatureHeader};
use hlf_proto::orderer::SeekInfo;
use hlf_proto::protos::{
    ChaincodeActionPayload, ChaincodeInput, ChaincodeMessage, Endorsement, ProposalResponsePayload,
    SignedProposal, Transaction, TransactionAction, TxValidationCode,
};
use hlf_selector::RichQuery;
use prost::Message as _;

use crate::chaincode::calls::Features;
use crate::chaincode::session::{Callee, Invocation, NestedCall, Reaction, Session};
use crate::core::definition::{Definition, Definitions};
use crate::core::memory::{Committed, MemoryLedger};
use crate::core::policy::{Policy, Principal, Role};
use crate::core::rwset::{ReadWriteSet, RwsetBuilder};
use crate::core::simulator::{Context, Setting, Simulator};
use crate::core::snapshot::Version;
use crate::core::updates::Updates;
use crate::identity::certificate::ParsedCertificate;
use crate::identity::generate;
use crate::identity::msp::MspManager;
use crate::identity::signature::EcdsaSignature;
use crate::identity::signer::Signer;
use crate::order::{envelope, examine};
use crate::peer::channel::Channel;
use crate::peer::packages;
use crate::peer::proposal::{Unpacked, proposal_hash, tx_id};
use crate::services::deliver;
use crate::store::Store;

/// Whether a signed proposal can be read and its header stands.
#[must_use]
pub fn proposal(bytes: &[u8]) -> bool {
    let signed = SignedProposal { proposal_bytes: bytes.to_vec(), signature: vec![1] };
    Unpacked::read(&signed).is_ok_and(|unpacked| unpacked.check_header().is_ok())
}

/// Whether a certificate in PEM can be read.
#[must_use]
pub fn certificate(pem: &[u8]) -> bool {
    ParsedCertificate::from_pem(pem).is_ok()
}

/// Lets a chaincode say anything while one transaction, `tx` of the channel `channel`, runs on a ledger of three keys; gives
/// what it is answered, up to the first message that ends its stream, and whether it ended the transaction. What it asks of
/// other chaincodes stays without answer.
///
/// # Panics
/// When an empty ledger cannot be read.
#[must_use]
pub fn chaincode(messages: impl IntoIterator<Item = ChaincodeMessage>) -> (Vec<ChaincodeMessage>, bool) {
    let setting = Setting {
        channel: "channel".to_owned(),
        tx_id: "tx".to_owned(),
        creator: Principal { msp_id: "Org1MSP".to_owned(), role: Role::Client },
        peer: "Org1MSP".to_owned(),
        definitions: Arc::new(Definitions::default()),
        couchdb: true,
    };
    let simulator = Simulator::new(Arc::new(three_keys()), setting);
    let mut session = Session::new(None, Features { batches: true, rich_queries: true });
    let begun = session.begin(Invocation {
        channel: "channel".to_owned(),
        tx_id: "tx".to_owned(),
        input: ChaincodeInput::default(),
        proposal: SignedProposal::default(),
        context: Context { namespace: "basic".to_owned(), is_init: false },
        simulator: Arc::new(Mutex::new(simulator)),
        callee: Arc::new(Nobody),
    });
    let mut answers = Vec::new();
    for message in messages {
        let Ok(reactions) = session.on_message(message) else { break };
        answers.extend(reactions.into_iter().filter_map(|reaction| match reaction {
            Reaction::Answer(answer) => Some(*answer),
            Reaction::Call(_) => None,
        }));
    }
    let ended = begun.is_some_and(|(_, mut finished)| finished.try_recv().is_ok());
    (answers, ended)
}

fn three_keys() -> MemoryLedger {
    let mut builder = RwsetBuilder::default();
    for key in ["a", "b", "c"] {
        builder.write("basic", key, br#"{"owner":"ann","size":5}"#.to_vec());
    }
    let (mut ledger, mut updates) = (MemoryLedger::default(), Updates::default());
    let applied = updates.apply(&builder.build().0, Version { block: 1, transaction: 0 }, &ledger);
    applied.expect("an empty ledger can be read");
    let committed = Committed { tx_id: "before", timestamp: None, code: TxValidationCode::Valid };
    ledger.commit(1, &[committed], &updates);
    ledger
}

/// Other chaincodes, of which there are none.
struct Nobody;

#[async_trait]
impl Callee for Nobody {
    async fn call(self: Arc<Self>, _: NestedCall) -> Result<ChaincodeMessage, String> {
        Err("there is no other chaincode".to_owned())
    }
}

/// The label in a chaincode package that can be installed.
#[must_use]
pub fn package(bytes: &[u8]) -> Option<String> {
    packages::read(bytes).ok().map(|package| package.label)
}

/// Whether a request for blocks can be read.
#[must_use]
pub fn seek(bytes: &[u8]) -> bool {
    let request = Envelope::decode(bytes).ok().and_then(|request| deliver::read(&request));
    request.is_some_and(|request| SeekInfo::decode(request.data.as_slice()).is_ok())
}

/// How many of a few values a rich query finds; `None` if it is refused.
#[must_use]
pub fn rich_query(text: &str) -> Option<usize> {
    let query = RichQuery::parse(text).ok()?;
    let mut search = query.search("").ok()?;
    for (key, value) in [
        ("a", r#"{"owner":"ann","size":5,"tags":["x","y"],"inner":{"deep":[1,2.5,null]}}"#),
        ("b", r#"{"owner":"bob","size":10.5,"tags":[],"inner":{}}"#),
        ("c", r#"["no object"]"#),
        ("d", "no JSON"),
    ] {
        search.offer(key, value.as_bytes().to_vec(), ());
    }
    Some(search.page(100).entries.len())
}

/// The policy that a text stands for, as it is written.
#[must_use]
pub fn policy(text: &str) -> Option<String> {
    text.parse::<Policy>().ok().map(|policy| policy.to_string())
}

/// What is written of a read and write set.
#[must_use]
pub fn read_write_set(bytes: &[u8]) -> Option<Vec<u8>> {
    ReadWriteSet::decode(bytes).ok().map(|set| set.encode())
}

/// What is written of a signature in DER.
#[must_use]
pub fn signature(bytes: &[u8]) -> Option<Vec<u8>> {
    EcdsaSignature::from_der(bytes).map(|signature| signature.to_der())
}

/// A channel of one organisation and one chaincode, `basic`, with a member that signs.
pub struct Bench {
    channel: Channel,
    signer: Signer,
}

impl fmt::Debug for Bench {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bench").finish_non_exhaustive()
    }
}

impl Bench {
    /// The channel, with its keys and its store in an empty folder.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let files = generate::organization(folder, "org1.example.com").expect("an empty folder");
        let mut msps = MspManager::default();
        msps.add("Org1MSP", &files.ca()).expect("just written");
        let signer = Signer::load("Org1MSP", &files.user_certificate("User1"), &files.user_key("User1"))
            .expect("just written");
        let policy = "OR('Org1MSP.client')".parse().expect("a policy");
        let definition = Definition {
            version: "1".to_owned(),
            sequence: 1,
            policy,
            init_required: false,
            collections: BTreeMap::new(),
            terms: None,
        };
        let mut definitions = Definitions::new(["Org1MSP".to_owned()]);
        definitions.define("basic".to_owned(), definition);
        let channel = Channel::new(
            "channel".to_owned(),
            msps,
            definitions,
            Duration::from_secs(60),
            Arc::new(SystemTime::now),
            Store::open(&folder.join("store"), "channel").expect("an empty folder"),
        )
        .expect("a new store");
        Self { channel, signer }
    }

    /// The verdict on any envelope: the orderer's, and then the committer's.
    #[must_use]
    pub fn judge(&self, bytes: &[u8]) -> (bool, TxValidationCode) {
        let ordered =
            Envelope::decode(bytes).is_ok_and(|envelope| envelope::check(&envelope, &self.channel).is_ok());
        let candidate = examine::examine(bytes, &self.channel).candidate;
        let codes = [candidate.form, candidate.contents];
        let code = codes.into_iter().find(|code| *code != TxValidationCode::Valid);
        (ordered, code.unwrap_or(TxValidationCode::Valid))
    }

    /// As [`Self::judge`], of a payload that a member endorses and signs after names, ids and hashes in it were put right:
    /// what lies behind the checks of signatures.
    ///
    /// # Panics
    /// When the library fails to sign.
    #[must_use]
    pub fn judge_signed(&self, payload: &[u8]) -> (bool, TxValidationCode) {
        let Ok(mut payload) = Payload::decode(payload) else { return (false, TxValidationCode::BadPayload) };
        if let Some(header) = &mut payload.header {
            self.name_member(header);
            if let Some(data) = self.endorsed(header, &payload.data) {
                payload.data = data;
            }
        }
        let payload = payload.encode_to_vec();
        let signature = self.sign(&payload);
        self.judge(&Envelope { payload, signature }.encode_to_vec())
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signer.sign(message).expect("the library signs")
    }

    fn name_member(&self, header: &mut Header) {
        let (Ok(mut channel), Ok(mut signature)) = (
            ChannelHeader::decode(header.channel_header.as_slice()),
            SignatureHeader::decode(header.signature_header.as_slice()),
        ) else {
            return;
        };
        signature.creator = self.signer.identity().to_vec();
        channel.tx_id = tx_id(&signature);
        header.channel_header = channel.encode_to_vec();
        header.signature_header = signature.encode_to_vec();
    }

    /// A transaction whose first action belongs to the proposal under this header and has the member's endorsement.
    fn endorsed(&self, header: &Header, data: &[u8]) -> Option<Vec<u8>> {
        let mut transaction = Transaction::decode(data).ok()?;
        let TransactionAction { header: action_header, payload } = transaction.actions.first_mut()?;
        action_header.clone_from(&header.signature_header);
        let mut action = ChaincodeActionPayload::decode(payload.as_slice()).ok()?;
        let endorsed = action.action.as_mut()?;
        let mut response =
            ProposalResponsePayload::decode(endorsed.proposal_response_payload.as_slice()).ok()?;
        response.proposal_hash = proposal_hash(header, &action.chaincode_proposal_payload);
        endorsed.proposal_response_payload = response.encode_to_vec();
        let endorser = self.signer.identity().to_vec();
        let signature = self.sign(&[endorsed.proposal_response_payload.as_slice(), &endorser].concat());
        endorsed.endorsements = vec![Endorsement { endorser, signature }];
        *payload = action.encode_to_vec();
        Some(transaction.encode_to_vec())
    }
}
