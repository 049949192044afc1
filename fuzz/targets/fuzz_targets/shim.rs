#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _decoded = lockstep_fuzz::SHIM.run(input);
});
