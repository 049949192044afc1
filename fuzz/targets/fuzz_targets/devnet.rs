#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _decoded = lockstep_fuzz::DEVNET.run(input);
});
