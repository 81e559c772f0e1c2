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
use crate::limits::Limits;
use crate::state::State;

/// The longest key of a request, in bytes.
const KEY_BYTES: usize = 1024;

/// One version of a service that was loaded; it can run in any number of shards. A clone is the same version.
#[derive(Clone)]
pub struct LoadedService(Arc<Version>);

struct Version {
    pre: LoadablePre<State>,
    digest: Digest,
    limits: Limits,
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
    fn guest(&self) -> Result<Guest, GuestError> {
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
        self.0.counts.instances.fetch_add(1, Relaxed);
        self.0.counts.started.fetch_add(1, Relaxed);
        Box::new(Running {
            version: Arc::clone(&self.0),
            guest: None,
        })
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
}

/// One instance in a guest of its own, which is made with the first event.
struct Running {
    version: Arc<Version>,
    guest: Option<(Guest, ResourceAny)>,
}

impl Running {
    fn pass_on(&mut self, event: &Event, cx: &mut Context<'_>) -> Result<Vec<Command>, GuestError> {
        let Some(event) = convert::event(event) else {
            return Ok(Vec::new());
        };
        if self.guest.is_none() {
            let mut guest = self.version.guest()?;
            let made = guest.make(&convert::setup(cx));
            log(&mut guest, cx);
            self.guest = Some((guest, made?));
        }
        let Some((guest, instance)) = &mut self.guest else {
            return Ok(Vec::new());
        };
        let given = guest.handle(*instance, convert::moment(cx), &event);
        log(guest, cx);
        convert::commands(given?, cx.ids(), &self.version.messages).map_err(GuestError::Commands)
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
                self.guest = None;
                self.version.counts.failed.fetch_add(1, Relaxed);
                cx.fail(error.to_string());
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
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
