//! Replays the committed corpus of the fuzz target.

use std::fs;
use std::path::Path;

use jsip_stack::fuzzing::operations;

#[test]
fn the_corpus_keeps_the_promises() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/stack");
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is committed") {
        let input = fs::read(entry.expect("a readable folder").path()).expect("a readable file");
        operations(&input);
        // What a fuzzer would try first: every cut, every operation twice or left out, every byte as another one.
        for at in 0..input.len() {
            operations(&input[..at]);
            for byte in [0, 1, 3, 5, 7, 10, 11, 13, 0xff] {
                let mut other = input.clone();
                other[at] = byte;
                operations(&other);
            }
        }
        for at in (1..input.len().saturating_sub(3)).step_by(4) {
            let (before, rest) = input.split_at(at);
            operations(&[before, &rest[4..]].concat());
            operations(&[before, &rest[..4], rest].concat());
        }
        inputs += 1;
    }
    assert!(inputs >= 20, "{inputs} files in {}", folder.display());
}
