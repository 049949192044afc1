//! The functions of `_lifecycle` that belong to a peer and to no channel: what is installed.

use std::collections::BTreeMap;

use hlf_proto::lifecycle as proto;
use hlf_proto::lifecycle::chaincode_source::Type as Source;
use prost::Message;

use super::Failure;
use super::lifecycle::decode;
use crate::peer::endorser::Endorser;

/// Name and version of a chaincode.
type Chaincode = (String, String);

/// The function, unless it is one of the channel's.
pub(super) fn call(endorser: &Endorser, function: &str, argument: &[u8]) -> Option<Result<Vec<u8>, Failure>> {
    match function {
        "InstallChaincode" => Some(install(endorser, argument)),
        "QueryInstalledChaincodes" => Some(Ok(installed(endorser))),
        "QueryInstalledChaincode" => Some(one_installed(endorser, argument)),
        "GetInstalledChaincodePackage" => Some(package(endorser, argument)),
        _ => None,
    }
}

fn install(endorser: &Endorser, argument: &[u8]) -> Result<Vec<u8>, Failure> {
    let request: proto::InstallChaincodeArgs = decode(argument)?;
    let installed = endorser.packages.install(&request.chaincode_install_package)?;
    let (package_id, label) = (installed.id.clone(), installed.label.clone());
    Ok(proto::InstallChaincodeResult { package_id, label }.encode_to_vec())
}

/// The chaincodes of the channel that the organisation runs with a package.
fn users(endorser: &Endorser, package_id: &str) -> Vec<Chaincode> {
    let definitions = endorser.channel.definitions();
    let uses = |name: &str, sequence| match endorser.approved_source(name, sequence) {
        Some(Source::LocalPackage(local)) => local.package_id == package_id,
        Some(Source::Unavailable(_)) | None => false,
    };
    definitions
        .iter()
        .filter(|(name, definition)| definition.terms.is_some() && uses(name, definition.sequence))
        .map(|(name, definition)| (name.to_owned(), definition.version.clone()))
        .collect()
}

/// What a package is used for, by channel; nothing for one that is not used.
fn references<T>(
    endorser: &Endorser,
    package_id: &str,
    make: impl Fn(Vec<Chaincode>) -> T,
) -> BTreeMap<String, T> {
    let users = users(endorser, package_id);
    let channel = endorser.channel.name.clone();
    (!users.is_empty()).then(|| (channel, make(users))).into_iter().collect()
}

fn installed(endorser: &Endorser) -> Vec<u8> {
    use proto::query_installed_chaincodes_result::{Chaincode, InstalledChaincode, References};
    let packages = endorser.packages.list().into_iter();
    let installed_chaincodes = packages
        .map(|(package_id, label)| {
            let references = references(endorser, &package_id, |users| References {
                chaincodes: users.into_iter().map(|(name, version)| Chaincode { name, version }).collect(),
            });
            InstalledChaincode { package_id, label, references }
        })
        .collect();
    proto::QueryInstalledChaincodesResult { installed_chaincodes }.encode_to_vec()
}

fn one_installed(endorser: &Endorser, argument: &[u8]) -> Result<Vec<u8>, Failure> {
    use proto::query_installed_chaincode_result::{Chaincode, References};
    let request: proto::QueryInstalledChaincodeArgs = decode(argument)?;
    let mut packages = endorser.packages.list().into_iter();
    let found = packages.find(|(package_id, _)| *package_id == request.package_id);
    let (package_id, label) = found.ok_or_else(|| Failure {
        status: 404,
        message: format!("chaincode install package '{}' not found", request.package_id),
    })?;
    let references = references(endorser, &package_id, |users| References {
        chaincodes: users.into_iter().map(|(name, version)| Chaincode { name, version }).collect(),
    });
    Ok(proto::QueryInstalledChaincodeResult { package_id, label, references }.encode_to_vec())
}

fn package(endorser: &Endorser, argument: &[u8]) -> Result<Vec<u8>, Failure> {
    let request: proto::GetInstalledChaincodePackageArgs = decode(argument)?;
    let chaincode_install_package = endorser
        .packages
        .bytes(&request.package_id)
        .map_err(|error| format!("could not load cc install package: {error}"))?;
    Ok(proto::GetInstalledChaincodePackageResult { chaincode_install_package }.encode_to_vec())
}
