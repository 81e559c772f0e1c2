//! Replays the committed corpus of the fuzz targets.

use std::fs;
use std::path::Path;

use jsip::fuzzing;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is committed") {
        let input = fs::read(entry.expect("a readable folder").path()).expect("a readable file");
        run(&input);
        // What a fuzzer would try first: every cut, and every byte as another one.
        for at in 0..input.len().min(2048) {
            run(&input[..at]);
            let mut other = input.clone();
            for byte in [b'"', b'\\', b'{', b']', b',', 0, b'0', 0xff] {
                other[at] = byte;
                run(&other);
            }
        }
        inputs += 1;
    }
    assert!(inputs >= 15, "{inputs} files in {}", folder.display());
}

#[test]
fn messages_of_the_corpus_hold_the_properties() {
    replay("decode", fuzzing::decode);
}

#[test]
fn uris_of_the_corpus_hold_the_properties() {
    replay("uri", fuzzing::uri);
}
