//! What a message means for a session.

use jsip::{Method, Request, StatusCode};

use super::record::Role;
use super::table::{State, Trigger};

/// What a request of this direction means. ACK and a received CANCEL are found out by their transactions instead.
pub(crate) fn request_trigger(request: &Request, state: State, role: Role, received: bool) -> Trigger {
    let from_caller = received == (role == Role::Uas);
    match request.method() {
        Method::Invite => Trigger::Invite,
        Method::Ack => Trigger::Ack,
        Method::Cancel => {
            if received {
                Trigger::CancelReceived
            } else {
                Trigger::CancelSent
            }
        }
        Method::Bye => match (from_caller, received) {
            (true, true) => Trigger::CallerByeReceived,
            (true, false) => Trigger::CallerByeSent,
            (false, true) => Trigger::CalleeByeReceived,
            (false, false) => Trigger::CalleeByeSent,
        },
        Method::Prack if from_caller => Trigger::CallerPrack,
        Method::Prack => Trigger::CalleePrack,
        Method::Update if request.body().is_none() && is_answered(state) => {
            if received {
                Trigger::RefreshReceived
            } else {
                Trigger::RefreshSent
            }
        }
        Method::Update => Trigger::Update,
        Method::Info => Trigger::Info,
        Method::Refer | Method::Notify | Method::Message => Trigger::Inside,
        Method::Register | Method::Options | Method::Subscribe => Trigger::Foreign,
    }
}

/// What a response to an INVITE means.
pub(crate) fn response_trigger(code: StatusCode, received: bool) -> Trigger {
    match (code.as_u16(), received) {
        (100, true) => Trigger::TryingReceived,
        (100, false) => Trigger::TryingSent,
        (101..=199, _) => Trigger::Provisional,
        (200..=299, true) => Trigger::SuccessReceived,
        (200..=299, false) => Trigger::SuccessSent,
        (481, true) => Trigger::GoneReceived,
        (481, false) => Trigger::GoneSent,
        (_, true) => Trigger::FailureReceived,
        (_, false) => Trigger::FailureSent,
    }
}

const fn is_answered(state: State) -> bool {
    match state {
        State::Answered | State::Established | State::Reinviting | State::Rerefused | State::Reanswered => {
            true
        }
        State::Inviting
        | State::Early
        | State::EarlyPrack
        | State::EarlyUpdate
        | State::Cancelling
        | State::Abandoned
        | State::Refused
        | State::Terminated => false,
    }
}
