//! Events on their way into a guest, commands on their way out of it.

use std::time::Duration;

use jsip::{CSeq, Message, Request, Response, StatusCode};
use strowger_service as native;
use strowger_service::{
    Context, EndCause, FetchId, HttpId, Ids, LegId, RequestId, SendError, SyncId, TimerId,
};

use crate::bindings::exports::strowger::service::service as wit;
use crate::bindings::strowger::service::types;

pub(crate) mod http;

/// What a new instance in these surroundings is told.
pub(crate) fn setup(cx: &mut Context<'_>, surroundings: u32) -> wit::Setup {
    let ids = cx.ids();
    wit::Setup {
        seed: (ids.next_random(), ids.next_random()),
        surroundings,
    }
}

pub(crate) fn moment(cx: &mut Context<'_>) -> wit::Moment {
    let last = cx.ids().last();
    wit::Moment {
        now: micros(cx.now()),
        last: types::Last {
            leg: last.leg,
            request: last.request,
            timer: last.timer,
            relation: last.relation,
            fetch: last.fetch,
            sync: last.sync,
        },
    }
}

pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// An event as guests see it; `None`: this interface has no word for it.
pub(crate) fn event(event: &native::Event) -> Option<wit::Event> {
    use native::Event;
    let on_leg = |leg: LegId, request: &Request| types::OnLeg {
        leg: leg.number(),
        message: request.encode(),
    };
    Some(match event {
        Event::Incoming { leg, request } => wit::Event::Incoming(on_leg(*leg, request)),
        Event::Request { leg, request } => wit::Event::Request(on_leg(*leg, request)),
        Event::Response { leg, to, response } => wit::Event::Response(types::Answered {
            leg: leg.number(),
            to: to.number(),
            message: response.encode(),
        }),
        Event::Timer { timer } => wit::Event::Timer(timer.number()),
        Event::Expired { leg, cseq } => wit::Event::Expired(types::Overdue {
            leg: leg.number(),
            cseq: cseq.get(),
        }),
        Event::Refused { leg, request, error } => wit::Event::Refused(types::Refusal {
            leg: leg.number(),
            request: request.map(RequestId::number),
            error: send_error(error),
        }),
        Event::Ended { leg, cause } => wit::Event::Ended(types::End {
            leg: leg.number(),
            cause: end_cause(*cause),
        }),
        Event::Fetched { id, result } => wit::Event::Fetched(http::fetched(*id, result)),
        Event::Http { id, request } => wit::Event::Http(types::HttpAsked {
            id: id.number(),
            request: http::request(request),
        }),
        Event::Published { topic, text } => wit::Event::Published(types::Publication {
            topic: topic.clone(),
            text: text.clone(),
        }),
        Event::StoreChanged { key, version } => wit::Event::StoreChanged(types::StoreChange {
            key: key.clone(),
            version: *version,
        }),
        Event::Stored { id, fault } => wit::Event::Synced(types::Synced {
            id: id.number(),
            fault: fault.clone(),
        }),
        Event::ConfigChanged => wit::Event::ConfigChanged,
        Event::Shutdown { within } => wit::Event::Shutdown(micros(*within)),
        _ => return None,
    })
}

fn send_error(error: &SendError) -> types::SendError {
    match error {
        SendError::UnknownLeg => types::SendError::UnknownLeg,
        SendError::LegEnded => types::SendError::LegEnded,
        SendError::Answered => types::SendError::Answered,
        SendError::Illegal { method, state } => types::SendError::Illegal(types::IllegalMethod {
            method: method.as_str().to_owned(),
            state: (*state).to_owned(),
        }),
        SendError::Syntax { header, fault } => types::SendError::Syntax(types::BadHeader {
            header: header.to_string(),
            fault: fault.to_string(),
        }),
        SendError::TooManyLegs => types::SendError::TooManyLegs,
        SendError::TooManyCommands => types::SendError::TooManyCommands,
        other => types::SendError::Other(other.to_string()),
    }
}

const fn end_cause(cause: EndCause) -> types::EndCause {
    match cause {
        EndCause::Bye => types::EndCause::Bye,
        EndCause::Cancelled => types::EndCause::Cancelled,
        EndCause::Refused => types::EndCause::Refused,
        EndCause::Completed => types::EndCause::Completed,
        EndCause::TimedOut => types::EndCause::TimedOut,
        EndCause::ChannelLost => types::EndCause::ChannelLost,
        EndCause::Finished => types::EndCause::Finished,
        _ => types::EndCause::Other,
    }
}

/// The commands of one event, all of them or none. Numbers must go on where `ids` ends; `came` is the request that the event
/// has brought.
pub(crate) fn commands(
    given: Vec<wit::Command>,
    mut came: Option<Came>,
    ids: &mut Ids,
    limits: &jsip::Limits,
) -> Result<Vec<native::Command>, String> {
    let before = ids.last();
    let read: Result<Vec<_>, _> = given
        .into_iter()
        .enumerate()
        .map(|(at, given)| {
            command(given, &mut came, ids, limits).map_err(|fault| format!("number {}: {fault}", at + 1))
        })
        .collect();
    if read.is_err() {
        ids.go_on_from(before);
    }
    read
}

/// A request that began a leg, and the leg.
pub(crate) type Came = (LegId, Request);

/// What of an event a command may mean without naming it.
pub(crate) fn came(event: native::Event) -> Option<Came> {
    match event {
        native::Event::Incoming { leg, request } => Some((leg, request)),
        _ => None,
    }
}

fn command(
    given: wit::Command,
    came: &mut Option<Came>,
    ids: &mut Ids,
    limits: &jsip::Limits,
) -> Result<native::Command, String> {
    use native::Command;
    Ok(match given {
        wit::Command::Open(outgoing) => Command::Open {
            leg: LegId::new(next("leg", ids.next_leg().number(), outgoing.leg)?),
            id: RequestId::new(next("request", ids.next_request().number(), outgoing.id)?),
            request: request(&outgoing.message, limits)?,
        },
        wit::Command::Forward(forwarding) => {
            let leg = LegId::new(forwarding.leg);
            Command::Forward {
                leg,
                to: LegId::new(next("leg", ids.next_leg().number(), forwarding.to)?),
                id: RequestId::new(next("request", ids.next_request().number(), forwarding.id)?),
                request: match forwarding.message {
                    Some(message) => request(&message, limits)?,
                    None => match came.take() {
                        Some((on, request)) if on == leg => request,
                        _ => return Err("forwards what this event has not brought".to_owned()),
                    },
                },
            }
        }
        wit::Command::Send(outgoing) => Command::Send {
            leg: LegId::new(outgoing.leg),
            id: RequestId::new(next("request", ids.next_request().number(), outgoing.id)?),
            request: request(&outgoing.message, limits)?,
        },
        wit::Command::Respond(on_leg) => Command::Respond {
            leg: LegId::new(on_leg.leg),
            response: response(&on_leg.message, limits)?,
        },
        wit::Command::Answer(answer) => Command::Answer {
            leg: LegId::new(answer.leg),
            cseq: CSeq::new(answer.cseq).ok_or_else(|| format!("{} is no CSeq", answer.cseq))?,
            code: StatusCode::new(answer.code).ok_or_else(|| format!("{} is no status code", answer.code))?,
            reason: answer.reason,
        },
        wit::Command::SetTimer(alarm) => Command::SetTimer {
            timer: TimerId::new(next("timer", ids.next_timer().number(), alarm.timer)?),
            after: Duration::from_micros(alarm.after),
        },
        wit::Command::CancelTimer(timer) => Command::CancelTimer {
            timer: TimerId::new(timer),
        },
        wit::Command::Relate(number) => {
            let relid = ids.next_relation();
            next("relation", ids.last().relation, number)?;
            Command::Relate { relid }
        }
        wit::Command::Fetch(fetching) => Command::Fetch {
            id: FetchId::new(next("fetch", ids.next_fetch().number(), fetching.id)?),
            request: http::native_request(fetching.request),
        },
        wit::Command::HttpRespond(answer) => Command::HttpRespond {
            id: HttpId::new(answer.id),
            response: http::native_response(answer.response)?,
        },
        wit::Command::Listen(topic) => Command::Listen { topic },
        wit::Command::Publish(publication) => Command::Publish {
            topic: publication.topic,
            text: publication.text,
        },
        wit::Command::Watch(prefix) => Command::Watch { prefix },
        wit::Command::Sync(id) => Command::Sync {
            id: SyncId::new(next("sync", ids.next_sync().number(), id)?),
        },
        wit::Command::Finish => Command::Finish,
        wit::Command::Fail(reason) => Command::Fail { reason },
    })
}

fn next(what: &str, wanted: u32, given: u32) -> Result<u32, String> {
    if given == wanted {
        Ok(given)
    } else {
        Err(format!("{what} {given}, where {wanted} is next"))
    }
}

fn request(text: &str, limits: &jsip::Limits) -> Result<Request, String> {
    match Message::decode(text, limits) {
        Ok(Message::Request(request)) => Ok(request),
        Ok(Message::Response(_)) => Err("a response where a request is sent".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn response(text: &str, limits: &jsip::Limits) -> Result<Response, String> {
    match Message::decode(text, limits) {
        Ok(Message::Response(response)) => Ok(response),
        Ok(Message::Request(_)) => Err("a request where a response is sent".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
