//! Lives through many histories: `cargo run -p lockstep-simulation -- --histories 100000 --seed 1`.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use lockstep_simulation::{Failure, Planted, Total, try_seed};

/// Lives through generated histories of bank, vendor, client and ledger, and checks the invariants after every event.
/// Prints what they reached, or the shortest failing history found and the seed that replays it (exit code 1).
#[derive(Debug, Parser)]
struct Arguments {
    /// How many histories.
    #[arg(long, default_value_t = 10_000)]
    histories: u64,
    /// The first one's seed; each next one's is one higher.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Takes one seed after the other until there is none, or one has failed.
fn work(next: &AtomicU64, end: u64, failed: &Mutex<Option<Box<Failure>>>) -> Total {
    let mut total = Total::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return total;
        }
        match try_seed(seed, Planted::Nothing) {
            Ok(lived) => total.add(lived),
            Err(failure) => {
                next.store(end, Ordering::Relaxed);
                let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                failed.get_or_insert(failure);
            }
        }
    }
}

fn main() -> ExitCode {
    let Arguments { histories, seed } = Arguments::parse();
    let (began, mut out) = (Instant::now(), std::io::stdout());
    let (next, end, failed) = (AtomicU64::new(seed), seed.saturating_add(histories), Mutex::new(None));
    let mut total = Total::default();
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&next, end, &failed))).collect();
        for worker in workers {
            // A thread that panicked has said why.
            total.merge(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
    });
    // Whoever closed the output does not want to know.
    if let Some(failure) = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        let _ = writeln!(out, "{failure}");
        return ExitCode::FAILURE;
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = f64::from(u32::try_from(total.histories).unwrap_or(u32::MAX)) / seconds;
    let Total { histories, events, .. } = total;
    let _ = write!(
        out,
        "{histories} histories from seed {seed}, {events} events, every invariant held; {seconds:.1} s, {rate:.0} histories a second\n{total}"
    );
    ExitCode::SUCCESS
}
