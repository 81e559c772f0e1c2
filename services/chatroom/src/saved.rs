//! A room as text, so that another version of the service can go on with it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strowger_service::jsip::{Limits, Message, Request};
use strowger_service::{LegId, TimerId};

use crate::Settings;
use crate::notice::Notice;
use crate::posts::{Posts, What};
use crate::room::{Flight, Member, Room};

/// What is written and read; another form gets another number.
const FORM: u32 = 1;

#[derive(Serialize, Deserialize)]
struct SavedRoom {
    form: u32,
    name: String,
    members: Vec<SavedMember>,
    /// The number of the oldest post.
    first: u64,
    posts: Vec<SavedPost>,
    alarm: Option<(Duration, u32)>,
}

#[derive(Serialize, Deserialize)]
struct SavedMember {
    user: String,
    event: Option<String>,
    expires: Duration,
    next: u64,
    joined: u64,
    lost: u64,
    /// The leg, and the post it carries.
    flight: Option<(u32, Option<u64>)>,
    failures: u32,
    pause: Duration,
}

#[derive(Serialize, Deserialize)]
struct SavedPost {
    author: String,
    what: SavedWhat,
}

#[derive(Serialize, Deserialize)]
enum SavedWhat {
    Message(String),
    Member {
        state: String,
        user: String,
        members: usize,
    },
}

impl Room {
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        let saved = SavedRoom {
            form: FORM,
            name: self.name.clone(),
            members: self
                .members
                .iter()
                .map(|(user, member)| save(user, member))
                .collect(),
            first: self.posts.first(),
            posts: self
                .posts
                .iter()
                .filter_map(|(author, what)| save_post(author, what))
                .collect(),
            alarm: self.alarm.map(|(at, timer)| (at, timer.number())),
        };
        serde_json::to_vec(&saved).ok()
    }

    /// The room that was saved, under the settings of this version.
    pub(crate) fn from_bytes(settings: Arc<Settings>, saved: &[u8]) -> Option<Self> {
        let saved: SavedRoom = serde_json::from_slice(saved).ok()?;
        if saved.form != FORM {
            return None;
        }
        let mut posts = Posts::starting_at(saved.first);
        for post in saved.posts {
            let what = restore_what(post.what)?;
            posts.push(post.author.into(), what, settings.queue, settings.queue_bytes);
        }
        let mut room = Self::new(settings);
        room.name = saved.name;
        room.posts = posts;
        room.alarm = saved.alarm.map(|(at, timer)| (at, TimerId::new(timer)));
        for member in saved.members {
            let user: Rc<str> = member.user.as_str().into();
            if let Some((leg, _)) = member.flight {
                room.legs.insert(LegId::new(leg), Rc::clone(&user));
            }
            room.members.insert(user, restore(member));
        }
        Some(room)
    }
}

fn save(user: &str, member: &Member) -> SavedMember {
    SavedMember {
        user: user.to_owned(),
        event: member.event.clone(),
        expires: member.expires,
        next: member.next,
        joined: member.joined,
        lost: member.lost,
        flight: member.flight.map(|flight| (flight.leg.number(), flight.post)),
        failures: member.failures,
        pause: member.pause,
    }
}

fn restore(member: SavedMember) -> Member {
    Member {
        event: member.event,
        expires: member.expires,
        next: member.next,
        joined: member.joined,
        lost: member.lost,
        flight: member.flight.map(|(leg, post)| Flight {
            leg: LegId::new(leg),
            post,
        }),
        failures: member.failures,
        pause: member.pause,
    }
}

fn save_post(author: &str, what: &What) -> Option<SavedPost> {
    let what = match what {
        What::Message(request) => SavedWhat::Message(request.encode()),
        What::Notice(Notice::Member { state, user, members }) => SavedWhat::Member {
            state: (*state).to_owned(),
            user: user.clone(),
            members: *members,
        },
        // It is made for one member when he is told, and is never a post.
        What::Notice(Notice::Lost(_)) => return None,
    };
    Some(SavedPost {
        author: author.to_owned(),
        what,
    })
}

fn restore_what(what: SavedWhat) -> Option<What> {
    Some(match what {
        SavedWhat::Message(text) => What::Message(Rc::new(read(&text)?)),
        SavedWhat::Member { state, user, members } => What::Notice(Notice::Member {
            state: ["joined", "left", "expired", "removed"]
                .into_iter()
                .find(|known| *known == state)?,
            user,
            members,
        }),
    })
}

/// A message that the node has taken, whatever its limits were.
fn read(text: &str) -> Option<Request> {
    let limits = Limits {
        message_bytes: Limits::MAX_MESSAGE_BYTES,
        depth: Limits::MAX_DEPTH,
        headers: Limits::MAX_HEADERS,
    };
    match Message::decode(text, &limits) {
        Ok(Message::Request(request)) => Some(request),
        _ => None,
    }
}
