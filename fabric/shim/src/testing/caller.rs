//! Somebody who calls, with a certificate that is made up: nobody signed it, and no shim checks that.

use std::collections::BTreeMap;

use x509_cert::der::pem::{LineEnding, encode_string};

use crate::identity::ATTRIBUTES;

/// An identity to call with: an organisation, a name, units and attributes.
///
/// ```
/// use hlf_shim::testing::Caller;
///
/// let auditor = Caller::new("Org1MSP", "alice").unit("client").attribute("auditor", "true");
/// assert!(auditor.certificate().starts_with("-----BEGIN CERTIFICATE-----"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    msp_id: String,
    common_name: String,
    units: Vec<String>,
    attributes: BTreeMap<String, String>,
}

impl Caller {
    /// Somebody of an organisation, without units and attributes.
    pub fn new(msp_id: impl Into<String>, common_name: impl Into<String>) -> Self {
        Self {
            msp_id: msp_id.into(),
            common_name: common_name.into(),
            units: Vec::new(),
            attributes: BTreeMap::new(),
        }
    }

    /// With an organisational unit, such as the role `client` or `admin`.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.units.push(unit.into());
        self
    }

    /// With an attribute as the Fabric CA puts it into certificates.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// The organisation's MSP id.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// The certificate in PEM, issued by `CN=ca,O=` and the MSP id.
    ///
    /// # Panics
    ///
    /// If names and attributes are longer than a certificate can be.
    #[must_use]
    pub fn certificate(&self) -> String {
        let units: Vec<_> = self.units.iter().map(|unit| (11, unit.as_str())).collect();
        let subject: Vec<_> = units.into_iter().chain([(3, self.common_name.as_str())]).collect();
        let attributes = serde_json::json!({ "attrs": self.attributes }).to_string();
        let extension = sequence(&[value(OID, ATTRIBUTES.as_bytes()), value(OCTETS, attributes.as_bytes())]);
        let algorithm = sequence(&[value(OID, ECDSA_SHA256)]);
        let tbs = sequence(&[
            value(VERSION, &value(INTEGER, &[2])),
            value(INTEGER, &[1]),
            algorithm.clone(),
            name(&[(10, &self.msp_id), (3, "ca")]),
            sequence(&[value(UTC_TIME, b"260101000000Z"), value(UTC_TIME, b"360101000000Z")]),
            name(&subject),
            sequence(&[sequence(&[value(OID, EC_KEY), value(OID, P256)]), value(BITS, &[0, 4])]),
            value(EXTENSIONS, &sequence(&[extension])),
        ]);
        let certificate = sequence(&[tbs, algorithm, value(BITS, &[0])]);
        encode_string("CERTIFICATE", LineEnding::LF, &certificate).expect("a test's names are short")
    }
}

// Tags and object identifiers of DER, as far as a certificate needs them.
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// A name of attributes 2.5.4.x.
fn name(attributes: &[(u8, &str)]) -> Vec<u8> {
    let attribute = |&(kind, text): &(u8, &str)| {
        value(SET, &sequence(&[value(OID, &[0x55, 0x04, kind]), value(UTF8, text.as_bytes())]))
    };
    sequence(&attributes.iter().map(attribute).collect::<Vec<_>>())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(SEQUENCE, &parts.concat())
}

fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let bytes = content.len().to_be_bytes();
    let significant: Vec<u8> = bytes.into_iter().skip_while(|&byte| byte == 0).collect();
    let mut encoded = vec![tag];
    match significant[..] {
        [] => encoded.push(0),
        [short @ ..0x80] => encoded.push(short),
        _ => {
            // At most 8 bytes of length.
            encoded.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
            encoded.extend(&significant);
        }
    }
    encoded.extend(content);
    encoded
}
