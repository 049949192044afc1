//! Puts chaincode on a channel, for all of its organisations, without the `peer` program: packages, installs, approves and
//! commits. What is done already is left as it is.
//!
//! ```text
//! deploy FILE [--name NAME] [--version VERSION] [--sequence N] [--policy POLICY] [--collections FILE] [--program FILE]
//! ```
//!
//! The chaincode runs as a service, unless `--program` gives its program: that goes into a package of the type `binary`,
//! for peers whose external builder runs such. `--collections` is the JSON of its private data collections.
//!
//! FILE is TOML that says where the network is and who administers it; file names in it are relative to its folder. The
//! `profile.toml` that `scripts/network up` of this project writes is one:
//!
//! ```text
//! channel = "payments"
//! chaincode = "basic"
//!
//! [[organizations]]
//! msp_id = "BankMSP"
//! admin = { cert = "admin-cert.pem", key = "admin-key.pem" }
//! peers = [{ address = "127.0.0.1:7051", server_name = "peer0.bank.example.com", tls_ca = "ca.crt" }]
//! # Where the peers find the chaincode that is a service; without the four files they speak to it without TLS.
//! chaincode = { address = "127.0.0.1:9999", server_ca = "…", client_ca = "…", client_cert = "…", client_key = "…" }
//! ```
//!
//! It prints `MSPID PACKAGE-ID` for each organisation: start the process of a service with that id.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use hlf_gateway::Gateway;
use hlf_gateway::lifecycle::{ChaincodeServer, Collections, Definition, Package, PackageBuilder, PackageId};
use tokio::time::{Instant, sleep};

use crate::profile::{Organization, Profile, Server};

mod profile;

type Failure = Box<dyn Error>;

/// How long a peer may take to get a block that another has.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run().await else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

/// What the command line says.
struct Options {
    profile: Profile,
    definition: Definition,
    program: Option<PathBuf>,
}

async fn run() -> Result<(), Failure> {
    let options = read_options()?;
    let Options { profile, definition, .. } = &options;
    let mut gateways = Vec::new();
    for organization in &profile.organizations {
        let admin = organization.admin()?;
        let gateway = profile.gateway(organization, admin)?.signer(profile.signer(admin)?).connect_lazy()?;
        let package = package(&options, organization)?;
        let id = install(&gateway, &package).await?;
        approve(&gateway, &profile.channel, definition, &id).await?;
        println!("{} {id}", organization.msp_id);
        gateways.push(gateway);
    }
    commit(&gateways, &profile.channel, definition).await
}

fn read_options() -> Result<Options, Failure> {
    let mut arguments = env::args().skip(1);
    let file = PathBuf::from(arguments.next().ok_or(
        "usage: deploy FILE [--name N] [--version V] [--sequence N] [--policy P] [--collections FILE] [--program FILE]",
    )?);
    let profile = Profile::read(&file)?;
    let mut definition = Definition::new(profile.chaincode.clone().unwrap_or_default(), "1.0", 1);
    let mut program = None;
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--name" => definition.name = value,
            "--version" => definition.version = value,
            "--sequence" => definition.sequence = value.parse()?,
            "--policy" => definition = definition.with_policy(&value.parse()?),
            "--collections" => {
                definition = definition.with_collections(Collections::from_json(&fs::read(value)?)?);
            }
            "--program" => program = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown option {option}").into()),
        }
    }
    if definition.name.is_empty() {
        return Err("say which chaincode: --name, or chaincode in the file".into());
    }
    Ok(Options { profile, definition, program })
}

/// The same program in each organisation's package, or where its service is.
fn package(options: &Options, organization: &Organization) -> Result<Package, Failure> {
    let name = &options.definition.name;
    if let Some(program) = &options.program {
        return Ok(PackageBuilder::new(name, "binary").file("chaincode", fs::read(program)?).build()?);
    }
    let described = organization.chaincode.as_ref();
    let described = described.ok_or_else(|| format!("{} has no chaincode address", organization.msp_id))?;
    Ok(Package::of_service(name, &server(described, &options.profile)?)?)
}

fn server(server: &Server, profile: &Profile) -> Result<ChaincodeServer, Failure> {
    let read = |file: &PathBuf| -> Result<String, Failure> { Ok(String::from_utf8(profile.file(file)?)?) };
    let mut described = ChaincodeServer::new(&server.address);
    if let Some(authority) = server.server_ca.as_ref().or(server.client_ca.as_ref()) {
        described = described.tls(read(authority)?);
    }
    if let (Some(certificate), Some(key)) = (&server.client_cert, &server.client_key) {
        described = described.client_certificate(read(certificate)?, read(key)?);
    }
    Ok(described)
}

/// On each peer of the organisation that does not have it.
async fn install(gateway: &Gateway, package: &Package) -> Result<PackageId, Failure> {
    let id = package.id();
    for peer in gateway.peers() {
        if !peer.installed().await?.iter().any(|installed| installed.id == id) {
            eprintln!("{}: installing on {}", gateway.identity().msp_id(), peer.address());
            peer.install(package).await?;
        }
    }
    Ok(id)
}

async fn approve(
    gateway: &Gateway,
    channel: &str,
    definition: &Definition,
    id: &PackageId,
) -> Result<(), Failure> {
    let lifecycle = gateway.network(channel).lifecycle();
    let approved = lifecycle.approved(&definition.name, definition.sequence).await?;
    let same = approved.is_some_and(|approved| {
        approved.package_id.as_ref() == Some(id)
            && approved.definition.version == definition.version
            && approved.definition.collections.unwrap_or_default()
                == definition.collections.clone().unwrap_or_default()
            && (definition.validation_parameter.is_empty()
                || approved.definition.validation_parameter == definition.validation_parameter)
    });
    if !same {
        let committed = lifecycle.approve(definition, Some(id)).await?;
        eprintln!("{}: approved in block {}", gateway.identity().msp_id(), committed.block_number);
    }
    Ok(())
}

/// Once all have approved; then waits until every organisation's peer knows.
async fn commit(gateways: &[Gateway], channel: &str, definition: &Definition) -> Result<(), Failure> {
    let first = gateways.first().ok_or("no organisation is described")?.network(channel).lifecycle();
    let committed = first.committed(&definition.name).await?.map_or(0, |found| found.definition.sequence);
    if committed < definition.sequence {
        // The first organisation's peer may be a block behind the one where the last approval was made.
        let end = Instant::now() + PATIENCE;
        let mut readiness = first.readiness(definition).await?;
        while readiness.missing().next().is_some() && Instant::now() < end {
            sleep(Duration::from_millis(200)).await;
            readiness = first.readiness(definition).await?;
        }
        for missing in readiness.missing() {
            eprintln!("{missing} has not approved: {:?}", readiness.mismatches.get(missing));
        }
        let committed = first.commit(definition, readiness.approved_by()).await?;
        eprintln!("committed in block {}", committed.block_number);
    }
    let end = Instant::now() + PATIENCE;
    for gateway in gateways {
        let lifecycle = gateway.network(channel).lifecycle();
        while lifecycle
            .committed(&definition.name)
            .await?
            .is_none_or(|c| c.definition.sequence < definition.sequence)
        {
            if Instant::now() >= end {
                return Err(format!("{}'s peer does not get the block", gateway.identity().msp_id()).into());
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}
