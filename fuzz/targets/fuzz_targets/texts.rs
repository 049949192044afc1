#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| _ = lockstep_fuzz::TEXTS.run(input));
