//! Writes the seeds of the corpora: a valid encoding for every decoder, from our own encoders. `cargo run -p lockstep-fuzz --example seeds`
//!
//! A seed that is there is left alone: certificates are made with fresh keys.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what this program cannot make it cannot write"
)]

mod fabric;
mod roles;
mod signed;

use std::fs;
use std::path::Path;

use lockstep_fuzz::Target;

/// Seeds of one target.
pub(crate) struct Seeds(Target);

impl Seeds {
    /// A valid encoding for the decoder of this name.
    pub(crate) fn valid(&self, decoder: &str, name: &str, bytes: impl AsRef<[u8]>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(self.0.name);
        let file = folder.join(format!("valid-{decoder}-{name}"));
        let input = self.0.input(decoder, bytes.as_ref()).unwrap();
        assert!(self.0.run(&input), "{}: the decoder refuses its seed", file.display());
        fs::create_dir_all(&folder).unwrap();
        if !file.exists() {
            fs::write(&file, input).unwrap();
        }
    }

    pub(crate) fn json(&self, decoder: &str, name: &str, value: &impl serde::Serialize) {
        self.valid(decoder, name, serde_json::to_vec(value).unwrap());
    }
}

fn main() {
    signed::write();
    roles::write();
    fabric::write();
}
