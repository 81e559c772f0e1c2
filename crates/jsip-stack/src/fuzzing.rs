//! The body of the fuzz target: any sequence of operations keeps the promises of a [`Stack`](crate::Stack).
//!
//! Bytes are read four at a time: an operation and three choices. Whatever they say is done to a stack with two
//! channels and a handful of dialogs; after each step the stack is audited, and at the end, when all peers and
//! instances have fallen silent for long enough, nothing may be left.

mod audit;
mod instance;
mod leg;
mod peer;
mod world;

use std::time::Duration;

use world::World;

/// How long time can be made to pass at once.
const WAITS: [Duration; 8] = [
    Duration::from_millis(1),
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(6),
    Duration::from_secs(20),
    Duration::from_secs(61),
    Duration::from_secs(121),
    Duration::from_secs(301),
];

/// Does what the bytes say and asserts what a stack promises.
///
/// | first byte mod 16 | operation | choices |
/// |---|---|---|
/// | 0, 1 | the peer sends a request | channel and CSeq, method, dialog and headers |
/// | 2 | the peer sends an earlier request again | which |
/// | 3, 4 | the peer responds to a request of the stack | which, code |
/// | 5 | an instance opens a dialog | method, whom to, headers |
/// | 6, 7 | an instance sends on a leg | leg, method, headers |
/// | 8, 9 | an instance responds | leg, which request, code |
/// | 10 | an instance finishes or fails | leg, how |
/// | 11 | time passes | how long |
/// | 12 | a channel loses or gets its socket | channel |
/// | 13 | a channel is lost, a link fails | channel, how |
/// | 14 | the outbox releases | channel, how much |
/// | 15 | how the node behaves from here on | accepting, binding, releasing and reporting |
pub fn operations(data: &[u8]) {
    let mut world = World::new(data.first().copied().unwrap_or(0));
    for operation in data.get(1..).unwrap_or_default().chunks_exact(4) {
        let &[what, a, b, c] = operation else { continue };
        match what % 16 {
            0 | 1 => world.peer_requests(a, b, c),
            2 => world.peer_repeats(a),
            3 | 4 => world.peer_responds(a, b),
            5 => world.instance_opens(a, b, c),
            6 | 7 => world.instance_sends(a, b, c),
            8 | 9 => world.instance_responds(a, b, c),
            10 => world.instance_ends(a, b),
            11 => world.wait(WAITS[usize::from(a) % WAITS.len()]),
            12 => world.toggle(a),
            13 => world.lose(a, b),
            14 => world.release(a, b),
            _ => world.mood(a, b, c),
        }
        world.settle();
    }
    world.finish();
}
