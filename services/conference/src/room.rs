//! One room: who is in it, what they may, and what passes between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use strowger_service::jsip::{CSeq, Header, Method, Request, Response, StatusCode, Uri, json_string};
use strowger_service::{Context, Event, Instance, LegId, RequestId, SendError};

use crate::Settings;
use crate::member::{Member, identity};

/// What the host wants of the room, and of whom.
const ACTION: &str = "Action";
const USER: &str = "User";
/// Says in what passes from member to member who sent it.
const MEMBER: &str = "Member";
/// The most requests of one member that may wait for answers of others.
const MOST_OPEN: usize = 64;

/// One room.
#[derive(Debug)]
pub(crate) struct Room {
    settings: Arc<Settings>,
    /// `[user@]host`, as the first request names it.
    name: String,
    /// In the order in which they came. The first is the host.
    members: Vec<Member>,
    locked: bool,
    /// Counts the changes of what members are told.
    version: u64,
    /// Requests that were passed on and have no final response.
    open: BTreeMap<RequestId, (LegId, CSeq)>,
}

/// A status code and the reason for it.
type Refusal = (StatusCode, &'static str);

const NO_SUCH_USER: Refusal = (StatusCode::NOT_FOUND, "User Not Exist");

impl Instance for Room {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Incoming { leg, request } => self.on_incoming(leg, &request, cx),
            Event::Request { leg, request } => self.on_request(leg, &request, cx),
            Event::Response { to, response, .. } => self.on_response(to, response, cx),
            Event::Refused {
                request: Some(id),
                error,
                ..
            } => self.on_refused(id, &error, cx),
            Event::Expired { leg, cseq } => self.open.retain(|_, open| *open != (leg, cseq)),
            Event::Ended { leg, .. } => self.leave(leg),
            _ => {}
        }
        self.tell_all(cx);
        if self.members.is_empty() {
            cx.finish();
        }
    }
}

impl Room {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            name: String::new(),
            members: Vec::new(),
            locked: false,
            version: 0,
            open: BTreeMap::new(),
        }
    }

    fn on_incoming(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) {
        match self.join(leg, request, cx) {
            Ok(()) => cx.respond(leg, Response::to(request, StatusCode::OK)),
            Err(refusal) => refuse(leg, request, refusal, cx),
        }
    }

    fn join(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if request.method() != Method::Invite {
            return Err((StatusCode::NOT_IMPLEMENTED, "a conference takes calls only"));
        }
        let user = identity(request).ok_or((StatusCode::BAD_REQUEST, "No P-Asserted-Identity"))?;
        let before = self.members.iter().position(|member| member.user == user);
        if before.is_none() && self.locked {
            return Err((StatusCode::FORBIDDEN, "Room Locked"));
        }
        if before.is_none() && self.members.len() >= self.settings.members {
            return Err((StatusCode::BUSY_HERE, "Room Full"));
        }
        if self.members.is_empty() {
            let name = Uri::parse(request.request_uri()).map(|uri| uri.user_with_host().into_owned());
            self.name = name.unwrap_or_default();
        }
        let member = Member::new(leg, user, request);
        match before {
            // He comes again: on another device, or after his page was loaded anew.
            Some(at) => {
                let old = std::mem::replace(&mut self.members[at], member);
                self.dismiss(&old, "replaced", cx);
            }
            None => self.members.push(member),
        }
        self.version += 1;
        Ok(())
    }

    fn on_request(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) {
        match request.method() {
            Method::Bye | Method::Cancel => self.leave(leg),
            Method::Ack => {
                if let Some(member) = self.members.iter_mut().find(|member| member.leg == leg) {
                    member.is_established();
                }
            }
            Method::Invite | Method::Update => cx.respond(leg, Response::to(request, StatusCode::OK)),
            Method::Info | Method::Message => {
                if let Err(refusal) = self.pass_or_obey(leg, request, cx) {
                    refuse(leg, request, refusal, cx);
                }
            }
            _ => refuse(
                leg,
                request,
                (StatusCode::NOT_IMPLEMENTED, "not in a conference"),
                cx,
            ),
        }
    }

    /// What names a member goes to him, what names the room is for the room.
    fn pass_or_obey(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let uri = Uri::parse(request.request_uri()).map_err(|_| NO_SUCH_USER)?;
        let named = uri.user_with_host();
        if request.method() == Method::Info && *named == *self.name {
            self.obey(leg, request, cx)?;
            cx.respond(leg, Response::to(request, StatusCode::OK));
            return Ok(());
        }
        let sender = self
            .members
            .iter()
            .find(|member| member.leg == leg)
            .ok_or(NO_SUCH_USER)?;
        let target = self
            .members
            .iter()
            .find(|member| *member.user == *named)
            .ok_or(NO_SUCH_USER)?;
        if self.open.values().filter(|(from, _)| *from == leg).count() >= MOST_OPEN {
            return Err((StatusCode::SERVICE_UNAVAILABLE, "Too Many Open"));
        }
        let mut passed = request.clone();
        passed.remove(Header::Route);
        // The roster knows him by this name, whatever he calls himself. It fails only for what is no header.
        let _ = passed.set_extension(MEMBER, &json_string(&sender.user));
        let id = cx.send(target.leg, passed);
        self.open.insert(id, (leg, request.cseq()));
        Ok(())
    }

    /// What the host wants of the room.
    fn obey(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if self.members.first().is_none_or(|host| host.leg != leg) {
            return Err((StatusCode::FORBIDDEN, "Not Host"));
        }
        match request.extension_str(ACTION).as_deref() {
            Some("lock") => self.lock(true),
            Some("unlock") => self.lock(false),
            Some("kick") => {
                let user = request.extension_str(USER).ok_or(NO_SUCH_USER)?;
                let is_meant = |member: &Member| *member.user == *user;
                let at = self.members.iter().position(is_meant).ok_or(NO_SUCH_USER)?;
                let member = self.members.remove(at);
                self.dismiss(&member, "kicked", cx);
                self.version += 1;
            }
            _ => return Err((StatusCode::BAD_REQUEST, "No Action")),
        }
        Ok(())
    }

    fn lock(&mut self, locked: bool) {
        if self.locked != locked {
            self.locked = locked;
            self.version += 1;
        }
    }

    /// Ends the leg of somebody who is no member any more.
    fn dismiss(&mut self, member: &Member, reason: &str, cx: &mut Context<'_>) {
        self.open.retain(|_, (from, _)| *from != member.leg);
        let mut bye = member.request(Method::Bye, &self.name);
        bye.set_reason(reason);
        cx.send(member.leg, bye);
    }

    fn leave(&mut self, leg: LegId) {
        let before = self.members.len();
        self.members.retain(|member| member.leg != leg);
        self.open.retain(|_, (from, _)| *from != leg);
        if self.members.len() < before {
            self.version += 1;
        }
    }

    fn on_response(&mut self, id: RequestId, mut response: Response, cx: &mut Context<'_>) {
        if response.code().is_final() && self.on_outcome(id, is_answer(response.code()), cx) {
            return;
        }
        let Some((from, cseq)) = self.open.get(&id).copied() else {
            return;
        };
        if response.code().is_final() {
            self.open.remove(&id);
        }
        response.set_cseq(cseq);
        cx.respond(from, response);
    }

    fn on_refused(&mut self, id: RequestId, error: &SendError, cx: &mut Context<'_>) {
        if self.on_outcome(id, false, cx) {
            return;
        }
        if let Some((from, cseq)) = self.open.remove(&id) {
            let code = match error {
                // He has not acknowledged his answer yet.
                SendError::Illegal { .. } => StatusCode::REQUEST_PENDING,
                _ => StatusCode::TEMPORARILY_UNAVAILABLE,
            };
            cx.answer(from, cseq, code, error.to_string());
        }
    }

    /// A NOTIFY was answered or not; `false` if it was none.
    fn on_outcome(&mut self, id: RequestId, answered: bool, cx: &mut Context<'_>) -> bool {
        let now = cx.now();
        let outcome = self
            .members
            .iter_mut()
            .find_map(|member| member.outcome(id, answered, now));
        if let Some(Some(pause)) = outcome {
            // It only has to happen that something happens.
            cx.set_timer(pause);
        }
        outcome.is_some()
    }

    /// Tells whoever does not know it who is there.
    fn tell_all(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let version = self.version;
        if !self.members.iter().any(|member| member.wants(version, now)) {
            return;
        }
        let roster = self.roster();
        for member in &mut self.members {
            if member.wants(version, now) {
                let mut notify = member.request(Method::Notify, &self.name);
                notify.set_event("conference");
                notify.set_content_type("application/json");
                // It is JSON.
                let _ = notify.set_body(&roster);
                let id = cx.send(member.leg, notify);
                member.was_sent(id, version);
            }
        }
    }

    fn roster(&self) -> String {
        let names: Vec<String> = self
            .members
            .iter()
            .map(|member| json_string(&member.user))
            .collect();
        let host = names.first().map_or("null", String::as_str);
        let (version, locked, names) = (self.version, self.locked, names.join(","));
        format!(r#"{{"version":{version},"host":{host},"locked":{locked},"members":[{names}]}}"#)
    }
}

/// Whether a member has answered a NOTIFY, whatever he says; otherwise he is not there just now.
fn is_answer(code: StatusCode) -> bool {
    ![StatusCode::REQUEST_TIMEOUT, StatusCode::TEMPORARILY_UNAVAILABLE].contains(&code)
}

fn refuse(leg: LegId, request: &Request, (code, reason): Refusal, cx: &mut Context<'_>) {
    let mut response = Response::to(request, code);
    response.set_reason(reason);
    cx.respond(leg, response);
}
