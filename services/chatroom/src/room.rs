//! One room: who is in it, and what each of them has yet to get.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use strowger_service::jsip::{Header, Method, Request, Response, StatusCode, Uri};
use strowger_service::{Context, Event, Instance, LegId, LogLevel, SendError, TimerId};

use crate::Settings;
use crate::notice::{self, Notice};
use crate::posts::{Posts, What};

/// The pause before what a member did not answer is sent again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One room.
#[derive(Debug)]
pub(crate) struct Room {
    settings: Arc<Settings>,
    /// `[user@]host`, as the first request names it.
    pub(crate) name: String,
    pub(crate) members: BTreeMap<Rc<str>, Member>,
    pub(crate) posts: Posts,
    /// Whose request each open leg carries.
    pub(crate) legs: BTreeMap<LegId, Rc<str>>,
    /// When to look for what is due at the latest.
    pub(crate) alarm: Option<(Duration, TimerId)>,
}

/// Somebody who subscribed.
#[derive(Debug)]
pub(crate) struct Member {
    /// What his SUBSCRIBE said; only who said something is sent NOTIFY.
    pub(crate) event: Option<String>,
    pub(crate) expires: Duration,
    /// The post that he gets next.
    pub(crate) next: u64,
    /// Posts before this one were there before him.
    pub(crate) joined: u64,
    /// How many posts he has lost and was not told of.
    pub(crate) lost: u64,
    pub(crate) flight: Option<Flight>,
    /// How many times in a row he did not answer.
    pub(crate) failures: u32,
    /// Nothing is sent to him before.
    pub(crate) pause: Duration,
}

/// What was sent to a member and has no answer. One at a time, so that he gets everything in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) leg: LegId,
    /// The post; `None` for the word that posts are lost.
    pub(crate) post: Option<u64>,
}

impl Instance for Room {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Incoming { leg, request } => self.on_request(leg, &request, cx),
            Event::Response { leg, response, .. } if response.code().is_final() => {
                self.on_outcome(leg, is_answer(response.code()), cx);
            }
            Event::Refused { leg, error, .. } => {
                // What cannot be written will not be written better next time.
                self.on_outcome(leg, matches!(error, SendError::Syntax { .. }), cx);
            }
            Event::Timer { .. } => self.on_alarm(cx),
            Event::Http { id, request } => {
                let response = self.on_http(&request, cx);
                cx.http_respond(id, response);
            }
            Event::Request { leg, request } => {
                cx.respond(leg, Response::to(&request, StatusCode::NO_SUCH_SESSION));
            }
            _ => {}
        }
        if self.members.is_empty() {
            cx.finish();
        }
    }

    fn save(&mut self) -> Option<Vec<u8>> {
        self.to_bytes()
    }
}

impl Room {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            name: String::new(),
            members: BTreeMap::new(),
            posts: Posts::default(),
            legs: BTreeMap::new(),
            alarm: None,
        }
    }

    fn on_request(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) {
        if self.members.is_empty()
            && let Some(settings) = Settings::read_own(cx.config())
        {
            self.settings = Arc::new(settings);
        }
        let outcome = match request.method() {
            Method::Subscribe => self.subscribe(request, cx),
            Method::Message => self.say(request),
            _ => Err((
                StatusCode::NOT_IMPLEMENTED,
                "a chat room takes SUBSCRIBE and MESSAGE",
            )),
        };
        let mut response = match outcome {
            Ok(()) => Response::to(request, StatusCode::OK),
            Err((code, reason)) => {
                let mut response = Response::to(request, code);
                response.set_reason(reason);
                response
            }
        };
        if outcome.is_err() {
            return cx.respond(leg, response);
        }
        if let Some(seconds) = request.expires() {
            let granted = seconds.min(self.settings.subscription.as_secs());
            // It fails only for a name or a value that is no header, and these are.
            let _ = response.set_extension(Header::Expires.as_str(), &granted.to_string());
        }
        cx.respond(leg, response);
        self.send_all(cx);
    }

    /// Joins, refreshes or leaves.
    fn subscribe(
        &mut self,
        request: &Request,
        cx: &mut Context<'_>,
    ) -> Result<(), (StatusCode, &'static str)> {
        let seconds = request.expires().ok_or((StatusCode::BAD_REQUEST, "No Expire"))?;
        let user = identity(request)?;
        if seconds == 0 {
            self.exists(&user)?;
            self.remove(&user, "left");
            self.list_itself(cx);
            return Ok(());
        }
        let expires = cx.now() + Duration::from_secs(seconds).min(self.settings.subscription);
        let event = request.event().map(str::to_owned);
        if let Some(member) = self.members.get_mut(&*user) {
            (member.event, member.expires) = (event, expires);
            // He is there: what he missed need not wait any longer.
            member.failures = 0;
            member.pause = Duration::ZERO;
        } else {
            if self.members.len() >= self.settings.members {
                return Err((StatusCode::SERVICE_UNAVAILABLE, "Room Full"));
            }
            self.join(request, user, event, expires);
        }
        self.list_itself(cx);
        self.wake_at(expires, cx);
        Ok(())
    }

    fn join(&mut self, request: &Request, user: Rc<str>, event: Option<String>, expires: Duration) {
        if self.members.is_empty() {
            let name = Uri::parse(request.request_uri()).map(|uri| uri.user_with_host().into_owned());
            self.name = name.unwrap_or_default();
        }
        let joined = self.posts.end();
        let member = Member {
            next: event
                .as_ref()
                .map_or(joined, |_| self.posts.history(self.settings.history)),
            event,
            expires,
            joined,
            lost: 0,
            flight: None,
            failures: 0,
            pause: Duration::ZERO,
        };
        self.members.insert(Rc::clone(&user), member);
        self.tell("joined", user);
    }

    /// Somebody says something to all the others.
    fn say(&mut self, request: &Request) -> Result<(), (StatusCode, &'static str)> {
        let user = identity(request)?;
        self.exists(&user)?;
        let mut message = request.clone();
        message.remove(Header::Route);
        message.remove(Header::MaxForwards);
        if message.encode().len() > self.settings.message_bytes {
            return Err((StatusCode::REQUEST_ENTITY_TOO_LARGE, "Message Too Long"));
        }
        self.post(user, What::Message(Rc::new(message)));
        Ok(())
    }

    fn exists(&self, user: &str) -> Result<(), (StatusCode, &'static str)> {
        if self.members.is_empty() {
            return Err((StatusCode::NOT_FOUND, "Room Not Exist"));
        }
        if !self.members.contains_key(user) {
            return Err((StatusCode::NOT_FOUND, "User Not Exist"));
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, user: &Rc<str>, state: &'static str) {
        if let Some(member) = self.members.remove(user) {
            if let Some(flight) = member.flight {
                self.legs.remove(&flight.leg);
            }
            self.tell(state, Rc::clone(user));
        }
    }

    fn tell(&mut self, state: &'static str, user: Rc<str>) {
        let notice = Notice::Member {
            state,
            user: user.to_string(),
            members: self.members.len(),
        };
        self.post(user, What::Notice(notice));
    }

    fn post(&mut self, author: Rc<str>, what: What) {
        self.posts
            .push(author, what, self.settings.queue, self.settings.queue_bytes);
    }

    /// Sends to everybody who waits for nothing what he has yet to get.
    pub(crate) fn send_all(&mut self, cx: &mut Context<'_>) {
        let users: Vec<Rc<str>> = self.members.keys().cloned().collect();
        for user in users {
            self.send_next(&user, cx);
        }
    }

    fn send_next(&mut self, user: &Rc<str>, cx: &mut Context<'_>) {
        let Some(member) = self.members.get_mut(user) else {
            return;
        };
        if member.flight.is_some() || member.pause > cx.now() {
            return;
        }
        if let Some((post, request)) = member.take(user, &self.name, &self.posts) {
            let (leg, _) = cx.open(request);
            member.flight = Some(Flight { leg, post });
            self.legs.insert(leg, Rc::clone(user));
        }
    }

    /// A member has answered, or has not.
    fn on_outcome(&mut self, leg: LegId, answered: bool, cx: &mut Context<'_>) {
        let Some(user) = self.legs.remove(&leg) else {
            return;
        };
        let Some(member) = self.members.get_mut(&user) else {
            return;
        };
        let Some(flight) = member.flight.take() else {
            return;
        };
        if answered {
            member.failures = 0;
            match flight.post {
                Some(post) => member.next = member.next.max(post + 1),
                None => member.lost = 0,
            }
            return self.send_next(&user, cx);
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << member.failures.min(5))
            .min(LONGEST_PAUSE);
        member.failures = member.failures.saturating_add(1);
        member.pause = cx.now() + pause;
        let pause = member.pause;
        self.wake_at(pause, cx);
    }

    /// Sees to it that the alarm rings at this time or earlier.
    fn wake_at(&mut self, at: Duration, cx: &mut Context<'_>) {
        if self.alarm.is_some_and(|(earlier, _)| earlier <= at) {
            return;
        }
        if let Some((_, timer)) = self.alarm.take() {
            cx.cancel_timer(timer);
        }
        let timer = cx.set_timer(at.saturating_sub(cx.now()));
        self.alarm = Some((at, timer));
    }

    /// Members whose subscription is over go; who did not answer is tried again.
    fn on_alarm(&mut self, cx: &mut Context<'_>) {
        self.alarm = None;
        let now = cx.now();
        let expired = self.members.iter().filter(|(_, member)| member.expires <= now);
        let expired: Vec<Rc<str>> = expired.map(|(user, _)| Rc::clone(user)).collect();
        for user in expired {
            cx.log(LogLevel::Debug, "a member's subscription is over");
            self.remove(&user, "expired");
            self.list_itself(cx);
        }
        self.send_all(cx);
        let due = self
            .members
            .values()
            .flat_map(|member| [member.expires, member.pause]);
        if let Some(at) = due.filter(|at| *at > now).min() {
            self.wake_at(at, cx);
        }
    }
}

impl Member {
    /// What he gets next, with the number of its post; skips what is not for him.
    fn take(&mut self, user: &str, room: &str, posts: &Posts) -> Option<(Option<u64>, Request)> {
        if self.next < posts.first() {
            self.lost += posts.first().saturating_sub(self.next.max(self.joined));
            self.next = posts.first();
        }
        if self.lost > 0 {
            if let Some(event) = &self.event {
                return Some((None, Notice::Lost(self.lost).to(room, user, event)));
            }
            self.lost = 0;
        }
        while let Some(post) = posts.get(self.next) {
            let before = self.next < self.joined;
            let request = match (&post.what, &self.event) {
                _ if *post.author == *user && !before => None,
                (What::Message(message), Some(event)) if before => {
                    Some(notice::history(message, room, user, event))
                }
                (What::Message(message), _) if !before => {
                    let mut message = Request::clone(message);
                    message.set_request_uri(user);
                    Some(message)
                }
                (What::Notice(notice), Some(event)) if !before => Some(notice.to(room, user, event)),
                _ => None,
            };
            if let Some(request) = request {
                return Some((Some(self.next), request));
            }
            self.next += 1;
        }
        None
    }
}

/// Whether a final response came from the member, whatever it says; otherwise nobody is there just now.
fn is_answer(code: StatusCode) -> bool {
    ![
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TEMPORARILY_UNAVAILABLE,
        StatusCode::SERVICE_UNAVAILABLE,
    ]
    .contains(&code)
}

/// Who sent a request.
fn identity(request: &Request) -> Result<Rc<str>, (StatusCode, &'static str)> {
    let missing = (StatusCode::BAD_REQUEST, "No P-Asserted-Identity");
    let identity = request.asserted_identity().ok_or(missing)?;
    let uri = Uri::parse(identity).map_err(|_| (StatusCode::BAD_REQUEST, "P-Asserted-Identity is no URI"))?;
    Ok(uri.user_with_host().into())
}
