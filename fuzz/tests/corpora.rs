//! The short form of fuzzing: every stored input of every target, and hundreds of neighbours of each.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what a test cannot do fails it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lockstep_fuzz::{TARGETS, Target};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// Changed copies of each stored input.
const NEIGHBOURS: u32 = 300;
/// Bytes of all stored inputs together.
const MOST_BYTES: u64 = 1_000_000;

fn corpus(target: &Target) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

#[test]
fn valid_seeds_are_taken_and_every_decoder_has_one() {
    for target in TARGETS {
        let mut served = BTreeSet::new();
        for file in corpus(&target) {
            let input = fs::read(&file).unwrap();
            let taken = target.run(&input);
            if name(&file).starts_with("valid-") {
                assert!(taken, "{}: {} is refused", target.name, name(&file));
                served.insert(usize::from(input[0]));
            }
        }
        for (index, (decoder, _)) in target.decoders.iter().enumerate() {
            // A stranger's envelope is never taken: its decoder has no valid input.
            let has = served.contains(&index) || *decoder == "envelope";
            assert!(has, "{}: the decoder {decoder} has no valid seed", target.name);
        }
    }
}

#[test]
fn neighbours_of_the_seeds_break_no_property() {
    for target in TARGETS {
        let inputs: Vec<_> = corpus(&target).iter().map(|file| fs::read(file).unwrap()).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for input in &inputs {
            for _ in 0..NEIGHBOURS {
                let _ = target.run(&neighbour(input, &inputs, &mut rng));
            }
        }
    }
}

/// A copy with a byte changed, a piece cut out, a piece of another input put in, or cut short.
fn neighbour(input: &[u8], others: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut pick =
        |below: usize| usize::try_from(rng.next_u64() % u64::try_from(below.max(1)).unwrap()).unwrap();
    let mut copy = input.to_vec();
    for _ in 0..=pick(3) {
        let at = 1 + pick(copy.len());
        let end = (at + pick(9)).min(copy.len());
        match pick(4) {
            0 => {
                if let Some(byte) = copy.get_mut(at) {
                    *byte = u8::try_from(pick(256)).unwrap();
                }
            }
            1 if at < end => drop(copy.drain(at..end)),
            2 => {
                let other = &others[pick(others.len())];
                let from = pick(other.len());
                let piece = &other[from..(from + pick(40)).min(other.len())];
                copy.splice(end.min(at)..end, piece.iter().copied());
            }
            _ => copy.truncate(at),
        }
    }
    copy
}

#[test]
fn the_corpora_stay_small() {
    let files = TARGETS.iter().flat_map(corpus);
    let bytes: u64 = files.map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
}

#[test]
fn each_target_has_its_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets/fuzz_targets");
    let mut found: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| name(&entry.unwrap().path()).to_owned()).collect();
    let mut wanted: Vec<_> = TARGETS.iter().map(|target| format!("{}.rs", target.name)).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}
