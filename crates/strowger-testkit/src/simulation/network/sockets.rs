//! Sockets: how they begin, what arrives, and how they end. What nodes write on them is in `writing`.

use std::collections::VecDeque;
use std::time::Duration;

use strowger_channel::ConnId;
use strowger_time::Instant;

use super::{Arrival, Happening, Network, Up};
use crate::simulation::Sabotage;
use crate::simulation::agent::is_request;
use crate::simulation::books::Fault;
use crate::simulation::ladder::Column;

/// How long a drain gives a socket to flush, at least.
const GRACE: Duration = Duration::from_secs(2);

/// How a socket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulation) enum Cut {
    /// Reset: what is on its way is lost, and the node learns of it a little later.
    Reset,
    /// The client closes it in form with this code; what it sent arrives first.
    Close(u16),
    /// Nothing gets through any more, and nobody knows.
    HalfOpen,
}

/// What is on its way from a node.
#[derive(Clone, Debug)]
pub(super) enum Down {
    Text(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    User(usize),
    /// A node, with this end of the link.
    Node(ConnId),
}

/// A node's end of a socket. A link has two of these.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "independent faults, each on or off")]
pub(super) struct Socket {
    pub(super) peer: Peer,
    /// Whose outbox it carries; see [`Network::owed`].
    pub(super) line: usize,
    /// The shard that has it.
    pub(super) home: usize,
    /// The node has not learned of its end.
    pub(super) open: bool,
    /// The node has closed it, and its task has not come to an end: what still comes counts for nothing.
    pub(super) closing: bool,
    /// The client has not.
    client_open: bool,
    /// Nothing gets through.
    dead: bool,
    /// Whether the other end reads.
    pub(super) reads: bool,
    /// On its way to the other end.
    pub(super) flight: VecDeque<Down>,
    /// How many of these have come there and are not read.
    waiting: usize,
    /// What the client, hanging, has not sent yet.
    held: Vec<String>,
    /// A batch waits for a peer that does not read.
    pub(super) blocked: bool,
    pub(super) last_down: Instant,
    last_up: Instant,
    /// The payload of the latest Ping taken.
    pub(super) ping: Option<Vec<u8>>,
    /// The shard said that there is something to write.
    pub(super) woken: bool,
    opened: Instant,
}

impl Socket {
    fn new(peer: Peer, line: usize, home: usize, now: Instant) -> Self {
        Self {
            peer,
            line,
            home,
            open: true,
            closing: false,
            client_open: true,
            dead: false,
            reads: true,
            flight: VecDeque::new(),
            waiting: 0,
            held: Vec::new(),
            blocked: false,
            last_down: now,
            last_up: now,
            ping: None,
            woken: false,
            opened: now,
        }
    }

    /// The other end, if a node has it.
    pub(super) const fn far_end(&self) -> Option<ConnId> {
        match self.peer {
            Peer::User(_) => None,
            Peer::Node(far) => Some(far),
        }
    }
}

impl Network {
    pub(super) fn open_for_user(&mut self, user: usize, home: usize) -> ConnId {
        let conn = ConnId(self.sockets.len() as u64 + 1);
        let socket = Socket::new(Peer::User(user), user, home, self.now);
        self.sockets.insert(conn, socket);
        conn
    }

    /// Both ends of a link; what the far one writes is read when the near one has learned of the socket.
    pub(super) fn open_link(
        &mut self,
        near_home: usize,
        far_home: usize,
        lines: [usize; 2],
        delay: Duration,
    ) -> (ConnId, ConnId) {
        let near = ConnId(self.sockets.len() as u64 + 1);
        let far = ConnId(near.0 + 1);
        let now = self.now;
        self.sockets
            .insert(near, Socket::new(Peer::Node(far), lines[0], near_home, now));
        let mut socket = Socket::new(Peer::Node(near), lines[1], far_home, now);
        socket.last_down = now + delay;
        self.sockets.insert(far, socket);
        (near, far)
    }

    pub(super) fn delay(&mut self) -> Duration {
        if self.chance.percent(2) {
            self.chance.millis(100, 2_000)
        } else {
            self.chance.millis(0, self.latency)
        }
    }

    /// Where a frame from this end goes, on the ladder.
    pub(super) fn columns(&self, socket: &Socket) -> (Column, Column) {
        let here = Column::Node(self.site_of[socket.home]);
        let there = match socket.peer {
            Peer::User(user) => Column::User(user),
            Peer::Node(far) => Column::Node(self.site_of[self.sockets[&far].home]),
        };
        (here, there)
    }

    /// The client sends a text frame.
    pub(in crate::simulation) fn send(&mut self, conn: ConnId, text: String) {
        self.figures.frames += 1;
        match self.sockets.get_mut(&conn).filter(|socket| !socket.reads) {
            // A client that reads and answers nothing hangs: what it seems to send waits as well. One that only sends
            // would make the node release without Pongs, and end what the outbox guarantees.
            Some(socket) => socket.held.push(text),
            None => self.send_up(conn, Up::Text(text)),
        }
    }

    fn send_up(&mut self, conn: ConnId, up: Up) {
        let at = self.now + self.delay();
        let Some(socket) = self.sockets.get_mut(&conn).filter(|socket| !socket.dead) else {
            return;
        };
        socket.last_up = socket.last_up.max(at);
        let at = socket.last_up;
        self.at(at, Happening::Up(conn, up));
    }

    /// Something reaches a node.
    pub(super) fn receive(&mut self, conn: ConnId, up: &Up) {
        let Some(socket) = self.sockets.get(&conn) else {
            return;
        };
        let (peer, home, open, dead) = (socket.peer, socket.home, socket.open, socket.dead);
        let heard = (open || socket.closing) && !dead;
        let now = self.now;
        match up {
            Up::Text(text) if heard => {
                if let (true, true, Peer::User(user)) = (self.drains, open, peer) {
                    self.taken.insert((user, text.clone()), now);
                }
                self.shards[home].receive_text(now, conn, text);
            }
            Up::Pong(payload) if !open && self.sabotage == Some(Sabotage::HearsStalePongs) => {
                let mut others = self.sockets.iter().rev();
                let current = others.find(|(_, socket)| socket.peer == peer && socket.open);
                if let Some((current, _)) = current {
                    self.shards[home].receive_pong(now, *current, payload);
                }
            }
            Up::Pong(payload) if heard => self.shards[home].receive_pong(now, conn, payload),
            Up::Closed(code) if open => {
                self.drop_at_node(conn);
                self.shards[home].closed(now, conn, *code);
            }
            Up::Closed(code) if socket.closing => {
                self.stop_hearing(conn);
                self.shards[home].closed(now, conn, *code);
            }
            Up::Text(_) | Up::Pong(_) | Up::Closed(_) => return,
        }
        self.settle(home);
    }

    /// The oldest frame in flight has come to the other end.
    pub(super) fn arrive(&mut self, conn: ConnId) {
        let Some(socket) = self
            .sockets
            .get_mut(&conn)
            .filter(|socket| !socket.dead && socket.client_open)
        else {
            return;
        };
        if socket.reads {
            self.read(conn);
        } else {
            socket.waiting += 1;
        }
    }

    fn read(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        let (peer, down) = (socket.peer, socket.flight.pop_front());
        match (peer, down) {
            (Peer::User(user), Some(Down::Text(text))) => self.news.push(Arrival::Text { user, conn, text }),
            // Every WebSocket library answers by itself.
            (Peer::User(_), Some(Down::Ping(payload))) => self.send_up(conn, Up::Pong(payload)),
            (Peer::Node(far), Some(down)) => self.read_by_node(conn, far, down),
            (Peer::User(_), Some(Down::Pong(_)) | None) | (Peer::Node(_), None) => {}
        }
    }

    fn read_by_node(&mut self, conn: ConnId, far: ConnId, down: Down) {
        match down {
            Down::Text(text) => {
                let (from, to) = self.columns(&self.sockets[&conn]);
                let at = self.elapsed();
                self.trace.frame(at, from, to, &text);
                self.receive(far, &Up::Text(text));
            }
            Down::Pong(payload) => self.receive(far, &Up::Pong(payload)),
            Down::Ping(payload) => {
                let Some(socket) = self.sockets.get(&far).filter(|socket| socket.open) else {
                    return;
                };
                let home = socket.home;
                self.shards[home].receive_ping(self.now, far);
                self.settle(home);
                self.fly(far, Down::Pong(payload));
            }
        }
    }

    /// A client hangs, or the network between two nodes does, and goes on later.
    pub(in crate::simulation) fn stop_reading(&mut self, conn: ConnId, span: Duration) {
        if let Some(socket) = self
            .sockets
            .get(&conn)
            .filter(|socket| socket.far_end().is_some())
        {
            let (here, there) = self.columns(socket);
            let at = self.elapsed();
            let text = format!("link stalls for {:.1} s", span.as_secs_f64());
            self.trace.note(at, here, &text);
            self.trace.note(at, there, &text);
        }
        let far = self.sockets.get(&conn).and_then(Socket::far_end);
        for conn in [Some(conn), far].into_iter().flatten() {
            if let Some(socket) = self.sockets.get_mut(&conn) {
                socket.reads = false;
                self.after(span, Happening::Reads(conn));
            }
        }
    }

    pub(super) fn read_again(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        socket.reads = true;
        let waiting = std::mem::take(&mut socket.waiting);
        if socket.dead || !socket.client_open {
            return;
        }
        let blocked = std::mem::take(&mut socket.blocked);
        let held = std::mem::take(&mut socket.held);
        for _ in 0..waiting {
            self.read(conn);
        }
        for text in held {
            self.send_up(conn, Up::Text(text));
        }
        if blocked {
            self.after(Duration::ZERO, Happening::Written(conn));
        }
    }

    /// The network, or the client, ends a socket.
    pub(in crate::simulation) fn cut(&mut self, conn: ConnId, cut: Cut) {
        let Some(socket) = self.sockets.get(&conn) else {
            return;
        };
        if let Some(far) = socket.far_end() {
            return self.cut_link(conn, far, cut);
        }
        self.figures.cuts += u64::from(cut != Cut::Close(1000));
        let (notice, told) = (self.chance.millis(0, 300), self.chance.millis(0, 1_500));
        match cut {
            Cut::Close(code) => {
                self.send_up(conn, Up::Closed(Some(code)));
                if let Some(socket) = self.sockets.get_mut(&conn) {
                    socket.client_open = false;
                }
                self.after(Duration::ZERO, Happening::Ended(conn, None));
            }
            Cut::Reset => {
                self.kill(conn);
                self.after(told, Happening::Up(conn, Up::Closed(None)));
                self.after(notice, Happening::Ended(conn, None));
            }
            Cut::HalfOpen => {
                self.kill(conn);
                let notice = self.chance.millis(2_000, 90_000);
                self.after(notice, Happening::Ended(conn, None));
            }
        }
    }

    fn cut_link(&mut self, near: ConnId, far: ConnId, cut: Cut) {
        if self.is_dead(near) {
            return;
        }
        self.figures.link_cuts += 1;
        let (from, to) = self.columns(&self.sockets[&near]);
        let at = self.elapsed();
        for (column, other) in [(from, to), (to, from)] {
            self.trace
                .note(at, column, &format!("link with {other:?}: {cut:?}"));
        }
        for conn in [near, far] {
            self.kill(conn);
            // Half-open: both learn of it by their Pings.
            if cut != Cut::HalfOpen {
                let told = self.chance.millis(0, 1_500);
                self.after(told, Happening::Up(conn, Up::Closed(None)));
            }
        }
    }

    fn kill(&mut self, conn: ConnId) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.dead = true;
        }
    }

    fn stop_hearing(&mut self, conn: ConnId) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.closing = false;
        }
    }

    /// The node closes a socket.
    pub(super) fn close(&mut self, conn: ConnId, code: u16) {
        self.figures.takeovers += u64::from(code == 4001);
        if code == 1012 {
            self.check_flushed(conn);
        }
        self.drop_at_node(conn);
        let ends = self.chance.millis(0, 200);
        self.after(ends, Happening::Up(conn, Up::Closed(None)));
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        socket.closing = true;
        if socket.dead || !socket.client_open {
            return;
        }
        // A client that does not read finds the Close behind everything else; this one gives up.
        let at = socket.last_down.max(self.now);
        match socket.far_end() {
            None => self.at(at, Happening::Ended(conn, Some(code))),
            Some(far) => self.at(at, Happening::Up(far, Up::Closed(Some(code)))),
        }
    }

    /// A node that drains closes a socket with 1012: its peer has everything, or was given the time for it.
    fn check_flushed(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get(&conn) else {
            return;
        };
        let early = self
            .closing_since(self.site_of[socket.home])
            .is_some_and(|since| self.now < since + GRACE);
        // A request is done with its response, whether or not this copy of it has come.
        let text = socket.flight.iter().find_map(|down| match down {
            Down::Text(text) if !is_request(text) => Some(text),
            Down::Text(_) | Down::Ping(_) | Down::Pong(_) => None,
        });
        if let (true, Some(text)) = (early, text) {
            let text = format!("a socket is closed 1012 before its peer has {text}");
            self.fault.get_or_insert(Fault::of_run(text));
        }
    }

    /// The process that has this end of a socket is gone.
    pub(super) fn end_of_process(&mut self, conn: ConnId) {
        self.stop_hearing(conn);
        let Some(socket) = self.sockets.get_mut(&conn).filter(|socket| socket.open) else {
            return;
        };
        socket.open = false;
        let (far, dead) = (socket.far_end(), socket.dead);
        self.kill(conn);
        let told = self.chance.millis(0, 300);
        match far {
            None => self.after(told, Happening::Ended(conn, None)),
            Some(far) => {
                self.kill(far);
                if !dead {
                    self.after(told, Happening::Up(far, Up::Closed(None)));
                }
            }
        }
    }

    /// The node has no such socket any more: what is in flight must come again.
    fn drop_at_node(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(&conn).filter(|socket| socket.open) else {
            return;
        };
        socket.open = false;
        let (line, home, ping) = (socket.line, socket.home, socket.ping.clone());
        let texts = socket.flight.iter().filter_map(|down| match down {
            Down::Text(text) => Some(text),
            Down::Ping(_) | Down::Pong(_) => None,
        });
        let lost: Vec<String> = texts.cloned().collect();
        self.link_dropped(home, line);
        self.figures.lost += lost.len() as u64;
        let (_, there) = self.columns(&self.sockets[&conn]);
        let at = self.elapsed();
        for text in &lost {
            self.trace.lost(at, there, text, "not come yet: ");
        }
        // A request may be answered or withdrawn meanwhile; responses and ACKs are owed.
        for text in lost.into_iter().filter(|text| !is_request(text)).rev() {
            self.owed[line].push_front(text);
        }
        if self.sabotage == Some(Sabotage::ForgetsBatch)
            && let Some(ping) = ping
        {
            self.shards[home].receive_pong(self.now, conn, &ping);
        }
    }

    /// The client learns that its socket is gone.
    pub(super) fn ended(&mut self, conn: ConnId, code: Option<u16>) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        socket.client_open = false;
        // A half-open socket ends for the node as well in the end: by its Pings.
        if let Peer::User(user) = socket.peer {
            self.news.push(Arrival::Ended { user, conn, code });
        }
    }

    /// Whether the other end of this socket reads nothing.
    pub(in crate::simulation) fn hangs(&self, conn: ConnId) -> bool {
        self.sockets.get(&conn).is_some_and(|socket| !socket.reads)
    }

    /// Whether the node still has the socket: not what its user believes.
    pub(in crate::simulation) fn is_dead(&self, conn: ConnId) -> bool {
        self.sockets
            .get(&conn)
            .is_none_or(|socket| socket.dead || !socket.client_open)
    }

    /// Whether the socket was there at that time.
    pub(in crate::simulation) fn is_older(&self, conn: ConnId, than: Instant) -> bool {
        self.sockets.get(&conn).is_some_and(|socket| socket.opened < than)
    }

    pub(super) fn open_sockets(&self) -> impl Iterator<Item = (ConnId, usize)> {
        let open = self.sockets.iter().filter(|(_, socket)| socket.open);
        open.map(|(conn, socket)| (*conn, socket.line))
    }

    pub(super) fn sockets_at(&self, site: usize) -> Vec<ConnId> {
        let here = |socket: &Socket| (socket.open || socket.closing) && self.site_of[socket.home] == site;
        let sockets = self.sockets.iter().filter(|(_, socket)| here(socket));
        sockets.map(|(conn, _)| *conn).collect()
    }

    /// The user is gone for good, and nothing is owed to him.
    pub(in crate::simulation) fn forget_channel(&mut self, user: usize) {
        self.owed[user].clear();
        self.channels[user] = None;
    }
}
