#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jsip_stack::fuzzing::operations(data));
