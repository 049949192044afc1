//! One experiment from its first cell to its report.

use std::path::PathBuf;

use lockstep::cli::Output;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::error::BenchError;
use crate::growth::DEPOSIT;
use crate::journal::{Identity, Journal};
use crate::parties::Parties;
use crate::plan::{Grid, Plan};
use crate::progress::Progress;
use crate::results::{CommitteeRow, Environment, GrowthRow, PhaseRow, Results, UploadRow};
use crate::scene::Scene;
use crate::uploads::NetworkUp;
use crate::{
    committee, durable, environment, growth, in_process, mock, python, ratios, report, sizes, uploads,
};

/// What to run, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is measured.
    pub plan: Plan,
    /// The folder of the journal and of every document.
    pub out: PathBuf,
    /// Where progress is shown.
    pub output: Output,
    /// Profiles of networks that are up, with the contract deployed.
    pub profiles: Vec<PathBuf>,
    /// A Python with what the baseline needs.
    pub python: Option<PathBuf>,
    /// What the caller could not provide, and why.
    pub skipped: Vec<String>,
}

/// Measures what is not in the journal yet, and writes every document.
///
/// # Errors
/// [`BenchError`], [`BenchError::Interrupted`] once `stop` is cancelled; what was measured stays in the journal.
pub async fn run(options: &Options, stop: &CancellationToken) -> Result<Results, BenchError> {
    let (plan, mut environment) = (&options.plan, environment::look());
    let networks =
        options.profiles.iter().map(|file| NetworkUp::read(file)).collect::<Result<Vec<_>, _>>()?;
    let mut run = Run::begin(options, &environment, networks.len(), stop)?;
    environment.started = run.journal.started().to_vec();
    let mut skipped = options.skipped.clone();
    if let Some(python) = &options.python {
        let version = python::versions(python).await.unwrap_or_else(|| "not known".to_owned());
        environment.versions.push(("Python".to_owned(), version));
    } else {
        skipped.push(
            "the baseline in Python: no interpreter was given (`scripts/bench` installs one)".to_owned(),
        );
    }
    if networks.is_empty() {
        skipped.push("uploads and growth: no network was given (`scripts/bench` starts them)".to_owned());
    }
    for NetworkUp { profile, .. } in &networks {
        environment.versions.push((profile.name.clone(), profile.version.clone()));
    }
    let mut phases = run.phases(plan).await?;
    if let Some(python) = &options.python {
        phases.extend(run.python(plan, python).await?);
    }
    let ratio_details = run.cell("ratios", async |scene| ratios::measure(scene, plan)).await?;
    let committee = run.committee(plan).await?;
    let uploads = run.uploads(plan, &networks).await?;
    let growth = run.growth(plan, &networks).await?;
    run.progress.end();
    let results = Results {
        plan: plan.name.to_owned(),
        environment,
        phases,
        uploads,
        ratios: ratio_details.iter().map(|row| (row.name.clone(), row.median)).collect(),
        ratio_details,
        sizes: sizes::look(plan)?,
        committee,
        growth,
        skipped,
    };
    report::write(&results, &options.out)?;
    Ok(results)
}

/// A run under way.
struct Run {
    journal: Journal,
    progress: Progress,
    scene: Scene,
    stop: CancellationToken,
}

impl Run {
    fn begin(
        options: &Options,
        environment: &Environment,
        networks: usize,
        stop: &CancellationToken,
    ) -> Result<Self, BenchError> {
        let identity = Identity {
            plan: options.plan.name.to_owned(),
            commit: environment.commit.clone(),
            processor: environment.processor.clone(),
        };
        let journal = Journal::open(&options.out, &identity)?;
        let plan = &options.plan;
        let in_python = options.python.iter().count() * 2 * plan.python.cells().count();
        let growing = if networks == 0 { 0 } else { plan.growth.len() };
        let cells = [&plan.paper, &plan.in_process, &plan.tls].map(|grid| grid.cells().count());
        let cells = cells.iter().sum::<usize>() + in_python + 2 + plan.committees.len() + networks + growing;
        Ok(Self {
            journal,
            progress: Progress::new(cells, &options.output),
            scene: Scene::new()?,
            stop: stop.clone(),
        })
    }

    /// A cell from the journal, or measured and kept.
    async fn cell<T: Serialize + DeserializeOwned>(
        &mut self,
        key: &str,
        measure: impl AsyncFnOnce(&Scene) -> Result<T, BenchError>,
    ) -> Result<T, BenchError> {
        if let Some(found) = self.journal.find(key)? {
            self.progress.done();
            return Ok(found);
        }
        self.progress.begin(key);
        let cell = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(BenchError::Interrupted),
            cell = measure(&self.scene) => cell?,
        };
        self.journal.keep(key, &cell)?;
        self.progress.done();
        Ok(cell)
    }

    /// All cells of one grid in one mode.
    async fn grid(
        &mut self,
        mode: &str,
        grid: &Grid,
        measure: impl AsyncFn(&Scene, (u32, u32), u32) -> Result<Vec<PhaseRow>, BenchError>,
    ) -> Result<Vec<PhaseRow>, BenchError> {
        let mut rows = Vec::new();
        for (count, amount) in grid.cells() {
            let (key, runs) = (format!("{mode}, {count} payments of {amount} $"), grid.runs(count));
            rows.extend(self.cell(&key, async |scene| measure(scene, (count, amount), runs).await).await?);
        }
        Ok(rows)
    }

    async fn phases(&mut self, plan: &Plan) -> Result<Vec<PhaseRow>, BenchError> {
        let paper = async |_: &Scene, (count, amount), runs| mock::measure(count, amount, runs);
        let mut rows = self.grid(mock::MODE, &plan.paper, paper).await?;
        let real =
            async |scene: &Scene, (count, amount), runs| in_process::measure(scene, count, amount, runs);
        rows.extend(self.grid(in_process::MODE, &plan.in_process, real).await?);
        let tls = async |_: &Scene, (count, amount), runs| durable::measure(count, amount, runs).await;
        rows.extend(self.grid(durable::MODE, &plan.tls, tls).await?);
        Ok(rows)
    }

    async fn python(&mut self, plan: &Plan, program: &std::path::Path) -> Result<Vec<PhaseRow>, BenchError> {
        let mut rows = Vec::new();
        for mode in python::MODES {
            let measure = async |_: &Scene, cell, runs| python::measure(program, mode, cell, runs).await;
            rows.extend(self.grid(mode, &plan.python, measure).await?);
        }
        Ok(rows)
    }

    async fn committee(&mut self, plan: &Plan) -> Result<Vec<CommitteeRow>, BenchError> {
        let (payments, runs) = plan.committee_payments;
        let mut rows = Vec::new();
        for members in std::iter::once(0).chain(plan.committees.iter().copied()) {
            let key = format!("against a committee of {members}");
            rows.extend(self.cell(&key, async |_| committee::measure(members, payments, runs).await).await?);
        }
        Ok(rows)
    }

    async fn uploads(&mut self, plan: &Plan, networks: &[NetworkUp]) -> Result<Vec<UploadRow>, BenchError> {
        let mut rows = Vec::new();
        for network in networks {
            let key = format!("uploads to {}", network.profile.name);
            rows.extend(self.cell(&key, async |_| uploads::measure(network, plan.uploads).await).await?);
        }
        Ok(rows)
    }

    /// On the first network; the parties are founded when the first cell is measured.
    async fn growth(&mut self, plan: &Plan, networks: &[NetworkUp]) -> Result<Vec<GrowthRow>, BenchError> {
        let Some(network) = networks.first() else { return Ok(Vec::new()) };
        let mut parties = None;
        let mut rows = Vec::new();
        for payments in &plan.growth {
            let key = format!("growth, {payments} payments");
            let measure = async |_: &Scene| {
                let parties = match &mut parties {
                    Some(parties) => parties,
                    none => none.insert(Parties::found(network, DEPOSIT).await?),
                };
                growth::measure(parties, network, *payments).await
            };
            rows.push(self.cell(&key, measure).await?);
        }
        Ok(rows)
    }
}
