//! Any sequence of operations keeps the promises of the stack.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Openings that lead somewhere, as operations of [`jsip_stack::fuzzing::operations`].
fn openings() -> Vec<Vec<[u8; 4]>> {
    let (invite, ack, bye, cancel, update, prack, message) = (0, 1, 2, 3, 7, 8, 11);
    let ringing = 1;
    let ok = 3;
    let busy = 7;
    vec![
        // The peer calls; ringing, answered, acknowledged.
        vec![[0, 0, invite, 0]],
        vec![[0, 0, invite, 0], [8, 0, 0, ringing]],
        vec![[0, 0, invite, 0], [8, 0, 0, ringing], [0, 0, prack, 0]],
        vec![[0, 0, invite, 0], [8, 0, 0, ringing], [0, 0, update, 8]],
        vec![[0, 0, invite, 0], [8, 0, 0, ok]],
        vec![[0, 0, invite, 16], [8, 0, 0, ok], [0, 8, ack, 0]],
        vec![
            [0, 0, invite, 0],
            [8, 0, 0, ok],
            [0, 8, ack, 0],
            [0, 0, invite, 0],
        ],
        vec![
            [0, 0, invite, 0],
            [8, 0, 0, ok],
            [0, 8, ack, 0],
            [6, 0, invite, 0],
        ],
        vec![[0, 0, invite, 0], [8, 0, 0, ok], [0, 8, ack, 0], [0, 0, bye, 0]],
        vec![[0, 0, invite, 0], [8, 0, 0, busy]],
        vec![[0, 0, invite, 0], [0, 0, cancel, 0]],
        // An instance calls.
        vec![[5, invite, 0, 0]],
        vec![[5, invite, 0, 0], [3, 0, ringing, 0]],
        vec![[5, invite, 0, 0], [3, 0, ringing, 0], [6, 0, prack, 0]],
        vec![[5, invite, 0, 0], [3, 0, ok, 0]],
        vec![[5, invite, 0, 2], [3, 0, ok, 0], [6, 0, ack, 0]],
        vec![
            [5, invite, 0, 0],
            [3, 0, ok, 0],
            [6, 0, ack, 0],
            [6, 0, invite, 0],
        ],
        vec![
            [5, invite, 0, 0],
            [3, 0, ok, 0],
            [6, 0, ack, 0],
            [6, 0, invite, 0],
            [6, 0, cancel, 0],
        ],
        vec![[5, invite, 0, 0], [6, 0, cancel, 0]],
        vec![[12, 0, 0, 0], [5, invite, 0, 0], [6, 0, cancel, 0]],
        vec![[15, 1, 1, 0], [5, invite, 0, 0], [6, 0, cancel, 0]],
        // One transaction.
        vec![[0, 0, message, 0]],
        vec![[5, message, 0, 0]],
        vec![[5, message, 2, 0]],
    ]
}

/// Operations that mostly mean something: few dialogs, methods that fit.
fn step() -> impl Strategy<Value = [u8; 4]> {
    prop_oneof![
        4 => (0..2u8, 0..13u8, 0..32u8).prop_map(|(a, b, c)| [0, a, b, c & !4]),
        3 => (0..32u8, 0..13u8, any::<u8>()).prop_map(|(a, b, c)| [0, a, b, c]),
        1 => (0..16u8).prop_map(|a| [2, a, 0, 0]),
        5 => (0..8u8, 0..10u8).prop_map(|(a, b)| [3, a, b, 0]),
        2 => (0..13u8, 0..3u8, 0..8u8).prop_map(|(a, b, c)| [5, a, b, c]),
        5 => (0..3u8, 0..13u8, 0..6u8).prop_map(|(a, b, c)| [6, a, b, c]),
        5 => (0..3u8, 0..4u8, 0..10u8).prop_map(|(a, b, c)| [8, a, b, c]),
        1 => (0..3u8, 0..2u8).prop_map(|(a, b)| [10, a, b, 0]),
        3 => (0..8u8).prop_map(|a| [11, a, 0, 0]),
        1 => (0..2u8).prop_map(|a| [12, a, 0, 0]),
        1 => prop_oneof![9 => Just(12u8), 1 => Just(13u8)].prop_flat_map(|op| (0..2u8, 0..2u8).prop_map(move |(a, b)| [op, a, b, 0])),
        1 => (0..2u8, 0..2u8).prop_map(|(a, b)| [14, a, b, 0]),
        1 => (0..4u8, 0..2u8, 0..4u8).prop_map(|(a, b, c)| [15, a, b, c]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_keep_the_promises(data in vec(any::<u8>(), 0..600)) {
        jsip_stack::fuzzing::operations(&data);
    }

    #[test]
    fn any_course_of_a_call_keeps_the_promises(
        limits in prop_oneof![3 => Just(0u8), 1 => any::<u8>()],
        courses in vec((select(openings()), vec(step(), 0..25)), 1..4),
    ) {
        let mut data = vec![limits];
        for (opening, steps) in &courses {
            data.extend(opening.iter().chain(steps).flatten());
        }
        jsip_stack::fuzzing::operations(&data);
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(512)
}
