//! Replays the committed corpus of the fuzz target.

use std::fs;
use std::path::Path;

use strowger_auth::fuzzing;

#[test]
fn tokens_of_the_corpus_hold_the_properties() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/token");
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is committed") {
        let input = fs::read(entry.expect("a readable folder").path()).expect("a readable file");
        fuzzing::token(&input);
        for at in 0..input.len().min(512) {
            fuzzing::token(&input[..at]);
            let mut other = input.clone();
            for byte in [b'"', b'.', b'{', b'-', 0, 0xff] {
                other[at] = byte;
                fuzzing::token(&other);
            }
        }
        inputs += 1;
    }
    assert!(inputs >= 15, "{inputs} files in {}", folder.display());
}
