//! Sockets: what travels, what arrives, and what is lost.

use std::collections::VecDeque;
use std::time::Duration;

use strowger_channel::ConnId;
use strowger_time::Instant;

use super::{Arrival, Happening, Network, Up, parts};
use crate::simulation::Sabotage;
use crate::simulation::agent::is_request;

/// How much a socket takes in one batch: little, so that there are many.
const BATCH_BYTES: usize = 2_000;

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

#[derive(Clone, Debug)]
enum Down {
    Text(String),
    Ping(Vec<u8>),
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "independent faults, each on or off")]
pub(super) struct Socket {
    user: usize,
    pub(super) home: u16,
    /// The node has not learned of its end.
    open: bool,
    /// The client has not.
    client_open: bool,
    /// Nothing gets through.
    dead: bool,
    reads: bool,
    /// On its way to the client.
    flight: VecDeque<Down>,
    /// How many of these have come to the client, which does not read.
    waiting: usize,
    /// What the client, hanging, has not sent yet.
    held: Vec<String>,
    /// A batch waits for a client that does not read.
    blocked: bool,
    last_down: Instant,
    last_up: Instant,
    /// The payload of the latest Ping taken.
    ping: Option<Vec<u8>>,
    /// The shard said that there is something to write.
    woken: bool,
}

impl Network {
    pub(super) fn open(&mut self, user: usize, home: u16) -> ConnId {
        let conn = ConnId(self.sockets.len() as u64 + 1);
        self.sockets.insert(
            conn,
            Socket {
                user,
                home,
                open: true,
                client_open: true,
                dead: false,
                reads: true,
                flight: VecDeque::new(),
                waiting: 0,
                held: Vec::new(),
                blocked: false,
                last_down: self.now,
                last_up: self.now,
                ping: None,
                woken: false,
            },
        );
        conn
    }

    fn delay(&mut self) -> Duration {
        if self.chance.percent(2) {
            self.chance.millis(100, 2_000)
        } else {
            self.chance.millis(0, self.latency)
        }
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

    /// Something of a client reaches the node.
    pub(super) fn receive(&mut self, conn: ConnId, up: &Up) {
        let Some(socket) = self.sockets.get(&conn) else {
            return;
        };
        let (user, home, open, dead) = (socket.user, usize::from(socket.home), socket.open, socket.dead);
        let now = self.now;
        match up {
            Up::Text(text) if open && !dead => self.shards[home].receive_text(now, conn, text),
            Up::Pong(payload) if open && !dead => self.shards[home].receive_pong(now, conn, payload),
            Up::Pong(payload) if self.sabotage == Some(Sabotage::HearsStalePongs) => {
                let current = self
                    .sockets
                    .iter()
                    .rev()
                    .find(|(_, socket)| socket.user == user && socket.open);
                if let Some((current, _)) = current {
                    self.shards[home].receive_pong(now, *current, payload);
                }
            }
            Up::Closed(code) if open => {
                self.drop_at_node(conn);
                self.shards[home].closed(now, conn, *code);
            }
            Up::Text(_) | Up::Pong(_) | Up::Closed(_) => return,
        }
        self.settle(home);
    }

    /// The task of a socket writes what there is.
    pub(super) fn write(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(&conn).filter(|socket| socket.open) else {
            return;
        };
        socket.woken = false;
        let (user, home) = (socket.user, usize::from(socket.home));
        let mut frames = Vec::new();
        self.shards[home].take_batch(self.now, conn, BATCH_BYTES, &mut frames);
        if frames.is_empty() {
            return;
        }
        let (mut texts, ping) = parts(frames);
        for text in &texts {
            if self.owed[user].front() == Some(text) {
                self.owed[user].pop_front();
            }
        }
        if self.sabotage == Some(Sabotage::SwapsFrames) {
            texts.reverse();
        }
        for text in texts {
            self.figures.frames += 1;
            match self.sabotage {
                Some(Sabotage::LosesFrames) if self.chance.percent(3) => {}
                Some(Sabotage::MixesUpSockets) if self.chance.percent(3) => {
                    let others: Vec<ConnId> = self
                        .sockets
                        .iter()
                        .filter(|(_, s)| s.open && s.user != user)
                        .map(|(conn, _)| *conn)
                        .collect();
                    let to = if others.is_empty() {
                        conn
                    } else {
                        self.chance.pick(&others)
                    };
                    self.fly(to, Down::Text(text));
                }
                _ => self.fly(conn, Down::Text(text)),
            }
        }
        if let Some(ping) = ping {
            if self.sabotage == Some(Sabotage::AcknowledgesUnwritten) {
                self.shards[home].receive_pong(self.now, conn, &ping);
            }
            if let Some(socket) = self.sockets.get_mut(&conn) {
                socket.ping = Some(ping.clone());
            }
            self.fly(conn, Down::Ping(ping));
        }
        let reads = self.sockets.get(&conn).is_none_or(|socket| socket.reads);
        // What fits into the buffers of the system counts as written, read or not.
        if reads || self.chance.percent(30) {
            let delay = self.chance.millis(0, 3);
            self.after(delay, Happening::Written(conn));
        } else if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.blocked = true;
        }
        self.settle(home);
    }

    pub(super) fn written(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get(&conn).filter(|socket| socket.open) else {
            return;
        };
        let (user, home) = (socket.user, usize::from(socket.home));
        self.shards[home].written(self.now, conn);
        self.settle(home);
        let all_written = self
            .sockets
            .get(&conn)
            .is_some_and(|socket| socket.open && !socket.woken);
        if all_written && let Some(owed) = self.owed[user].front() {
            self.fault.get_or_insert(format!(
                "user {user} was never sent again what a socket lost: {owed}"
            ));
        }
    }

    pub(super) fn wake(&mut self, conn: ConnId) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.woken = true;
            let delay = self.chance.millis(0, 3);
            self.after(delay, Happening::Write(conn));
        }
    }

    fn fly(&mut self, conn: ConnId, frame: Down) {
        let at = self.now + self.delay();
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        socket.flight.push_back(frame);
        socket.last_down = socket.last_down.max(at);
        let at = socket.last_down;
        self.at(at, Happening::Down(conn));
    }

    /// The oldest frame in flight has come to the client.
    pub(super) fn arrive(&mut self, conn: ConnId, arrivals: &mut Vec<Arrival>) {
        let Some(socket) = self
            .sockets
            .get_mut(&conn)
            .filter(|socket| !socket.dead && socket.client_open)
        else {
            return;
        };
        if socket.reads {
            self.read(conn, arrivals);
        } else {
            socket.waiting += 1;
        }
    }

    fn read(&mut self, conn: ConnId, arrivals: &mut Vec<Arrival>) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        let user = socket.user;
        match socket.flight.pop_front() {
            Some(Down::Text(text)) => arrivals.push(Arrival::Text { user, conn, text }),
            // Every WebSocket library answers by itself.
            Some(Down::Ping(payload)) => self.send_up(conn, Up::Pong(payload)),
            None => {}
        }
    }

    /// The client hangs, and goes on later.
    pub(in crate::simulation) fn stop_reading(&mut self, conn: ConnId, span: Duration) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.reads = false;
            self.after(span, Happening::Reads(conn));
        }
    }

    pub(super) fn read_again(&mut self, conn: ConnId, arrivals: &mut Vec<Arrival>) {
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
            self.read(conn, arrivals);
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

    fn kill(&mut self, conn: ConnId) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.dead = true;
        }
    }

    /// The node closes a socket.
    pub(super) fn close(&mut self, conn: ConnId, code: u16) {
        self.drop_at_node(conn);
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        if socket.dead || !socket.client_open {
            return;
        }
        // A client that does not read finds the Close behind everything else; this one gives up.
        let at = socket.last_down.max(self.now);
        self.figures.takeovers += u64::from(code == 4001);
        self.at(at, Happening::Ended(conn, Some(code)));
    }

    /// The node has no such socket any more: what is in flight must come again.
    fn drop_at_node(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(&conn).filter(|socket| socket.open) else {
            return;
        };
        socket.open = false;
        let (user, home, ping) = (socket.user, usize::from(socket.home), socket.ping.clone());
        let texts = socket.flight.iter().filter_map(|down| match down {
            Down::Text(text) => Some(text),
            Down::Ping(_) => None,
        });
        let lost: Vec<String> = texts.cloned().collect();
        self.figures.lost += lost.len() as u64;
        // A request may be answered or withdrawn meanwhile; responses and ACKs are owed.
        for text in lost.into_iter().filter(|text| !is_request(text)).rev() {
            self.owed[user].push_front(text);
        }
        if self.sabotage == Some(Sabotage::ForgetsBatch)
            && let Some(ping) = ping
        {
            self.shards[home].receive_pong(self.now, conn, &ping);
        }
    }

    /// The client learns that its socket is gone.
    pub(super) fn ended(&mut self, conn: ConnId, code: Option<u16>, arrivals: &mut Vec<Arrival>) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        socket.client_open = false;
        // A half-open socket ends for the node as well in the end: by its Pings.
        let user = socket.user;
        arrivals.push(Arrival::Ended { user, conn, code });
    }

    /// Whether the client of this socket reads nothing.
    pub(in crate::simulation) fn hangs(&self, conn: ConnId) -> bool {
        self.sockets.get(&conn).is_some_and(|socket| !socket.reads)
    }

    /// Whether the node still has the socket: not what its user believes.
    pub(in crate::simulation) fn is_dead(&self, conn: ConnId) -> bool {
        self.sockets
            .get(&conn)
            .is_none_or(|socket| socket.dead || !socket.client_open)
    }
}
