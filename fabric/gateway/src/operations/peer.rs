//! One peer's own matters: chaincode packages, and the channels that it has joined.

use std::collections::BTreeMap;

use hlf_proto::Message;
use hlf_proto::common::Block;
use hlf_proto::lifecycle::{
    GetInstalledChaincodePackageArgs, GetInstalledChaincodePackageResult, InstallChaincodeArgs,
    InstallChaincodeResult, QueryInstalledChaincodesArgs, QueryInstalledChaincodesResult,
    query_installed_chaincodes_result,
};
use hlf_proto::protos::ChannelQueryResponse;

use super::error::PeerError;
use crate::convert::{MalformedMessage, decode};
use crate::lifecycle::{Package, PackageId};
use crate::proposal_builder::ProposalBuilder;
use crate::session::Session;

/// One of the gateway's peers, asked about its own matters. The caller must be an administrator of its organisation.
///
/// What is asked goes to this peer and to no other; [`Gateway::peers`](crate::Gateway::peers) has them all.
#[derive(Debug, Clone)]
pub struct PeerAdmin {
    session: Session,
    /// Its place in the gateway's list.
    index: usize,
    address: String,
}

/// A chaincode package that a peer has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstalledPackage {
    /// Its id.
    pub id: PackageId,
    /// Its label.
    pub label: String,
    /// The committed definitions that use it: by channel, name and version of each.
    pub references: BTreeMap<String, Vec<(String, String)>>,
}

impl From<query_installed_chaincodes_result::InstalledChaincode> for InstalledPackage {
    fn from(message: query_installed_chaincodes_result::InstalledChaincode) -> Self {
        let references = message.references.into_iter().map(|(channel, references)| {
            let chaincodes = references.chaincodes.into_iter();
            (channel, chaincodes.map(|chaincode| (chaincode.name, chaincode.version)).collect())
        });
        Self { id: message.package_id.into(), label: message.label, references: references.collect() }
    }
}

impl PeerAdmin {
    pub(crate) fn all(session: &Session) -> Vec<Self> {
        let addresses = session.connection().addresses().enumerate();
        addresses
            .map(|(index, address)| Self { session: session.clone(), index, address: address.to_owned() })
            .collect()
    }

    /// The peer's address, `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Installs a package. One that the peer has already is fine.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn install(&self, package: &Package) -> Result<PackageId, PeerError> {
        let arguments = InstallChaincodeArgs { chaincode_install_package: package.bytes().to_vec() };
        match self.ask("_lifecycle", "InstallChaincode", arguments.encode_to_vec()).await {
            Ok(answer) => {
                let answer: InstallChaincodeResult = self.decode("InstallChaincode", &answer)?;
                Ok(answer.package_id.into())
            }
            Err(PeerError::Refused { message, .. }) if message.contains("already successfully installed") => {
                Ok(package.id())
            }
            Err(error) => Err(error),
        }
    }

    /// The packages that the peer has.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn installed(&self) -> Result<Vec<InstalledPackage>, PeerError> {
        let arguments = QueryInstalledChaincodesArgs {}.encode_to_vec();
        let answer = self.ask("_lifecycle", "QueryInstalledChaincodes", arguments).await?;
        let answer: QueryInstalledChaincodesResult = self.decode("QueryInstalledChaincodes", &answer)?;
        Ok(answer.installed_chaincodes.into_iter().map(InstalledPackage::from).collect())
    }

    /// The file of a package that the peer has.
    ///
    /// # Errors
    /// [`PeerError`], also when it has no such package.
    pub async fn installed_package(&self, id: &PackageId) -> Result<Vec<u8>, PeerError> {
        let arguments = GetInstalledChaincodePackageArgs { package_id: id.as_str().to_owned() };
        let answer =
            self.ask("_lifecycle", "GetInstalledChaincodePackage", arguments.encode_to_vec()).await?;
        let answer: GetInstalledChaincodePackageResult =
            self.decode("GetInstalledChaincodePackage", &answer)?;
        Ok(answer.chaincode_install_package)
    }

    /// The channels that the peer has joined.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn channels(&self) -> Result<Vec<String>, PeerError> {
        let answer = self.ask("cscc", "GetChannels", None).await?;
        let answer: ChannelQueryResponse = self.decode("GetChannels", &answer)?;
        Ok(answer.channels.into_iter().map(|channel| channel.channel_id).collect())
    }

    /// Has the peer join a channel, of which this is a configuration block: its first one.
    ///
    /// # Errors
    /// [`PeerError`], also when it has joined already.
    pub async fn join(&self, config_block: &Block) -> Result<(), PeerError> {
        self.ask("cscc", "JoinChain", config_block.encode_to_vec()).await.map(|_nothing| ())
    }

    async fn ask(
        &self,
        chaincode: &str,
        function: &str,
        argument: impl Into<Option<Vec<u8>>>,
    ) -> Result<Vec<u8>, PeerError> {
        // No channel: it is about the peer itself. The Gateway service takes no such proposal, the Endorser does.
        let builder = ProposalBuilder::new(self.session.clone(), "", chaincode, function.to_owned());
        let proposal = builder.arguments(argument.into()).build();
        let signed = proposal
            .sign_now()
            .await
            .map_err(|source| PeerError::Sign { address: self.address.clone(), source })?;
        let limit = self.session.deadlines.administer;
        let answer = self
            .session
            .connection()
            .call_at(self.index, &signed, limit, |peer, request| async move {
                peer.endorser().process_proposal(request).await
            })
            .await
            .map_err(|source| PeerError::Call { address: self.address.clone(), source })?;
        let missing = MalformedMessage::Missing { what: "the response" };
        let response = answer
            .response
            .ok_or(missing)
            .map_err(|source| PeerError::Reply { address: self.address.clone(), source })?;
        if (200..400).contains(&response.status) {
            return Ok(response.payload);
        }
        Err(PeerError::Refused {
            address: self.address.clone(),
            status: response.status,
            message: response.message,
        })
    }

    fn decode<T: Message + Default>(&self, what: &'static str, bytes: &[u8]) -> Result<T, PeerError> {
        decode(what, bytes).map_err(|source| PeerError::Reply { address: self.address.clone(), source })
    }
}
