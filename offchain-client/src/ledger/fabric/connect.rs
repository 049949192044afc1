//! From a network profile to a ledger: identity, key, and the organisation's peers.

use hlf_gateway::{Endpoint, Gateway, Identity, IdentityError, KeyError, P256Signer, Tls};
use lockstep_protocol::hash::{LedgerId, ShortText};

use super::{DEADLINES, FabricLedger};
use crate::ledger::profile::{self, Peer, Profile, ProfileError};

/// As whom of an organisation to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The one with the `admin` OU, who may register banks.
    Admin,
    /// The one for everything else.
    User,
}

/// Why there is no ledger for a profile. Peers that are away are no reason: they are dialled when asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The profile, or a file that it names, cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A file is not the certificate that it should be.
    #[error("{field} in the network profile is not a certificate in PEM")]
    Certificate {
        /// The field that names the file.
        field: String,
        /// What is wrong with it.
        source: IdentityError,
    },
    /// A file is not the key that it should be.
    #[error("{field} in the network profile is not a P-256 private key in unencrypted PEM")]
    Key {
        /// The field that names the file.
        field: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// A peer's address or TLS authority cannot be used.
    #[error("{field} in the network profile cannot be used")]
    Peer {
        /// The organisation's peers.
        field: String,
        /// What is wrong with them.
        source: hlf_gateway::ConnectError,
    },
    /// The channel's or the chaincode's name is longer than a ledger id can name.
    #[error("the channel's or the chaincode's name in the network profile is too long")]
    Name,
}

impl Caller {
    fn field(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
        }
    }
}

impl FabricLedger {
    /// The ledger of a profile, for one of an organisation's identities. Its peers are tried in the profile's order when
    /// they are first asked. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// [`ConnectError`] when something in the profile cannot be used.
    pub fn connect(profile: &Profile, msp_id: &str, caller: Caller) -> Result<Self, ConnectError> {
        let organization = profile.organization(msp_id)?;
        let name = |text: &str| ShortText::new(text).map_err(|_length| ConnectError::Name);
        let ledger_id = LedgerId::of(&name(&profile.channel)?, &name(&profile.chaincode)?);

        let files = match caller {
            Caller::Admin => organization.admin.as_ref(),
            Caller::User => organization.user.as_ref(),
        };
        let files = files.ok_or_else(|| ProfileError::MissingIdentity {
            msp_id: msp_id.to_owned(),
            role: caller.field(),
        })?;
        let field = |part: &str| organization.field(&format!("{}.{part}", caller.field()));
        let identity = Identity::new(msp_id, profile::read_file(&field("cert"), &files.cert)?)
            .map_err(|source| ConnectError::Certificate { field: field("cert"), source })?;
        let key = zeroize::Zeroizing::new(profile::read_file(&field("key"), &files.key)?);
        let signer =
            || P256Signer::from_pem(&key).map_err(|source| ConnectError::Key { field: field("key"), source });

        let shown = match (&files.tls_cert, &files.tls_key) {
            (Some(certificate), Some(key)) => Some(Shown {
                certificate: profile::read_file(&field("tls_cert"), certificate)?,
                key: zeroize::Zeroizing::new(profile::read_file(&field("tls_key"), key)?),
            }),
            _ => None,
        };

        let mut endpoints = Vec::with_capacity(organization.peers.len());
        for (index, peer) in organization.peers.iter().enumerate() {
            let ca =
                profile::read_file(&organization.field(&format!("peers[{index}].tls_ca")), &peer.tls_ca)?;
            endpoints.push(endpoint(peer, ca, shown.as_ref()));
        }
        let connect = |signer: P256Signer, endpoints: Vec<Endpoint>| {
            Gateway::builder(identity.clone())
                .signer(signer)
                .endpoints(endpoints)
                .deadlines(DEADLINES)
                .connect_lazy()
        };
        let gateway = connect(signer()?, endpoints)
            .map_err(|source| ConnectError::Peer { field: organization.field("peers"), source })?;
        // They are a makeshift: one that cannot be used is no reason against the own peers.
        let elsewhere = connect(signer()?, others(profile, msp_id, shown.as_ref())).ok();
        Ok(Self::new(&gateway, elsewhere.as_ref(), (&profile.channel, &profile.chaincode), ledger_id))
    }
}

/// A TLS certificate to show, and its key, both in PEM.
struct Shown {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
}

fn endpoint(peer: &Peer, ca: Vec<u8>, shown: Option<&Shown>) -> Endpoint {
    let mut tls = Tls::new(ca).server_name(&peer.server_name);
    if let Some(Shown { certificate, key }) = shown {
        tls = tls.client_certificate(certificate.as_slice(), key.as_slice());
    }
    Endpoint::tls(&peer.address, tls)
}

/// The other organisations' peers, in the profile's order, as far as their TLS authorities can be read.
fn others(profile: &Profile, msp_id: &str, shown: Option<&Shown>) -> Vec<Endpoint> {
    let others = profile.organizations.iter().filter(|organization| organization.msp_id != msp_id);
    let peers = others.flat_map(|organization| &organization.peers);
    peers
        .filter_map(|peer| {
            let ca = std::fs::read(&peer.tls_ca).ok()?;
            Some(endpoint(peer, ca, shown))
        })
        .collect()
}
