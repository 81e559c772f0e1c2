//! One user: an agent and its sockets, of which the latest carries what it sends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep, timeout};

use super::agent::Agent;
use super::socket::{Event, Order, open};
use super::{Progress, Stage};
use crate::plan::{Plan, UserReport};

/// A user who waits for something and hears nothing for so long opens another socket.
const SILENCE: Duration = Duration::from_millis(2_500);
/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);
/// How long the end may take: connecting, and then quiet.
const LAST: Duration = Duration::from_secs(20);
const QUIET: Duration = Duration::from_millis(500);
/// The code that says that another socket of the user took over.
const REPLACED: u16 = 4001;

pub(super) struct User {
    agent: Agent,
    url: String,
    move_every: usize,
    chance: StdRng,
    progress: Arc<Progress>,
    events: UnboundedSender<(usize, Event)>,
    arrivals: Option<UnboundedReceiver<(usize, Event)>>,
    /// How many sockets there were, and so the number of the latest.
    sockets: usize,
    latest: Option<UnboundedSender<Order>>,
    /// How many sockets got through their handshake.
    opened: usize,
    is_open: bool,
    failures: u32,
    reconnect_at: Option<Instant>,
    heard: Instant,
    stage: Stage,
    done: bool,
    moves: usize,
}

impl User {
    pub(super) fn new(name: &str, plan: &Plan, progress: Arc<Progress>) -> Self {
        let (events, arrivals) = unbounded_channel();
        let salt: u64 = name.bytes().map(u64::from).sum();
        Self {
            agent: Agent::new(name, plan),
            url: format!("{}?userid={name}", plan.url),
            move_every: plan.move_every,
            chance: StdRng::seed_from_u64(plan.seed ^ salt),
            progress,
            events,
            arrivals: Some(arrivals),
            sockets: 0,
            latest: None,
            opened: 0,
            is_open: false,
            failures: 0,
            reconnect_at: None,
            heard: Instant::now(),
            stage: Stage::Connect,
            done: false,
            moves: 0,
        }
    }

    /// Plays until told to stop, then waits until all is quiet, and closes with 1000.
    pub(super) async fn run(mut self, mut stages: watch::Receiver<Stage>) -> UserReport {
        let Some(mut arrivals) = self.arrivals.take() else {
            return self.agent.into_report();
        };
        self.connect();
        let mut tick = interval(Duration::from_millis(50));
        while self.stage != Stage::Leave {
            tokio::select! {
                Some((socket, event)) = arrivals.recv() => self.on_event(socket, event),
                _ = tick.tick() => self.on_tick(),
                changed = stages.changed() => {
                    self.stage = changed.map_or(Stage::Leave, |()| *stages.borrow_and_update());
                    self.start_more();
                }
            }
        }
        let last = async {
            while !self.is_open || self.heard.elapsed() < QUIET {
                tokio::select! {
                    Some((socket, event)) = arrivals.recv() => self.on_event(socket, event),
                    () = sleep(Duration::from_millis(50)) => self.on_tick(),
                }
            }
            self.order(Order::Close);
            while self.is_open {
                let Some((socket, event)) = arrivals.recv().await else {
                    return;
                };
                self.on_event(socket, event);
            }
        };
        // What is missing then is in the report.
        let _ = timeout(LAST, last).await;
        self.agent.into_report()
    }

    fn connect(&mut self) {
        self.sockets += 1;
        self.is_open = false;
        self.reconnect_at = None;
        self.heard = Instant::now();
        self.latest = Some(open(self.url.clone(), self.sockets, self.events.clone()));
    }

    fn on_event(&mut self, socket: usize, event: Event) {
        let latest = socket == self.sockets;
        match event {
            Event::Opened if latest => {
                self.is_open = true;
                self.failures = 0;
                self.heard = Instant::now();
                self.opened += 1;
                let again = self.opened > 1;
                self.agent.report.reconnects += usize::from(again);
                self.progress
                    .connected
                    .fetch_add(usize::from(!again), Ordering::Relaxed);
                let first = self.agent.connected(again);
                self.send(first);
            }
            // Another one was opened meanwhile, and what this one had to carry is on that.
            Event::Opened => {}
            // Whatever comes counts, on an older socket as well.
            Event::Text(text) => {
                self.heard = Instant::now();
                let answers = self.agent.receive(&text);
                self.send(answers);
            }
            Event::Closed(code) => {
                self.agent.report.replaced += usize::from(code == Some(REPLACED));
                if latest {
                    self.is_open = false;
                    self.latest = None;
                    self.failures += 1;
                    let longest =
                        LONGEST_PAUSE.min(Duration::from_millis(25) * 2_u32.pow(self.failures.min(6)));
                    self.reconnect_at = Some(Instant::now() + longest.mul_f64(self.chance.random()));
                }
            }
        }
        self.start_more();
        self.count();
    }

    fn start_more(&mut self) {
        if self.is_open && self.stage == Stage::Play {
            let more = self.agent.start_more();
            self.send(more);
        }
    }

    fn on_tick(&mut self) {
        if self.reconnect_at.is_some_and(|at| at <= Instant::now()) {
            self.connect();
        }
        let silent = self.is_open && self.agent.is_waiting() && self.heard.elapsed() > SILENCE;
        let moves =
            self.move_every > 0 && self.agent.report.answers.len() > (self.moves + 1) * self.move_every;
        if silent || (moves && self.is_open) {
            self.moves += usize::from(moves);
            self.connect();
        }
    }

    fn count(&mut self) {
        if !self.done && self.agent.is_done() {
            self.done = true;
            self.progress.done.fetch_add(1, Ordering::Relaxed);
        }
        let answered = self.agent.take_answered();
        self.progress.answered.fetch_add(answered, Ordering::Relaxed);
    }

    fn send(&self, texts: Vec<String>) {
        // Before the socket is open nothing is sent: it begins with everything that is unconfirmed.
        for text in texts.into_iter().filter(|_| self.is_open) {
            self.order(Order::Send(text));
        }
    }

    fn order(&self, order: Order) {
        if let Some(socket) = &self.latest {
            // A socket that is over says so itself.
            let _ = socket.send(order);
        }
    }
}
