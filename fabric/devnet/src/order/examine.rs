//! The checks of an ordered envelope that need no ledger, with the validation codes of Fabric.

use std::collections::BTreeSet;

use hlf_proto::common::{ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader};
use hlf_proto::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeEvent,
    ChaincodeHeaderExtension, Endorsement, ProposalResponsePayload, Transaction, TransactionAction,
    TxValidationCode,
};
use prost::Message;

use crate::core::policy::Principal;
use crate::core::rwset::ReadWriteSet;
use crate::core::validation::Candidate;
use crate::peer::channel::Channel;
use crate::peer::proposal::{proposal_hash, tx_id};
use crate::store::CommittedTransaction;

/// An envelope with the verdicts on it.
#[derive(Debug)]
pub(crate) struct Examined {
    /// For validation.
    pub(crate) candidate: Candidate,
    /// For the store; the code is filled in by validation.
    pub(crate) transaction: CommittedTransaction,
}

/// Examines an encoded envelope.
pub(crate) fn examine(bytes: &[u8], channel: &Channel) -> Examined {
    let mut examined = Examined {
        candidate: Candidate {
            tx_id: String::new(),
            form: TxValidationCode::Valid,
            contents: TxValidationCode::Valid,
            chaincode: String::new(),
            signers: Vec::new(),
            set: ReadWriteSet::default(),
        },
        transaction: CommittedTransaction {
            tx_id: String::new(),
            timestamp: None,
            code: TxValidationCode::NotValidated,
        },
    };
    match check_form(bytes, channel, &mut examined) {
        Ok(formed) => match check_contents(&formed, channel, &mut examined.candidate) {
            Ok(set) => examined.candidate.set = set,
            Err(code) => examined.candidate.contents = code,
        },
        Err(code) => examined.candidate.form = code,
    }
    examined
}

/// A well-formed transaction.
struct Formed {
    channel_header: ChannelHeader,
    action: ChaincodeEndorsedAction,
    response: ProposalResponsePayload,
}

/// Format, creator, signature, transaction id and the tie between proposal and response.
fn check_form(bytes: &[u8], channel: &Channel, examined: &mut Examined) -> Result<Formed, TxValidationCode> {
    use TxValidationCode as Code;
    let envelope = Envelope::decode(bytes).map_err(|_| Code::InvalidOtherReason)?;
    let payload = Payload::decode(envelope.payload.as_slice()).map_err(|_| Code::BadPayload)?;
    let header = payload.header.ok_or(Code::BadCommonHeader)?;
    let channel_header =
        ChannelHeader::decode(header.channel_header.as_slice()).map_err(|_| Code::BadCommonHeader)?;
    examined.candidate.tx_id.clone_from(&channel_header.tx_id);
    examined.transaction.tx_id.clone_from(&channel_header.tx_id);
    examined.transaction.timestamp = channel_header.timestamp;
    let signature_header =
        SignatureHeader::decode(header.signature_header.as_slice()).map_err(|_| Code::BadCommonHeader)?;
    let SignatureHeader { creator, nonce } = &signature_header;
    let kind = HeaderType::try_from(channel_header.r#type).map_err(|_| Code::BadCommonHeader)?;
    let known =
        matches!(kind, HeaderType::EndorserTransaction | HeaderType::Config | HeaderType::ConfigUpdate);
    if !known || channel_header.epoch != 0 || nonce.is_empty() || creator.is_empty() {
        return Err(Code::BadCommonHeader);
    }
    let identity = channel.msps.identify(creator).map_err(|_| Code::BadCreatorSignature)?;
    identity.verify(&envelope.payload, &envelope.signature).map_err(|_| Code::BadCreatorSignature)?;
    match kind {
        HeaderType::EndorserTransaction => {}
        // Devnet has no configuration transactions; the orderer turns them away.
        HeaderType::Config => return Err(Code::InvalidConfigTransaction),
        _ => return Err(Code::UnsupportedTxPayload),
    }
    if channel_header.tx_id != tx_id(&signature_header) {
        return Err(Code::BadProposalTxid);
    }
    let (action, response) = check_action(&payload.data, &header).ok_or(Code::InvalidEndorserTransaction)?;
    if channel_header.channel_id != channel.name {
        return Err(Code::TargetChainNotFound);
    }
    Ok(Formed { channel_header, action, response })
}

/// The one action of a transaction, if its response belongs to its proposal.
fn check_action(data: &[u8], header: &Header) -> Option<(ChaincodeEndorsedAction, ProposalResponsePayload)> {
    let Transaction { actions } = Transaction::decode(data).ok()?;
    let [TransactionAction { header: action_header, payload }] = actions.as_slice() else { return None };
    let signature_header = SignatureHeader::decode(action_header.as_slice()).ok()?;
    if signature_header.nonce.is_empty() || signature_header.creator.is_empty() {
        return None;
    }
    let payload = ChaincodeActionPayload::decode(payload.as_slice()).ok()?;
    let action = payload.action?;
    let response = ProposalResponsePayload::decode(action.proposal_response_payload.as_slice()).ok()?;
    let original =
        Header { channel_header: header.channel_header.clone(), signature_header: action_header.clone() };
    let hash = proposal_hash(&original, &payload.chaincode_proposal_payload);
    (hash == response.proposal_hash).then_some((action, response))
}

/// The chaincode's action, and whose endorsements are authentic. Whether they are enough depends on the ledger.
fn check_contents(
    formed: &Formed,
    channel: &Channel,
    candidate: &mut Candidate,
) -> Result<ReadWriteSet, TxValidationCode> {
    use TxValidationCode as Code;
    let extension = ChaincodeHeaderExtension::decode(formed.channel_header.extension.as_slice())
        .map_err(|_| Code::BadHeaderExtension)?;
    let action = ChaincodeAction::decode(formed.response.extension.as_slice())
        .map_err(|_| Code::BadResponsePayload)?;
    let set = ReadWriteSet::decode(&action.results).map_err(|_| Code::BadRwset)?;
    let asked = extension.chaincode_id.ok_or(Code::InvalidOtherReason)?.name;
    let acted = action.chaincode_id.ok_or(Code::InvalidOtherReason)?;
    if asked.is_empty() || asked != acted.name || acted.version.is_empty() {
        return Err(Code::InvalidChaincode);
    }
    if !action.events.is_empty() {
        let event = ChaincodeEvent::decode(action.events.as_slice()).map_err(|_| Code::InvalidOtherReason)?;
        if event.chaincode_id != asked {
            return Err(Code::InvalidOtherReason);
        }
    }
    let mut names = BTreeSet::new();
    if !set.namespaces.iter().all(|namespace| names.insert(&namespace.name)) {
        return Err(Code::IllegalWriteset);
    }
    candidate.signers = signers(&formed.action, channel);
    candidate.chaincode = asked;
    Ok(set)
}

/// Who has validly endorsed, each once.
fn signers(action: &ChaincodeEndorsedAction, channel: &Channel) -> Vec<Principal> {
    let mut seen = BTreeSet::new();
    let mut signers = Vec::new();
    for Endorsement { endorser, signature } in &action.endorsements {
        let signed = [action.proposal_response_payload.as_slice(), endorser].concat();
        let Ok(identity) = channel.msps.identify(endorser) else { continue };
        if identity.verify(&signed, signature).is_ok() && seen.insert(endorser) {
            signers.push(identity.principal().clone());
        }
    }
    signers
}
