#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| strowger_journal::fuzzing::journal(data));
