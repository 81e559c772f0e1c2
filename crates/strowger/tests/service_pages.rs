//! The pages on services below `docs/services/`: their call flows are played on a simulated node and drawn.
//!
//! - Printed as `docs/services/chatroom.md`.
//! - Printed as `docs/services/click2call.md`.
//! - Printed as `docs/services/conference.md`.
//! - Printed as `docs/services/hunt.md`.
//! - Printed as `docs/services/registrar.md`.
//! - Printed as `docs/services/relay.md`.
//! - Printed as `docs/services/transfer.md`.
//! - Printed as `docs/services/webhook.md`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use strowger::config::Config;
use strowger::settings;
use strowger_scenario::{Outcome, Scenario};
use strowger_testkit::SimNode;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn played(scenario: &Scenario) -> Outcome {
    let config = Config::parse(&scenario.config_toml(1.0), scenario.name()).unwrap();
    let node = settings::node(&config).unwrap();
    let (links, message_bytes) = (node.links.clone(), config.limits.message_bytes);
    let mut node = SimNode::new(node, settings::registry(&config).unwrap(), 1, 7);
    *strowger_testkit::play(scenario, &mut node, &links, message_bytes)
}

/// A page: what the README says first below a heading, then a drawing of each scenario.
fn page(title: &str, (service, heading): (&str, &str), scenarios: &[&str]) -> String {
    let readme = std::fs::read_to_string(root().join(format!("services/{service}/README.md"))).unwrap();
    let (_, section) = readme.split_once(&format!("{heading}\n\n")).unwrap();
    let about = section.split("\n\n").next().unwrap();
    let mut page = format!(
        "<!-- Printed from services/{service}/README.md and conformance/; \
         `BLESS=1 cargo test -p strowger --test service_pages` prints it anew. -->\n\n\
         # {title}\n\n{about}\n\n\
         What it takes and how it is configured is in its [README](../../services/{service}/README.md). Each picture below is\n\
         drawn from a scenario that is played; the numbers on the left are seconds, those at the messages their `CSeq`.\n"
    );
    for name in scenarios {
        let scenario = Scenario::load(&root().join(format!("conformance/{name}.json"))).unwrap();
        let outcome = played(&scenario);
        assert!(outcome.is_success(), "{outcome}");
        let title = name.strip_prefix(title).unwrap_or(name).replace('_', " ");
        let (title, about) = (title.trim(), scenario.about());
        write!(
            page,
            "\n## {}{}\n\n{about} ([scenario](../../conformance/{name}.json))\n\n```text\n{}```\n",
            title[..1].to_uppercase(),
            &title[1..],
            outcome.ladder
        )
        .unwrap();
    }
    page
}

#[track_caller]
fn check(service: &str, scenarios: &[&str]) {
    check_section(service, (service, &format!("# {service}")), scenarios);
}

#[track_caller]
fn check_section(title: &str, section: (&str, &str), scenarios: &[&str]) {
    let printed = page(title, section, scenarios);
    let path = root().join(format!("docs/services/{title}.md"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &printed).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == printed,
        "docs/services/{title}.md is stale: run `cargo xtask bless -p strowger --test service_pages`"
    );
}

#[test]
fn the_page_on_chatroom_is_fresh() {
    check(
        "chatroom",
        &[
            "chatroom_passes_a_message_to_all_other_members",
            "chatroom_tells_who_comes_and_goes_to_those_who_ask",
            "chatroom_tells_a_new_member_what_was_said_before",
            "chatroom_tries_a_silent_member_again_and_delays_no_one",
            "chatroom_shows_its_rooms_and_lets_an_operator_remove_a_member",
        ],
    );
}

#[test]
fn the_page_on_relay_is_fresh() {
    check(
        "relay",
        &[
            "caller_calls_and_hangs_up",
            "caller_cancels_while_ringing",
            "the_caller_changes_the_call",
            "a_message_reaches_the_callee_and_its_answer_the_caller",
        ],
    );
}

#[test]
fn the_page_on_transfer_is_fresh() {
    check_section(
        "transfer",
        ("relay", "## Transfer"),
        &[
            "transfer_hands_the_other_side_to_a_third",
            "transfer_may_be_attended",
            "transfer_returns_the_parties_to_each_other_when_it_fails",
            "transfer_goes_on_when_the_referrer_hangs_up",
            "transfer_keeps_who_asks_for_something_meanwhile",
            "transfer_ends_the_call_when_it_fails_and_the_referrer_is_gone",
            "transfer_is_void_when_the_other_side_hangs_up",
            "transfer_works_where_a_registrar_has_joined_the_two",
        ],
    );
}

#[test]
fn the_page_on_hunt_is_fresh() {
    check(
        "hunt",
        &[
            "hunt_goes_on_to_the_next_agent_when_one_is_busy",
            "hunt_rings_one_group_after_another",
            "hunt_rings_all_at_once_and_the_first_answer_wins",
            "hunt_lets_callers_wait_and_tells_them_their_place",
            "hunt_leaves_an_agent_in_peace_after_a_call",
            "hunt_sends_what_no_agent_takes_to_the_overflow",
            "hunt_sends_who_cannot_wait_to_the_overflow",
        ],
    );
}

#[test]
fn the_page_on_conference_is_fresh() {
    check(
        "conference",
        &[
            "conference_tells_who_is_there_and_passes_offers",
            "conference_is_ruled_by_its_host",
            "conference_holds_a_member_who_is_away",
            "conference_ends_with_its_last_member",
        ],
    );
}

#[test]
fn the_page_on_registrar_is_fresh() {
    check(
        "registrar",
        &[
            "registrar_rings_every_device_and_the_first_answer_wins",
            "registrar_lists_the_devices_of_a_user",
            "registrar_tells_who_watches_whether_a_user_is_there",
            "registrar_keeps_messages_for_who_is_away",
            "registrar_keeps_so_many_messages_for_so_long",
        ],
    );
}

#[test]
fn the_page_on_click2call_is_fresh() {
    check(
        "click2call",
        &[
            "click2call_rings_both_and_joins_them",
            "click2call_tells_a_callback_how_a_call_goes",
            "click2call_says_who_did_not_come",
            "click2call_is_ended_over_http",
        ],
    );
}

#[test]
fn the_page_on_webhook_is_fresh() {
    check(
        "webhook",
        &[
            "webhook_dials_and_bridges_as_it_is_told",
            "webhook_asks_again_when_an_action_has_failed",
            "webhook_lets_a_caller_hold_and_hears_what_he_says",
            "webhook_tries_again_and_then_asks_the_fallback",
            "webhook_answers_a_message_and_sends_another",
        ],
    );
}
