//! Nodes, and the sockets between them and the users: a driver in virtual time, with faults.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use strowger_channel::{ChannelId, ConnId, LinkSettings};
use strowger_node::{Effect, FetchTicket, HttpTicket, Mail, Registry, Shard, Taken};
use strowger_service::{FetchError, HttpRequest, HttpResponse};
use strowger_time::Instant;

use super::agent::Deed;
use super::books::{About, Fault};
use super::chance::Chance;
use super::setup::Setup;
use super::trace::Trace;
use super::{Figures, Sabotage};

mod links;
mod sites;
mod sockets;
mod web;
mod writing;

use links::Call;
pub(super) use links::Reach;
pub(super) use sites::Phase;
use sites::Site;
pub(super) use sockets::Cut;
use sockets::Socket;
use web::Web;

/// The most that happens at one instant: whole outboxes are written and read at once, but no more.
const MOST_AT_ONCE: u32 = 100_000;

/// What a WebSocket peer sends to a node.
#[derive(Debug)]
pub(super) enum Up {
    Text(String),
    Pong(Vec<u8>),
    Closed(Option<u16>),
}

/// What is going to happen. Shards are counted over all nodes.
#[derive(Debug)]
pub(super) enum Happening {
    /// Mail reaches a shard, if it is still that process.
    Mail { to: usize, process: u32, mail: Mail },
    /// The task of a socket looks what there is to write.
    Write(ConnId),
    /// A batch is flushed.
    Written(ConnId),
    /// The oldest frame that this end of a socket sent arrives at the other.
    Down(ConnId),
    /// The client learns that its socket is gone.
    Ended(ConnId, Option<u16>),
    /// Something reaches this end of a socket.
    Up(ConnId, Up),
    /// Whoever is at the other end of a socket reads again.
    Reads(ConnId),
    /// A socket ends.
    Cut(ConnId, Cut),
    /// A node that is dialled decides whether to admit the other.
    Knock(Call),
    /// A node has dialled another: with this socket, or in vain.
    Dialled(Call, Option<ConnId>),
    /// A draining node looks whether everything is over.
    Look(usize),
    /// A shard closes its sockets.
    CloseAll { shard: usize, process: u32 },
    /// The process of a node ends.
    Exit(usize),
    /// An order of a call reaches a shard, if it is still that process.
    Ordered {
        shard: usize,
        process: u32,
        ticket: HttpTicket,
        request: HttpRequest,
    },
    /// What an instance asked for over HTTP has its result.
    Fetched {
        shard: usize,
        process: u32,
        ticket: FetchTicket,
        result: Result<HttpResponse, FetchError>,
    },
    /// A user does something.
    Deed(usize, Deed),
    /// The seed chooses what happens next.
    Turn,
}

/// What a client gets, and what the world has to know.
#[derive(Debug)]
pub(super) enum Arrival {
    Text {
        user: usize,
        conn: ConnId,
        text: String,
    },
    Ended {
        user: usize,
        conn: ConnId,
        code: Option<u16>,
    },
    Deed(usize, Deed),
    Turn,
    /// A node forgot what came over the link from the first to the second, or both of them did.
    LinkForgotten(usize, usize),
    /// A node writes a message or call to a socket, for the first time or once more.
    Written {
        about: About,
        site: usize,
        first: bool,
    },
    /// A node's process has ended.
    Exited(usize),
}

/// Nodes, sockets, and what is on its way.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) now: Instant,
    queue: BTreeMap<(Instant, u64), Happening>,
    serial: u64,
    pub(super) sites: Vec<Site>,
    /// The shards of all nodes, one node after another.
    pub(super) shards: Vec<Shard>,
    /// The node of each shard.
    site_of: Vec<usize>,
    sockets: BTreeMap<ConnId, Socket>,
    /// When the latest mail from one shard to another arrives.
    mail: BTreeMap<(usize, usize), Instant>,
    /// Until when a shard is not called.
    stalled: Vec<Instant>,
    /// How many users there are: the first lines are theirs, and those of links follow.
    users: usize,
    /// By line: what the last socket lost and the next must carry, and the channel with its process.
    owed: Vec<VecDeque<String>>,
    channels: Vec<Option<(u32, ChannelId)>>,
    /// How dialling goes, and until when.
    reach: BTreeMap<(usize, usize), (Reach, Instant)>,
    /// When something last happened to a link that has no socket.
    stirred: BTreeMap<(usize, ChannelId), Instant>,
    /// While nodes drain: when a text of a user last reached its node.
    taken: BTreeMap<(usize, String), Instant>,
    /// Messages and (`true`) calls that a node has written to any socket.
    written: BTreeSet<(bool, usize)>,
    /// How much has happened without the clock having moved.
    unmoved: u32,
    news: Vec<Arrival>,
    chance: Chance,
    sabotage: Option<Sabotage>,
    pub(super) fault: Option<Fault>,
    pub(super) figures: Figures,
    /// What was written down, and the services that it was about.
    pub(super) journals: Vec<(Taken, Arc<Registry>)>,
    pub(super) trace: Trace,
    /// The slowest the network gets, in milliseconds.
    latency: u64,
    links: LinkSettings,
    drains: bool,
    /// The node of each user.
    homes: Vec<usize>,
    web: Web,
    /// In how many of a hundred cases the HTTP endpoint does not do its work.
    web_faults: usize,
}

impl Network {
    pub(super) fn new(setup: &Setup, mut chance: Chance, sabotage: Option<Sabotage>, trace: Trace) -> Self {
        let users = setup.homes.len();
        let nodes = setup.shards.len();
        let lines = users + nodes * nodes * 2;
        let mut network = Self {
            now: Instant::ZERO,
            queue: BTreeMap::new(),
            serial: 0,
            sites: Vec::new(),
            shards: Vec::new(),
            site_of: Vec::new(),
            sockets: BTreeMap::new(),
            mail: BTreeMap::new(),
            stalled: Vec::new(),
            users,
            owed: vec![VecDeque::new(); lines],
            channels: vec![None; lines],
            reach: BTreeMap::new(),
            stirred: BTreeMap::new(),
            taken: BTreeMap::new(),
            written: BTreeSet::new(),
            unmoved: 0,
            news: Vec::new(),
            latency: chance.pick(&[5, 30, 200]),
            chance,
            sabotage,
            fault: None,
            figures: Figures::default(),
            journals: Vec::new(),
            trace,
            links: setup.config.channel.link.clone(),
            drains: setup.drains,
            homes: setup.homes.clone(),
            web: Web::default(),
            web_faults: setup.faults,
        };
        network.found_sites(setup);
        network
    }

    /// Makes something happen later.
    pub(super) fn after(&mut self, delay: Duration, happening: Happening) {
        self.at(self.now + delay, happening);
    }

    fn at(&mut self, at: Instant, happening: Happening) {
        self.serial += 1;
        self.queue.insert((at, self.serial), happening);
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now.since(Instant::ZERO)
    }

    /// Whether time goes on. A node that does more than this at one instant will never stop.
    pub(super) fn is_stuck(&self) -> bool {
        self.unmoved > MOST_AT_ONCE
    }

    fn move_to(&mut self, at: Instant) {
        self.unmoved = if at > self.now { 0 } else { self.unmoved + 1 };
        self.now = self.now.max(at);
    }

    /// Does the next thing that is due until then. What it brings to the users; `None` if nothing is left to do.
    pub(super) fn step(&mut self, until: Instant) -> Option<Vec<Arrival>> {
        let due = (0..self.shards.len())
            .filter_map(|shard| Some((self.deadline(shard)?, shard)))
            .min();
        let next = self.queue.first_key_value().map(|(key, _)| *key);
        if let Some((at, shard)) = due.filter(|(at, _)| next.is_none_or(|(next, _)| *at <= next)) {
            if at > until {
                return None;
            }
            self.move_to(at);
            self.shards[shard].handle_timeout(self.now);
            self.settle(shard);
            return Some(std::mem::take(&mut self.news));
        }
        let (at, serial) = next.filter(|(at, _)| *at <= until)?;
        let happening = self.queue.remove(&(at, serial))?;
        self.move_to(at);
        if let Some(shard) = self.shard_of(&happening)
            && self.stalled[shard] > self.now
        {
            // Under its old number, so that the order stays.
            self.queue.insert((self.stalled[shard], serial), happening);
            return Some(Vec::new());
        }
        self.happen(happening);
        Some(std::mem::take(&mut self.news))
    }

    /// When a shard wants to be called, or can be.
    fn deadline(&self, shard: usize) -> Option<Instant> {
        let at = self.shards[shard].poll_timeout()?;
        if self.sabotage == Some(Sabotage::OversleepsTimers)
            && shard == 0
            && self.now.as_micros() > 20_000_000
        {
            return None;
        }
        Some(at.max(self.stalled[shard]))
    }

    /// The shard that something happens to.
    fn shard_of(&self, happening: &Happening) -> Option<usize> {
        let home = |conn: &ConnId| self.sockets.get(conn).map(|socket| socket.home);
        match happening {
            Happening::Mail { to, .. }
            | Happening::CloseAll { shard: to, .. }
            | Happening::Ordered { shard: to, .. }
            | Happening::Fetched { shard: to, .. } => Some(*to),
            Happening::Write(conn) | Happening::Written(conn) | Happening::Up(conn, _) => home(conn),
            Happening::Down(conn) => self.sockets.get(conn)?.far_end().as_ref().and_then(home),
            Happening::Knock(call) => Some(self.link_home(call)),
            Happening::Dialled(call, _) => Some(call.shard),
            Happening::Ended(..)
            | Happening::Reads(_)
            | Happening::Cut(..)
            | Happening::Look(_)
            | Happening::Exit(_)
            | Happening::Deed(..)
            | Happening::Turn => None,
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Mail { to, process, mail } => {
                if self.process_of(to) == process {
                    self.shards[to].receive_mail(mail);
                    self.settle(to);
                }
            }
            Happening::Write(conn) => self.write(conn),
            Happening::Written(conn) => self.written(conn),
            Happening::Down(conn) => self.arrive(conn),
            Happening::Ended(conn, code) => self.ended(conn, code),
            Happening::Up(conn, up) => self.receive(conn, &up),
            Happening::Reads(conn) => self.read_again(conn),
            Happening::Cut(conn, cut) => self.cut(conn, cut),
            Happening::Knock(call) => self.knock(call),
            Happening::Dialled(call, conn) => self.dialled(&call, conn),
            Happening::Look(site) => self.look(site),
            Happening::CloseAll { shard, process } => {
                if self.process_of(shard) == process {
                    self.shards[shard].close_all(self.now);
                    self.settle(shard);
                }
            }
            Happening::Exit(site) => self.exit(site),
            Happening::Ordered {
                shard,
                process,
                ticket,
                request,
            } => self.ordered(shard, process, ticket, request),
            Happening::Fetched {
                shard,
                process,
                ticket,
                result,
            } => self.fetched(shard, process, ticket, result),
            Happening::Deed(user, deed) => self.news.push(Arrival::Deed(user, deed)),
            Happening::Turn => self.news.push(Arrival::Turn),
        }
    }

    /// A shard is not called for a while.
    pub(super) fn stall(&mut self, shard: usize, span: Duration) {
        self.stalled[shard] = self.stalled[shard].max(self.now + span);
    }

    fn settle(&mut self, shard: usize) {
        self.shards[shard].settle(self.now);
        while let Some(effect) = self.shards[shard].poll_effect() {
            self.carry_out(shard, effect);
        }
    }

    fn carry_out(&mut self, shard: usize, effect: Effect) {
        match effect {
            Effect::Mail { to, mail } => self.post(shard, to, mail),
            Effect::Wake(conn) => self.wake(conn),
            Effect::Close { conn, code, .. } => self.close(conn, code),
            Effect::Dial { channel, host, .. } => self.dial(shard, channel, &host),
            Effect::Fetch { ticket, request } => self.asked(shard, ticket, &request),
            Effect::GiveUp(ticket) => self.gives_up(shard, ticket),
            Effect::HttpRespond { ticket, response } => self.answered(ticket, &response),
            Effect::Sync(ticket) => self.shards[shard].synced(self.now, ticket, None),
            Effect::Log(_) | Effect::Renew { .. } | Effect::MessageAnswered { .. } => {}
        }
    }

    fn post(&mut self, from: usize, to: u16, mail: Mail) {
        let withheld = match self.sabotage {
            Some(Sabotage::WithholdsDropped) => matches!(mail, Mail::ChannelDown(_)),
            Some(Sabotage::WithholdsLost) => matches!(mail, Mail::ChannelLost(_)),
            Some(Sabotage::LosesReleases) => matches!(mail, Mail::Released(_)) && self.chance.percent(30),
            _ => false,
        };
        if withheld {
            return;
        }
        let to = self.sites[self.site_of[from]].first + usize::from(to);
        let mut at = self.now + self.chance.millis(0, 2);
        if self.sabotage == Some(Sabotage::ReordersMail) {
            at = at + self.chance.millis(0, 40);
        } else {
            let latest = self.mail.entry((from, to)).or_insert(at);
            *latest = at.max(*latest);
            at = *latest;
        }
        let process = self.process_of(to);
        self.at(at, Happening::Mail { to, process, mail });
    }
}
