//! Peers who choose their names and reasons with care.

use crate::harness::{BOUNDS, World, request, response};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

#[test]
fn what_peers_write_stays_text_and_has_its_bounds() {
    let mut world = World::new(1);
    let (alice, bob) = (world.connect(ALICE), world.connect(BOB));
    let hostile = format!("\u{202e}\u{1b}[2J</script>\n\n{}", "é".repeat(5000));
    let mut invite = request("INVITE", ALICE, BOB, "d1", 1);
    invite["From"] = hostile.clone().into();
    world.send(alice, &invite);
    let at_bob = world.next(bob);
    let mut refusal = response(&at_bob, 486);
    refusal["Reason"] = hostile.clone().into();
    world.send(bob, &refusal);
    let (_, list) = world.feed.one(&world.calls()[0].call).unwrap();
    for event in &list {
        let text = serde_json::to_string(&**event).unwrap();
        assert!(
            text.len() < 4096 && !text.contains('\n') && !text.contains('\u{1b}'),
            "{text}"
        );
    }
    let began = serde_json::to_value(&*list[0]).unwrap();
    let from = began["from"].as_str().unwrap();
    assert!(hostile.starts_with(from) && from.len() <= 255);
}

#[test]
fn a_flood_of_repeats_and_of_dialogs_stays_in_bounds() {
    let mut world = World::new(1);
    let (alice, _bob) = (world.connect(ALICE), world.connect(BOB));
    for number in 0..300 {
        world.send(alice, &request("MESSAGE", ALICE, BOB, &format!("m{number}"), 1));
    }
    assert!(world.feed.len() <= BOUNDS.calls && world.feed.bytes() <= BOUNDS.bytes);
    let invite = request("INVITE", ALICE, BOB, "d1", 1);
    for _ in 0..300 {
        world.send(alice, &invite);
    }
    let call = &world.calls()[0];
    assert!(call.cut && call.events > BOUNDS.events as u64, "{call:?}");
    assert_eq!(world.latest().len(), BOUNDS.events);
}
