//! A loaded version as a service among others.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::rc::{self, Rc};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use jsip::Request;
use strowger_service::{Command, Context, Event, HttpRequest, Instance, Service};
use wasmtime::component::ResourceAny;

use crate::bindings::LoadablePre;
use crate::bindings::exports::strowger::service::service::Setup;
use crate::convert;
use crate::costs::Costs;
use crate::digest::Digest;
use crate::error::GuestError;
use crate::figures::{Counts, Figures, Meter};
use crate::guest::Guest;
use crate::limits::{Isolation, Limits};
use crate::pool::Pool;
use crate::spares::Spares;
use crate::state::State;

/// The longest key of a request, in bytes.
const KEY_BYTES: usize = 1024;

/// Why a version has a pause.
const TOO_DEAR: &str = "its failures take too much time from others";

/// One version of a service that was loaded; it can run in any number of shards. A clone is the same version.
#[derive(Clone)]
pub struct LoadedService(Arc<Version>);

pub(crate) struct Version {
    pre: LoadablePre<State>,
    digest: Digest,
    pub(crate) limits: Limits,
    messages: jsip::Limits,
    counts: Arc<Counts>,
    spares: Spares<Guest>,
    /// What failing instances take from others.
    costs: Costs,
    /// The same of questions for keys: while these are too dear, those who are in a room already can still be served.
    costs_of_keys: Costs,
    has_keys: AtomicBool,
    hears_completed: AtomicBool,
    takes_http: AtomicBool,
}

impl LoadedService {
    pub(crate) fn new(
        pre: LoadablePre<State>,
        digest: Digest,
        limits: Limits,
        messages: jsip::Limits,
        meter: Meter,
    ) -> Self {
        let now = Instant::now();
        Self(Arc::new(Version {
            pre,
            digest,
            limits,
            messages,
            counts: meter.0,
            spares: Spares::default(),
            costs: Costs::new(now, limits.budget),
            costs_of_keys: Costs::new(now, limits.budget),
            has_keys: AtomicBool::new(true),
            hears_completed: AtomicBool::new(true),
            takes_http: AtomicBool::new(false),
        }))
    }

    /// The digest of the component's bytes: the version's name.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The version's limits.
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// What it did so far.
    pub fn figures(&self) -> Figures {
        self.0.counts.read()
    }

    /// What tells its figures without keeping its code in memory.
    pub fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.0.counts))
    }

    pub(crate) fn weak(&self) -> Weak<Version> {
        Arc::downgrade(&self.0)
    }

    /// Makes an instance and drops it; asks what the service is asked once.
    pub(crate) fn check(&self, setup: Setup) -> Result<(), GuestError> {
        let mut guest = self.0.guest()?;
        guest.make(setup)?;
        self.0.has_keys.store(guest.has_keys()?, Relaxed);
        self.0.hears_completed.store(guest.hears_completed()?, Relaxed);
        self.0.takes_http.store(guest.takes_http()?, Relaxed);
        Ok(())
    }
}

impl Version {
    pub(crate) fn guest(&self) -> Result<Guest, GuestError> {
        Guest::new(&self.pre, self.limits, &self.counts)
    }

    /// Guests that were kept for instances that did not come.
    pub(crate) fn tidy(&self) -> Vec<Guest> {
        self.spares.tidy(self.running())
    }

    fn running(&self) -> usize {
        number(self.counts.instances.load(Relaxed))
    }

    /// Asks a spare guest something that depends on the question and the settings alone.
    fn ask<T>(&self, question: impl FnOnce(&mut Guest) -> Result<T, GuestError>) -> Result<T, GuestError> {
        let mut guest = self.spare_guest()?;
        let answer = question(&mut guest)?;
        self.give_back(guest);
        Ok(answer)
    }

    /// A guest whose instance has ended, else a new one.
    pub(crate) fn spare_guest(&self) -> Result<Guest, GuestError> {
        self.spares.take().map_or_else(|| self.guest(), Ok)
    }

    /// Keeps a guest without an instance for the next one.
    pub(crate) fn give_back(&self, mut guest: Guest) {
        // What its last instance logged when it was dropped, nobody reads.
        drop(guest.take_logs());
        guest.around().store = None;
        if guest.is_fresh() {
            self.spares.give(guest);
        }
    }

    fn ask_key(
        &self,
        question: impl FnOnce(&mut Guest) -> Result<Option<String>, GuestError>,
    ) -> Result<Option<String>, String> {
        let start = Instant::now();
        if let Some(pause) = self.costs_of_keys.left(start) {
            return Err(format!(
                "{TOO_DEAR}; it is not asked for keys for {}",
                seconds(pause)
            ));
        }
        let key = self.ask(question).and_then(|key| match key {
            Some(key) if key.len() > KEY_BYTES => Err(GuestError::Commands(format!(
                "a key of more than {KEY_BYTES} bytes"
            ))),
            key => Ok(key),
        });
        key.map_err(|error| {
            self.counts.own().failed.fetch_add(1, Relaxed);
            self.costs_of_keys.charge(Instant::now(), start.elapsed());
            error.to_string()
        })
    }
}

impl Service for LoadedService {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Running::new(&self.0, None))
    }

    fn has_room(&self) -> bool {
        self.0.running() < self.0.limits.instances && self.0.costs.left(Instant::now()).is_none()
    }

    fn key(&self, request: &Request) -> Option<String> {
        self.key_by(request, "{}")
    }

    fn key_by(&self, request: &Request, config: &str) -> Option<String> {
        self.try_key(request, config).ok().flatten()
    }

    fn try_key(&self, request: &Request, config: &str) -> Result<Option<String>, String> {
        if !self.has_keys() {
            return Ok(None);
        }
        self.0.ask_key(|guest| {
            guest.around().configure(config);
            guest.key(&request.encode())
        })
    }

    fn has_keys(&self) -> bool {
        self.0.has_keys.load(Relaxed)
    }

    fn hears_completed(&self) -> bool {
        self.0.hears_completed.load(Relaxed)
    }

    fn takes_http(&self) -> bool {
        self.0.takes_http.load(Relaxed)
    }

    fn http_key(&self, request: &HttpRequest) -> Option<String> {
        self.try_http_key(request).ok().flatten()
    }

    fn try_http_key(&self, request: &HttpRequest) -> Result<Option<String>, String> {
        if !self.has_keys() {
            return Ok(None);
        }
        self.0
            .ask_key(|guest| guest.http_key(&convert::http::request(request)))
    }

    fn check_config(&self, config: &str) -> Result<(), String> {
        let checked = self.0.ask(|guest| guest.check_config(config));
        checked.map_err(|error| error.to_string())?
    }

    fn try_restore(&self, saved: &[u8], cx: &mut Context<'_>) -> Result<Box<dyn Instance>, String> {
        let start = Instant::now();
        if let Some(pause) = self.0.costs.left(start) {
            return Err(format!("{TOO_DEAR}; it takes over none for {}", seconds(pause)));
        }
        let restored = Pool::of(&self.0).and_then(|pool| {
            let instance = within(&pool, cx, |guest, cx| {
                let setup = convert::setup(cx, guest.around().number());
                guest.restore(setup, convert::moment(cx), saved)
            })?;
            Ok(instance.map(|instance| (pool, instance)))
        });
        let (pool, instance) = restored.map_err(|error| {
            self.0.costs.charge(Instant::now(), start.elapsed());
            error.to_string()
        })??;
        Ok(Box::new(Running::new(&self.0, Some((pool, instance)))))
    }
}

thread_local! {
    /// What instances of this thread have of their versions, by the versions' addresses.
    static NEAR: RefCell<Vec<(usize, rc::Weak<Near>)>> = const { RefCell::new(Vec::new()) };
}

/// What the instances of one thread have of their version: one reference to it. Counting one for each would pass the
/// counter from core to core with each instance.
struct Near(Arc<Version>);

impl Deref for Near {
    type Target = Arc<Version>;

    fn deref(&self) -> &Arc<Version> {
        &self.0
    }
}

/// A version for one more instance.
fn near(version: &Arc<Version>) -> Rc<Near> {
    let address = Arc::as_ptr(version) as usize;
    NEAR.with_borrow_mut(|near| {
        // Whoever has it keeps the version, so nothing else can have come to its address.
        let mut known = near.iter().filter(|(of, _)| *of == address);
        if let Some(known) = known.find_map(|(_, known)| known.upgrade()) {
            return known;
        }
        let new = Rc::new(Near(Arc::clone(version)));
        near.retain(|(_, known)| known.strong_count() > 0);
        near.push((address, Rc::downgrade(&new)));
        new
    })
}

/// One instance. Its component instance is made, or found, with the first event.
struct Running {
    version: Rc<Near>,
    place: Option<(Pool, ResourceAny)>,
    /// Why it is over, where that happened outside of an event.
    failure: Option<String>,
    /// Whether its failure is counted.
    counted: bool,
}

impl Running {
    fn new(version: &Arc<Version>, place: Option<(Pool, ResourceAny)>) -> Self {
        let before = version.counts.instances.fetch_add(1, Relaxed);
        version.counts.own().started.fetch_add(1, Relaxed);
        version.spares.note(number(before).saturating_add(1));
        Self {
            version: near(version),
            place,
            failure: None,
            counted: false,
        }
    }

    fn pass_on(&mut self, event: Event, cx: &mut Context<'_>) -> Result<Vec<Command>, GuestError> {
        let Some(told) = convert::event(&event) else {
            return Ok(Vec::new());
        };
        let (pool, instance) = match &self.place {
            Some(place) => place,
            None => {
                let pool = Pool::of(&self.version)?;
                let instance = within(&pool, cx, |guest, cx| {
                    let setup = convert::setup(cx, guest.around().number());
                    guest.make(setup)
                })?;
                self.place.insert((pool, instance))
            }
        };
        let given = within(pool, cx, |guest, cx| {
            let last_leg = cx.ids().last().leg;
            guest.handle(*instance, convert::micros(cx.now()), last_leg, &told)
        })?;
        let came = convert::came(event);
        convert::commands(given, came, cx.ids(), &self.version.messages).map_err(GuestError::Commands)
    }

    fn count_failure(&mut self) {
        if !std::mem::replace(&mut self.counted, true) {
            self.version.counts.own().failed.fetch_add(1, Relaxed);
        }
    }

    fn try_save(&self) -> Result<Option<Vec<u8>>, GuestError> {
        let Some((pool, instance)) = &self.place else {
            return Ok(None);
        };
        pool.call(|guest| {
            let saved = guest.save(*instance);
            // Nobody reads what was logged outside of an event.
            drop(guest.take_logs());
            saved
        })
    }
}

fn number(instances: u64) -> usize {
    usize::try_from(instances).unwrap_or(usize::MAX)
}

/// A span as the operator reads it.
fn seconds(span: Duration) -> String {
    format!("{} s", span.as_secs() + 1)
}

/// A call on behalf of one instance: what surrounds it answers the guest, what the guest logs is the instance's.
fn within<T>(
    pool: &Pool,
    cx: &mut Context<'_>,
    call: impl FnOnce(&mut Guest, &mut Context<'_>) -> Result<T, GuestError>,
) -> Result<T, GuestError> {
    pool.call(|guest| {
        // Each event has its own store: what goes by itself after so long goes by the time of the event.
        guest.around().set(cx);
        let result = call(guest, cx);
        for (level, text) in guest.take_logs() {
            cx.log(level, text);
        }
        result
    })
}

impl Instance for Running {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        let start = Instant::now();
        match self.pass_on(event, cx) {
            Ok(commands) => commands.into_iter().for_each(|command| cx.push(command)),
            Err(error) => {
                self.count_failure();
                let why = error.to_string();
                if let (Some((pool, _)), Isolation::Own) = (&self.place, self.version.limits.isolation) {
                    pool.close(&why);
                }
                cx.fail(match self.version.costs.charge(Instant::now(), start.elapsed()) {
                    Some(pause) => format!("{why}; {TOO_DEAR}: none begins for {}", seconds(pause)),
                    None => why,
                });
            }
        }
    }

    fn save(&mut self) -> Option<Vec<u8>> {
        let start = Instant::now();
        if self.version.costs.left(start).is_some() {
            return None;
        }
        self.try_save().unwrap_or_else(|error| {
            self.version.costs.charge(Instant::now(), start.elapsed());
            self.failure = Some(error.to_string());
            None
        })
    }

    fn failure(&self) -> Option<String> {
        let shares = self.version.limits.isolation == Isolation::Shared;
        let of_all = || self.place.as_ref().filter(|_| shares)?.0.failure();
        self.failure.clone().or_else(of_all)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.failure().is_some() {
            self.count_failure();
        }
        if let Some((pool, instance)) = self.place.take() {
            pool.end(instance, &self.version);
        }
        self.version.counts.instances.fetch_sub(1, Relaxed);
    }
}

impl fmt::Debug for LoadedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedService")
            .field("digest", &self.0.digest)
            .finish_non_exhaustive()
    }
}
