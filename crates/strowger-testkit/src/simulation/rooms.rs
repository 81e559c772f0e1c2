//! Chat rooms: who is in them, what is said there, and who has seen it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jsip::{Method, Request, StatusCode};

use super::agent::{Act, Agent, Deed, Desk, Pending};
use super::books::{About, Books};
use super::services::team;

/// How many rooms each node has.
pub(super) const ROOMS: usize = 2;
/// For how long a user subscribes, in seconds: longer than anybody is busy, shorter than a run lasts.
pub(super) const SUBSCRIPTION: u64 = 900;

/// One room of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Room {
    pub(super) site: usize,
    pub(super) number: usize,
}

/// How a user stands to a room, as far as he knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    #[default]
    Out,
    Joining,
    In,
    Leaving,
    /// He wanted to leave, and was told nothing that he could rely on.
    Unsure,
}

/// What somebody said in a room.
#[derive(Debug)]
struct Post {
    room: Room,
    from: usize,
    sent: Duration,
    accepted: bool,
    repeated: bool,
    /// How often each user has seen it.
    seen: BTreeMap<usize, u32>,
    /// Who took so long to answer that the room had to send it again.
    late: BTreeSet<usize>,
}

/// All rooms of a run.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    posts: Vec<Post>,
    /// Who is in a room for certain, and since when.
    members: BTreeMap<(Room, usize), Duration>,
    /// Who was told that he has missed something.
    told: BTreeSet<(Room, usize)>,
    /// The latest post that a user has seen of another in a room.
    latest: BTreeMap<(Room, usize, usize), usize>,
}

impl Rooms {
    /// The process of a node has ended, and its rooms with it.
    pub(super) fn forget(&mut self, site: usize) {
        self.members.retain(|(room, _), _| room.site != site);
    }

    /// How many posts were accepted, and how many members saw them, together.
    pub(super) fn figures(&self) -> (u64, u64) {
        let accepted = self.posts.iter().filter(|post| post.accepted);
        accepted.fold((0, 0), |(posts, seen), post| {
            (posts + 1, seen + post.seen.len() as u64)
        })
    }

    /// The first post that a member who stayed never saw, and who that is.
    pub(super) fn missed(&self, is_there: impl Fn(usize) -> bool) -> Option<(usize, usize)> {
        let accepted = self.posts.iter().enumerate().filter(|(_, post)| post.accepted);
        for (number, post) in accepted {
            for ((room, user), since) in &self.members {
                let concerns = *room == post.room && *user != post.from && *since <= post.sent;
                if concerns
                    && is_there(*user)
                    && !post.seen.contains_key(user)
                    && !self.told.contains(&(*room, *user))
                {
                    return Some((number, *user));
                }
            }
        }
        None
    }
}

impl Books {
    /// A user sees a post; the room sends it again to who does not answer in time.
    pub(super) fn see_post(&mut self, number: usize, user: usize, late: bool) {
        let (calm, limited) = (self.calm, self.limited);
        let Some(post) = self.rooms.posts.get_mut(number) else {
            return self.fault(
                About::Post(number),
                format!("user {user} saw post {number}, which nobody wrote"),
            );
        };
        let times = post.seen.entry(user).or_default();
        *times += 1;
        let (times, room, from) = (*times, post.room, post.from);
        let twice = times > 1 && calm && !post.late.contains(&user);
        if late {
            post.late.insert(user);
        }
        let ordered = times == 1 && !(post.repeated && limited);
        if from == user {
            let text = format!("user {user} saw post {number}, which is his own");
            return self.fault(About::Post(number), text);
        }
        if twice {
            let text = format!("user {user} saw post {number} {times} times, though nothing was broken");
            return self.fault(About::Post(number), text);
        }
        if ordered {
            let latest = self.rooms.latest.entry((room, from, user)).or_insert(number);
            if *latest > number {
                let text = format!("user {user} saw post {number} of user {from} after {latest}");
                return self.fault(About::Post(number), text);
            }
            *latest = number;
        }
    }

    /// A user was told that he has missed something in a room of his node.
    pub(super) fn told_lost(&mut self, site: usize, user: usize) {
        let rooms = (0..ROOMS).map(|number| (Room { site, number }, user));
        self.rooms.told.extend(rooms);
    }
}

impl Agent {
    /// Does something about a room: enters it, says something, or leaves.
    pub(super) fn visit(&mut self, number: usize, desk: &mut Desk<'_>) {
        let room = Room {
            site: self.site,
            number,
        };
        match self.standing.get(&room).copied().unwrap_or_default() {
            Standing::Out => self.subscribe(room, SUBSCRIPTION, Standing::Joining, desk),
            Standing::In if desk.chance.percent(15) => {
                desk.books.rooms.members.remove(&(room, self.number));
                self.subscribe(room, 0, Standing::Leaving, desk);
            }
            Standing::In => {
                for _ in 0..desk.chance.pick(&[1, 1, 2, 5]) {
                    self.post(room, desk);
                }
            }
            Standing::Joining | Standing::Leaving | Standing::Unsure => {}
        }
    }

    fn to_room(&self, method: Method, room: Room, dialog: &str) -> Request {
        let name = format!("room:{}@{}", room.number, self.host);
        let mut request = self.request(method, &name, dialog, 1);
        request.set_asserted_identity(self.name.as_str());
        request.set_route(&format!("{};type=chatroom", self.host));
        request
    }

    fn subscribe(&mut self, room: Room, seconds: u64, standing: Standing, desk: &mut Desk<'_>) {
        let dialog = self.new_dialog();
        let mut request = self.to_room(Method::Subscribe, room, &dialog);
        request.set_expires(seconds);
        if desk.chance.percent(50) {
            request.set_event("chat");
        }
        self.standing.insert(room, standing);
        self.visits.insert(dialog, (room, None));
        self.ask(request, None, desk);
    }

    /// Registers as a device of the team of the node, or (0) ends that.
    pub(super) fn register(&mut self, seconds: u64, desk: &mut Desk<'_>) {
        let dialog = self.new_dialog();
        let mut request = Request::new(
            Method::Register,
            &self.host,
            self.name.as_str(),
            &team(&self.host),
        );
        request.set_dialog_id(&dialog);
        request.set_expires(seconds);
        request.set_route(&format!("{};type=registrar", self.host));
        self.ask(request, None, desk);
    }

    /// Watches how many devices the team has.
    pub(super) fn watch(&mut self, seconds: u64, desk: &mut Desk<'_>) {
        let dialog = self.new_dialog();
        let mut request = self.request(Method::Subscribe, &team(&self.host), &dialog, 1);
        request.set_expires(seconds);
        request.set_event("presence");
        request.set_route(&format!("{};type=registrar", self.host));
        self.ask(request, None, desk);
    }

    fn post(&mut self, room: Room, desk: &mut Desk<'_>) {
        let number = desk.books.rooms.posts.len();
        desk.books.rooms.posts.push(Post {
            room,
            from: self.number,
            sent: desk.books.now,
            accepted: false,
            repeated: false,
            seen: BTreeMap::new(),
            late: BTreeSet::new(),
        });
        let dialog = self.new_dialog();
        let mut request = self.to_room(Method::Message, room, &dialog);
        request.set_body_str(&format!("p{number}"));
        self.visits.insert(dialog, (room, Some(number)));
        self.ask(request, None, desk);
    }

    /// A request to a room has its final response.
    pub(super) fn visited(&mut self, pending: &Pending, code: StatusCode, desk: &mut Desk<'_>) {
        let Some((room, post)) = self.visits.get(&pending.dialog).copied() else {
            return;
        };
        if let Some(post) = post {
            desk.books.rooms.posts[post].accepted = code.is_success();
            if code == StatusCode::NOT_FOUND && self.standing.get(&room) == Some(&Standing::In) {
                // Of a process of the node that is no more.
                self.standing.insert(room, Standing::Out);
            }
            return;
        }
        let standing = match self.standing.get(&room) {
            Some(Standing::Joining) if code.is_success() => {
                desk.books
                    .rooms
                    .members
                    .insert((room, self.number), desk.books.now);
                Standing::In
            }
            Some(Standing::Joining) => Standing::Out,
            Some(Standing::Leaving) if code.is_success() => Standing::Out,
            _ => Standing::Unsure,
        };
        self.standing.insert(room, standing);
    }

    /// The request was sent more than once.
    pub(super) fn visit_repeated(&self, dialog: &str, desk: &mut Desk<'_>) {
        if let Some((_, Some(post))) = self.visits.get(dialog) {
            desk.books.rooms.posts[*post].repeated = true;
        }
    }

    /// The channel was lost: what was open has no answer. The rooms keep who was in them.
    pub(super) fn visits_lost(&mut self) {
        for standing in self.standing.values_mut() {
            *standing = match *standing {
                Standing::Joining => Standing::Out,
                Standing::Leaving => Standing::Unsure,
                other => other,
            };
        }
    }

    /// A post comes. Most answer at once; some so late that the room takes it for lost.
    pub(super) fn on_post(&self, number: usize, request: &Request, desk: &mut Desk<'_>) {
        let late = desk.chance.percent(5);
        desk.books.see_post(number, self.number, late);
        let delay = if late {
            desk.chance.millis(4_000, 9_000)
        } else {
            desk.chance.millis(0, 500)
        };
        let (dialog, cseq) = (request.dialog_id().to_owned(), request.cseq().get());
        let code = StatusCode::OK;
        desk.acts
            .push(Act::Later(delay, Deed::Answer { dialog, cseq, code }));
    }
}
