//! Guests that misbehave: each ends its instance, and says why.

use std::time::Duration;

use strowger_host::{Limits, LoadedService};
use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::testkit::TestKit;
use strowger_service::{HttpRequest, LogLevel, Service as _};

use crate::guests::{COMMANDS, FIRST_ONLY, Guest, NOTHING, command, limits};

fn message() -> Request {
    Request::new(
        Method::Message,
        "x@example.com",
        "alice@example.com",
        "x@example.com",
    )
}

/// Gives the guest one request; what became of it.
fn run(service: &LoadedService) -> TestKit {
    let mut kit = TestKit::new(service.clone());
    kit.incoming(message());
    kit
}

#[track_caller]
fn fails(guest: &Guest, why: &str) {
    let service = guest.load();
    let kit = run(&service);
    let failure = kit.failure().unwrap_or_else(|| panic!("it did not fail"));
    assert!(failure.contains(why), "{failure}");
    let figures = service.figures();
    assert_eq!((figures.failed, figures.started), (1, 1));
    drop(kit);
    let figures = service.figures();
    assert_eq!((figures.instances, figures.memory), (0, 0));
}

#[track_caller]
fn handling_fails(handle: &'static str, why: &str) {
    let guest = Guest {
        handle,
        ..Guest::default()
    };
    fails(&guest, why);
}

#[test]
fn a_trap_ends_the_instance() {
    handling_fails("unreachable", "unreachable");
}

#[test]
fn a_runaway_loop_ends_with_the_budget() {
    handling_fails(
        "(loop $for_ever (br $for_ever)) unreachable",
        "took more than 10ms",
    );
}

#[test]
fn a_constructor_that_never_returns_ends_with_the_budget() {
    let guest = Guest {
        // It must pass the start check, whose seed is 0.
        make: "(if (i64.ne (local.get $seed) (i64.const 0)) (then (loop $for_ever (br $for_ever)))) (call $new (i32.const 1))",
        ..Guest::default()
    };
    fails(&guest, "took more than 10ms");
}

#[test]
fn a_memory_bomb_is_told_from_other_traps() {
    handling_fails(
        "(loop $more
           (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
           (br $more))
         unreachable",
        "wanted more than 1048576 bytes of memory",
    );
}

#[test]
fn a_large_table_is_refused_as_memory_is() {
    let guest = Guest {
        more: "(table $t 1 funcref)".to_owned(),
        handle: "(if (i32.eq (table.grow $t (ref.null func) (i32.const 1000000)) (i32.const -1)) (then unreachable))
         (i32.const 0)",
        ..Guest::default()
    };
    fails(&guest, "unreachable");
}

#[test]
fn a_stack_that_overflows_ends_the_instance() {
    let guest = Guest {
        handle: "(call $deep)",
        more: "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))".to_owned(),
        ..Guest::default()
    };
    fails(&guest, "the call stack is exhausted");
}

#[test]
fn handles_without_end_are_refused() {
    handling_fails(
        "(loop $more (drop (call $new (i32.const 1))) (br $more)) unreachable",
        "handle",
    );
}

#[test]
fn a_list_outside_of_its_memory_is_refused() {
    handling_fails("(i32.const 131072)", "out of");
    let beyond = Guest::giving(100_000, &[]);
    fails(&beyond, "trapped");
}

#[test]
fn more_output_than_anybody_needs_is_refused() {
    // A million commands of 56 bytes each, where memory would allow it.
    let guest = Guest {
        handle: "(drop (memory.grow (i32.const 700))) (i32.const 16)",
        ..Guest::giving(1_000_000, &[])
    };
    let service = guest.load_with(Limits {
        memory: 64 << 20,
        ..limits()
    });
    let kit = run(&service);
    assert!(kit.failure().unwrap().contains("trapped"), "{:?}", kit.failure());
}

#[test]
fn a_message_that_is_none_ends_the_instance() {
    // "open" leg 2 as request 1, with two bytes of its own code as message.
    let guest = Guest::giving(1, &command(0, &[2, 1, 16, 2]));
    fails(&guest, "number 1: ");
}

#[test]
fn numbers_out_of_turn_end_the_instance() {
    fails(
        &Guest::giving(1, &command(0, &[7, 1, 16, 0])),
        "leg 7, where 2 is next",
    );
    fails(
        &Guest::giving(1, &command(1, &[1, 5, 16, 0])),
        "request 5, where 1 is next",
    );
    fails(
        &Guest::giving(1, &command(6, &[9])),
        "relation 9, where 1 is next",
    );
    let twice = [command(4, &[1, 0, 9, 0]), command(4, &[1, 0, 9, 0])].concat();
    fails(&Guest::giving(2, &twice), "number 2: timer 1, where 2 is next");
}

#[test]
fn a_command_of_no_kind_is_refused() {
    fails(&Guest::giving(1, &command(99, &[])), "trapped");
}

#[test]
fn a_status_code_and_a_cseq_that_are_none_are_refused() {
    fails(
        &Guest::giving(1, &command(3, &[1, 0, 1, 0, 7, 0, 0])),
        "7 is no status code",
    );
    fails(
        &Guest::giving(1, &command(3, &[1, 0, 0, 0, 200, 0, 0])),
        "0 is no CSeq",
    );
}

#[test]
fn who_answers_twice_or_for_others_is_told_so() {
    // Two answers to the request, one on a leg that is not its own; then it waits.
    let commands = [
        command(3, &[1, 0, 1, 0, 200, 0, 0]),
        command(3, &[1, 0, 1, 0, 200, 0, 0]),
        command(3, &[77, 0, 1, 0, 200, 0, 0]),
    ]
    .concat();
    let mut guest = Guest::giving(3, &commands);
    guest.handle = FIRST_ONLY;
    let mut kit = TestKit::new(guest.load());
    let leg = kit.incoming(message());
    kit.expect_response(leg, StatusCode::OK);
    assert_eq!(kit.refusals().len(), 2);
    assert_eq!(kit.failure(), None);
}

#[test]
fn a_gigabyte_of_logs_is_a_few_lines() {
    let guest = Guest {
        handle: "(loop $more
           (call $log (i32.const 3) (i32.const 0) (i32.const 100000))
           (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 500))))
         (i32.const 0)",
        ..Guest::default()
    };
    let service = guest.load_with(Limits {
        budget: Duration::from_secs(10),
        ..limits()
    });
    let kit = run(&service);
    assert_eq!(kit.failure(), None);
    let logs = kit.logs();
    assert_eq!(logs.len(), 65);
    assert!(logs.iter().all(|(_, text)| text.len() <= 4096));
    assert_eq!(
        logs[64],
        (LogLevel::Warn, "436 log lines of one call dropped".to_owned())
    );
}

#[test]
fn what_was_logged_before_a_trap_is_not_lost() {
    let guest = Guest {
        handle: "(call $log (i32.const 0) (i32.const 8) (i32.const 5)) unreachable",
        more: "(data (i32.const 8) \"alas!\")".to_owned(),
        ..Guest::default()
    };
    let kit = run(&guest.load());
    assert!(kit.failure().is_some());
    assert_eq!(kit.logs()[0], (LogLevel::Error, "alas!".to_owned()));
}

#[test]
fn after_a_failure_the_guest_is_not_called_again() {
    let service = Guest {
        handle: "unreachable",
        ..Guest::default()
    }
    .load();
    let mut kit = run(&service);
    let calls = service.figures().calls;
    kit.advance(Duration::from_secs(60));
    assert_eq!(service.figures().calls, calls);
}

#[test]
fn a_key_that_fails_or_is_too_long_is_an_error() {
    let trap = Guest {
        key: "unreachable",
        ..Guest::default()
    };
    assert!(
        trap.load()
            .try_key(&message(), "{}")
            .unwrap_err()
            .contains("trapped")
    );
    let long = Guest {
        key: COMMANDS,
        more: "(data (i32.const 16) \"\\01\\00\\00\\00\\00\\01\\00\\00\\d0\\07\\00\\00\")".to_owned(),
        ..Guest::default()
    };
    let error = long.load().try_key(&message(), "{}").unwrap_err();
    assert!(error.contains("1024 bytes"), "{error}");
    let none = Guest {
        key: NOTHING,
        ..Guest::default()
    };
    assert_eq!(none.load().try_key(&message(), "{}"), Ok(None));
}

#[test]
fn a_service_without_keys_is_not_asked_for_any() {
    let silent = Guest {
        key: "unreachable",
        has_keys: 0,
        ..Guest::default()
    };
    let service = silent.load();
    assert_eq!(service.try_key(&message(), "{}"), Ok(None));
    let request = HttpRequest::new("GET", "/");
    assert_eq!(service.try_http_key(&request), Ok(None));
}

#[test]
fn what_a_service_need_not_hear_is_asked_once() {
    let hears = |hears_completed| {
        let guest = Guest {
            hears_completed,
            ..Guest::default()
        };
        guest.load().hears_completed()
    };
    assert_eq!([hears(1), hears(0)], [true, false]);
}
