//! Between the interface's words and those of `strowger_service`.

use std::cell::RefCell;
use std::time::Duration;

use strowger_service::jsip::{CSeq, Message, Method, Request, Response};
use strowger_service::{
    Command, EndCause, Event, HttpId, LegId, LogLevel, RequestId, SendError, SyncId, TimerId,
};

use crate::guest::LIMITS;
use crate::guest::exports::strowger::service::service as wit;
use crate::guest::strowger::service::{host, types};

pub(crate) mod http;

/// A request that began a leg: the leg and its text.
pub(crate) type Came = (u32, String);

/// An event as the author sees it, and what began a leg.
pub(crate) fn event(event: wit::Event) -> Result<(Event, Option<Came>), String> {
    let mut came = None;
    let event = match event {
        wit::Event::Incoming(on) => {
            let (leg, request) = (LegId::new(on.leg), request(&on.message)?);
            came = Some((on.leg, on.message));
            Event::Incoming { leg, request }
        }
        wit::Event::Request(on) => Event::Request {
            leg: LegId::new(on.leg),
            request: request(&on.message)?,
        },
        wit::Event::Response(answered) => Event::Response {
            leg: LegId::new(answered.leg),
            to: RequestId::new(answered.to),
            response: response(&answered.message)?,
        },
        wit::Event::Timer(timer) => Event::Timer {
            timer: TimerId::new(timer),
        },
        wit::Event::Expired(overdue) => Event::Expired {
            leg: LegId::new(overdue.leg),
            cseq: CSeq::new(overdue.cseq).ok_or("the node gave a CSeq that is none")?,
        },
        wit::Event::Refused(refusal) => Event::Refused {
            leg: LegId::new(refusal.leg),
            request: refusal.request.map(RequestId::new),
            error: send_error(refusal.error),
        },
        wit::Event::Ended(end) => Event::Ended {
            leg: LegId::new(end.leg),
            cause: end_cause(end.cause),
        },
        wit::Event::Fetched(fetched) => http::fetched(fetched),
        wit::Event::Http(asked) => Event::Http {
            id: HttpId::new(asked.id),
            request: http::request(asked.request),
        },
        wit::Event::Published(publication) => Event::Published {
            topic: publication.topic,
            text: publication.text,
        },
        wit::Event::Synced(synced) => Event::Stored {
            id: SyncId::new(synced.id),
            fault: synced.fault,
        },
        wit::Event::ConfigChanged => Event::ConfigChanged,
        wit::Event::StoreChanged(change) => Event::StoreChanged {
            key: change.key,
            version: change.version,
        },
        wit::Event::Shutdown(within) => Event::Shutdown {
            within: Duration::from_micros(within),
        },
    };
    Ok((event, came))
}

fn request(text: &str) -> Result<Request, String> {
    match Message::decode(text, &LIMITS) {
        Ok(Message::Request(request)) => Ok(request),
        Ok(Message::Response(_)) => Err("the node gave a response as a request".to_owned()),
        Err(error) => Err(format!("the node gave a message that is none: {error}")),
    }
}

fn response(text: &str) -> Result<Response, String> {
    match Message::decode(text, &LIMITS) {
        Ok(Message::Response(response)) => Ok(response),
        Ok(Message::Request(_)) => Err("the node gave a request as a response".to_owned()),
        Err(error) => Err(format!("the node gave a message that is none: {error}")),
    }
}

fn send_error(error: types::SendError) -> SendError {
    match error {
        types::SendError::UnknownLeg => SendError::UnknownLeg,
        types::SendError::LegEnded => SendError::LegEnded,
        types::SendError::Answered => SendError::Answered,
        types::SendError::Illegal(illegal) => match Method::from_wire(&illegal.method) {
            Some(method) => SendError::Illegal {
                method,
                state: state(illegal.state),
            },
            None => {
                SendError::Other(format!("{} is not legal in state {}", illegal.method, illegal.state).into())
            }
        },
        types::SendError::Syntax(bad) => SendError::Syntax {
            header: bad.header.into(),
            fault: bad.fault.into(),
        },
        types::SendError::TooManyLegs => SendError::TooManyLegs,
        types::SendError::TooManyCommands => SendError::TooManyCommands,
        types::SendError::Other(why) => SendError::Other(why.into()),
    }
}

/// The name of a session's state for ever: there are a dozen, each is kept once.
fn state(name: String) -> &'static str {
    thread_local! {
        static STATES: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    }
    STATES.with_borrow_mut(|states| {
        if let Some(known) = states.iter().find(|known| **known == name) {
            return *known;
        }
        let name: &'static str = Box::leak(name.into_boxed_str());
        states.push(name);
        name
    })
}

fn end_cause(cause: types::EndCause) -> EndCause {
    match cause {
        types::EndCause::Bye => EndCause::Bye,
        types::EndCause::Cancelled => EndCause::Cancelled,
        types::EndCause::Refused => EndCause::Refused,
        types::EndCause::Completed => EndCause::Completed,
        types::EndCause::TimedOut => EndCause::TimedOut,
        types::EndCause::ChannelLost => EndCause::ChannelLost,
        types::EndCause::Finished => EndCause::Finished,
        types::EndCause::Other => EndCause::Other,
    }
}

pub(crate) fn level(level: LogLevel) -> host::Level {
    match level {
        LogLevel::Error => host::Level::Error,
        LogLevel::Warn => host::Level::Warn,
        LogLevel::Info => host::Level::Info,
        LogLevel::Debug => host::Level::Debug,
    }
}

/// `came` is the request that the event has brought; the first forward that means it takes it.
pub(crate) fn command(command: Command, came: &mut Option<Came>) -> wit::Command {
    match command {
        Command::Forward { leg, to, id, request } => {
            let decoded = request.as_decoded().map(|(text, _)| text);
            let is_it = |(on, text): &mut Came| *on == leg.number() && decoded == Some(text.as_str());
            let as_it_came = came.take_if(is_it).is_some();
            wit::Command::Forward(types::Forwarding {
                leg: leg.number(),
                to: to.number(),
                id: id.number(),
                message: (!as_it_came).then(|| outgoing(leg, id, request).message),
            })
        }
        Command::Open { leg, id, request } => wit::Command::Open(outgoing(leg, id, request)),
        Command::Send { leg, id, request } => wit::Command::Send(outgoing(leg, id, request)),
        Command::Respond { leg, response } => wit::Command::Respond(types::OnLeg {
            leg: leg.number(),
            message: response.encode(),
        }),
        Command::Answer {
            leg,
            cseq,
            code,
            reason,
        } => wit::Command::Answer(types::ShortAnswer {
            leg: leg.number(),
            cseq: cseq.get(),
            code: code.as_u16(),
            reason,
        }),
        Command::SetTimer { timer, after } => wit::Command::SetTimer(types::Alarm {
            timer: timer.number(),
            after: u64::try_from(after.as_micros()).unwrap_or(u64::MAX),
        }),
        Command::CancelTimer { timer } => wit::Command::CancelTimer(timer.number()),
        Command::Relate { relid } => match relid.rsplit('.').next().and_then(|number| number.parse().ok()) {
            Some(number) => wit::Command::Relate(number),
            None => wit::Command::Fail("a relation id that the context did not make".to_owned()),
        },
        Command::Fetch { id, request } => wit::Command::Fetch(types::Fetching {
            id: id.number(),
            request: http::told_request(request),
        }),
        Command::HttpRespond { id, response } => wit::Command::HttpRespond(types::HttpAnswer {
            id: id.number(),
            response: http::told_response(response),
        }),
        Command::Listen { topic } => wit::Command::Listen(topic),
        Command::Publish { topic, text } => wit::Command::Publish(types::Publication { topic, text }),
        Command::Watch { prefix } => wit::Command::Watch(prefix),
        Command::Sync { id } => wit::Command::Sync(id.number()),
        Command::Finish => wit::Command::Finish,
        Command::Fail { reason } => wit::Command::Fail(reason),
        _ => wit::Command::Fail("a command that loaded services do not have".to_owned()),
    }
}

/// The node sets the `DialogueID`; a new request has an empty one, which is none.
fn outgoing(leg: LegId, id: RequestId, mut request: Request) -> types::Outgoing {
    if request.dialog_id().is_empty() {
        request.set_dialog_id("-");
    }
    types::Outgoing {
        leg: leg.number(),
        id: id.number(),
        message: request.encode(),
    }
}
