//! Both endpoints of a channel on a real ledger: from submitting to the commit, in its stages.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lockstep::ledger::fabric::{Caller, FabricLedger};
use lockstep::ledger::profile::Profile;
use lockstep::ledger::{Ledger, LedgerError, Submitted, Timing};
use lockstep_protocol::ledger::{
    ChannelRecord, CloseByRelease, CloseByToken, Command as _, Open, RegisterBank,
};
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::payment::Payment;
use lockstep_protocol::{MaxDrift, Memo, ShortText, Signature, Units};

use crate::error::BenchError;
use crate::in_process;
use crate::results::UploadRow;
use crate::samples::spread;
use crate::scene::{Scene, now};

/// Payments of one dollar in a channel that is closed: as many as in the paper's table 4.
const PAYMENTS: u32 = 10;
/// How long the network may take until it endorses.
const READY: Duration = Duration::from_secs(90);

/// A network that is up, with the contract deployed.
#[derive(Clone, Debug)]
pub(crate) struct NetworkUp {
    pub(crate) profile: Profile,
    pub(crate) file: PathBuf,
}

impl NetworkUp {
    pub(crate) fn read(file: &Path) -> Result<Self, BenchError> {
        let profile = Profile::read(file)
            .map_err(|error| BenchError::Network { profile: file.to_owned(), reason: error.to_string() })?;
        Ok(Self { profile, file: file.to_owned() })
    }

    fn failed(&self, reason: &dyn std::fmt::Display) -> BenchError {
        BenchError::Network { profile: self.file.clone(), reason: reason.to_string() }
    }

    fn connect(&self, msp_id: &str, caller: Caller) -> Result<FabricLedger, BenchError> {
        FabricLedger::connect(&self.profile, msp_id, caller).map_err(|error| self.failed(&error))
    }

    /// The time after which it cuts a block, as `scripts/network` made it.
    fn block_time(&self) -> String {
        let settings = std::fs::read_to_string(self.file.with_file_name("network.conf")).unwrap_or_default();
        let found = settings.lines().find_map(|line| line.strip_prefix("block_time="));
        found.unwrap_or("as its operator set it").to_owned()
    }
}

/// The times of one kind of submission.
#[derive(Debug, Default)]
struct Times {
    total: Vec<f64>,
    endorse: Vec<f64>,
    order: Vec<f64>,
    commit: Vec<f64>,
    bytes: u64,
}

impl Times {
    fn add(&mut self, timing: &Timing, document: &str) {
        self.total.push(timing.total().as_secs_f64());
        self.endorse.push(timing.endorse.as_secs_f64());
        self.order.push(timing.order.as_secs_f64());
        self.commit.push(timing.commit.as_secs_f64());
        self.bytes = u64::try_from(document.len()).unwrap_or(u64::MAX);
    }

    fn row(&self, network: &NetworkUp, endpoint: &str, kind: &str) -> UploadRow {
        UploadRow {
            network: network.profile.name.clone(),
            endpoint: endpoint.to_owned(),
            kind: kind.to_owned(),
            spread: spread(&self.total),
            endorse: spread(&self.endorse),
            order: spread(&self.order),
            commit: spread(&self.commit),
            bytes: self.bytes,
            block_time: network.block_time(),
            version: network.profile.version.clone(),
        }
    }
}

/// Opens and closes `channels` channels by release and as many by token, one after another.
pub(crate) async fn measure(network: &NetworkUp, channels: u32) -> Result<Vec<UploadRow>, BenchError> {
    let bank = network.connect("BankMSP", Caller::Admin)?;
    let client = network.connect("ClientMSP", Caller::User)?;
    let vendor = network.connect("VendorMSP", Caller::User)?;
    for ledger in [&bank, &client, &vendor] {
        ledger.wait_until_ready(READY).await.map_err(|error| network.failed(&error))?;
    }
    let scene = Scene::on(bank.ledger_id())?;
    let msp_id = ShortText::new("BankMSP").map_err(|error| network.failed(&error))?;
    let register = RegisterBank::sign(&scene.ledger, msp_id, MaxDrift::DEFAULT, &scene.bank);
    bank.register_bank(&register).await.map_err(|error| network.failed(&error))?;

    let (mut open, mut release, mut token) = (Times::default(), Times::default(), Times::default());
    for _ in 0..channels {
        for by_release in [true, false] {
            let paid = Paid::new(&scene)?;
            let command = Open::new(paid.given.clone());
            let submitted = done(network, client.open(&command).await)?;
            open.add(&submitted.timing, &command.to_json());
            if by_release {
                let command = CloseByRelease::sign(*paid.last.fields(), paid.released, &scene.vendor);
                let submitted = done(network, vendor.close_by_release(&command).await)?;
                release.add(&submitted.timing, &command.to_json());
            } else {
                let fields = paid.last.fields();
                let command =
                    CloseByToken::sign(fields.channel, fields.released, fields.token, &scene.vendor);
                let submitted = done(network, vendor.close_by_token(&command, None).await)?;
                token.add(&submitted.timing, &command.to_json());
            }
        }
    }
    Ok(vec![
        open.row(network, "open", "opening"),
        release.row(network, "close", "release"),
        token.row(network, "close", "token"),
    ])
}

fn done(
    network: &NetworkUp,
    submitted: Result<Submitted<ChannelRecord>, LedgerError>,
) -> Result<Submitted<ChannelRecord>, BenchError> {
    submitted.map_err(|error| network.failed(&error))
}

/// A channel that is granted and paid on, off the ledger.
struct Paid {
    given: SignedOpening,
    last: Payment,
    released: Signature,
}

impl Paid {
    fn new(scene: &Scene) -> Result<Self, BenchError> {
        let (given, record) = scene.channel(PAYMENTS)?;
        let mut paying = in_process::paying(scene, &given, &record)?;
        let wrong = || BenchError::WrongResult("making payments");
        let mut last = None;
        for _ in 0..PAYMENTS {
            last = Some(paying.pay(Units::from_count(1), Memo::default(), now()).map_err(|_| wrong())?);
        }
        let last = last.ok_or_else(wrong)?;
        let released = paying.release(&last.ack(), None, None).map_err(|_| wrong())?;
        Ok(Self { given, released: *released.signature(), last })
    }
}
