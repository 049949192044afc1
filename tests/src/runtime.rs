//! The one runtime on which scenarios wait.

use std::sync::LazyLock;

use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("a test machine can start threads"));

/// Runs a scenario's steps to their end.
pub(crate) fn block_on<F: Future>(steps: F) -> F::Output {
    RUNTIME.block_on(steps)
}
