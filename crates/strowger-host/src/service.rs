//! A loaded version as a service among others.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use jsip::Request;
use strowger_service::{Command, Context, Event, Instance, Service};
use wasmtime::component::ResourceAny;

use crate::bindings::LoadablePre;
use crate::bindings::exports::strowger::service::service::Setup;
use crate::convert;
use crate::digest::Digest;
use crate::error::GuestError;
use crate::figures::{Counts, Figures};
use crate::guest::Guest;
use crate::limits::{Isolation, Limits};
use crate::pool::Pool;
use crate::state::State;

/// The longest key of a request, in bytes.
const KEY_BYTES: usize = 1024;

/// One version of a service that was loaded; it can run in any number of shards. A clone is the same version.
#[derive(Clone)]
pub struct LoadedService(Arc<Version>);

pub(crate) struct Version {
    pre: LoadablePre<State>,
    digest: Digest,
    pub(crate) limits: Limits,
    messages: jsip::Limits,
    counts: Arc<Counts>,
    /// Guests that were asked for keys: these depend on the request alone, so any guest will do again.
    keyers: Mutex<Vec<Guest>>,
}

impl LoadedService {
    pub(crate) fn new(
        pre: LoadablePre<State>,
        digest: Digest,
        limits: Limits,
        messages: jsip::Limits,
    ) -> Self {
        Self(Arc::new(Version {
            pre,
            digest,
            limits,
            messages,
            counts: Arc::default(),
            keyers: Mutex::default(),
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

    /// Makes an instance and drops it.
    pub(crate) fn check(&self, setup: &Setup) -> Result<(), GuestError> {
        self.0.guest()?.make(setup).map(drop)
    }
}

impl Version {
    pub(crate) fn guest(&self) -> Result<Guest, GuestError> {
        Guest::new(&self.pre, self.limits, &self.counts)
    }

    fn keyers(&self) -> std::sync::MutexGuard<'_, Vec<Guest>> {
        self.keyers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, request: &Request) -> Result<Option<String>, GuestError> {
        let waiting = self.keyers().pop();
        let mut guest = match waiting {
            Some(guest) => guest,
            None => self.guest()?,
        };
        let key = guest.key(&request.encode())?;
        if key.as_ref().is_some_and(|key| key.len() > KEY_BYTES) {
            return Err(GuestError::Commands(format!(
                "a key of more than {KEY_BYTES} bytes"
            )));
        }
        // Nobody reads what was logged for no instance.
        drop(guest.take_logs());
        // As many as there are shards at most, since each asks one at a time.
        self.keyers().push(guest);
        Ok(key)
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
        self.try_key(request).ok().flatten()
    }

    fn try_key(&self, request: &Request) -> Result<Option<String>, String> {
        self.0.key(request).map_err(|error| {
            self.0.counts.failed.fetch_add(1, Relaxed);
            error.to_string()
        })
    }

    fn try_restore(&self, saved: &[u8], cx: &mut Context<'_>) -> Result<Box<dyn Instance>, String> {
        let pool = Pool::of(&self.0).map_err(|error| error.to_string())?;
        let setup = convert::setup(cx);
        let at = convert::moment(cx);
        let restored = pool.call(|guest| {
            let restored = guest.restore(&setup, at, saved);
            log(guest, cx);
            restored
        });
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
                let instance = pool.call(|guest| {
                    let made = guest.make(&setup);
                    log(guest, cx);
                    made
                })?;
                self.place.insert((pool, instance))
            }
        };
        let given = pool.call(|guest| {
            let given = guest.handle(*instance, convert::moment(cx), &event);
            log(guest, cx);
            given
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

fn log(guest: &mut Guest, cx: &mut Context<'_>) {
    for (level, text) in guest.take_logs() {
        cx.log(level, text);
    }
}

impl Instance for Running {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match self.pass_on(&event, cx) {
            Ok(commands) => commands.into_iter().for_each(|command| cx.push(command)),
            Err(error) => {
                self.count_failure();
                cx.fail(error.to_string());
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
            pool.end(instance);
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
