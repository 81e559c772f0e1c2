//! A node on in-memory sockets.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jsip::UserId;
use strowger_auth::{Credential, Refused};
use strowger_channel::NameTaken;
use strowger_channel::{ChannelId, ConnId, DialFailure, Frame};
use strowger_journal::Journal;
use strowger_node::{
    Config, Effect, FetchTicket, HttpTicket, JournalSettings, LogLine, Mail, Registry, RenewalTicket, Shard,
    Stores,
};
use strowger_service::{FetchError, HttpRequest, HttpResponse};
use strowger_time::Instant;

/// How much a socket takes in one batch.
const BATCH_BYTES: usize = 64 * 1024;
/// How long a drain may take.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// What came to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// A text frame.
    Text(String),
    /// The server closed the socket.
    Closed(u16),
}

/// The client's end of one socket.
#[derive(Debug)]
struct Socket {
    home: u16,
    inbox: VecDeque<Arrived>,
    /// Whether the client reads; frames wait in the outbox while it does not.
    reads: bool,
}

/// All shards of a node, in virtual time.
///
/// A client answers each Ping at once, as every WebSocket library does. Everything that an input leads to has happened
/// when the method returns.
#[derive(Debug)]
pub struct SimNode {
    shards: Vec<Shard>,
    registry: Arc<Registry>,
    now: Instant,
    sockets: BTreeMap<ConnId, Socket>,
    next: u64,
    mail: VecDeque<(u16, Mail)>,
    logs: Vec<LogLine>,
    /// `None`: there is nobody else on this network, and whatever is dialled fails at once.
    dials: Option<VecDeque<Dial>>,
    fetches: VecDeque<Fetch>,
    answers: BTreeMap<HttpTicket, HttpResponse>,
    renewals: VecDeque<Renewal>,
}

/// A token that a user shows to go on, which a test looks at.
#[derive(Debug)]
pub struct Renewal {
    shard: usize,
    ticket: RenewalTicket,
    /// The channel's name.
    pub name: UserId,
    /// The token.
    pub token: String,
}

/// An HTTP request of an instance, which a test answers.
#[derive(Debug)]
pub struct Fetch {
    shard: usize,
    ticket: FetchTicket,
    /// The request.
    pub request: HttpRequest,
}

/// A node that is to be dialled.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) channel: ChannelId,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl SimNode {
    /// A node with this many shards; one seed always gives the same run.
    pub fn new(config: Config, registry: Registry, shards: u16, seed: u64) -> Self {
        let (config, registry) = (Arc::new(config), Arc::new(registry));
        let stores = Stores::new(config.store);
        let shard = |number| {
            let seed = seed.wrapping_add(u64::from(number) << 32);
            Shard::new(
                Arc::clone(&config),
                Arc::clone(&registry),
                1,
                number,
                shards,
                seed,
            )
            .with_stores(stores.clone())
        };
        Self {
            shards: (0..shards).map(shard).collect(),
            registry: Arc::clone(&registry),
            now: Instant::ZERO,
            sockets: BTreeMap::new(),
            next: 0,
            mail: VecDeque::new(),
            logs: Vec::new(),
            dials: None,
            fetches: VecDeque::new(),
            answers: BTreeMap::new(),
            renewals: VecDeque::new(),
        }
    }

    /// Changes the services, as [`strowger_node::driver::Node::change_services`] does.
    ///
    /// # Errors
    ///
    /// What `change` says.
    pub fn change_services<E>(
        &mut self,
        change: impl FnOnce(&Registry) -> Result<Registry, E>,
    ) -> Result<(), E> {
        self.registry = Arc::new(change(&self.registry)?);
        for shard in &mut self.shards {
            let follows = shard.set_registry(Arc::clone(&self.registry));
            debug_assert!(follows, "it was made of another registry");
        }
        Ok(())
    }

    /// Writes down what all shards are told and do.
    pub fn record(&mut self, settings: &JournalSettings) {
        for shard in &mut self.shards {
            shard.set_journal(Some(settings.clone()));
        }
    }

    /// The journals of all calls that were written down and are in memory.
    pub fn journals(&self) -> Vec<Journal> {
        let taken = self.shards.iter().filter_map(Shard::taken);
        let journals = taken.map(|taken| taken.journals().expect("what a shard writes can be read"));
        journals.flatten().collect()
    }

    /// Keeps what is to be dialled for whoever joins nodes.
    pub(crate) fn join_network(&mut self) {
        self.dials.get_or_insert_default();
    }

    pub(crate) fn next_dial(&mut self) -> Option<Dial> {
        self.dials.as_mut()?.pop_front()
    }

    pub(crate) fn dialled(&mut self, channel: ChannelId) -> ConnId {
        let conn = self.open_socket(channel.shard());
        self.shards[usize::from(channel.shard())].dialled(self.now, channel, conn);
        self.run();
        conn
    }

    pub(crate) fn dial_failed(&mut self, channel: ChannelId, failure: DialFailure) {
        self.shards[usize::from(channel.shard())].dial_failed(self.now, channel, failure);
        self.run();
    }

    fn open_socket(&mut self, home: u16) -> ConnId {
        self.next += 1;
        let conn = ConnId(self.next);
        self.sockets.insert(
            conn,
            Socket {
                home,
                inbox: VecDeque::new(),
                reads: true,
            },
        );
        conn
    }

    /// What the clock shows.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The shards, for looking inside.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// What was logged.
    pub fn logs(&self) -> &[LogLine] {
        &self.logs
    }

    /// Connects a client under this name.
    pub fn connect(&mut self, name: &UserId) -> ConnId {
        let home = Shard::home(name, self.shards.len() as u16);
        let conn = self.open_socket(home);
        self.shards[usize::from(home)].connect(self.now, name.clone(), conn);
        self.run();
        conn
    }

    /// Connects a client under this name who has proven who he is.
    ///
    /// # Errors
    ///
    /// [`NameTaken`].
    pub fn admit(&mut self, name: &UserId, credential: &Credential) -> Result<ConnId, NameTaken> {
        let home = Shard::home(name, self.shards.len() as u16);
        let conn = self.open_socket(home);
        let admitted = self.shards[usize::from(home)].admit(self.now, name.clone(), conn, credential);
        if admitted.is_err() {
            self.sockets.remove(&conn);
        }
        self.run();
        admitted.map(|_| conn)
    }

    /// The next token that a user shows to go on.
    pub fn next_renewal(&mut self) -> Option<Renewal> {
        self.renewals.pop_front()
    }

    /// Says what a token is good for.
    pub fn renewed(&mut self, renewal: &Renewal, result: Result<Credential, Refused>) {
        self.shards[renewal.shard].renewed(self.now, renewal.ticket, result);
        self.run();
    }

    /// The client sends a text frame.
    pub fn send(&mut self, conn: ConnId, text: &str) {
        let now = self.now;
        self.with(conn, |shard| shard.receive_text(now, conn, text));
    }

    /// The client sends text frames and ends its socket, all in one burst: the node sees the end before it has done
    /// anything about the frames.
    pub fn send_and_end(&mut self, conn: ConnId, texts: &[&str], code: Option<u16>) {
        let now = self.now;
        self.with(conn, |shard| {
            for text in texts {
                shard.receive_text(now, conn, text);
            }
            shard.closed(now, conn, code);
        });
        self.sockets.remove(&conn);
    }

    /// The client sends a binary frame.
    pub fn send_binary(&mut self, conn: ConnId) {
        let now = self.now;
        self.with(conn, |shard| shard.receive_binary(now, conn));
    }

    /// The client sends a frame over the limit: as the driver does, the socket is closed with 1009.
    pub fn send_oversize(&mut self, conn: ConnId) {
        let now = self.now;
        self.with(conn, |shard| shard.receive_oversize(now, conn));
        self.close(conn, 1009);
        self.run();
    }

    /// The client's socket ends: in form with a code, or without a word.
    pub fn disconnect(&mut self, conn: ConnId, code: Option<u16>) {
        let now = self.now;
        self.with(conn, |shard| shard.closed(now, conn, code));
        self.sockets.remove(&conn);
    }

    /// The client stops reading, or goes on: while it does not, nothing is written to it.
    pub fn set_reading(&mut self, conn: ConnId, reads: bool) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.reads = reads;
        }
        if reads {
            self.write(conn);
            self.run();
        }
    }

    /// Takes the next thing that came to the client.
    pub fn receive(&mut self, conn: ConnId) -> Option<Arrived> {
        self.sockets.get_mut(&conn)?.inbox.pop_front()
    }

    /// Whether the client's socket is open.
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.sockets.contains_key(&conn)
    }

    /// Lets time pass, doing everything that is due on the way.
    pub fn advance_to(&mut self, target: Instant) {
        while let Some(due) = self.next_deadline().filter(|due| *due <= target) {
            self.now = self.now.max(due);
            for shard in &mut self.shards {
                if shard.poll_timeout().is_some_and(|at| at <= self.now) {
                    shard.handle_timeout(self.now);
                }
            }
            self.run();
        }
        self.now = self.now.max(target);
    }

    /// When something is due next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.shards.iter().filter_map(Shard::poll_timeout).min()
    }

    /// The next HTTP request of an instance that has no result yet.
    pub fn next_fetch(&mut self) -> Option<Fetch> {
        self.fetches.pop_front()
    }

    /// Gives an HTTP request of an instance its result.
    pub fn fetched(&mut self, fetch: &Fetch, result: Result<HttpResponse, FetchError>) {
        self.shards[fetch.shard].fetched(self.now, fetch.ticket, result);
        self.run();
    }

    /// Asks a service over HTTP; [`SimNode::http_answer`] is what it says.
    pub fn http(&mut self, service: &str, request: HttpRequest) -> HttpTicket {
        self.next += 1;
        let (ticket, shards) = (HttpTicket(self.next), self.shards.len() as u16);
        let home = self.registry.http_home(service, &request, shards);
        let home = home.unwrap_or((self.next % u64::from(shards)) as u16);
        self.shards[usize::from(home)].http(self.now, ticket, service, request);
        self.run();
        ticket
    }

    /// Takes the answer to an HTTP request, if there is one by now.
    pub fn http_answer(&mut self, ticket: HttpTicket) -> Option<HttpResponse> {
        self.answers.remove(&ticket)
    }

    /// Does something to a shard, as its operator may, and everything that follows from it.
    pub fn on_shard<T>(&mut self, shard: u16, act: impl FnOnce(&mut Shard) -> T) -> T {
        let done = act(&mut self.shards[usize::from(shard)]);
        self.run();
        done
    }

    /// Begins to drain within 30 s.
    pub fn drain(&mut self) {
        for shard in &mut self.shards {
            shard.drain(self.now, DRAIN_WITHIN);
        }
        self.run();
    }

    /// Tells every shard that some shard does not keep up, or does again.
    pub fn set_overloaded(&mut self, overloaded: bool) {
        for shard in &mut self.shards {
            shard.set_overloaded(overloaded);
        }
    }

    /// Ends one instance as an operator does; `false`: it runs no more.
    pub fn end_instance(&mut self, id: strowger_node::InstanceId) -> bool {
        let now = self.now;
        let shard = self.shards.get_mut(usize::from(id.shard()));
        let ended = shard.is_some_and(|shard| shard.end_instance(now, id));
        self.run();
        ended
    }

    /// Ends every instance, as if each had finished.
    pub fn end_instances(&mut self) {
        for shard in &mut self.shards {
            shard.end_instances(self.now);
        }
        self.run();
    }

    /// Closes every socket with 1012.
    pub fn close_all(&mut self) {
        for shard in &mut self.shards {
            shard.close_all(self.now);
        }
        self.run();
    }

    fn with(&mut self, conn: ConnId, act: impl FnOnce(&mut Shard)) {
        if let Some(socket) = self.sockets.get(&conn) {
            act(&mut self.shards[usize::from(socket.home)]);
        }
        self.run();
    }

    /// Carries everything out until nothing is left to do at this instant.
    fn run(&mut self) {
        loop {
            for number in 0..self.shards.len() {
                self.shards[number].settle(self.now);
                while let Some(effect) = self.shards[number].poll_effect() {
                    self.carry_out(number, effect);
                }
            }
            let Some((to, mail)) = self.mail.pop_front() else {
                if self.is_quiet() {
                    return;
                }
                continue;
            };
            self.shards[usize::from(to)].receive_mail(mail);
        }
    }

    /// Whether no shard has anything left to do. Settling is idempotent, so looking costs nothing.
    fn is_quiet(&mut self) -> bool {
        let now = self.now;
        self.shards.iter_mut().all(|shard| {
            shard.settle(now);
            !shard.has_effects()
        })
    }

    fn carry_out(&mut self, shard: usize, effect: Effect) {
        match effect {
            Effect::Mail { to, mail } => self.mail.push_back((to, mail)),
            Effect::Wake(conn) => self.write(conn),
            Effect::Close { conn, code, .. } => {
                self.write(conn);
                self.close(conn, code);
                self.shards[shard].closed(self.now, conn, None);
            }
            Effect::Dial { channel, host, port } => match &mut self.dials {
                Some(dials) => dials.push_back(Dial { channel, host, port }),
                None => self.shards[shard].dial_failed(self.now, channel, DialFailure::default()),
            },
            Effect::Log(line) => self.logs.push(line),
            // Messages of the operator are for a driver to answer.
            Effect::MessageAnswered { .. } => {}
            Effect::Fetch { ticket, request } => self.fetches.push_back(Fetch {
                shard,
                ticket,
                request,
            }),
            Effect::GiveUp(ticket) => {
                self.fetches
                    .retain(|fetch| fetch.shard != shard || fetch.ticket != ticket);
                let result = Err(FetchError::Failed("given up".to_owned()));
                self.shards[shard].fetched(self.now, ticket, result);
            }
            Effect::HttpRespond { ticket, response } => {
                self.answers.insert(ticket, response);
            }
            Effect::Renew { ticket, name, token } => self.renewals.push_back(Renewal {
                shard,
                ticket,
                name,
                token: token.0,
            }),
            Effect::Sync(ticket) => self.shards[shard].synced(self.now, ticket, None),
        }
    }

    fn close(&mut self, conn: ConnId, code: u16) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.inbox.push_back(Arrived::Closed(code));
        }
    }

    /// Moves what waits for a socket to its client.
    fn write(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        if !socket.reads {
            return;
        }
        let shard = &mut self.shards[usize::from(socket.home)];
        loop {
            let mut frames = Vec::new();
            shard.take_batch(self.now, conn, BATCH_BYTES, &mut frames);
            if frames.is_empty() {
                return;
            }
            shard.written(self.now, conn);
            for frame in frames {
                match frame {
                    Frame::Text(text) => {
                        socket
                            .inbox
                            .push_back(Arrived::Text(String::from_utf8_lossy(&text).into_owned()));
                    }
                    Frame::Ping(payload) => shard.receive_pong(self.now, conn, &payload),
                    Frame::Binary(_) => unreachable!("no outbox makes a binary frame"),
                }
            }
        }
    }
}
