//! Instances that live in one component instance.

use strowger_host::{Isolation, Limits, LoadedService};
use strowger_service::{Service as _, jsip::Method, jsip::Request, testkit::TestKit};

use crate::guests::{Guest, MEMORY, limits};

fn shared(guest: &Guest) -> LoadedService {
    guest.load_with(Limits {
        isolation: Isolation::Shared,
        ..limits()
    })
}

fn message() -> Request {
    Request::new(Method::Message, "x@y.z", "a@y.z", "x@y.z")
}

fn running(service: &LoadedService) -> TestKit {
    let mut kit = TestKit::new(service.clone());
    kit.incoming(message());
    kit
}

/// Its second event, or that of another instance in the same memory, is one too many.
const SECOND_EVENT_TRAPS: &str = "(if (i32.load (i32.const 64000)) (then unreachable))
    (i32.store (i32.const 64000) (i32.const 1)) (i32.const 0)";

#[test]
fn shared_instances_take_one_memory() {
    let service = shared(&Guest::default());
    let kits: Vec<TestKit> = (0..20).map(|_| running(&service)).collect();
    let figures = service.figures();
    // One for all of them, and one that was asked for keys.
    assert_eq!((figures.instances, figures.memory), (20, 2 * MEMORY));
    drop(kits);
    let figures = service.figures();
    assert_eq!(
        (figures.instances, figures.memory, figures.failed),
        (0, 2 * MEMORY, 0)
    );
    // The next ones get it.
    drop(running(&service));
    assert_eq!(service.figures().memory, 2 * MEMORY);
}

#[test]
fn what_goes_wrong_in_one_of_them_ends_them_all() {
    let guest = Guest {
        handle: SECOND_EVENT_TRAPS,
        ..Guest::default()
    };
    let service = shared(&guest);
    let mut first = running(&service);
    assert_eq!(first.failure(), None);
    let second = running(&service);
    assert!(
        second.failure().unwrap().contains("trapped"),
        "{:?}",
        second.failure()
    );
    first.incoming(message());
    let failure = first.failure().unwrap();
    assert!(
        failure.starts_with("another instance in the same memory trapped"),
        "{failure}"
    );
    drop((first, second));
    let figures = service.figures();
    assert_eq!(
        (figures.instances, figures.failed, figures.memory),
        (0, 2, MEMORY)
    );
    assert_eq!(running(&service).failure(), None);
}

#[test]
fn instances_apart_do_not_notice_each_other() {
    let guest = Guest {
        handle: SECOND_EVENT_TRAPS,
        ..Guest::default()
    };
    let service = guest.load();
    // Both at a time: one after the other they may be in the same memory.
    let (first, second) = (running(&service), running(&service));
    assert_eq!((first.failure(), second.failure()), (None, None));
}

#[test]
fn a_trap_in_a_destructor_ends_those_who_are_left() {
    let guest = Guest {
        more: r#"(func (export "strowger:service/service@0.1.0#[dtor]instance") (param i32) unreachable)"#
            .to_owned(),
        ..Guest::default()
    };
    let service = shared(&guest);
    let (mut first, second) = (running(&service), running(&service));
    drop(second);
    first.incoming(message());
    assert!(
        first.failure().unwrap().starts_with("another instance"),
        "{:?}",
        first.failure()
    );
}

#[test]
fn as_many_instances_share_as_may_run() {
    let service = shared(&Guest::default());
    let kits: Vec<TestKit> = (0..limits().instances).map(|_| running(&service)).collect();
    assert!(kits.iter().all(|kit| kit.failure().is_none()));
    assert!(!service.has_room());
}

#[test]
fn an_instance_gets_the_memory_of_one_that_has_ended_and_never_of_one_that_failed() {
    let service = Guest::default().load();
    drop(running(&service));
    let first = running(&service);
    assert_eq!(service.figures().memory, MEMORY);
    let second = running(&service);
    assert_eq!(service.figures().memory, 2 * MEMORY);
    drop((first, second));
    assert_eq!(
        (service.figures().instances, service.figures().memory),
        (0, 2 * MEMORY)
    );

    let trapping = Guest {
        handle: SECOND_EVENT_TRAPS,
        ..Guest::default()
    }
    .load();
    drop(running(&trapping));
    assert!(
        running(&trapping).failure().is_some(),
        "it found what the one before it had left"
    );
    assert_eq!(running(&trapping).failure(), None);
}

#[test]
fn a_memory_that_has_grown_is_given_to_nobody_else() {
    let growing = Guest {
        handle: "(drop (memory.grow (i32.const 20))) (i32.const 0)",
        ..Guest::default()
    };
    let service = growing.load_with(Limits {
        memory: 8 << 20,
        ..limits()
    });
    drop(running(&service));
    assert_eq!(service.figures().memory, 0);
}
