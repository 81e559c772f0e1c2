//! The printed tables are fresh, and every cell of every machine is what the protocol says.

use std::path::Path;
use std::{env, fs};

use jsip_stack::session::{refresh, table};
use jsip_stack::transaction::{Cell, client, invite_client, invite_server, server};

#[test]
fn the_printed_tables_are_fresh() {
    check("client-transaction", "Client transaction", &client::table());
    check(
        "invite-client-transaction",
        "INVITE client transaction",
        &invite_client::table(),
    );
    check("server-transaction", "Server transaction", &server::table());
    check(
        "invite-server-transaction",
        "INVITE server transaction",
        &invite_server::table(),
    );
    check("session", "Session", &table::table());
    check("session-refresh", "Session refresh", &refresh::table());
}

/// Compares a table with the one in `docs/protocol/`, or writes it there if `BLESS` is set.
#[track_caller]
fn check(file: &str, title: &str, table: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol");
    let path = folder.join(file).with_extension("md");
    let text = format!("# {title}\n\n{table}");
    if env::var_os("BLESS").is_some() {
        fs::create_dir_all(&folder).expect("a writable folder");
        fs::write(&path, &text).expect("a writable file");
    }
    let printed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        printed == text,
        "docs/protocol/{file}.md is not fresh: BLESS=1 cargo test -p jsip-stack --test tables"
    );
}

/// Checks every cell against lines of the form `State: Trigger Next, Trigger Next`; what is not listed goes nowhere.
#[track_caller]
fn agrees(
    expected: &str,
    states: &[&'static str],
    triggers: &[&'static str],
    go: impl Fn(usize, usize) -> Option<&'static str>,
) {
    let mut rest: Vec<(&str, &str, &str)> = Vec::new();
    for line in expected.lines().filter(|line| !line.trim().is_empty()) {
        let (state, cells) = line.trim().split_once(':').expect("a state");
        for cell in cells.split(',').filter(|cell| !cell.trim().is_empty()) {
            let (trigger, next) = cell.trim().split_once(' ').expect("a trigger and a state");
            rest.push((state, trigger, next));
        }
    }
    for (s, state) in states.iter().enumerate() {
        for (t, trigger) in triggers.iter().enumerate() {
            let listed = rest.iter().position(|(a, b, _)| a == state && b == trigger);
            let next = listed.map(|at| rest.remove(at).2);
            assert_eq!(go(s, t), next, "{state}, {trigger}");
        }
    }
    assert!(rest.is_empty(), "no such cells: {rest:?}");
}

macro_rules! machine {
    ($module:ident, $expected:expr) => {
        agrees(
            $expected,
            &$module::State::ALL
                .iter()
                .map(|state| state.name())
                .collect::<Vec<_>>(),
            &$module::Trigger::ALL
                .iter()
                .map(|trigger| trigger.name())
                .collect::<Vec<_>>(),
            |state, trigger| match $module::cell($module::State::ALL[state], $module::Trigger::ALL[trigger]) {
                Cell::Go(next, _) => Some(next.name()),
                Cell::Discard | Cell::Refuse => None,
            },
        )
    };
}

#[test]
fn every_cell_of_the_client_transaction_is_the_protocols() {
    machine!(
        client,
        "Trying: Provisional Proceeding, Final Completed, Timeout Completed
         Proceeding: Provisional Proceeding, Final Completed, Timeout Completed"
    );
}

#[test]
fn every_cell_of_the_invite_client_transaction_is_the_protocols() {
    machine!(
        invite_client,
        "Calling: Provisional Proceeding, Success Accepted, Failure Completed, GiveUp Abandoned
         Proceeding: Provisional Proceeding, Success Accepted, Failure Completed, GiveUp Abandoned
         Accepted: Success Accepted
         Abandoned: Provisional Abandoned, Success Accepted, Failure Completed"
    );
}

#[test]
fn every_cell_of_the_server_transaction_is_the_protocols() {
    machine!(
        server,
        "Trying: Again Trying, Provisional Proceeding, Final Completed, Timeout Completed
         Proceeding: Again Proceeding, Provisional Proceeding, Final Completed, Timeout Completed
         Completed: Again Completed"
    );
}

#[test]
fn every_cell_of_the_invite_server_transaction_is_the_protocols() {
    machine!(
        invite_server,
        "Proceeding: Again Proceeding, Provisional Proceeding, Success Accepted, Failure Completed
         Accepted: Again Accepted, Ack Confirmed
         Completed: Again Completed, Ack Confirmed
         Confirmed: Again Confirmed"
    );
}

#[test]
fn every_cell_of_the_refresh_is_the_protocols() {
    machine!(
        refresh,
        "Idle: BeginRefreshing Sound, BeginWatching Watching
         Sound: Tick MissedOne, Refreshed Sound, Renegotiated Sound, End Idle
         MissedOne: Tick MissedTwo, Refreshed Sound, Renegotiated Sound, End Idle
         MissedTwo: Tick MissedThree, Refreshed Sound, Renegotiated Sound, End Idle
         MissedThree: Tick Idle, Refreshed Sound, Renegotiated Sound, Failed Idle, End Idle
         Watching: Tick Idle, Refreshed Watching, Renegotiated Watching, End Idle"
    );
}

/// The rows of the protocol's section 5 as `State: Trigger Next`; what is not listed is illegal or dropped.
const SESSION: &str = "
    Inviting: TryingSent Inviting, Provisional Early, SuccessReceived Answered, SuccessSent Answered
    Inviting: FailureReceived Terminated, GoneReceived Terminated, FailureSent Refused, GoneSent Refused
    Inviting: CancelReceived Refused, CallerByeReceived Refused, CancelSent Cancelling, CallerByeSent Cancelling
    Inviting: CancelLate Inviting, PeerTimeout Abandoned, LocalTimeout Refused, NoRoom Terminated

    Early: TryingSent Early, Provisional Early, SuccessReceived Answered, SuccessSent Answered
    Early: FailureReceived Terminated, GoneReceived Terminated, FailureSent Refused, GoneSent Refused
    Early: CancelReceived Refused, CallerByeReceived Refused, CancelSent Cancelling, CallerByeSent Cancelling
    Early: CancelLate Early, PeerTimeout Abandoned, LocalTimeout Refused, NoRoom Terminated
    Early: CallerPrack EarlyPrack, Update EarlyUpdate, Info Early

    EarlyPrack: TryingSent EarlyPrack, Provisional EarlyPrack, SuccessReceived Answered, SuccessSent Answered
    EarlyPrack: FailureReceived Terminated, GoneReceived Terminated, FailureSent Refused, GoneSent Refused
    EarlyPrack: CancelReceived Refused, CallerByeReceived Refused, CancelSent Cancelling, CallerByeSent Cancelling
    EarlyPrack: CancelLate EarlyPrack, PeerTimeout Abandoned, LocalTimeout Refused, NoRoom Terminated
    EarlyPrack: PrackDone Early, Info EarlyPrack

    EarlyUpdate: TryingSent EarlyUpdate, Provisional EarlyUpdate, SuccessReceived Answered, SuccessSent Answered
    EarlyUpdate: FailureReceived Terminated, GoneReceived Terminated, FailureSent Refused, GoneSent Refused
    EarlyUpdate: CancelReceived Refused, CallerByeReceived Refused, CancelSent Cancelling, CallerByeSent Cancelling
    EarlyUpdate: CancelLate EarlyUpdate, PeerTimeout Abandoned, LocalTimeout Refused, NoRoom Terminated
    EarlyUpdate: UpdateDone Early, Info EarlyUpdate

    Cancelling: FailureReceived Terminated, GoneReceived Terminated, SuccessReceived Terminated
    Cancelling: PeerTimeout Abandoned, Withdrawn Terminated, CancelLate Cancelling, NoRoom Terminated

    Abandoned: LateSuccess Terminated, LateFailure Terminated, PeerTimeout Terminated, Withdrawn Terminated
    Abandoned: CancelLate Abandoned, NoRoom Terminated

    Answered: Ack Established, Invite Reinviting, Update Answered, RefreshReceived Answered, RefreshSent Answered
    Answered: CallerByeReceived Terminated, CallerByeSent Terminated
    Answered: CalleeByeReceived Terminated, CalleeByeSent Terminated
    Answered: Info Answered, CancelLate Answered, PeerTimeout Terminated, NotRefreshed Terminated

    Established: Invite Reinviting, Update Established, RefreshReceived Established, RefreshSent Established
    Established: CallerByeReceived Terminated, CallerByeSent Terminated
    Established: CalleeByeReceived Terminated, CalleeByeSent Terminated
    Established: Info Established, Inside Established, CancelLate Established, NotRefreshed Terminated

    Reinviting: TryingSent Reinviting, Provisional Reinviting, SuccessReceived Reanswered, SuccessSent Reanswered
    Reinviting: FailureReceived Established, FailureSent Rerefused, GoneReceived Terminated, GoneSent Rerefused
    Reinviting: CancelReceived Rerefused, CancelSent Reinviting, CancelLate Reinviting, Withdrawn Established
    Reinviting: PeerTimeout Established, LocalTimeout Rerefused, NotRefreshed Terminated, NoRoom Established
    Reinviting: CallerByeReceived Terminated, CallerByeSent Terminated
    Reinviting: CalleeByeReceived Terminated, CalleeByeSent Terminated
    Reinviting: RefreshReceived Reinviting, RefreshSent Reinviting, Info Reinviting, Inside Reinviting

    Rerefused: Ack Established, PeerTimeout Established, NotRefreshed Terminated, CancelLate Rerefused
    Rerefused: CallerByeReceived Terminated, CallerByeSent Terminated
    Rerefused: CalleeByeReceived Terminated, CalleeByeSent Terminated
    Rerefused: RefreshReceived Rerefused, RefreshSent Rerefused, Info Rerefused, Inside Rerefused

    Reanswered: Ack Established, Invite Reinviting, NotRefreshed Terminated, CancelLate Reanswered
    Reanswered: CallerByeReceived Terminated, CallerByeSent Terminated
    Reanswered: CalleeByeReceived Terminated, CalleeByeSent Terminated
    Reanswered: RefreshReceived Reanswered, RefreshSent Reanswered, Info Reanswered, Inside Reanswered

    Refused: Ack Terminated, PeerTimeout Terminated, CancelLate Refused

    Terminated: ByeCrossing Terminated, CancelLate Terminated, Provisional Terminated
    Terminated: SuccessReceived Terminated, FailureReceived Terminated, GoneReceived Terminated
    Terminated: PeerTimeout Terminated, Withdrawn Terminated, NoRoom Terminated
";

#[test]
fn every_cell_of_the_session_is_the_protocols() {
    agrees(
        SESSION,
        &table::State::ALL
            .iter()
            .map(|state| state.name())
            .collect::<Vec<_>>(),
        &table::Trigger::ALL
            .iter()
            .map(|trigger| trigger.name())
            .collect::<Vec<_>>(),
        |state, trigger| match table::cell(table::State::ALL[state], table::Trigger::ALL[trigger]) {
            table::Cell::Go(next, _) => Some(next.name()),
            table::Cell::Discard | table::Cell::Refuse(_) => None,
        },
    );
}

/// What a request that is not legal gets: states, triggers, code.
const REFUSALS: &[(&[table::State], &[table::Trigger], table::Refusal)] = {
    use jsip_stack::session::table::Refusal::{Illegal, NoSession, Pending};
    use jsip_stack::session::table::State as S;
    use jsip_stack::session::table::Trigger as T;
    &[
        // 491 where it collides with an open INVITE, PRACK or UPDATE.
        (
            &[
                S::Inviting,
                S::Early,
                S::EarlyPrack,
                S::EarlyUpdate,
                S::Cancelling,
                S::Reinviting,
                S::Rerefused,
            ],
            &[T::Invite],
            Pending,
        ),
        (
            &[
                S::Inviting,
                S::EarlyPrack,
                S::EarlyUpdate,
                S::Cancelling,
                S::Reinviting,
                S::Rerefused,
                S::Reanswered,
            ],
            &[T::Update],
            Pending,
        ),
        (
            &[S::EarlyPrack, S::EarlyUpdate, S::Cancelling],
            &[T::CallerPrack],
            Pending,
        ),
        // 481 where there is no such session.
        (
            &[S::Abandoned, S::Refused, S::Terminated],
            &[
                T::Invite,
                T::Update,
                T::CallerPrack,
                T::CalleePrack,
                T::Info,
                T::Inside,
                T::Foreign,
                T::CallerByeReceived,
                T::CalleeByeReceived,
                T::CancelReceived,
            ],
            NoSession,
        ),
        (
            &[
                S::Cancelling,
                S::Answered,
                S::Established,
                S::Rerefused,
                S::Reanswered,
            ],
            &[T::CancelReceived],
            NoSession,
        ),
        // Else 400.
        (&[S::Inviting], &[T::CallerPrack, T::Info], Illegal),
        (
            &[S::Inviting, S::Early, S::EarlyPrack, S::EarlyUpdate],
            &[T::CalleeByeReceived, T::CalleePrack, T::Inside, T::Foreign],
            Illegal,
        ),
        (
            &[S::Cancelling],
            &[
                T::CalleeByeReceived,
                T::CallerByeReceived,
                T::CalleePrack,
                T::Info,
                T::Inside,
                T::Foreign,
            ],
            Illegal,
        ),
        (&[S::Answered], &[T::Inside], Illegal),
        (
            &[
                S::Answered,
                S::Established,
                S::Reinviting,
                S::Rerefused,
                S::Reanswered,
            ],
            &[T::CallerPrack, T::CalleePrack, T::Foreign],
            Illegal,
        ),
    ]
};

#[test]
fn every_request_that_is_not_legal_is_refused_with_the_protocols_code() {
    use table::Trigger as T;
    let requests = [
        T::CancelReceived,
        T::CallerByeReceived,
        T::CalleeByeReceived,
        T::Invite,
        T::CallerPrack,
        T::CalleePrack,
        T::Update,
        T::Info,
        T::Inside,
        T::Foreign,
    ];
    for state in table::State::ALL {
        for trigger in requests {
            let mut listed = REFUSALS
                .iter()
                .filter(|(states, triggers, _)| states.contains(state) && triggers.contains(&trigger));
            let expected = listed.next().map(|(_, _, refusal)| *refusal);
            assert!(listed.next().is_none(), "{state:?}, {trigger:?} is listed twice");
            let refusal = match table::cell(*state, trigger) {
                table::Cell::Go(..) => None,
                table::Cell::Refuse(refusal) => Some(refusal),
                table::Cell::Discard => panic!("{state:?}, {trigger:?}: an answer is owed"),
            };
            assert_eq!(refusal, expected, "{state:?}, {trigger:?}");
        }
    }
}

/// An instance that sends what is not legal gets an error: its triggers are never dropped silently.
#[test]
fn what_an_instance_sends_is_passed_or_refused() {
    use table::Trigger as T;
    let sent = [
        T::Ack,
        T::CancelSent,
        T::CallerByeSent,
        T::CalleeByeSent,
        T::Invite,
        T::CallerPrack,
        T::Update,
        T::Info,
    ];
    for state in table::State::ALL {
        for trigger in sent {
            assert_ne!(
                table::cell(*state, trigger),
                table::Cell::Discard,
                "{state:?}, {trigger:?}"
            );
        }
    }
}

/// A state that waits for something has a deadline: whatever leads there arms one.
#[test]
fn every_state_that_waits_is_entered_with_a_deadline() {
    use table::Action as A;
    use table::State as S;
    for state in table::State::ALL {
        for trigger in table::Trigger::ALL {
            let table::Cell::Go(next, actions) = table::cell(*state, *trigger) else {
                continue;
            };
            let arms = actions.iter().any(|action| {
                matches!(
                    action,
                    A::ArmInvite | A::ArmAnswer | A::ArmAck | A::ArmCancel | A::ArmAbandoned
                )
            });
            let waits = match next {
                S::Cancelling | S::Abandoned | S::Refused | S::Rerefused | S::Reinviting => true,
                S::Answered => *trigger == table::Trigger::SuccessSent,
                S::Inviting | S::Early | S::EarlyPrack | S::EarlyUpdate => false,
                S::Established | S::Reanswered | S::Terminated => false,
            };
            if next != *state && waits {
                assert!(arms, "{state:?}, {trigger:?}");
            }
            if next == S::Terminated && *state != S::Terminated {
                assert!(
                    actions.contains(&A::End),
                    "{state:?}, {trigger:?}: what ends is ended"
                );
            }
        }
    }
}
