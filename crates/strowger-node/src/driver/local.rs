//! One shard with its sockets, on its thread.
//!
//! What the shard asks of the world is done in `effects`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime};

use jsip::UserId;
use jsip_stack::Channel;
use strowger_auth::{Credential, Refused};
use strowger_channel::net::{DialSettings, Home, SocketHandle, SocketSettings, Ticket};
use strowger_channel::{ChannelId, ConnId, DialFailure, Frame, NameTaken, close};
use strowger_service::{FetchError, HttpRequest, HttpResponse};
use strowger_time::{Histogram, Instant};
use tokio::sync::{Notify, mpsc, oneshot};

use super::alarm::Alarm;
use super::authentication::Authentication;
use super::backlog::Backlog;
use super::disk::Wish;
use super::letter::Letter;
use super::looking::Looking;
use super::web::Job;
use super::{DriverSettings, Figures, LinkFigures, LogRing};
use crate::{
    Config, FetchTicket, HttpTicket, InstanceFilter, InstanceId, InstanceInfo, InstancePage, JournalSettings,
    Mail, MessageAnswer, MessageError, MessageTicket, OperatorMessage, Registry, RenewalTicket, Shard,
    Stores, SyncTicket, VersionCount,
};

mod effects;

/// What a shard and its sockets are made of; may change threads.
pub(super) struct Parts {
    pub(super) shard: u16,
    pub(super) shards: u16,
    pub(super) config: Arc<Config>,
    pub(super) registry: Arc<Registry>,
    pub(super) settings: DriverSettings,
    pub(super) letters: Arc<[mpsc::UnboundedSender<Letter>]>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) alarm: Alarm,
    pub(super) stores: Stores,
    pub(super) jobs: mpsc::UnboundedSender<Job>,
    pub(super) wishes: Option<Sender<Wish>>,
    pub(super) logs: Arc<LogRing>,
    pub(super) authentication: Option<Arc<Authentication>>,
}

/// A shard and what its effects act on. Lives on one thread; every method returns at once.
pub(super) struct Local {
    shard: RefCell<Shard>,
    number: u16,
    sockets: RefCell<HashMap<ConnId, SocketHandle>>,
    next_conn: Cell<u64>,
    channel_names: RandomState,
    started: tokio::time::Instant,
    looking: Looking,
    settings: RefCell<DriverSettings>,
    dialling: RefCell<Rc<DialSettings>>,
    letters: Arc<[mpsc::UnboundedSender<Letter>]>,
    backlog: Arc<Backlog>,
    alarm: Alarm,
    logs: Arc<LogRing>,
    /// Mail for each other shard, sent once all sockets that have something to read were read.
    outgoing: RefCell<Vec<Vec<Mail>>>,
    /// There is some.
    posting: Notify,
    jobs: mpsc::UnboundedSender<Job>,
    wishes: Option<Sender<Wish>>,
    authentication: RefCell<Option<Arc<Authentication>>>,
    next_http: Cell<u64>,
    /// Who waits for the answers of services; the shard bounds them, and answers each.
    http_asked: RefCell<HashMap<HttpTicket, oneshot::Sender<HttpResponse>>>,
    /// Who waits for the answers of users to the operator's messages; the shard bounds them, and answers each.
    messages: RefCell<HashMap<MessageTicket, oneshot::Sender<MessageAnswer>>>,
    /// The deadline that the thread's loop sleeps for.
    armed: Cell<Option<Instant>>,
    moved: Notify,
    /// For tasks that outlive the call that spawns them.
    this: RefCell<Weak<Self>>,
}

impl Local {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts {
            shard,
            shards,
            config,
            registry,
            mut settings,
            letters,
            backlog,
            alarm,
            stores,
            jobs,
            wishes,
            logs,
            authentication,
        } = parts;
        let seed = settings
            .seed
            .wrapping_add(u64::from(shard).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let node = (settings.seed >> 48) as u16;
        let mut state = Shard::new(config, registry, node, shard, shards, seed).with_stores(stores);
        // Taken, not copied: whoever takes stretches is done when nobody sends any.
        if let Some(journal) = settings.journal.take() {
            // The time line of the shard begins here.
            state.set_journal(Some(with_beginning(journal, Duration::ZERO)));
        }
        let looking = Looking::new(shard, settings.onlooker.clone(), &mut state);
        Self {
            shard: RefCell::new(state),
            looking,
            number: shard,
            sockets: RefCell::new(HashMap::new()),
            next_conn: Cell::new(u64::from(shard) << 48),
            channel_names: RandomState::new(),
            started: tokio::time::Instant::now(),
            dialling: RefCell::new(Rc::new(settings.dial.clone())),
            settings: RefCell::new(settings),
            letters,
            backlog,
            alarm,
            jobs,
            wishes,
            authentication: RefCell::new(authentication),
            next_http: Cell::new(0),
            http_asked: RefCell::new(HashMap::new()),
            messages: RefCell::new(HashMap::new()),
            logs,
            outgoing: RefCell::new((0..shards).map(|_| Vec::new()).collect()),
            posting: Notify::new(),
            armed: Cell::new(None),
            moved: Notify::new(),
            this: RefCell::new(Weak::new()),
        }
    }
}

impl Local {
    /// Remembers its own handle, for the tasks it spawns.
    pub(super) fn shared(self) -> Rc<Self> {
        let this = Rc::new(self);
        this.this.replace(Rc::downgrade(&this));
        this.spawn(Rc::clone(&this).deliver());
        this
    }

    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn socket_settings(&self) -> SocketSettings {
        self.settings.borrow().socket
    }

    /// Takes over other settings, for what begins from now on.
    pub(super) fn reconfigure(
        &self,
        config: Arc<Config>,
        settings: DriverSettings,
        authentication: Option<Arc<Authentication>>,
    ) {
        *self.authentication.borrow_mut() = authentication;
        self.shard.borrow_mut().reconfigure(self.now(), config);
        *self.dialling.borrow_mut() = Rc::new(settings.dial.clone());
        *self.settings.borrow_mut() = settings;
    }

    /// Writes down other things of calls, or nothing.
    pub(super) fn set_journal(&self, journal: Option<JournalSettings>) {
        let journal = journal.map(|journal| with_beginning(journal, self.started.elapsed()));
        self.shard.borrow_mut().set_journal(journal);
    }

    /// When the loop must call [`Local::handle_timeout`]; it sleeps for this from here on.
    pub(super) fn next_deadline(&self) -> Option<tokio::time::Instant> {
        let deadline = self.shard.borrow().poll_timeout();
        self.armed.set(deadline);
        deadline.map(|at| self.started + at.since(Instant::ZERO))
    }

    /// Resolves when an earlier deadline than the one slept for has come up.
    pub(super) async fn deadline_moved(&self) {
        self.moved.notified().await;
    }

    pub(super) fn handle_timeout(&self) {
        self.shard.borrow_mut().handle_timeout(self.now());
        self.settle();
    }

    /// Looks who looks on: what letters ask for is done at once.
    pub(super) fn regard(&self) {
        self.looking.look(&mut self.shard.borrow_mut());
    }

    pub(super) fn receive_mail(&self, mail: Vec<Mail>) {
        self.backlog.taken(usize::from(self.number), mail.len());
        let mut shard = self.shard.borrow_mut();
        for mail in mail {
            shard.receive_mail(mail);
        }
    }

    pub(super) fn drain(&self, within: Duration) -> Vec<Channel> {
        let mut shard = self.shard.borrow_mut();
        shard.drain(self.now(), within);
        shard.live_channels()
    }

    pub(super) fn names(&self, channels: &[Channel]) -> Vec<UserId> {
        self.shard.borrow().names(channels)
    }

    pub(super) fn set_registry(&self, registry: Arc<Registry>) {
        // The node makes each registry of the one before, and the letters keep their order.
        let _ = self.shard.borrow_mut().set_registry(registry);
    }

    pub(super) fn version_counts(&self) -> Vec<VersionCount> {
        self.shard.borrow().version_counts()
    }

    pub(super) fn fetched(&self, ticket: FetchTicket, result: Result<HttpResponse, FetchError>) {
        self.shard.borrow_mut().fetched(self.now(), ticket, result);
    }

    pub(super) fn synced(&self, ticket: SyncTicket, fault: Option<String>) {
        self.shard.borrow_mut().synced(self.now(), ticket, fault);
    }

    pub(super) fn http(&self, service: &str, request: HttpRequest, answer: oneshot::Sender<HttpResponse>) {
        let number = self.next_http.get() + 1;
        self.next_http.set(number);
        let ticket = HttpTicket(number);
        self.http_asked.borrow_mut().insert(ticket, answer);
        self.shard.borrow_mut().http(self.now(), ticket, service, request);
    }

    pub(super) fn instance_page(&self, filter: &InstanceFilter, from: u32, limit: usize) -> InstancePage {
        self.shard.borrow().instance_page(self.now(), filter, from, limit)
    }

    pub(super) fn instance(&self, id: InstanceId) -> Option<InstanceInfo> {
        self.shard.borrow().instance(self.now(), id)
    }

    pub(super) fn end_instance(&self, id: InstanceId) -> bool {
        self.shard.borrow_mut().end_instance(self.now(), id)
    }

    /// Looks at the shard.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Shard, Instant) -> T) -> T {
        look(&self.shard.borrow(), self.now())
    }

    /// Does something to the shard, which settles later.
    pub(super) fn act<T>(&self, act: impl FnOnce(&mut Shard, Instant) -> T) -> T {
        act(&mut self.shard.borrow_mut(), self.now())
    }

    /// The address at the other end of a socket that was accepted.
    pub(super) fn peer(&self, conn: ConnId) -> Option<SocketAddr> {
        self.sockets.borrow().get(&conn)?.peer()
    }

    /// Sends a message of the operator; who is given back hears what became of it.
    pub(super) fn message(
        &self,
        message: &OperatorMessage,
    ) -> Result<oneshot::Receiver<MessageAnswer>, MessageError> {
        let ticket = self.act(|shard, now| shard.message(now, message))?;
        let (answer, answered) = oneshot::channel();
        self.messages.borrow_mut().insert(ticket, answer);
        Ok(answered)
    }

    pub(super) fn close_all(&self) {
        let now = self.now();
        self.shard.borrow_mut().close_all(now);
    }

    pub(super) fn figures(&self) -> Figures {
        let shard = self.shard.borrow();
        let now = self.now();
        let age = |at: Option<Instant>| at.map(|at| now.since(at));
        let oldest = shard.channels().oldest_unacknowledged();
        Figures {
            channels: shard.channels().len(),
            sockets: self.sockets.borrow().len(),
            dialogs: shard.stack().live(),
            records: shard.stack().len(),
            instances: shard.instances(),
            links: LinkFigures::of(shard.channels().links()),
            drained: shard.is_drained(),
            counters: *shard.counters(),
            channel_counters: *shard.channels().counters(),
            stack_counters: *shard.stack().counters(),
            in_stack: self.looking.in_stack(),
            in_services: in_services(&shard),
            refused_handshakes: BTreeMap::new(),
            absences: *shard.channels().absences(),
            oldest_open: age(oldest.open),
            oldest_away: age(oldest.away),
            looked: None,
        }
    }

    fn register(&self, socket: SocketHandle) -> ConnId {
        let number = self.next_conn.get() + 1;
        self.next_conn.set(number);
        let conn = ConnId(number);
        self.sockets.borrow_mut().insert(conn, socket);
        conn
    }

    fn forget(&self, conn: ConnId) {
        let mut sockets = self.sockets.borrow_mut();
        sockets.remove(&conn);
        if sockets.len() < sockets.capacity() / 4 {
            let kept = sockets.len() * 2;
            sockets.shrink_to(kept);
        }
    }

    /// A socket is coming for this name: from here on others reach it. The ticket names its connection, and what its
    /// channel is called towards the peer: no channel before or after it, here or at another start, is called so.
    pub(super) fn announce(
        &self,
        name: UserId,
        credential: Option<&Credential>,
    ) -> Result<Ticket, NameTaken> {
        let conn = self.register(SocketHandle::default());
        let connected = {
            let mut shard = self.shard.borrow_mut();
            match credential {
                Some(credential) => shard.admit(self.now(), name, conn, credential),
                None => Ok(shard.connect(self.now(), name, conn)),
            }
        };
        let channel = connected.inspect_err(|_| self.forget(conn))?;
        let letters = self.letters[usize::from(self.number)].clone();
        // A shard that is gone expects nobody.
        let gone = move |conn| drop(letters.send(Letter::Gone(conn)));
        Ok(Ticket::new(conn, self.channel_names.hash_one(channel), gone))
    }

    /// Runs a task of one socket on this thread.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let watch = self.alarm.watch();
        // Boxed, or it would be held twice for as long as it runs.
        let task = Box::pin(task);
        tokio::task::spawn_local(async move {
            let _watch = watch;
            task.await;
        });
    }

    pub(super) fn renewed(&self, ticket: RenewalTicket, result: Result<Credential, Refused>) {
        self.shard.borrow_mut().renewed(self.now(), ticket, result);
    }
}

/// By the service's name: one that was taken out and came back has two places.
fn in_services(shard: &Shard) -> BTreeMap<Arc<str>, Histogram> {
    let mut services = BTreeMap::<_, Histogram>::new();
    for (service, times) in shard.service_times() {
        services.entry(Arc::clone(service)).or_default().add(&times);
    }
    services
}

impl Home for Local {
    fn connected(&self, _: &UserId, announced: Option<ConnId>, socket: SocketHandle) -> ConnId {
        if let Some(conn) = announced {
            let earlier = self.sockets.borrow_mut().insert(conn, socket.clone());
            if let Some(earlier) = earlier {
                socket.inherit(&earlier);
            }
            return conn;
        }
        // What nobody announced, nobody admitted.
        socket.close(close::POLICY, "not announced");
        self.register(socket)
    }

    fn dialled(&self, channel: ChannelId, socket: SocketHandle) -> ConnId {
        let conn = self.register(socket);
        self.shard.borrow_mut().dialled(self.now(), channel, conn);
        conn
    }

    fn dial_failed(&self, channel: ChannelId, failure: DialFailure) {
        self.shard.borrow_mut().dial_failed(self.now(), channel, failure);
    }

    fn text(&self, conn: ConnId, text: &str) {
        let now = self.now();
        self.looking.input(now);
        self.shard.borrow_mut().receive_text(now, conn, text);
    }

    fn binary(&self, conn: ConnId, _: &[u8]) {
        self.shard.borrow_mut().receive_binary(self.now(), conn);
    }

    fn oversize(&self, conn: ConnId) {
        self.shard.borrow_mut().receive_oversize(self.now(), conn);
    }

    fn pong(&self, conn: ConnId, payload: &[u8]) {
        self.shard.borrow_mut().receive_pong(self.now(), conn, payload);
    }

    fn ping(&self, conn: ConnId) {
        self.shard.borrow_mut().receive_ping(self.now(), conn);
    }

    fn fragments(&self, conn: ConnId, count: usize) {
        self.shard.borrow_mut().receive_fragments(self.now(), conn, count);
    }

    fn closed(&self, conn: ConnId, code: Option<u16>) {
        self.forget(conn);
        self.shard.borrow_mut().closed(self.now(), conn, code);
    }

    fn take_batch(&self, conn: ConnId, max_bytes: usize, out: &mut Vec<Frame>) {
        self.shard
            .borrow_mut()
            .take_batch(self.now(), conn, max_bytes, out);
    }

    fn written(&self, conn: ConnId) {
        self.shard.borrow_mut().written(self.now(), conn);
    }

    fn settle(&self) {
        let now = self.now();
        {
            let mut shard = self.shard.borrow_mut();
            shard.set_overloaded(self.backlog.is_too_much());
            self.looking.before(&mut shard);
            shard.settle(now);
        }
        loop {
            let effect = self.shard.borrow_mut().poll_effect();
            let Some(effect) = effect else { break };
            self.carry_out(effect);
        }
        // Before the mail, so that whoever looks on hears of a channel before another shard can say anything of it.
        self.looking
            .after(&mut self.shard.borrow_mut(), now, || self.now());
        if self.outgoing.borrow().iter().any(|mail| !mail.is_empty()) {
            self.posting.notify_one();
        }
        let deadline = self.shard.borrow().poll_timeout();
        if deadline.is_some_and(|at| self.armed.get().is_none_or(|armed| at < armed)) {
            self.armed.set(deadline);
            self.moved.notify_one();
        }
    }
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local")
            .field("shard", &self.number)
            .finish_non_exhaustive()
    }
}

/// Where a time line that began so long ago began on the calendar.
fn with_beginning(journal: JournalSettings, ago: Duration) -> JournalSettings {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let began = now.unwrap_or_default().saturating_sub(ago);
    JournalSettings {
        began_us: u64::try_from(began.as_micros()).unwrap_or(u64::MAX),
        ..journal
    }
}
