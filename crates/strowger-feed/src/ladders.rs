//! The thread that feeds, and the handle of those who ask.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use strowger_node::Watch;
use strowger_node::driver::{Gaze, Happenings, Onlooker, onlooker_on_demand};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use crate::{Bounds, CallView, Calls, Event, Feed, Follow, FollowError, FollowerId, Told, Wanted};

/// For how long the shards go on telling when nobody asks any more.
const LINGER: Duration = Duration::from_secs(600);
/// How often it is looked whether somebody does.
const LOOK: Duration = Duration::from_secs(10);
/// How many batches are taken in at a time: whoever asks waits so long at most.
const BATCHES: usize = 16;

/// What is kept, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How much; no calls at all: nothing, and shards never tell.
    pub bounds: Bounds,
    /// Whether the shards tell all the time, or only while somebody asks.
    pub always: bool,
    /// Whether bodies of messages are kept.
    pub bodies: bool,
}

/// The latest calls of a node, for all who ask.
#[derive(Debug)]
pub struct Ladders {
    feed: Arc<Mutex<Feed>>,
    settings: Mutex<Settings>,
    gaze: Arc<Gaze>,
    /// Whether somebody has asked since it was last looked.
    asked: AtomicBool,
}

/// One who follows; he leaves when this is dropped.
#[derive(Debug)]
pub struct Following {
    ladders: Arc<Ladders>,
    id: FollowerId,
    news: Arc<Notify>,
}

impl Ladders {
    /// Begins; the onlooker is for [`DriverSettings::onlooker`](strowger_node::driver::DriverSettings::onlooker). The thread ends after the
    /// node.
    ///
    /// # Errors
    ///
    /// What the operating system says of the thread.
    pub fn start(settings: Settings) -> io::Result<(Onlooker, Arc<Self>)> {
        let (onlooker, happenings, gaze) = onlooker_on_demand(Watch::Off);
        let ladders = Arc::new(Self {
            feed: Arc::new(Mutex::new(Feed::new(settings.bounds))),
            settings: Mutex::new(settings),
            gaze,
            asked: AtomicBool::new(false),
        });
        ladders.look(settings.always);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let this = Arc::clone(&ladders);
        Builder::new()
            .name("ladders".to_owned())
            .spawn(move || runtime.block_on(this.run(happenings)))?;
        Ok((onlooker, ladders))
    }

    /// Takes over other settings.
    pub fn configure(&self, settings: Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.feed().set_bounds(settings.bounds);
        let is_on = self.gaze.watch() != Watch::Off;
        self.look(settings.always || is_on);
    }

    /// Whether calls are kept at all.
    pub fn are_kept(&self) -> bool {
        self.settings().bounds.calls > 0
    }

    /// Up to `limit` of the calls that fit, the latest first.
    pub fn list(&self, wanted: &Wanted, before: Option<u64>, limit: usize) -> Calls {
        self.ask();
        self.feed().list(wanted, before, limit)
    }

    /// One call and its events.
    pub fn one(&self, call: &str) -> Option<(CallView, Vec<Arc<Event>>)> {
        self.ask();
        self.feed().one(call)
    }

    /// Follows calls from now on.
    ///
    /// # Errors
    ///
    /// See [`FollowError`].
    pub fn follow(self: &Arc<Self>, follow: Follow) -> Result<Following, FollowError> {
        self.ask();
        let (id, news) = self.feed().follow(follow)?;
        Ok(Following {
            ladders: Arc::clone(self),
            id,
            news,
        })
    }

    fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> Settings {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody wants to see: the shards tell from their next batch on.
    fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
        if self.gaze.watch() == Watch::Off {
            self.look(true);
        }
    }

    fn look(&self, on: bool) {
        let settings = self.settings();
        self.gaze
            .set(match (on && settings.bounds.calls > 0, settings.bodies) {
                (false, _) => Watch::Off,
                (true, false) => Watch::Closely,
                (true, true) => Watch::CloselyWithBodies,
            });
    }

    async fn run(self: Arc<Self>, mut happenings: Happenings) {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut quiet = Duration::ZERO;
        loop {
            tokio::select! {
                batch = happenings.next() => {
                    let Some(batch) = batch else { break };
                    let mut feed = self.feed();
                    feed.take_in(batch);
                    for _ in 1..BATCHES {
                        let Some(more) = happenings.try_next() else { break };
                        feed.take_in(more);
                    }
                }
                _ = tick.tick() => {
                    let is_busy = self.asked.swap(false, Ordering::Relaxed) || self.feed().followers() > 0;
                    quiet = if is_busy { Duration::ZERO } else { quiet + LOOK };
                    if quiet >= LINGER && !self.settings().always {
                        self.look(false);
                        self.feed().look_away();
                    }
                }
            }
        }
        self.feed().close();
    }
}

impl Following {
    /// What is to be told next, up to so many things; waits until there is something. Nothing at all: it was told that nothing more comes.
    pub async fn next(&self, most: usize) -> Vec<Told> {
        loop {
            let told = self.ladders.feed().take(self.id, most);
            if !told.is_empty() {
                return told;
            }
            self.news.notified().await;
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.ladders.feed().leave(self.id);
    }
}
