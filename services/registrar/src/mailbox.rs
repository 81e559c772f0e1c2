//! Messages that wait for a user who is away, in the order in which they came.
//!
//! They are in the service's store, one entry each, until a device has answered them or their time is over; in memory is
//! only what names them. The same message is kept once, also where its sender sends it again because the server ended
//! before it could answer; that a device has had it is remembered for a while, for the same reason.

use std::collections::VecDeque;
use std::time::Duration;

use strowger_service::jsip::{self, Header, Limits, Request, StatusCode, json_string};
use strowger_service::{Context, LegId, LogLevel};

use crate::Settings;
use crate::user::Refusal;

/// Names a message to its receiver: the same however often it is sent to him.
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
    /// What was kept and has been read, the latest last.
    read: VecDeque<Kept>,
    /// The place of the next message.
    next: u64,
    flight: Option<Flight>,
}

/// A message that is kept.
#[derive(Debug)]
struct Kept {
    place: u64,
    /// What tells it from every other message.
    name: String,
}

/// How long it is remembered that a message was read: longer than its sender may need to find the server again.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Of how many messages.
const MOST_REMEMBERED: usize = 64;
/// What stands in the store where a message stood that was read, before its name.
const READ: &str = "read ";

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
            let (Ok(place), Some(entry)) = (place, cx.store().get(&key)) else {
                continue;
            };
            let text = std::str::from_utf8(&entry.value).unwrap_or_default();
            let (list, name) = match (text.strip_prefix(READ), decode(text)) {
                (Some(name), _) => (&mut self.read, name.to_owned()),
                (None, Some(message)) => (&mut self.kept, name_of(&message)),
                (None, None) => continue,
            };
            self.next = place + 1;
            list.push_back(Kept { place, name });
        }
    }

    /// Whether a device has had this message already: its sender has not heard of it.
    pub(crate) fn was_read(&self, request: &Request) -> bool {
        let name = name_of(request);
        self.read.iter().any(|read| read.name == name)
    }

    /// The place of the message that is to be delivered next.
    pub(crate) fn first(&self) -> Option<u64> {
        self.kept.front().map(|kept| kept.place)
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
        let name = name_of(request);
        if let Some(kept) = self.kept.iter().find(|kept| kept.name == name) {
            return Ok(kept.place);
        }
        let mut message = named(request);
        message.remove(Header::MaxForwards);
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
        self.kept.push_back(Kept { place, name });
        Ok(place)
    }

    /// Sends the oldest message to a device, unless one is on its way.
    pub(crate) fn deliver(&mut self, device: &str, cx: &mut Context<'_>) {
        if self.flight.is_some() {
            return;
        }
        while let Some(kept) = self.kept.front() {
            let place = kept.place;
            let entry = cx.store().get(&self.key(place));
            let text = entry
                .as_ref()
                .and_then(|entry| std::str::from_utf8(&entry.value).ok());
            let Some(mut message) = text.and_then(decode) else {
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

    /// A device has answered a message, or has not; what it has not answered waits for the next REGISTER. Gives back the device
    /// where it is to have the next one.
    pub(crate) fn outcome(&mut self, leg: LegId, answered: bool, cx: &mut Context<'_>) -> Option<String> {
        let flight = self.flight.take_if(|flight| flight.leg == leg)?;
        if !answered {
            return None;
        }
        self.was_taken(flight.place, cx);
        Some(flight.device)
    }

    /// A message has reached the user.
    pub(crate) fn was_taken(&mut self, place: u64, cx: &mut Context<'_>) {
        let key = self.key(place);
        let Some(at) = self.kept.iter().position(|kept| kept.place == place) else {
            return;
        };
        let Some(kept) = self.kept.remove(at) else {
            return;
        };
        let text = format!("{READ}{}", kept.name);
        if cx.store().put_for(&key, text, REMEMBERED).is_err() {
            return cx.store().delete(&key);
        }
        self.read.push_back(kept);
        if self.read.len() > MOST_REMEMBERED
            && let Some(oldest) = self.read.pop_front()
        {
            cx.store().delete(&self.key(oldest.place));
        }
    }

    /// A message is not kept after all.
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
}

fn decode(text: &str) -> Option<Request> {
    match jsip::Message::decode(text, &ANY) {
        Ok(jsip::Message::Request(request)) => Some(request),
        _ => None,
    }
}

/// A message as it goes to its receiver: without the way that led here, and with a name.
pub(crate) fn named(request: &Request) -> Request {
    let mut message = request.clone();
    message.remove(Header::Route);
    if message.extension(MESSAGE_ID).is_none() {
        // It fails only for a name or a value that is no header, and these are.
        let _ = message.set_extension(MESSAGE_ID, &json_string(&id(&origin(request))));
    }
    message
}

/// What tells a message from every other one. The sender may have named it himself, to send it again in another dialog.
fn name_of(request: &Request) -> String {
    match request.extension_str(MESSAGE_ID) {
        Some(id) => format!("{} {id}", sender(request)),
        None => format!("{} {}", sender(request), id(&origin(request))),
    }
}

fn sender(request: &Request) -> &str {
    request.asserted_identity().unwrap_or_else(|| request.from())
}

/// Where a message comes from: the same when its sender sends it again to a server that knows nothing of it any more.
fn origin(request: &Request) -> String {
    let (dialog, cseq) = (request.dialog_id(), request.cseq().get());
    format!("{} {dialog} {cseq}", sender(request))
}

/// The same for the same text, and for no other.
fn id(text: &str) -> String {
    use std::fmt::Write as _;

    let mut id = String::with_capacity(32);
    for byte in &hmac_sha256::Hash::hash(text.as_bytes())[..16] {
        // A String takes whatever is written.
        let _ = write!(id, "{byte:02x}");
    }
    id
}
