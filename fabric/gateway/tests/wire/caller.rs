//! Who calls in the tests.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use hlf_gateway::{Endpoint, Gateway, GatewayBuilder, Identity, P256Signer};
use rcgen::{CertifiedKey, generate_simple_self_signed};

/// A member of BankMSP with key and certificate.
pub(crate) struct Caller {
    pub(crate) identity: Identity,
    key_pem: String,
    public_key: Vec<u8>,
}

impl Caller {
    pub(crate) fn new() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["caller".to_owned()]).unwrap();
        Self {
            identity: Identity::new("BankMSP", cert.pem()).unwrap(),
            key_pem: signing_key.serialize_pem(),
            public_key: signing_key.public_key_raw().to_vec(),
        }
    }

    pub(crate) fn signer(&self) -> P256Signer {
        P256Signer::from_pem(self.key_pem.as_bytes()).unwrap()
    }

    pub(crate) fn builder(&self) -> GatewayBuilder {
        Gateway::builder(self.identity.clone()).signer(self.signer())
    }

    /// A gateway over one peer without TLS.
    pub(crate) fn gateway(&self, address: &str) -> Gateway {
        self.builder().endpoint(Endpoint::plaintext(address)).connect_lazy().unwrap()
    }

    /// Whether this caller has signed `message`.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.public_key).verify(message, signature).is_ok()
    }
}
