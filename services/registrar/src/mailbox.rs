//! Messages that wait for a user who is away, in the order in which they came.
//!
//! They are in the service's store, one entry each, until a device has answered them or their time is over; in memory is
//! only what names them. The same message is kept once, also where its sender sends it again because the server ended
//! before it could answer.

use std::collections::VecDeque;
use std::time::Duration;

use strowger_service::jsip::{self, Header, Limits, Request, StatusCode, json_string};
use strowger_service::{Context, LegId, LogLevel};

use crate::Settings;
use crate::user::Refusal;

/// Names a kept message to its receiver: the same however often it is sent to him.
const MESSAGE_ID: &str = "Message-ID";

/// What was kept was checked when it came.
const ANY: Limits = Limits {
    message_bytes: Limits::MAX_MESSAGE_BYTES,
    depth: Limits::MAX_DEPTH,
    headers: Limits::MAX_HEADERS,
};

/// The messages of one user.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// What the keys of his messages begin with.
    prefix: String,
    kept: VecDeque<Kept>,
    /// The place of the next message.
    next: u64,
    flight: Option<Flight>,
}

/// A message that is kept.
#[derive(Debug)]
struct Kept {
    place: u64,
    /// What tells it from every other message.
    origin: String,
}

/// The message that a device has yet to answer.
#[derive(Debug)]
struct Flight {
    leg: LegId,
    place: u64,
    device: String,
}

impl Mailbox {
    /// Looks what is kept for a user.
    pub(crate) fn open(&mut self, user: &str, cx: &mut Context<'_>) {
        self.prefix = format!("m/{user}/");
        for key in cx.store().keys(&self.prefix, usize::MAX) {
            let place = u64::from_str_radix(&key[self.prefix.len()..], 16);
            let (Ok(place), Some(message)) = (place, self.read(&key, cx)) else {
                continue;
            };
            self.next = place + 1;
            self.kept.push_back(Kept {
                place,
                origin: origin(&message),
            });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(crate) const fn is_delivering(&self) -> bool {
        self.flight.is_some()
    }

    /// Keeps a message; gives back its place.
    pub(crate) fn keep(
        &mut self,
        request: &Request,
        settings: &Settings,
        cx: &mut Context<'_>,
    ) -> Result<u64, Refusal> {
        const FULL: Refusal = (StatusCode::TEMPORARILY_UNAVAILABLE, "Mailbox Full");
        let origin = origin(request);
        if let Some(kept) = self.kept.iter().find(|kept| kept.origin == origin) {
            return Ok(kept.place);
        }
        let mut message = request.clone();
        message.remove(Header::Route);
        message.remove(Header::MaxForwards);
        let id = json_string(&format!("{:016x}", cx.random()));
        // It fails only for a name or a value that is no header, and these are.
        let _ = message.set_extension(MESSAGE_ID, &id);
        let text = message.encode();
        if text.len() > settings.message_bytes {
            return Err((StatusCode::REQUEST_ENTITY_TOO_LARGE, "Message Too Long"));
        }
        self.drop_expired(cx);
        if self.kept.len() >= settings.messages {
            return Err(FULL);
        }
        let place = self.next;
        let keep = Duration::from_secs(settings.keep);
        if let Err(error) = cx.store().put_for(&self.key(place), text.as_bytes(), keep) {
            cx.log(LogLevel::Warn, format!("a message cannot be kept: {error}"));
            return Err(FULL);
        }
        self.next += 1;
        self.kept.push_back(Kept { place, origin });
        Ok(place)
    }

    /// Sends the oldest message to a device, unless one is on its way.
    pub(crate) fn deliver(&mut self, device: &str, cx: &mut Context<'_>) {
        if self.flight.is_some() {
            return;
        }
        while let Some(kept) = self.kept.front() {
            let place = kept.place;
            let Some(mut message) = self.read(&self.key(place), cx) else {
                // Its time is over.
                self.kept.pop_front();
                continue;
            };
            message.set_request_uri(device);
            let (leg, _) = cx.open(message);
            let device = device.to_owned();
            self.flight = Some(Flight { leg, place, device });
            return;
        }
    }

    /// A device has answered a message, or has not; what it has not answered waits for the next REGISTER.
    pub(crate) fn outcome(&mut self, leg: LegId, answered: bool, cx: &mut Context<'_>) {
        let Some(flight) = self.flight.take_if(|flight| flight.leg == leg) else {
            return;
        };
        if answered {
            self.forget(flight.place, cx);
            self.deliver(&flight.device, cx);
        }
    }

    /// A message has reached the user.
    pub(crate) fn forget(&mut self, place: u64, cx: &mut Context<'_>) {
        self.kept.retain(|kept| kept.place != place);
        cx.store().delete(&self.key(place));
    }

    /// Forgets what the store has forgotten: its time is over.
    fn drop_expired(&mut self, cx: &mut Context<'_>) {
        while let Some(kept) = self.kept.front() {
            if cx.store().get(&self.key(kept.place)).is_some() {
                return;
            }
            self.kept.pop_front();
        }
    }

    fn key(&self, place: u64) -> String {
        format!("{}{place:016x}", self.prefix)
    }

    fn read(&self, key: &str, cx: &mut Context<'_>) -> Option<Request> {
        let entry = cx.store().get(key)?;
        let text = std::str::from_utf8(&entry.value).ok()?;
        match jsip::Message::decode(text, &ANY) {
            Ok(jsip::Message::Request(request)) => Some(request),
            _ => None,
        }
    }
}

/// What tells a message from every other one.
fn origin(request: &Request) -> String {
    let sender = request.asserted_identity().unwrap_or_else(|| request.from());
    format!("{sender} {} {}", request.dialog_id(), request.cseq().get())
}
