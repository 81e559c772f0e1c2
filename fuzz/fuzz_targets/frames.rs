#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| strowger_channel::net::fuzzing::frames(data));
