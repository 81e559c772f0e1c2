//! Guests that misbehave where they are saved and restored.

use std::time::Duration;

use strowger_host::{Limits, LoadedService};
use strowger_service::jsip::{Method, Request};
use strowger_service::testkit::TestKit;

use crate::guests::{Guest, limits};

/// `save` gives ten bytes.
const TEN_BYTES: &str =
    "(i32.store8 (i32.const 64000) (i32.const 1)) (i32.store (i32.const 64004) (i32.const 65000))
    (i32.store (i32.const 64008) (i32.const 10)) (i32.const 64000)";
/// `restore` makes an instance.
const TAKEN: &str = "(i32.store8 (i32.const 64000) (i32.const 0))
    (i32.store (i32.const 64004) (call $new (i32.const 1))) (i32.const 64000)";

fn running(service: &LoadedService) -> TestKit {
    let mut kit = TestKit::new(service.clone());
    kit.incoming(Request::new(Method::Message, "x@y.z", "a@y.z", "x@y.z"));
    kit
}

fn next(restore: &'static str) -> LoadedService {
    let guest = Guest {
        save: TEN_BYTES,
        restore,
        ..Guest::default()
    };
    guest.load()
}

#[test]
fn an_instance_that_is_taken_over_is_one_of_the_new_version() {
    let (old, new) = (next(TAKEN), next(TAKEN));
    let mut kit = running(&old);
    assert_eq!(kit.upgrade(new.clone()), Ok(()));
    assert_eq!((old.figures().instances, new.figures().instances), (0, 1));
    kit.incoming(Request::new(Method::Message, "x@y.z", "a@y.z", "x@y.z"));
    assert_eq!(kit.failure(), None);
    drop(kit);
    assert_eq!(new.figures().instances, 0);
}

#[test]
fn a_version_that_cannot_restore_says_why_and_leaves_the_old_instance_as_it_was() {
    for (restore, why) in [
        ("unreachable", "trapped"),
        (
            "(loop $for_ever (br $for_ever)) unreachable",
            "took more than 10ms",
        ),
        ("(i32.const 131072)", "trapped"),
        (
            "(i32.store8 (i32.const 64000) (i32.const 1)) (i32.store (i32.const 64004) (i32.const 65000))
             (i32.store (i32.const 64008) (i32.const 5)) (i32.store (i32.const 65000) (i32.const 0x64206f6e))
             (i32.store8 (i32.const 65004) (i32.const 33)) (i32.const 64000)",
            "no d!",
        ),
    ] {
        let (old, new) = (next(TAKEN), next(restore));
        let mut kit = running(&old);
        let refusal = kit.upgrade(new.clone()).unwrap_err();
        assert!(refusal.contains(why), "{refusal}");
        assert_eq!((old.figures().instances, new.figures().instances), (1, 0));
        kit.incoming(Request::new(Method::Message, "x@y.z", "a@y.z", "x@y.z"));
        assert_eq!(kit.failure(), None);
    }
}

#[test]
fn a_version_that_takes_too_long_to_restore_time_after_time_is_left_alone() {
    let slow = Guest {
        save: TEN_BYTES,
        restore: "(loop $for_ever (br $for_ever)) unreachable",
        ..Guest::default()
    };
    let (old, new) = (
        next(TAKEN),
        slow.load_with(Limits {
            budget: Duration::from_millis(100),
            ..limits()
        }),
    );
    let mut kit = running(&old);
    for _ in 0..2 {
        let refusal = kit.upgrade(new.clone()).unwrap_err();
        assert!(refusal.contains("took more than 100ms"), "{refusal}");
    }
    let calls = new.figures().calls;
    let refusal = kit.upgrade(new.clone()).unwrap_err();
    assert!(refusal.contains("it takes over none for"), "{refusal}");
    assert_eq!(new.figures().calls, calls);
    assert_eq!(old.figures().instances, 1);
}
