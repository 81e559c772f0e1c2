#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jsip::fuzzing::uri(data));
