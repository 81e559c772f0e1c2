//! What nodes write on their sockets.

use strowger_channel::{ConnId, Frame};

use super::sockets::{Down, Peer, Socket};
use super::{Arrival, Happening, Network};
use crate::simulation::Sabotage;
use crate::simulation::agent::is_request;
use crate::simulation::books::{About, Fault};

/// How much a socket takes in one batch: little, so that there are many.
const BATCH_BYTES: usize = 2_000;

impl Network {
    pub(super) fn wake(&mut self, conn: ConnId) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.woken = true;
            let delay = self.chance.millis(0, 3);
            self.after(delay, Happening::Write(conn));
        }
    }

    /// The task of a socket writes what there is.
    pub(super) fn write(&mut self, conn: ConnId) {
        let here = |socket: &&mut Socket| socket.open || socket.closing;
        let Some(socket) = self.sockets.get_mut(&conn).filter(here) else {
            return;
        };
        socket.woken = false;
        let (line, home, closing) = (socket.line, socket.home, socket.closing);
        let mut frames = Vec::new();
        self.shards[home].take_batch(self.now, conn, BATCH_BYTES, &mut frames);
        if closing && !frames.is_empty() {
            let text = format!("a socket that the node has closed is given {frames:?}");
            self.fault.get_or_insert(Fault::of_run(text));
        }
        if frames.is_empty() {
            return;
        }
        if self.sabotage == Some(Sabotage::SwapsFrames) {
            frames.reverse();
        }
        for frame in frames {
            match frame {
                Frame::Text(text) => self.write_text(conn, line, String::from_utf8_lossy(&text).into_owned()),
                Frame::Ping(payload) => self.write_ping(conn, home, payload.to_vec()),
                Frame::Binary(_) => unreachable!("no outbox makes a binary frame"),
            }
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

    fn write_text(&mut self, conn: ConnId, line: usize, text: String) {
        if self.owed[line].front() == Some(&text) {
            self.owed[line].pop_front();
        }
        let site = self
            .sockets
            .get(&conn)
            .map_or(0, |socket| self.site_of[socket.home]);
        self.note_write(site, &text);
        self.figures.frames += 1;
        match self.sabotage {
            Some(Sabotage::LosesFrames) if self.chance.percent(3) => {}
            Some(Sabotage::MixesUpSockets) if self.chance.percent(3) => {
                let to = self.another_user(conn);
                self.fly(to, Down::Text(text));
            }
            _ => self.fly(conn, Down::Text(text)),
        }
    }

    fn write_ping(&mut self, conn: ConnId, home: usize, payload: Vec<u8>) {
        if self.sabotage == Some(Sabotage::AcknowledgesUnwritten) {
            self.shards[home].receive_pong(self.now, conn, &payload);
        }
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.ping = Some(payload.clone());
        }
        self.fly(conn, Down::Ping(payload));
    }

    /// What a message or call is named by, when a node writes it.
    fn note_write(&mut self, site: usize, text: &str) {
        const BODY: &str = "\"Body\":\"";
        let body = text
            .find(BODY)
            .and_then(|at| text[at + BODY.len()..].split('"').next());
        let name = body.and_then(|body| body.split_at_checked(1));
        let Some((kind, Ok(number))) = name.map(|(kind, number)| (kind, number.parse::<usize>())) else {
            return;
        };
        let about = match kind {
            "m" => About::Message(number),
            "c" => About::Call(number),
            _ => return,
        };
        let first = self.written.insert((kind == "c", number));
        // The echo of a message is a response.
        if first || is_request(text) {
            self.news.push(Arrival::Written { about, site, first });
        }
    }

    /// The socket of another user, if there is any.
    fn another_user(&mut self, conn: ConnId) -> ConnId {
        let peer = self.sockets[&conn].peer;
        let others = self
            .sockets
            .iter()
            .filter(|(_, socket)| socket.open && socket.peer != peer && matches!(socket.peer, Peer::User(_)));
        let others: Vec<ConnId> = others.map(|(conn, _)| *conn).collect();
        if others.is_empty() {
            conn
        } else {
            self.chance.pick(&others)
        }
    }

    /// A channel has got a socket: if it owes anything to its peer, the socket must be woken at once.
    pub(super) fn check_woken(&mut self, conn: ConnId) {
        if let Some(socket) = self
            .sockets
            .get(&conn)
            .filter(|socket| socket.open && !socket.woken)
            && let Some(owed) = self.owed[socket.line].front()
        {
            let text = format!("a socket is not told that its channel owes {owed}");
            self.fault.get_or_insert(Fault::of_run(text));
        }
    }

    pub(super) fn written(&mut self, conn: ConnId) {
        let Some(socket) = self
            .sockets
            .get(&conn)
            .filter(|socket| socket.open || socket.closing)
        else {
            return;
        };
        let (line, home) = (socket.line, socket.home);
        self.shards[home].written(self.now, conn);
        self.settle(home);
        let all_written = self
            .sockets
            .get(&conn)
            .is_some_and(|socket| socket.open && !socket.woken);
        if all_written && let Some(owed) = self.owed[line].front() {
            let whose = if line < self.users {
                format!("user {line}")
            } else {
                "another node".to_owned()
            };
            let text = format!("{whose} was never sent again what a socket lost: {owed}");
            self.fault.get_or_insert(Fault::of_run(text));
        }
    }

    pub(super) fn fly(&mut self, conn: ConnId, frame: Down) {
        let at = self.now + self.delay();
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        socket.flight.push_back(frame);
        socket.last_down = socket.last_down.max(at);
        let at = socket.last_down;
        self.at(at, Happening::Down(conn));
    }
}
