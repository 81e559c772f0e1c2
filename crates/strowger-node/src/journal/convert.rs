//! Between what shards and services say and what stands in a journal.

use std::borrow::Cow;

use jsip_stack::DialogKey;
use strowger_journal::{Blob, Did, Exchange, Failed, Place, Settings};
use strowger_service::{Command, Event, FetchError, HttpRequest, HttpResponse, LogLevel};

use crate::Config;
use crate::instances::InstanceKey;

pub(super) const fn place_of(dialog: DialogKey) -> Place {
    let (index, count) = dialog.numbers();
    Place { index, count }
}

pub(super) const fn instance_of(key: InstanceKey) -> Place {
    Place {
        index: key.index as u32,
        count: key.epoch,
    }
}

pub(super) fn blob(bytes: &[u8], bodies: bool) -> Blob<'_> {
    if bodies {
        Blob::Kept(Cow::Borrowed(bytes))
    } else {
        Blob::Left(bytes.len() as u64)
    }
}

pub(super) fn request(request: &HttpRequest, bodies: bool) -> Exchange<'_> {
    Exchange {
        line: Cow::Owned(format!("{} {}", request.method, request.url)),
        headers: Cow::Borrowed(&request.headers),
        body: blob(&request.body, bodies),
    }
}

pub(super) fn response(response: &HttpResponse, bodies: bool) -> Exchange<'_> {
    Exchange {
        line: Cow::Owned(response.status.to_string()),
        headers: Cow::Borrowed(&response.headers),
        body: blob(&response.body, bodies),
    }
}

/// The largest body that is made up for one that was left out.
pub(super) const MOST_FILLED: usize = 16 << 20;

pub(super) fn to_request(exchange: &Exchange<'_>) -> HttpRequest {
    let (method, url) = exchange.line.split_once(' ').unwrap_or((&exchange.line, ""));
    HttpRequest {
        headers: exchange.headers.to_vec(),
        body: exchange.body.fill(MOST_FILLED),
        ..HttpRequest::new(method, url)
    }
}

pub(super) fn to_response(exchange: &Exchange<'_>) -> HttpResponse {
    HttpResponse {
        status: exchange.line.parse().unwrap_or(500),
        headers: exchange.headers.to_vec(),
        body: exchange.body.fill(MOST_FILLED),
    }
}

pub(super) fn failed(error: &FetchError) -> Failed<'_> {
    let (kind, why) = match error {
        FetchError::NotGranted => ("not_granted", ""),
        FetchError::Invalid(why) => ("invalid", why.as_str()),
        FetchError::TooMany => ("too_many", ""),
        FetchError::Failed(why) => ("failed", why.as_str()),
        FetchError::TimedOut => ("timed_out", ""),
        FetchError::TooLarge => ("too_large", ""),
        _ => ("failed", "for another reason"),
    };
    Failed {
        kind: Cow::Borrowed(kind),
        why: Cow::Borrowed(why),
    }
}

pub(super) fn to_error(failed: &Failed<'_>) -> FetchError {
    match &*failed.kind {
        "not_granted" => FetchError::NotGranted,
        "invalid" => FetchError::Invalid(failed.why.to_string()),
        "too_many" => FetchError::TooMany,
        "timed_out" => FetchError::TimedOut,
        "too_large" => FetchError::TooLarge,
        _ => FetchError::Failed(failed.why.to_string()),
    }
}

pub(super) fn did(command: &Command, bodies: bool) -> Did<'_> {
    match command {
        Command::Open { leg, request, .. } => Did::Open {
            leg: leg.number(),
            method: request.method().as_str().into(),
            uri: request.request_uri().into(),
        },
        Command::Forward { to, request, .. } => Did::Forward {
            leg: to.number(),
            method: request.method().as_str().into(),
            uri: request.request_uri().into(),
        },
        Command::Send { leg, request, .. } => Did::Send {
            leg: leg.number(),
            method: request.method().as_str().into(),
        },
        Command::Respond { leg, response } => Did::Respond {
            leg: leg.number(),
            cseq: response.cseq().get(),
            code: response.code().as_u16(),
        },
        Command::Answer { leg, cseq, code, .. } => Did::Respond {
            leg: leg.number(),
            cseq: cseq.get(),
            code: code.as_u16(),
        },
        Command::SetTimer { timer, after } => Did::SetTimer {
            timer: timer.number(),
            after: u64::try_from(after.as_micros()).unwrap_or(u64::MAX),
        },
        Command::CancelTimer { timer } => Did::CancelTimer {
            timer: timer.number(),
        },
        Command::Relate { relid } => Did::Relate {
            relid: relid.as_str().into(),
        },
        Command::Log { level, text } => Did::Log {
            level: level_name(*level).into(),
            text: text.as_str().into(),
        },
        Command::Fetch { id, request: asked } => Did::Fetch {
            id: id.number(),
            request: request(asked, bodies),
        },
        Command::HttpRespond { id, response: said } => Did::HttpRespond {
            id: id.number(),
            response: response(said, bodies),
        },
        Command::Listen { topic } => Did::Listen {
            topic: topic.as_str().into(),
        },
        Command::Publish { topic, text } => Did::Publish {
            topic: topic.as_str().into(),
            text: blob(text.as_bytes(), bodies),
        },
        Command::Watch { prefix } => Did::Watch {
            prefix: prefix.as_str().into(),
        },
        Command::Sync { id } => Did::Sync { id: id.number() },
        Command::Finish => Did::Finish,
        Command::Fail { reason } => Did::Fail {
            reason: reason.as_str().into(),
        },
        _ => Did::Unknown,
    }
}

const fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

/// What an event is called, and the number of its leg; 0 where it is about none.
pub(super) fn event(event: &Event) -> (&'static str, u32) {
    let name = match event {
        Event::Incoming { .. } => "incoming",
        Event::Request { .. } => "request",
        Event::Response { .. } => "response",
        Event::Timer { .. } => "timer",
        Event::Expired { .. } => "expired",
        Event::Refused { .. } => "refused",
        Event::Ended { .. } => "ended",
        Event::Fetched { .. } => "fetched",
        Event::Http { .. } => "http",
        Event::Published { .. } => "published",
        Event::StoreChanged { .. } => "store changed",
        Event::Stored { .. } => "stored",
        Event::ConfigChanged => "settings",
        Event::Shutdown { .. } => "shutdown",
        _ => "other",
    };
    (name, event.leg().map_or(0, |leg| leg.number()))
}

fn micros(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// The settings that calls depend on.
pub(super) fn settings(config: &Config) -> Settings {
    let (stack, limits) = (&config.stack, &config.limits);
    Settings {
        realm: config.realm.clone(),
        transaction: micros(stack.transaction),
        provisional: micros(stack.provisional),
        invite_max: micros(stack.invite_max),
        session: micros(stack.session),
        linger: micros(stack.linger),
        session_min: micros(stack.session_min),
        dialogs_per_channel: stack.dialogs_per_channel as u64,
        lingering_per_channel: stack.lingering_per_channel as u64,
        dialogs_per_link: stack.dialogs_per_link as u64,
        lingering_per_link: stack.lingering_per_link as u64,
        legs_per_instance: limits.legs_per_instance as u64,
        timers_per_instance: limits.timers_per_instance as u64,
        relations_per_instance: limits.relations_per_instance as u64,
        commands_per_event: limits.commands_per_event as u64,
        http_waiting: config.web.waiting as u64,
        http_answer_within: micros(config.web.answer_within),
    }
}

/// A configuration with these settings, and the defaults for everything that calls do not depend on.
pub(super) fn config(settings: &Settings) -> Config {
    let micros = std::time::Duration::from_micros;
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let mut config = Config {
        realm: settings.realm.clone(),
        ..Config::default()
    };
    let (stack, limits, web) = (&mut config.stack, &mut config.limits, &mut config.web);
    stack.transaction = micros(settings.transaction);
    stack.provisional = micros(settings.provisional);
    stack.invite_max = micros(settings.invite_max);
    stack.session = micros(settings.session);
    stack.linger = micros(settings.linger);
    stack.session_min = micros(settings.session_min);
    stack.dialogs_per_channel = count(settings.dialogs_per_channel);
    stack.lingering_per_channel = count(settings.lingering_per_channel);
    stack.dialogs_per_link = count(settings.dialogs_per_link);
    stack.lingering_per_link = count(settings.lingering_per_link);
    limits.legs_per_instance = count(settings.legs_per_instance);
    limits.timers_per_instance = count(settings.timers_per_instance);
    limits.relations_per_instance = count(settings.relations_per_instance);
    limits.commands_per_event = count(settings.commands_per_event);
    web.waiting = count(settings.http_waiting);
    web.answer_within = micros(settings.http_answer_within);
    config
}
