//! A loaded version as a service among others.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use jsip::Request;
use strowger_service::{Command, Context, Event, HttpRequest, Instance, Service};
use wasmtime::component::ResourceAny;

use crate::bindings::LoadablePre;
use crate::bindings::exports::strowger::service::service::Setup;
use crate::convert;
use crate::digest::Digest;
use crate::error::GuestError;
use crate::figures::{Counts, Figures, Meter};
use crate::guest::Guest;
use crate::limits::{Isolation, Limits};
use crate::pool::Pool;
use crate::state::State;

/// The longest key of a request, in bytes.
const KEY_BYTES: usize = 1024;

/// How many guests without an instance are kept for the next ones, where fewer instances run.
const SPARE: usize = 64;

/// One version of a service that was loaded; it can run in any number of shards. A clone is the same version.
#[derive(Clone)]
pub struct LoadedService(Arc<Version>);

pub(crate) struct Version {
    pre: LoadablePre<State>,
    digest: Digest,
    pub(crate) limits: Limits,
    messages: jsip::Limits,
    counts: Arc<Counts>,
    /// Guests without an instance.
    spare: Mutex<Vec<Guest>>,
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
        Self(Arc::new(Version {
            pre,
            digest,
            limits,
            messages,
            counts: meter.0,
            spare: Mutex::default(),
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

    /// Makes an instance and drops it; asks what the service is asked once.
    pub(crate) fn check(&self, setup: &Setup) -> Result<(), GuestError> {
        let mut guest = self.0.guest()?;
        guest.make(setup)?;
        self.0.takes_http.store(guest.takes_http()?, Relaxed);
        Ok(())
    }
}

impl Version {
    pub(crate) fn guest(&self) -> Result<Guest, GuestError> {
        Guest::new(&self.pre, self.limits, &self.counts)
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Guest>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a spare guest something that depends on the question and the settings alone.
    fn ask<T>(&self, question: impl FnOnce(&mut Guest) -> Result<T, GuestError>) -> Result<T, GuestError> {
        let mut guest = self.spare_guest()?;
        let answer = question(&mut guest)?;
        self.give_back(guest);
        Ok(answer)
    }

    /// A guest whose instance has ended, else a new one: making one costs some twenty times as much as an event.
    pub(crate) fn spare_guest(&self) -> Result<Guest, GuestError> {
        let waiting = self.spare().pop();
        waiting.map_or_else(|| self.guest(), Ok)
    }

    /// Keeps a guest without an instance for the next one.
    pub(crate) fn give_back(&self, mut guest: Guest) {
        // What its last instance logged when it was dropped, nobody reads.
        drop(guest.take_logs());
        guest.surround(None, "{}");
        // As many may come again at once as run now.
        let most = usize::try_from(self.counts.instances.load(Relaxed)).map_or(SPARE, |now| now.max(SPARE));
        let mut spare = self.spare();
        let one_too_many = (spare.len() > most).then(|| spare.pop());
        if guest.is_fresh() && spare.len() < most {
            spare.push(guest);
        }
        // Unmapping takes long: others need the list meanwhile.
        drop(spare);
        drop(one_too_many);
    }

    fn ask_key(
        &self,
        question: impl FnOnce(&mut Guest) -> Result<Option<String>, GuestError>,
    ) -> Result<Option<String>, String> {
        let key = self.ask(question).and_then(|key| match key {
            Some(key) if key.len() > KEY_BYTES => Err(GuestError::Commands(format!(
                "a key of more than {KEY_BYTES} bytes"
            ))),
            key => Ok(key),
        });
        key.map_err(|error| {
            self.counts.failed.fetch_add(1, Relaxed);
            error.to_string()
        })
    }
}

impl Service for LoadedService {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Running::new(&self.0, None))
    }

    fn has_room(&self) -> bool {
        self.0.counts.instances.load(Relaxed) < self.0.limits.instances as u64
    }

    fn key(&self, request: &Request) -> Option<String> {
        self.key_by(request, "{}")
    }

    fn key_by(&self, request: &Request, config: &str) -> Option<String> {
        self.try_key(request, config).ok().flatten()
    }

    fn try_key(&self, request: &Request, config: &str) -> Result<Option<String>, String> {
        self.0.ask_key(|guest| {
            guest.surround(None, config);
            guest.key(&request.encode())
        })
    }

    fn takes_http(&self) -> bool {
        self.0.takes_http.load(Relaxed)
    }

    fn http_key(&self, request: &HttpRequest) -> Option<String> {
        self.try_http_key(request).ok().flatten()
    }

    fn try_http_key(&self, request: &HttpRequest) -> Result<Option<String>, String> {
        self.0
            .ask_key(|guest| guest.http_key(&convert::http::request(request)))
    }

    fn check_config(&self, config: &str) -> Result<(), String> {
        let checked = self.0.ask(|guest| guest.check_config(config));
        checked.map_err(|error| error.to_string())?
    }

    fn try_restore(&self, saved: &[u8], cx: &mut Context<'_>) -> Result<Box<dyn Instance>, String> {
        let pool = Pool::of(&self.0).map_err(|error| error.to_string())?;
        let setup = convert::setup(cx);
        let at = convert::moment(cx);
        let restored = within(&pool, cx, |guest, _| guest.restore(&setup, at, saved));
        let instance = restored.map_err(|error| error.to_string())??;
        Ok(Box::new(Running::new(&self.0, Some((pool, instance)))))
    }
}

/// One instance. Its component instance is made, or found, with the first event.
struct Running {
    version: Arc<Version>,
    place: Option<(Pool, ResourceAny)>,
    /// Why it is over, where that happened outside of an event.
    failure: Option<String>,
    /// Whether its failure is counted.
    counted: bool,
}

impl Running {
    fn new(version: &Arc<Version>, place: Option<(Pool, ResourceAny)>) -> Self {
        version.counts.instances.fetch_add(1, Relaxed);
        version.counts.started.fetch_add(1, Relaxed);
        Self {
            version: Arc::clone(version),
            place,
            failure: None,
            counted: false,
        }
    }

    fn pass_on(&mut self, event: &Event, cx: &mut Context<'_>) -> Result<Vec<Command>, GuestError> {
        let Some(event) = convert::event(event) else {
            return Ok(Vec::new());
        };
        let (pool, instance) = match &self.place {
            Some(place) => place,
            None => {
                let pool = Pool::of(&self.version)?;
                let setup = convert::setup(cx);
                let instance = within(&pool, cx, |guest, _| guest.make(&setup))?;
                self.place.insert((pool, instance))
            }
        };
        let given = within(pool, cx, |guest, cx| {
            guest.handle(*instance, convert::moment(cx), &event)
        })?;
        convert::commands(given, cx.ids(), &self.version.messages).map_err(GuestError::Commands)
    }

    fn count_failure(&mut self) {
        if !std::mem::replace(&mut self.counted, true) {
            self.version.counts.failed.fetch_add(1, Relaxed);
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

/// A call on behalf of one instance: what surrounds it answers the guest, what the guest logs is the instance's.
fn within<T>(
    pool: &Pool,
    cx: &mut Context<'_>,
    call: impl FnOnce(&mut Guest, &mut Context<'_>) -> Result<T, GuestError>,
) -> Result<T, GuestError> {
    pool.call(|guest| {
        guest.surround(cx.shared_store(), cx.config());
        let result = call(guest, cx);
        for (level, text) in guest.take_logs() {
            cx.log(level, text);
        }
        result
    })
}

impl Instance for Running {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match self.pass_on(&event, cx) {
            Ok(commands) => commands.into_iter().for_each(|command| cx.push(command)),
            Err(error) => {
                self.count_failure();
                let why = error.to_string();
                if let (Some((pool, _)), Isolation::Own) = (&self.place, self.version.limits.isolation) {
                    pool.close(&why);
                }
                cx.fail(why);
            }
        }
    }

    fn save(&mut self) -> Option<Vec<u8>> {
        self.try_save().unwrap_or_else(|error| {
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
