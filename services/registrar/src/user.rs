//! One user: his devices, the calls to him, who watches him, and what waits for him.

use std::time::Duration;

use strowger_service::jsip::{Header, Method, Request, Response, StatusCode};
use strowger_service::{Context, Event, Instance, LegId, LogLevel, SendError, SyncId, TimerId};

use crate::Settings;
use crate::call::Call;
use crate::devices::Devices;
use crate::mailbox::Mailbox;
use crate::message::{ANSWER_WITHIN, Message, Step};
use crate::name::{asserted_user, contact, name_of, subject, user_of};
use crate::presence::{Watchers, is_answer};

/// The most calls that ring or talk at a time, and as many messages on their way.
const MOST_AT_ONCE: usize = 16;

/// One user.
#[derive(Debug, Default)]
pub(crate) struct User {
    settings: Settings,
    /// `user@host`; empty before the first request.
    name: String,
    devices: Devices,
    watchers: Watchers,
    calls: Vec<Call>,
    messages: Vec<Message>,
    mailbox: Mailbox,
    /// A device that is to have what is kept, as soon as no other device may yet answer the first of it.
    next_reader: Option<String>,
    /// Senders who are told that their message is kept as soon as it is on disk.
    senders: Vec<Sender>,
    /// When to look for what is over at the latest.
    alarm: Option<(Duration, TimerId)>,
}

/// Somebody whose message is kept.
#[derive(Debug)]
struct Sender {
    leg: LegId,
    request: Request,
    place: u64,
    sync: SyncId,
}

/// A status code and the reason for it.
pub(crate) type Refusal = (StatusCode, &'static str);

impl Instance for User {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Incoming { leg, request } => self.on_incoming(leg, &request, cx),
            Event::Timer { timer } => self.on_timer(timer, cx),
            Event::Stored { id, fault } => self.on_stored(id, fault.as_deref(), cx),
            Event::ConfigChanged => self.read_settings(cx),
            event => self.on_event(event, cx),
        }
        self.calls.retain(|call| !call.is_over());
        self.messages.retain(|message| !message.is_over());
        if let Some(device) = self.next_reader.take() {
            self.deliver(&device, cx);
        }
        self.watchers.tell(&self.name, self.devices.len(), cx);
        self.look_later(cx);
        if self.is_idle() {
            cx.finish();
        }
    }
}

impl User {
    fn is_idle(&self) -> bool {
        self.devices.is_empty()
            && self.watchers.is_empty()
            && self.calls.is_empty()
            && self.messages.is_empty()
            && self.senders.is_empty()
            && !self.mailbox.is_delivering()
    }

    /// Sends what is kept to a device, one message at a time. Not what is still on its way to the devices of before: who gets
    /// that in the end, and answers, must not have it twice.
    fn deliver(&mut self, device: &str, cx: &mut Context<'_>) {
        let first = self.mailbox.first();
        let is_on_its_way = |place| self.messages.iter().any(|message| message.is_on_its_way(place));
        if first.is_some_and(is_on_its_way) {
            self.next_reader = Some(device.to_owned());
        } else {
            self.mailbox.deliver(device, cx);
        }
    }

    fn read_settings(&mut self, cx: &Context<'_>) {
        // It was checked when it was loaded.
        self.settings = Settings::read(cx.config()).unwrap_or_default();
    }

    fn on_incoming(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) {
        if self.name.is_empty() {
            let Some(subject) = subject(request) else {
                return refuse(leg, request, (StatusCode::BAD_REQUEST, "no URI"), cx);
            };
            self.name = user_of(&subject);
            self.read_settings(cx);
            self.mailbox.open(&self.name, cx);
        }
        let refusal = match request.method() {
            Method::Register => self.register(leg, request, cx),
            Method::Subscribe => self.subscribe(leg, request, cx),
            Method::Invite => self.call(leg, request, cx),
            Method::Message => self.message(leg, request, cx),
            _ => Err((StatusCode::NOT_IMPLEMENTED, "not at a registrar")),
        };
        if let Err(refusal) = refusal {
            refuse(leg, request, refusal, cx);
        }
    }

    /// A device comes, stays or goes.
    fn register(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let (channel, seconds) = asked_for(request)?;
        if user_of(&channel) != self.name {
            return Err((StatusCode::FORBIDDEN, "Not Your Device"));
        }
        let granted = self.settings.granted(seconds);
        if seconds == 0 {
            self.devices.remove(&channel);
        } else if !self.devices.has(&channel) && self.devices.len() >= self.settings.devices {
            return Err((StatusCode::SERVICE_UNAVAILABLE, "Too Many Devices"));
        } else {
            self.devices.put(&channel, cx.now() + granted);
        }
        let mut response = accepted(request, granted);
        response.set_content_type("application/json");
        // It is JSON.
        let _ = response.set_body(&self.devices.to_json(cx.now()));
        cx.respond(leg, response);
        if seconds > 0 {
            self.deliver(&channel, cx);
        }
        Ok(())
    }

    /// Somebody watches, or watches no more.
    fn subscribe(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if request.event() != Some("presence") {
            return Err((StatusCode::BAD_EVENT, "only presence"));
        }
        let (channel, seconds) = asked_for(request)?;
        let granted = self.settings.granted(seconds);
        if seconds == 0 {
            self.watchers.remove(&channel);
        } else if !self.watchers.has(&channel) && self.watchers.len() >= self.settings.watchers {
            return Err((StatusCode::SERVICE_UNAVAILABLE, "Too Many Watchers"));
        } else {
            self.watchers.put(channel, cx.now() + granted);
        }
        cx.respond(leg, accepted(request, granted));
        Ok(())
    }

    /// Rings all devices, or the one that is called; never the one that calls.
    fn call(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let devices = self.targets(request);
        if devices.is_empty() {
            return Err((StatusCode::TEMPORARILY_UNAVAILABLE, "Not Registered"));
        }
        if self.calls.len() >= MOST_AT_ONCE {
            return Err((StatusCode::BUSY_HERE, "Too Many Calls"));
        }
        let timer = cx.set_timer(Duration::from_secs(self.settings.ring));
        let call = Call::begin(leg, request.clone(), &devices, timer, cx);
        self.calls.push(call);
        Ok(())
    }

    /// Sends a message to the devices, or keeps it; behind what is kept nothing overtakes.
    fn message(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if self.mailbox.was_read(request) {
            cx.respond(leg, Response::to(request, StatusCode::ACCEPTED));
            return Ok(());
        }
        let devices = self.targets(request);
        if devices.is_empty() || !self.mailbox.is_empty() || self.messages.len() >= MOST_AT_ONCE {
            self.keep(leg, request, cx)?;
            if let Some(device) = self.devices.latest().map(str::to_owned) {
                self.deliver(&device, cx);
            }
            return Ok(());
        }
        let timer = cx.set_timer(ANSWER_WITHIN);
        let message = Message::begin(leg, request.clone(), &devices, timer, cx);
        self.messages.push(message);
        Ok(())
    }

    /// Keeps a message; its sender hears of it when it is on disk.
    fn keep(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) -> Result<u64, Refusal> {
        let place = self.mailbox.keep(request, &self.settings, cx)?;
        self.senders.push(Sender {
            leg,
            request: request.clone(),
            place,
            sync: cx.sync(),
        });
        Ok(place)
    }

    fn on_stored(&mut self, id: SyncId, fault: Option<&str>, cx: &mut Context<'_>) {
        for sender in self.senders.extract_if(.., |sender| sender.sync == id) {
            if let Some(why) = fault {
                cx.log(LogLevel::Error, format!("a message cannot be kept: {why}"));
                self.mailbox.forget(sender.place, cx);
                let mut refusal = Response::to(&sender.request, StatusCode::SERVICE_UNAVAILABLE);
                refusal.set_reason("Not Stored");
                cx.respond(sender.leg, refusal);
            } else {
                cx.respond(sender.leg, Response::to(&sender.request, StatusCode::ACCEPTED));
            }
        }
    }

    fn targets(&self, request: &Request) -> Vec<String> {
        let called = name_of(request.request_uri()).unwrap_or_default();
        let caller = contact(request);
        let is_meant =
            |device: &&str| (called == self.name || called == **device) && caller.as_deref() != Some(*device);
        self.devices
            .channels()
            .filter(is_meant)
            .map(str::to_owned)
            .collect()
    }

    fn on_event(&mut self, event: Event, cx: &mut Context<'_>) {
        let Some(leg) = event.leg() else { return };
        if matches!(event, Event::Expired { .. }) {
            // He was told that it failed.
            for sender in self.senders.extract_if(.., |sender| sender.leg == leg) {
                self.mailbox.forget(sender.place, cx);
            }
        }
        if let Some(call) = self.calls.iter_mut().find(|call| call.owns(leg)) {
            return call.handle(event, cx);
        }
        if let Some(at) = self.messages.iter().position(|message| message.owns(leg)) {
            let step = self.messages[at].handle(event, cx);
            return self.on_step(at, step, cx);
        }
        let answered = match &event {
            Event::Response { response, .. } if response.code().is_final() => is_answer(response.code()),
            // What cannot be written will not be written better next time.
            Event::Refused { error, .. } => matches!(error, SendError::Syntax { .. }),
            Event::Ended { .. } => false,
            Event::Request { leg, request } => {
                return cx.respond(*leg, Response::to(request, StatusCode::NO_SUCH_SESSION));
            }
            _ => return,
        };
        if !self.watchers.outcome(leg, answered, cx.now())
            && let Some(device) = self.mailbox.outcome(leg, answered, cx)
        {
            self.deliver(&device, cx);
        }
    }

    /// What has become of a message on its way.
    fn on_step(&mut self, at: usize, step: Step, cx: &mut Context<'_>) {
        let message = &mut self.messages[at];
        match (step, message.kept) {
            (Step::Nothing, _) | (Step::Taken, None) => {}
            (Step::Taken, Some(place)) => self.mailbox.was_taken(place, cx),
            (Step::NotTaken, _) => {
                message.settle(cx);
                let (leg, request) = (message.sender(), message.request().clone());
                match self.keep(leg, &request, cx) {
                    Ok(place) => self.messages[at].kept = Some(place),
                    Err(refusal) => refuse(leg, &request, refusal, cx),
                }
            }
        }
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Context<'_>) {
        if self.alarm.is_some_and(|(_, alarm)| alarm == timer) {
            self.alarm = None;
            self.devices.expire(cx.now());
            self.watchers.expire(cx.now());
            return;
        }
        if self.calls.iter_mut().any(|call| call.on_timer(timer, cx)) {
            return;
        }
        for at in 0..self.messages.len() {
            let step = self.messages[at].on_timer(timer);
            self.on_step(at, step, cx);
        }
    }

    /// Sees to it that the alarm rings when the next registration, subscription or pause is over.
    fn look_later(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let ends = [self.devices.next_end(), self.watchers.next_end(now)];
        let Some(at) = ends.into_iter().flatten().min() else {
            return;
        };
        if self.alarm.is_some_and(|(earlier, _)| earlier <= at) {
            return;
        }
        if let Some((_, timer)) = self.alarm.take() {
            cx.cancel_timer(timer);
        }
        self.alarm = Some((at, cx.set_timer(at.saturating_sub(now))));
    }
}

/// The channel that a REGISTER or SUBSCRIBE is for, and for how many seconds.
fn asked_for(request: &Request) -> Result<(String, u64), Refusal> {
    let seconds = request.expires().ok_or((StatusCode::BAD_REQUEST, "No Expire"))?;
    let channel = contact(request).ok_or((StatusCode::BAD_REQUEST, "Contact is no URI"))?;
    if asserted_user(request).is_some_and(|user| user != user_of(&channel)) {
        return Err((StatusCode::FORBIDDEN, "Not Your Device"));
    }
    Ok((channel, seconds))
}

/// The 200 that says for how long.
fn accepted(request: &Request, granted: Duration) -> Response {
    let mut response = Response::to(request, StatusCode::OK);
    // It fails only for a name or a value that is no header, and these are.
    let _ = response.set_extension(Header::Expires.as_str(), &granted.as_secs().to_string());
    response
}

fn refuse(leg: LegId, request: &Request, (code, reason): Refusal, cx: &mut Context<'_>) {
    let mut response = Response::to(request, code);
    response.set_reason(reason);
    cx.respond(leg, response);
}
