use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use strowger_node::driver::Batch;
use strowger_node::{
    Begun, ChannelWhat, DialogRef, DialogWhat, EndCause, Happening, InstanceWhat, Refusal, Version, What,
};
use strowger_time::Instant;

use super::*;
use crate::event::Kind;
use crate::follower::QUEUE;

const BOUNDS: Bounds = Bounds {
    calls: 4,
    bytes: 1 << 20,
    events: 8,
};

fn dialog(number: u32) -> DialogRef {
    format!("000100-{number:x}-1").parse().unwrap()
}

fn batch(whats: Vec<What>) -> Batch {
    let happening = |what| Happening {
        at: Instant::ZERO,
        what,
    };
    Batch {
        shard: 0,
        broken: false,
        wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        now: Instant::ZERO,
        clock: Duration::ZERO,
        happenings: whats.into_iter().map(happening).collect(),
    }
}

fn begun(number: u32, from: &str) -> What {
    What::Dialog(
        dialog(number),
        DialogWhat::Begun(Box::new(Begun {
            id: jsip::DialogId::new("d").unwrap(),
            channel: None,
            by_peer: true,
            method: jsip::Method::Invite,
            from: from.into(),
            to: "bob@example.com".into(),
            identity: None,
            target: None,
        })),
    )
}

fn served(number: u32, instance: u32) -> [What; 2] {
    let instance = format!("000100-{instance:x}-9").parse().unwrap();
    let version = Arc::new(Version {
        number: 1,
        label: "built-in".to_owned(),
    });
    let service: Arc<str> = "relay".into();
    [
        What::Instance(
            instance,
            InstanceWhat::Started {
                service: Arc::clone(&service),
                version: Arc::clone(&version),
            },
        ),
        What::Served {
            dialog: dialog(number),
            service,
            version,
            instance,
        },
    ]
}

fn state(number: u32) -> What {
    let (from, to) = ("Inviting", "Early");
    What::Dialog(dialog(number), DialogWhat::State { from, to })
}

fn ended(number: u32) -> What {
    What::Dialog(dialog(number), DialogWhat::Ended(EndCause::Bye))
}

fn over(instance: u32) -> What {
    let instance = format!("000100-{instance:x}-9").parse().unwrap();
    What::Instance(instance, InstanceWhat::Ended)
}

/// A whole call that no instance got.
fn call(number: u32) -> Vec<What> {
    vec![begun(number, "alice@example.com"), ended(number)]
}

fn names(feed: &Feed) -> Vec<String> {
    let all = feed.list(&Wanted::default(), None, 100);
    all.items.into_iter().map(|call| call.call).collect()
}

fn everything() -> Follow {
    Follow::All {
        user: None,
        service: None,
        backlog: false,
    }
}

fn of(call: &str, after: u64) -> Follow {
    let call = call.to_owned();
    Follow::Call { call, after }
}

/// What was told, in short.
fn short(told: &[Told]) -> Vec<String> {
    let one = |told: &Told| match told {
        Told::Call(call) => format!("call {}", call.events),
        Told::Event(event) => format!("event {}", event.seq),
        Told::Gap(left_out) => format!("gap {left_out}"),
        Told::End => "end".to_owned(),
    };
    told.iter().map(one).collect()
}

#[test]
fn a_call_is_that_of_its_instance_from_the_start() {
    let mut feed = Feed::new(BOUNDS);
    let mut whats = vec![begun(1, "alice@example.com")];
    whats.extend(served(1, 7));
    whats.push(state(1));
    feed.take_in(batch(whats));
    assert_eq!(names(&feed), ["000100-7-9"]);
    let (call, list) = feed.one("000100-7-9").unwrap();
    assert_eq!((call.service.as_deref(), call.cut), (Some("relay"), false));
    assert_eq!(call.parties[0].state.as_deref(), Some("Early"));
    let kinds: Vec<_> = list.iter().map(|event| kind(&event.kind)).collect();
    assert_eq!(kinds, ["began", "served", "state"]);
    assert_eq!(list[0].party.as_deref(), Some("alice@example.com"));
    // A leg that ends is not the end of the call.
    feed.take_in(batch(vec![ended(1)]));
    assert_eq!(feed.one("000100-7-9").unwrap().0.ended_ms, None);
    feed.take_in(batch(vec![over(7)]));
    assert!(feed.one("000100-7-9").unwrap().0.ended_ms.is_some());
    assert!(feed.legs.is_empty());
}

fn kind(kind: &Kind) -> String {
    let value = serde_json::to_value(kind).unwrap();
    value["kind"].as_str().unwrap().to_owned()
}

#[test]
fn a_command_that_was_refused_is_named() {
    let mut feed = Feed::new(BOUNDS);
    let mut whats = vec![begun(1, "alice@example.com")];
    whats.extend(served(1, 7));
    let refused = InstanceWhat::Refused {
        dialog: Some(dialog(1)),
        refusal: Box::new(Refusal {
            command: "send",
            text: "INVITE".into(),
            why: "no such leg".into(),
        }),
    };
    whats.push(What::Instance("000100-7-9".parse().unwrap(), refused));
    feed.take_in(batch(whats));
    let (_, list) = feed.one("000100-7-9").unwrap();
    let told = serde_json::to_value(&**list.last().unwrap()).unwrap();
    let members = ["kind", "party", "command", "text", "why"].map(|name| told[name].as_str().unwrap());
    assert_eq!(
        members,
        ["refused", "alice@example.com", "send", "INVITE", "no such leg"]
    );
}

#[test]
fn a_call_whose_begin_nobody_saw_says_so() {
    let mut feed = Feed::new(BOUNDS);
    let [_, joined] = served(1, 7);
    feed.take_in(batch(vec![begun(1, "alice@example.com"), joined]));
    assert!(feed.one("000100-7-9").unwrap().0.cut);
    // Nor is anything made of what happens in calls that are not known at all.
    feed.take_in(batch(vec![state(5), ended(5), over(9)]));
    assert_eq!(feed.len(), 1);
}

#[test]
fn what_is_over_leaves_first_the_oldest_before_others() {
    let mut feed = Feed::new(BOUNDS);
    feed.take_in(batch(vec![begun(1, "alice@example.com")]));
    for number in 2..=6 {
        feed.take_in(batch(call(number)));
    }
    assert_eq!(
        names(&feed),
        ["d:000100-6-1", "d:000100-5-1", "d:000100-4-1", "d:000100-1-1"]
    );
    // Where none is over, the oldest goes all the same, and what happens in it is nothing any more.
    for number in 7..=10 {
        feed.take_in(batch(vec![begun(number, "alice@example.com")]));
    }
    assert!(feed.one("d:000100-1-1").is_none());
    feed.take_in(batch(vec![state(1), ended(1)]));
    assert_eq!((feed.len(), feed.legs.len()), (4, 4));
}

#[test]
fn the_latest_events_of_a_call_are_kept() {
    let mut feed = Feed::new(BOUNDS);
    feed.take_in(batch(vec![begun(1, "alice@example.com")]));
    feed.take_in(batch(vec![state(1); 20]));
    let (call, list) = feed.one("d:000100-1-1").unwrap();
    assert_eq!((call.events, call.cut, list.len()), (21, true, 8));
    assert_eq!((list[0].seq, list[7].seq), (14, 21));
}

#[test]
fn bytes_are_bounded_and_come_back() {
    let mut feed = Feed::new(Bounds {
        calls: 1000,
        bytes: 20_000,
        events: 1000,
    });
    let empty = feed.bytes();
    for number in 1..200 {
        feed.take_in(batch(call(number)));
        assert!(feed.bytes() <= 20_000);
    }
    assert!((5..100).contains(&feed.len()), "{}", feed.len());
    feed.set_bounds(Bounds { calls: 0, ..BOUNDS });
    assert_eq!((feed.len(), feed.bytes()), (0, empty));
}

#[test]
fn a_list_has_parts_and_filters() {
    let mut feed = Feed::new(Bounds { calls: 10, ..BOUNDS });
    for number in 1..=3 {
        feed.take_in(batch(call(number)));
        feed.take_in(batch(vec![begun(number + 10, "bob@example.com")]));
    }
    let all = Wanted::default();
    let first = feed.list(&all, None, 4);
    let second = feed.list(&all, first.next, 4);
    assert_eq!((first.items.len(), second.items.len(), second.next), (4, 2, None));
    assert!(first.items[3].call > second.items[0].call || first.items[3].call != second.items[0].call);
    let count = |user: Option<&str>, live| {
        let wanted = Wanted {
            user: user.map(str::to_owned),
            service: None,
            live,
        };
        feed.list(&wanted, None, 100).items.len()
    };
    assert_eq!(
        (count(Some("ali"), None), count(Some("alice@example"), None)),
        (3, 0)
    );
    assert_eq!(
        (
            count(None, Some(true)),
            count(Some("bob@example.com"), Some(false))
        ),
        (3, 0)
    );
}

#[test]
fn the_calls_of_a_user_are_found_however_many_lie_between() {
    let calls = LOOKS as u32 + 10;
    let mut feed = Feed::new(Bounds {
        calls: LOOKS * 2,
        bytes: 1 << 30,
        events: 8,
    });
    feed.take_in(batch(vec![begun(1, "carol@example.com")]));
    feed.take_in(batch(
        (2..calls)
            .map(|number| begun(number, "alice@example.com"))
            .collect(),
    ));
    feed.take_in(batch(vec![begun(calls, "carol@example.com")]));
    let wanted = |user: &str| Wanted {
        user: Some(user.to_owned()),
        ..Wanted::default()
    };
    let part = feed.list(&wanted("carol@example.com"), None, 1);
    assert_eq!(part.items[0].call, dialog_call(calls));
    let part = feed.list(&wanted("carol@example.com"), part.next, 10);
    assert_eq!((part.items[0].call.clone(), part.next), (dialog_call(1), None));
    assert_eq!(feed.list(&wanted("dora@example.com"), None, 10), Calls::default());
    // Who has only the begin of a name looks at so many at a time.
    assert!(feed.list(&wanted("dora"), None, 10).next.is_some());
}

fn dialog_call(number: u32) -> String {
    format!("d:{}", dialog(number))
}

#[test]
fn a_user_is_found_by_the_name_of_his_channel_and_not_by_another() {
    let mut feed = Feed::new(BOUNDS);
    let channel = Channel::new(7);
    let named = ChannelWhat::Named {
        name: "carol@example.com".into(),
        up: true,
    };
    feed.take_in(batch(vec![
        What::Channel(channel, named),
        begun(1, "alice@example.com"),
        begun(2, "alice@example.com"),
        What::Dialog(dialog(1), DialogWhat::Bound(channel)),
    ]));
    let count = |feed: &Feed, user: &str| {
        let user = Some(user.to_owned());
        let wanted = Wanted {
            user,
            ..Wanted::default()
        };
        feed.list(&wanted, None, 10).items.len()
    };
    assert_eq!(count(&feed, "alice@example.com"), 1);
    assert_eq!(count(&feed, "carol@example.com"), 1);
    // What has left leaves no entry behind.
    feed.set_bounds(Bounds { calls: 0, ..BOUNDS });
    assert_eq!((feed.users.len(), count(&feed, "carol@example.com")), (0, 0));
}

#[test]
fn a_leg_that_makes_room_takes_its_user_along() {
    let mut feed = Feed::new(BOUNDS);
    let number = |at: u32| 10 + at;
    let whats = (0..65).flat_map(|at| {
        let user = format!("user-{at}@example.com");
        let [started, served] = served(number(at), 7);
        [begun(number(at), &user), started, served, ended(number(at))]
    });
    feed.take_in(batch(whats.collect()));
    let found = |user: &str| {
        let user = Some(user.to_owned());
        let wanted = Wanted {
            user,
            ..Wanted::default()
        };
        feed.list(&wanted, None, 10).items.len()
    };
    assert_eq!(
        (found("user-0@example.com"), found("user-64@example.com")),
        (0, 1)
    );
    assert_eq!(feed.users.len(), 64);
}

#[test]
fn who_follows_one_call_is_told_all_of_it_and_its_end() {
    let mut feed = Feed::new(BOUNDS);
    feed.take_in(batch(vec![begun(1, "alice@example.com"), state(1)]));
    let (id, _) = feed.follow(of("d:000100-1-1", 1)).unwrap();
    assert_eq!(short(&feed.take(id, 100)), ["call 2", "event 2"]);
    // Until all before was told, it has not ended.
    let ends = |told: &Told| matches!(told, Told::Call(call) if call.ended_ms.is_some());
    feed.take_in(batch(vec![begun(2, "carol@example.com"), state(1), ended(1)]));
    let told = feed.take(id, 100);
    assert_eq!(short(&told), ["call 4", "event 3", "event 4", "call 4", "end"]);
    assert_eq!(
        told.iter().map(ends).collect::<Vec<_>>(),
        [false, false, false, true, false]
    );
    let (late, _) = feed.follow(of("d:000100-1-1", 3)).unwrap();
    assert_eq!(short(&feed.take(late, 100)), ["call 4", "event 4", "end"]);
    assert_eq!(
        feed.follow(of("d:000100-9-1", 0)).unwrap_err(),
        FollowError::NoCall
    );
    // Who went on from an event that is gone is told how many are.
    feed.take_in(batch(vec![state(2); 20]));
    let (far, _) = feed.follow(of("d:000100-2-1", 3)).unwrap();
    assert_eq!(short(&feed.take(far, 3)).len(), 3);
    assert!(short(&feed.take(far, 100)).contains(&"gap 10".to_owned()));
}

#[test]
fn who_follows_a_user_is_told_a_call_from_its_begin_when_he_joins_it() {
    let mut feed = Feed::new(BOUNDS);
    let follow = |user: &str| Follow::All {
        user: Some(user.to_owned()),
        service: None,
        backlog: false,
    };
    let (carol, _) = feed.follow(follow("carol@example.com")).unwrap();
    let (nobody, _) = feed.follow(follow("nobody@example.com")).unwrap();
    let [_, joined] = served(2, 7);
    let mut whats = vec![begun(1, "alice@example.com")];
    whats.extend(served(1, 7));
    whats.extend([begun(2, "carol@example.com"), joined]);
    feed.take_in(batch(whats));
    assert_eq!(
        short(&feed.take(carol, 100)),
        ["call 4", "event 1", "event 2", "event 3", "event 4"]
    );
    assert!(feed.take(nobody, 100).is_empty());
}

#[test]
fn who_is_too_slow_is_told_how_much_he_missed_and_holds_nobody_up() {
    let mut feed = Feed::new(Bounds {
        events: 10_000,
        ..BOUNDS
    });
    let (slow, _) = feed.follow(everything()).unwrap();
    let (quick, _) = feed.follow(everything()).unwrap();
    feed.take_in(batch(vec![begun(1, "alice@example.com")]));
    for _ in 0..QUEUE {
        feed.take_in(batch(vec![state(1)]));
        assert!(!feed.take(quick, 100).is_empty());
    }
    // The call itself is in the queue once, however often it changed.
    let told = feed.take(slow, 2 * QUEUE);
    assert_eq!(told.len(), QUEUE + 1);
    assert_eq!(short(&told[QUEUE..]), ["gap 2"]);
    feed.take_in(batch(vec![state(1)]));
    assert_eq!(feed.take(slow, 100).len(), 2);
}

#[test]
fn not_more_follow_than_may() {
    let mut feed = Feed::new(BOUNDS);
    let ids: Vec<_> = (0..FOLLOWERS)
        .map(|_| feed.follow(everything()).unwrap().0)
        .collect();
    assert_eq!(feed.follow(everything()).unwrap_err(), FollowError::TooMany);
    feed.leave(ids[3]);
    let (last, _) = feed.follow(everything()).unwrap();
    feed.close();
    assert_eq!(short(&feed.take(last, 100)), ["end"]);
    assert_eq!(short(&feed.take(ids[0], 100)), ["end"]);
}

#[test]
fn what_was_left_out_of_a_shard_leaves_no_call_behind_that_never_ends() {
    let mut feed = Feed::new(BOUNDS);
    feed.take_in(batch(vec![begun(1, "alice@example.com")]));
    feed.take_in(batch(call(2)));
    let (id, _) = feed.follow(of("d:000100-1-1", 0)).unwrap();
    feed.take(id, 100);
    let mut broken = batch(vec![begun(3, "alice@example.com")]);
    broken.broken = true;
    feed.take_in(broken);
    assert_eq!(names(&feed), ["d:000100-3-1", "d:000100-2-1"]);
    assert_eq!(short(&feed.take(id, 100)), ["end"]);
    assert_eq!(feed.legs.len(), 1);
}

#[test]
fn who_looks_away_keeps_what_is_over() {
    let mut feed = Feed::new(BOUNDS);
    feed.take_in(batch(vec![begun(1, "alice@example.com")]));
    feed.take_in(batch(call(2)));
    feed.look_away();
    assert_eq!(
        (names(&feed), feed.legs.len()),
        (vec!["d:000100-2-1".to_owned()], 0)
    );
}

#[derive(Clone, Debug)]
enum Step {
    Begin(u32, u32),
    State(u32),
    End(u32),
    Over(u32),
    Broken,
    Follow(Option<u32>),
    Take(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..12_u32, 0..6_u32).prop_map(|(number, instance)| Step::Begin(number, instance)),
        6 => (0..12_u32).prop_map(Step::State),
        3 => (0..12_u32).prop_map(Step::End),
        2 => (0..6_u32).prop_map(Step::Over),
        1 => Just(Step::Broken),
        1 => prop::option::of(0..12_u32).prop_map(Step::Follow),
        2 => (0..40_usize).prop_map(Step::Take),
        1 => (0..40_usize).prop_map(Step::Leave),
    ]
}

proptest! {
    /// Whatever shards tell, in whatever order: bounds hold, tables agree, and what is counted is what is there.
    #[test]
    fn bounds_hold_whatever_happens(steps in prop::collection::vec(step(), 1..200)) {
        let mut feed = Feed::new(Bounds { calls: 5, bytes: 8_000, events: 6 });
        let mut followers = Vec::new();
        for step in steps {
            match step {
                Step::Begin(number, instance) => {
                    let mut whats = vec![begun(number, &format!("user-{}@example.com", number % 3))];
                    if instance > 0 {
                        whats.extend(served(number, instance));
                    }
                    feed.take_in(batch(whats));
                }
                Step::State(number) => feed.take_in(batch(vec![state(number)])),
                Step::End(number) => feed.take_in(batch(vec![ended(number)])),
                Step::Over(instance) => feed.take_in(batch(vec![over(instance)])),
                Step::Broken => {
                    let mut broken = batch(Vec::new());
                    broken.broken = true;
                    feed.take_in(broken);
                }
                Step::Follow(None) => followers.extend(feed.follow(everything()).map(|(id, _)| id)),
                Step::Follow(Some(number)) => {
                    let call = format!("d:{}", dialog(number));
                    followers.extend(feed.follow(of(&call, 0)).map(|(id, _)| id));
                }
                Step::Take(which) => {
                    if let Some(id) = followers.get(which % followers.len().max(1)) {
                        feed.take(*id, 10);
                    }
                }
                Step::Leave(which) => {
                    if !followers.is_empty() {
                        let id = followers.swap_remove(which % followers.len());
                        feed.leave(id);
                    }
                }
            }
            prop_assert!(feed.len() <= 5 && feed.bytes() <= 8_000 && feed.followers() <= FOLLOWERS);
            prop_assert_eq!(feed.bytes(), feed.calls.values().map(|call| call.bytes).sum::<usize>());
            for (place, call) in &feed.calls {
                prop_assert!(call.list.len() <= 6);
                prop_assert_eq!(feed.over.contains(place), call.ended_ms.is_some());
            }
            let names = |(place, call): (&u64, &Call)| {
                call.parties.iter().map(|party| (Arc::clone(&party.name), *place)).collect::<Vec<_>>()
            };
            let taking_part: BTreeSet<_> = feed.calls.iter().flat_map(names).collect();
            prop_assert_eq!(feed.users.len(), taking_part.len());
            for leg in feed.legs.values() {
                prop_assert!(feed.calls.contains_key(&leg.place));
            }
            let present = feed.calls.keys();
            prop_assert!(feed.followers.values().all(|follower| {
                follower.fitting.iter().all(|place| feed.calls.contains_key(place))
            }), "{:?}", present);
        }
    }
}

#[test]
fn times_before_1970_are_0() {
    assert_eq!(
        crate::event::millis(SystemTime::UNIX_EPOCH - Duration::from_secs(1)).abs(),
        0.0
    );
}
