//! Users who ask for their own live calls: SUBSCRIBE, `Event: dialog` (`docs/protocol/dialog-event.md`).
//!
//! The home of a user's channel answers, before any service. It asks every shard, since a call lives where its first leg
//! began; what has come together is kept by the dialog of the question, so the limits of dialogs bound it.

use std::collections::BTreeMap;

use jsip::{Method, Request, StatusCode, Uri, UserId, json_string};
use jsip_stack::{Awaited, Channel, DialogKey, End, Listed, Listing, Open, Progress};
use strowger_time::Instant;

use crate::shard::{channel_id, home_of_channel};
use crate::{Mail, Question, Shard};

const PACKAGE: &str = "dialog";
const CONTENT_TYPE: &str = "application/dialog-info+json";

/// The answers of shards that are not complete, by question.
#[derive(Debug, Default)]
pub(crate) struct Gatherings {
    running: BTreeMap<DialogKey, Gathering>,
}

#[derive(Debug)]
struct Gathering {
    entity: UserId,
    awaited: u16,
    listing: Listing,
}

impl Gatherings {
    /// Adds what one shard has; answers the whole once all have answered.
    fn add(&mut self, dialog: DialogKey, listing: Listing, most: usize) -> Option<Gathering> {
        let gathering = self.running.get_mut(&dialog)?;
        gathering.listing.add(listing, most);
        gathering.awaited -= 1;
        if gathering.awaited > 0 {
            return None;
        }
        self.running.remove(&dialog)
    }
}

impl Shard {
    /// The user who asks for the calls of his own channel, if that is what a first request is.
    ///
    /// A channel that carries the users of another node is nobody's own, and a request with `Max-Forwards` or a Router
    /// was not meant for this channel by the user at its end.
    pub(crate) fn asks_for_own_calls(&self, channel: Channel, request: &Request) -> Option<&UserId> {
        let is_question = request.method() == Method::Subscribe
            && request.event() == Some(PACKAGE)
            && request.first_route().is_none()
            && request.max_forwards().is_none();
        if !is_question || home_of_channel(channel) != self.shard {
            return None;
        }
        let user = self.channels.user(channel_id(channel))?;
        let uri = Uri::parse(request.request_uri()).ok()?;
        let is_own = UserId::from_uri(&uri).is_ok_and(|name| name == *user);
        (is_own && !self.config.links.is_node(user)).then_some(user)
    }

    /// How many questions of users for their calls wait for other shards.
    pub fn questions(&self) -> usize {
        self.gatherings.running.len()
    }

    /// Asks all shards for the live calls of a channel.
    pub(crate) fn gather(&mut self, now: Instant, dialog: DialogKey, channel: Channel, entity: UserId) {
        let gathering = Gathering {
            entity,
            awaited: self.shards,
            listing: Listing::default(),
        };
        self.gatherings.running.insert(dialog, gathering);
        let question = Question {
            from: self.shard,
            dialog,
            channel,
        };
        for shard in 0..self.shards {
            self.post(now, shard, Mail::ListCalls(question));
        }
    }

    /// A shard asks for the calls of a channel that live here.
    pub(crate) fn list_calls(&mut self, now: Instant, question: Question) {
        let most = self.config.limits.dialogs_per_answer;
        let calls = self.stack.calls_of(question.channel, most);
        self.post(now, question.from, Mail::Calls(question.dialog, calls));
    }

    /// A shard answered. If the question has been given up meanwhile, nothing is sent.
    pub(crate) fn on_calls(&mut self, now: Instant, dialog: DialogKey, calls: Listing) {
        let most = self.config.limits.dialogs_per_answer;
        let Some(gathering) = self.gatherings.add(dialog, calls, most) else {
            return;
        };
        let document = document(&gathering.entity, &gathering.listing);
        self.stack.answer_first(now, dialog, StatusCode::OK, |response| {
            response.set_event(PACKAGE);
            response.set_content_type(CONTENT_TYPE);
            // Expire has a meaning in requests only, so here it is an extension. Neither can be refused: both are JSON.
            let _ = response.set_extension("Expire", "0");
            let _ = response.set_body(&document);
        });
    }
}

/// The answer's Body.
fn document(entity: &UserId, listing: &Listing) -> String {
    let mut out = format!(
        r#"{{"entity":{},"state":"full","version":0,"#,
        json_string(entity.as_str())
    );
    if listing.more > 0 {
        out.push_str(&format!(r#""more":{},"#, listing.more));
    }
    out.push_str(r#""dialogs":["#);
    push_all(&mut out, &listing.calls, push_call);
    out.push_str("]}");
    out
}

fn push_all<T>(out: &mut String, items: &[T], push: fn(&mut String, &T)) {
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        push(out, item);
    }
}

fn push_call(out: &mut String, call: &Listed) {
    let direction = match call.initiator {
        End::Local => "initiator",
        End::Remote => "recipient",
    };
    let state = match call.progress {
        Progress::Trying => "trying",
        Progress::Early => "early",
        Progress::Confirmed => "confirmed",
    };
    out.push_str(&format!(
        r#"{{"id":{},"direction":"{direction}","state":"{state}","local":{{"#,
        json_string(call.id.as_str())
    ));
    let number = |cseq: Option<jsip::CSeq>| cseq.map(|cseq| cseq.get().to_string());
    let text = |text: &Option<String>| text.as_deref().map(json_string);
    push_members(
        out,
        &[("identity", text(&call.identity)), ("cseq", number(call.cseq))],
    );
    out.push_str(r#"},"remote":{"#);
    push_members(
        out,
        &[
            ("identity", text(&call.other_identity)),
            ("target", text(&call.other_target)),
            ("cseq", number(call.other_cseq)),
        ],
    );
    out.push_str(&format!(
        r#"}},"expire":{},"refresher":"{}","open":["#,
        call.expires,
        end(call.refresher)
    ));
    push_all(out, &call.open, push_open);
    out.push_str("]}");
}

fn push_members(out: &mut String, members: &[(&str, Option<String>)]) {
    let mut separator = "";
    for (name, value) in members {
        if let Some(value) = value {
            out.push_str(&format!(r#"{separator}"{name}":{value}"#));
            separator = ",";
        }
    }
}

fn push_open(out: &mut String, open: &Open) {
    let awaits = match open.awaits {
        Awaited::Response => "response",
        Awaited::Ack => "ack",
    };
    out.push_str(&format!(
        r#"{{"method":"{}","cseq":{},"from":"{}","awaits":"{awaits}"}}"#,
        open.method,
        open.cseq.get(),
        end(open.from)
    ));
}

const fn end(end: End) -> &'static str {
    match end {
        End::Local => "local",
        End::Remote => "remote",
    }
}
