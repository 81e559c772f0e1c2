//! What an operator may ask of rooms over HTTP: which there are, who is in one, and that somebody leaves.
//!
//! A room answers for itself. The list of rooms stands in the service's store, where each room writes how many members it
//! has, for as long as the last subscription lasts.

use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use strowger_service::jsip::Uri;
use strowger_service::{Context, HttpRequest, HttpResponse, LogLevel};

use crate::notice::Notice;
use crate::room::Room;

/// What the store's keys of rooms begin with.
const ROOMS: &str = "room/";
/// How many rooms are listed at most.
const LISTED: usize = 1000;

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Rooms,
    Room(String),
    Member(String, String),
}

impl Place {
    fn of(url: &str) -> Option<Self> {
        let path = url.split('?').next().unwrap_or_default().trim_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        Some(match parts[..] {
            ["rooms"] => Self::Rooms,
            ["rooms", room] => Self::Room(name(room)?),
            ["rooms", room, "members", user] => Self::Member(name(room)?, name(user)?),
            _ => return None,
        })
    }
}

/// The room that a request is about; `None`: none, or all of them.
pub(crate) fn room_of(request: &HttpRequest) -> Option<String> {
    match Place::of(&request.url)? {
        Place::Rooms => None,
        Place::Room(room) | Place::Member(room, _) => Some(room),
    }
}

/// A user or a room as requests name them.
fn name(part: &str) -> Option<String> {
    let text = decode(part)?;
    let uri = Uri::parse(&text).ok()?;
    Some(uri.user_with_host().into_owned())
}

fn decode(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            (digit()? * 16 + digit()?) as u8
        } else {
            byte
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

impl Room {
    /// Answers a request of an operator.
    pub(crate) fn on_http(&mut self, request: &HttpRequest, cx: &mut Context<'_>) -> HttpResponse {
        match (&*request.method, Place::of(&request.url)) {
            (_, None) => {
                HttpResponse::problem(404, "there are /rooms, /rooms/ROOM and /rooms/ROOM/members/USER")
            }
            ("GET", Some(Place::Rooms)) => list(cx),
            (_, Some(Place::Room(_) | Place::Member(..))) if self.members.is_empty() => {
                HttpResponse::problem(404, "Room Not Exist")
            }
            ("GET", Some(Place::Room(_))) => self.describe(cx),
            ("DELETE", Some(Place::Member(_, user))) => self.expel(&user, cx),
            (_, Some(_)) => HttpResponse::problem(405, "rooms and a room are for GET, a member for DELETE"),
        }
    }

    fn describe(&self, cx: &Context<'_>) -> HttpResponse {
        let now = cx.now();
        let members = self.members.iter().map(|(user, member)| {
            json!({
                "user": &**user,
                "event": member.event,
                "expires_in": member.expires.saturating_sub(now).as_secs(),
                "answers": member.failures == 0,
            })
        });
        let members: Vec<_> = members.collect();
        json_response(&json!({ "room": self.name, "members": members }))
    }

    /// Takes a member out and tells him, where he wants to be told of anything, and the others.
    fn expel(&mut self, user: &str, cx: &mut Context<'_>) -> HttpResponse {
        let user: Rc<str> = user.into();
        let Some(member) = self.members.get(&user) else {
            return HttpResponse::problem(404, "User Not Exist");
        };
        let event = member.event.clone();
        self.remove(&user, "removed");
        if let Some(event) = event {
            let notice = Notice::Member {
                state: "removed",
                user: user.to_string(),
                members: self.members.len(),
            };
            cx.open(notice.to(&self.name, &user, &event));
        }
        self.list_itself(cx);
        self.send_all(cx);
        HttpResponse::new(204)
    }

    /// Writes into the store that the room is there, or is no more.
    pub(crate) fn list_itself(&self, cx: &mut Context<'_>) {
        let key = format!("{ROOMS}{}", self.name);
        let last = self.members.values().map(|member| member.expires).max();
        let Some(last) = last else {
            return cx.store().delete(&key);
        };
        let keep = last.saturating_sub(cx.now()).max(Duration::from_secs(1));
        let count = self.members.len().to_string();
        if let Err(error) = cx.store().put_for(&key, count, keep) {
            cx.log(
                LogLevel::Warn,
                format!("the room is missing in the list of rooms: {error}"),
            );
        }
    }
}

fn list(cx: &Context<'_>) -> HttpResponse {
    let keys = cx.store().keys(ROOMS, LISTED + 1);
    let is_all = keys.len() <= LISTED;
    let rooms = keys.iter().take(LISTED).filter_map(|key| {
        let count = cx.store().get(key)?;
        let count: usize = std::str::from_utf8(&count.value).ok()?.parse().ok()?;
        Some(json!({ "room": key.strip_prefix(ROOMS)?, "members": count }))
    });
    let rooms: Vec<_> = rooms.collect();
    json_response(&json!({ "rooms": rooms, "all": is_all }))
}

fn json_response(body: &serde_json::Value) -> HttpResponse {
    HttpResponse::with_body(200, "application/json", body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_room_or_a_member_however_it_is_written() {
        let room = || "room:888@example.com".to_owned();
        for path in [
            "/rooms/room:888@example.com",
            "rooms/room%3A888%40example.com/?x=1",
        ] {
            assert_eq!(Place::of(path), Some(Place::Room(room())), "{path}");
        }
        let member = Place::Member(room(), "ann@example.com".to_owned());
        assert_eq!(
            Place::of("/rooms/room:888@example.com/members/ann@example.com"),
            Some(member)
        );
        for path in [
            "/",
            "/rooms/%",
            "/rooms/%zz",
            "/rooms/%ff",
            "/rooms/a/b",
            "/other",
        ] {
            assert_eq!(Place::of(path), None, "{path}");
        }
    }
}
