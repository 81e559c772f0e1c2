//! The handle to a running node.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use jsip::UserId;
use jsip_stack::Channel;
use strowger_channel::net::{Admission, DialSettings, SocketSettings};
use strowger_service::{HttpRequest, HttpResponse};
use strowger_time::{Histogram, Scale};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::admission::{Gate, HandshakeRate, Owners, Terms};
use super::alarm::Alarm;
use super::authentication::{AuthSettings, Authentication};
use super::backlog::Backlog;
use super::letter::Letter;
use super::local::Parts;
use super::web::WebSettings;
use super::{LinkFigures, LogRing, LookCounters, LookCounts, Onlooker, disk, thread, web};
use crate::{
    ChannelCounters, Config, Counters, Cursor, InstanceFilter, InstanceId, InstanceInfo, InstancePage,
    JournalSettings, LinkCredentials, Registry, StackCounters, Stores, VersionCount,
};

/// How often a drain looks whether everything is over.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// How often a drain looks who owns dialogs, in looks whether everything is over.
const OWNERS_EVERY: u32 = 25;
/// The stack's tags and the ids that a node makes have one byte for the shard.
const MOST_SHARDS: u16 = 256;
/// How long sockets may take to close in form at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// What the driver needs beside the node's own settings.
#[derive(Clone, Debug)]
pub struct DriverSettings {
    /// How many shards, at most 256; 0, the default, means one per processor core.
    pub shards: u16,
    /// Sockets: buffers and message size.
    pub socket: SocketSettings,
    /// Dialling: timeout, permitted addresses, TLS.
    pub dial: DialSettings,
    /// The HTTP requests that services make.
    pub web: WebSettings,
    /// The file in which the stores of services outlive the node; made if there is none. `None`: they do not.
    pub store: Option<PathBuf>,
    /// The path that is dialled on other nodes.
    pub link_path: String,
    /// The userid with which this node dials others: `name@realm`.
    pub link_name: UserId,
    /// What other nodes are shown, and what a peer that names itself as a node must show.
    pub link_credentials: LinkCredentials,
    /// Who users are, and how they prove it; `None` believes whatever they say.
    pub auth: Option<AuthSettings>,
    /// How many handshakes are admitted per second; more get 503 (`limits.handshakes_per_second`).
    pub handshakes_per_second: usize,
    /// Who looks on what happens; from the start on.
    pub onlooker: Option<Onlooker>,
    /// What shards write down of calls; `None`: nothing.
    pub journal: Option<JournalSettings>,
    /// Seeds ids, hash tables and jitter; random in production.
    pub seed: u64,
}

/// Figures of a running node, summed over its shards.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Channels, open or retained.
    pub channels: usize,
    /// Sockets.
    pub sockets: usize,
    /// Dialogs that are alive.
    pub dialogs: usize,
    /// Dialog records, those that only absorb retransmissions included.
    pub records: usize,
    /// Instances.
    pub instances: usize,
    /// The links this node dials.
    pub links: LinkFigures,
    /// Whether a drain is over: nothing runs any more.
    pub drained: bool,
    /// What was counted.
    pub counters: Counters,
    /// What the channels have seen.
    pub channel_counters: ChannelCounters,
    /// What the stack dropped, and why.
    pub stack_counters: StackCounters,
    /// How long batches of messages took, services left out. One batch of sixteen is measured.
    pub in_stack: Histogram,
    /// How long calls into each service took, in those batches; by the service's name.
    pub in_services: BTreeMap<Arc<str>, Histogram>,
    /// How many handshakes were refused, by reason.
    pub refused_handshakes: BTreeMap<&'static str, u64>,
    /// How long users were away whose channels waited for them.
    pub absences: Histogram,
    /// How long the oldest message has waited in an outbox of a channel with a socket that its peer never acknowledged.
    pub oldest_open: Option<Duration>,
    /// The same in one of a channel that waits for its next socket.
    pub oldest_away: Option<Duration>,
    /// What became of what happened, where somebody looks on.
    pub looked: Option<LookCounts>,
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    letters: Arc<[mpsc::UnboundedSender<Letter>]>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    gate: Arc<Gate>,
    failed: watch::Receiver<Option<u16>>,
    drain_timeout: Mutex<Duration>,
    registry: Mutex<Arc<Registry>>,
    /// Spreads requests that belong nowhere.
    turn: AtomicUsize,
    logs: Arc<LogRing>,
    /// Of each of those who look on.
    looked: Vec<Arc<LookCounters>>,
}

impl Node {
    /// Starts the shards of a node.
    ///
    /// # Errors
    ///
    /// What the operating system says when a thread or its runtime cannot be made.
    pub fn start(config: Config, registry: Registry, settings: &DriverSettings) -> io::Result<Self> {
        let shards = match settings.shards {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().min(64) as u16),
            shards => shards.min(MOST_SHARDS),
        };
        let (config, registry) = (Arc::new(config), Arc::new(registry));
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..shards).map(|_| mpsc::unbounded_channel()).unzip();
        let letters: Arc<[_]> = senders.into();
        let authentication = settings.auth.clone().map(Authentication::new).map(Arc::new);
        let gate = Arc::new(Gate {
            terms: RwLock::new(terms(&config, settings, authentication.clone())),
            letters: Arc::clone(&letters),
            draining: AtomicBool::new(false),
            handshakes: HandshakeRate::default(),
            refusals: Arc::default(),
            owners: Owners::default(),
        });
        let (rung, failed) = watch::channel(None);
        let logs = Arc::new(LogRing::default());
        let backlog = Arc::new(Backlog::new(shards));
        let (stores, disk) = match &settings.store {
            Some(file) => {
                let (stores, disk) = disk::open(file, config.store, config.in_memory.clone())?;
                (stores, Some(disk))
            }
            None => (Stores::new(config.store), None),
        };
        let (wishes, disk) = disk.map(disk::spawn).transpose()?.unzip();
        let (jobs, web) = web::spawn(settings.web.clone())?;
        let mut threads = vec![web];
        threads.extend(disk);
        for (shard, receiver) in receivers.into_iter().enumerate() {
            let parts = Parts {
                shard: shard as u16,
                shards,
                config: Arc::clone(&config),
                registry: Arc::clone(&registry),
                settings: settings.clone(),
                letters: Arc::clone(&letters),
                backlog: Arc::clone(&backlog),
                alarm: Alarm::new(shard as u16, rung.clone()),
                stores: stores.clone(),
                jobs: jobs.clone(),
                wishes: wishes.clone(),
                logs: Arc::clone(&logs),
                authentication: authentication.clone(),
            };
            threads.push(thread::spawn(parts, receiver)?);
        }
        Ok(Self {
            letters,
            threads: Mutex::new(threads),
            gate,
            failed,
            drain_timeout: Mutex::new(config.drain_timeout),
            registry: Mutex::new(registry),
            turn: AtomicUsize::new(0),
            logs,
            looked: settings
                .onlooker
                .as_ref()
                .map(Onlooker::all_counters)
                .unwrap_or_default(),
        })
    }

    /// Changes settings while the node runs: those of the stack, of channels and of services, whom to link to and how, the time for a
    /// drain; of `settings`, sockets, dialling, the links' credentials, the rate of handshakes and how users prove who they are. What runs
    /// goes on as it began: timers, sockets, links, and whoever is in, until his credential is over. The rest of both must be what
    /// the node was started with, but for who looks on, who stays.
    pub fn reconfigure(&self, config: Config, settings: &DriverSettings) {
        *self.drain_timeout.lock().unwrap_or_else(PoisonError::into_inner) = config.drain_timeout;
        let before = self.gate.terms().authentication.clone();
        let authentication = settings.auth.clone().map(|auth| {
            let following = Authentication::following(before.as_deref(), auth);
            Arc::new(following)
        });
        self.gate
            .set_terms(terms(&config, settings, authentication.clone()));
        let config = Arc::new(config);
        for letters in self.letters.iter() {
            // A shard that is gone is gone with the whole node.
            let _ = letters.send(Letter::Reconfigure(
                Arc::clone(&config),
                Box::new(settings.clone()),
                authentication.clone(),
            ));
        }
    }

    /// Writes down other things of calls from now on than the node was started with, or nothing. Calls that run are not written down
    /// from their beginning, or are cut, where bodies are written down and were not before, or the other way round.
    pub fn set_journal(&self, journal: Option<&JournalSettings>) {
        for letters in self.letters.iter() {
            // A shard that is gone is gone with the whole node.
            let _ = letters.send(Letter::Journal(journal.cloned().map(Box::new)));
        }
    }

    /// What a listener asks whom to admit, and gives upgraded sockets to.
    pub fn admission(&self) -> Arc<dyn Admission> {
        Arc::clone(&self.gate) as Arc<dyn Admission>
    }

    /// How many shards there are.
    pub(super) fn shards(&self) -> u16 {
        self.letters.len() as u16
    }

    /// Sums the figures of all shards.
    pub async fn figures(&self) -> Figures {
        let mut sum = Figures {
            drained: true,
            absences: Histogram::new(&Scale::ABSENCE),
            looked: LookCounts::of(&self.looked),
            refused_handshakes: self.gate.refusals.read(),
            ..Figures::default()
        };
        for one in self.ask(Letter::Figures).await {
            sum.add(&one);
        }
        sum
    }

    /// The services as new instances get them.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the services while the node runs: `change` makes a registry of the present one
    /// ([`Registry::with`], [`Registry::without`], [`Registry::with_default`], [`Registry::with_settings`]). New instances are of the new versions once
    /// a shard has read its mail, running ones go on as they are.
    ///
    /// # Errors
    ///
    /// What `change` says; nothing has changed then.
    pub fn change_services<E>(&self, change: impl FnOnce(&Registry) -> Result<Registry, E>) -> Result<(), E> {
        let mut present = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let registry = Arc::new(change(&present)?);
        *present = Arc::clone(&registry);
        // Sent under the lock, so that every shard gets two changes in the same order.
        for letters in self.letters.iter() {
            // A shard that is gone is gone with the whole node.
            let _ = letters.send(Letter::Registry(Arc::clone(&registry)));
        }
        Ok(())
    }

    /// How many instances of each version of each service run; a version of which none runs is left out.
    pub async fn version_counts(&self) -> Vec<VersionCount> {
        let mut sum = Vec::new();
        for counts in self.ask(Letter::Versions).await {
            counts
                .into_iter()
                .for_each(|count| crate::versions::add(&mut sum, count));
        }
        sum
    }

    /// Lets a service answer an HTTP request, whose URL is relative to the service. Whatever goes wrong is a response as
    /// well: 404 no such service, or it takes no requests; 500 it failed; 503 too much waits; 504 it did not answer in
    /// time.
    pub async fn http(&self, service: &str, request: HttpRequest) -> HttpResponse {
        let shards = self.letters.len();
        let home = self.registry().http_home(service, &request, shards as u16);
        let home = home.map_or_else(|| self.turn.fetch_add(1, Ordering::Relaxed) % shards, usize::from);
        let (answer, question) = oneshot::channel();
        // A shard that is gone drops the letter, and with it the question.
        let _ = self.letters[home].send(Letter::Http(service.into(), request, answer));
        question
            .await
            .unwrap_or_else(|_| HttpResponse::problem(503, "the node has stopped"))
    }

    /// The latest log lines of the services.
    pub fn logs(&self) -> Arc<LogRing> {
        Arc::clone(&self.logs)
    }

    /// Up to `limit` of the instances that fit, from a cursor on. One that starts or ends meanwhile may be missing; none that
    /// runs all the time is, and none comes twice.
    pub async fn instances(&self, filter: InstanceFilter, from: Cursor, limit: usize) -> InstancePage {
        let filter = Arc::new(filter);
        self.pages(from, limit, |index, room, answer| {
            Letter::Instances(Arc::clone(&filter), index, room, answer)
        })
        .await
    }

    /// One instance, if it still runs.
    pub async fn instance(&self, id: InstanceId) -> Option<InstanceInfo> {
        self.ask_one(id.shard(), |answer| Letter::Instance(id, answer))
            .await?
    }

    /// Ends an instance as if it had finished: its legs get BYE or CANCEL, who waits for an answer 500. `false`: it runs no more.
    pub async fn end_instance(&self, id: InstanceId) -> bool {
        let ended = self.ask_one(id.shard(), |answer| Letter::EndInstance(id, answer));
        ended.await.unwrap_or(false)
    }

    /// Asks one shard; `None` if there is none of this number, or it is gone.
    pub(super) async fn ask_one<T>(
        &self,
        shard: u16,
        letter: impl FnOnce(oneshot::Sender<T>) -> Letter,
    ) -> Option<T> {
        let (answer, question) = oneshot::channel();
        self.letters.get(usize::from(shard))?.send(letter(answer)).ok()?;
        question.await.ok()
    }

    pub(super) async fn ask<T>(&self, letter: impl Fn(oneshot::Sender<T>) -> Letter) -> Vec<T> {
        let mut answers = Vec::new();
        for letters in self.letters.iter() {
            let (answer, question) = oneshot::channel();
            if letters.send(letter(answer)).is_ok() {
                answers.push(question);
            }
        }
        let mut values = Vec::new();
        for answer in answers {
            if let Ok(value) = answer.await {
                values.push(value);
            }
        }
        values
    }

    /// Resolves to the number of a shard that panicked by a fault of the server's own; never otherwise. What that shard
    /// held cannot be trusted any more: the process should end, so that whatever supervises it starts it anew and users
    /// connect again.
    pub async fn failed(&self) -> u16 {
        let mut failed = self.failed.clone();
        loop {
            if let Some(shard) = *failed.borrow_and_update() {
                return shard;
            }
            if failed.changed().await.is_err() {
                // All shards have stopped in order.
                return std::future::pending().await;
            }
        }
    }

    /// Drains the node (protocol section 1): instances are told, no new dialogs, users without dialogs are not admitted, running calls go
    /// on for up to the configured time, outboxes are flushed, sockets are closed with 1012. Answers when all is over.
    pub async fn drain(&self) {
        let within = *self.drain_timeout.lock().unwrap_or_else(PoisonError::into_inner);
        let end = Instant::now() + within;
        self.admit_owners(end).await;
        self.gate.draining.store(true, Ordering::Release);
        let mut looks = 0;
        while Instant::now() < end && !self.figures().await.drained {
            tokio::time::sleep(DRAIN_POLL).await;
            looks += 1;
            if looks % OWNERS_EVERY == 0 {
                self.admit_owners(end).await;
            }
        }
        self.close().await;
    }

    /// Drains all shards and lets the users who own dialogs now come back as long as the drain takes. Calls that go on
    /// may bring new ones in: an agent who is rung, the target of a transfer.
    async fn admit_owners(&self, end: Instant) {
        let left = end.saturating_duration_since(Instant::now());
        let live: Vec<Channel> = self
            .ask(|answer| Letter::Drain(left, answer))
            .await
            .into_iter()
            .flatten()
            .collect();
        let names = self.ask(|answer| Letter::Names(live.clone(), answer)).await;
        self.gate.owners.add(names.into_iter().flatten());
    }

    /// Closes every socket with 1012 and waits a little for the peers to answer. Admits nobody any more.
    pub async fn close(&self) {
        self.gate.draining.store(true, Ordering::Release);
        self.gate.owners.clear();
        for letters in self.letters.iter() {
            // A shard that is gone has no sockets.
            let _ = letters.send(Letter::CloseAll);
        }
        let end = Instant::now() + CLOSE_TIMEOUT;
        while Instant::now() < end && self.figures().await.sockets > 0 {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }

    /// Stops the shards and waits for their threads. Blocks.
    pub fn stop(&self) {
        for letters in self.letters.iter() {
            // A shard that is gone has stopped already.
            let _ = letters.send(Letter::Stop);
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has nothing more to stop.
            let _ = thread.join();
        }
    }

    /// The shard that is home of a name, for tests that want two users on one shard or on two.
    pub fn home(&self, name: &UserId) -> u16 {
        crate::Shard::home(name, self.letters.len() as u16)
    }
}

fn terms(config: &Config, settings: &DriverSettings, authentication: Option<Arc<Authentication>>) -> Terms {
    Terms {
        authentication,
        links: config.links.clone(),
        link_credentials: settings.link_credentials.clone(),
        handshakes_per_second: settings.handshakes_per_second,
    }
}

impl Figures {
    fn add(&mut self, other: &Self) {
        self.channels += other.channels;
        self.sockets += other.sockets;
        self.dialogs += other.dialogs;
        self.records += other.records;
        self.instances += other.instances;
        self.links.add(other.links);
        self.drained &= other.drained;
        self.counters.add(&other.counters);
        self.channel_counters.add(&other.channel_counters);
        self.stack_counters.add(&other.stack_counters);
        self.in_stack.add(&other.in_stack);
        self.absences.add(&other.absences);
        self.oldest_open = self.oldest_open.max(other.oldest_open);
        self.oldest_away = self.oldest_away.max(other.oldest_away);
        for (service, times) in &other.in_services {
            self.in_services
                .entry(Arc::clone(service))
                .or_default()
                .add(times);
        }
    }
}
