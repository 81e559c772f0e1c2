//! Every call of the fault simulation, played again from what was written down: the same to the last byte.

use strowger_testkit::simulation::{Replays, replay};

const SEEDS: u64 = 300;

#[test]
fn every_call_is_played_again_as_it_was() {
    let mut replays = Replays::default();
    for seed in 1..=SEEDS {
        replays += replay(seed);
        assert_eq!(replays.differing, 0, "{replays}");
    }
    println!("{replays}");
    assert!(replays.calls > SEEDS * 10, "{replays}");
}
