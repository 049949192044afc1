//! One experiment from its first cell to its report.

use std::path::PathBuf;

use lockstep::cli::Output;
use tokio_util::sync::CancellationToken;

use crate::environment;
use crate::error::BenchError;
use crate::journal::{Identity, Journal};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::results::{PhaseRow, RatioRow, Results};
use crate::scene::Scene;
use crate::{in_process, mock, ratios, report};

/// What to run, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is measured.
    pub plan: Plan,
    /// The folder of the journal and of every document.
    pub out: PathBuf,
    /// Where progress is shown.
    pub output: Output,
    /// What the caller could not provide, and why.
    pub skipped: Vec<String>,
}

/// Measures what is not in the journal yet, and writes every document.
///
/// # Errors
/// [`BenchError`], [`BenchError::Interrupted`] once `stop` is cancelled; what was measured stays in the journal.
pub async fn run(options: &Options, stop: &CancellationToken) -> Result<Results, BenchError> {
    let mut environment = environment::look();
    let identity = Identity {
        plan: options.plan.name.to_owned(),
        commit: environment.commit.clone(),
        processor: environment.processor.clone(),
    };
    let journal = Journal::open(&options.out, &identity)?;
    environment.started = journal.started().to_vec();
    let plan = &options.plan;
    let cells = plan.in_process.cells().count() + plan.paper.cells().count() + 1;
    let mut run = Run {
        journal,
        progress: Progress::new(cells, &options.output),
        scene: Scene::new()?,
        stop: stop.clone(),
    };

    let mut phases = Vec::new();
    for (count, amount) in plan.paper.cells() {
        phases.extend(run.mock(plan, count, amount).await?);
    }
    for (count, amount) in plan.in_process.cells() {
        phases.extend(run.in_process(plan, count, amount).await?);
    }
    let ratio_details = run.ratios(plan).await?;
    run.progress.end();
    let results = Results {
        plan: plan.name.to_owned(),
        environment,
        phases,
        uploads: Vec::new(),
        ratios: ratio_details.iter().map(|row| (row.name.clone(), row.median)).collect(),
        ratio_details,
        sizes: Vec::new(),
        committee: Vec::new(),
        growth: Vec::new(),
        skipped: options.skipped.clone(),
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
    /// A cell from the journal, or measured and kept.
    async fn cell<T: serde::Serialize + serde::de::DeserializeOwned>(
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

    async fn mock(&mut self, plan: &Plan, count: u32, amount: u32) -> Result<Vec<PhaseRow>, BenchError> {
        let (key, runs) = (format!("{}, {count} payments of {amount} $", mock::MODE), plan.paper.runs(count));
        self.cell(&key, async |_| mock::measure(count, amount, runs)).await
    }

    async fn in_process(
        &mut self,
        plan: &Plan,
        count: u32,
        amount: u32,
    ) -> Result<Vec<PhaseRow>, BenchError> {
        let key = format!("{}, {count} payments of {amount} $", in_process::MODE);
        let runs = plan.in_process.runs(count);
        self.cell(&key, async |scene| in_process::measure(scene, count, amount, runs)).await
    }

    async fn ratios(&mut self, plan: &Plan) -> Result<Vec<RatioRow>, BenchError> {
        self.cell("ratios", async |scene| ratios::measure(scene, plan)).await
    }
}
