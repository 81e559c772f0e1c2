//! One component instance and the calls into it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use strowger_service::LogLevel;
use wasmtime::component::ResourceAny;
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::bindings::exports::strowger::service::service::{Command, Event, HttpRequest, Moment, Setup};
use crate::bindings::{Loadable, LoadablePre};
use crate::clock::{processor_time, ticks};
use crate::error::GuestError;
use crate::figures::Counts;
use crate::limits::{Isolation, Limits};
use crate::state::{Around, State};

/// Bytes that a guest may hand over in one call.
const OUTPUT_BYTES: usize = 4 << 20;
/// Handles that a guest may have beside those of its instances, for what its own parts give each other.
const HANDLES: usize = 1000;

/// How many instances a guest may have, one after another.
const USES: u32 = 1000;
/// Bytes by which its memory may have grown before it is given to another.
const GROWTH: usize = 1 << 20;

/// A component instance. After an error it must not be called again.
pub(crate) struct Guest {
    store: Store<State>,
    exports: Loadable,
    limits: Limits,
    counts: Arc<Counts>,
    /// Bytes of memory that it began with.
    began_with: usize,
    /// Instances that it had.
    uses: u32,
}

/// The budget of a call is used up.
#[derive(Debug, thiserror::Error)]
#[error("the budget is used up")]
struct Overrun;

impl Guest {
    /// Makes a component instance; its own start code runs.
    pub(crate) fn new(
        pre: &LoadablePre<State>,
        limits: Limits,
        counts: &Arc<Counts>,
    ) -> Result<Self, GuestError> {
        let mut store = Store::new(pre.engine(), State::new(Arc::clone(counts), limits.memory));
        store.limiter(|state| state);
        store.set_hostcall_fuel(OUTPUT_BYTES);
        store.set_max_component_handles(match limits.isolation {
            Isolation::Own => HANDLES,
            Isolation::Shared => HANDLES.saturating_add(limits.instances),
        });
        watch(&mut store, limits.budget);
        let exports = timed(&mut store, limits, counts, |store| pre.instantiate(store))?;
        let began_with = store.data().memory();
        Ok(Self {
            store,
            exports,
            limits,
            counts: Arc::clone(counts),
            began_with,
            uses: 0,
        })
    }

    /// Makes an instance of the service in it.
    pub(crate) fn make(&mut self, setup: Setup) -> Result<ResourceAny, GuestError> {
        self.uses += 1;
        let service = self.exports.strowger_service_service().instance();
        timed(&mut self.store, self.limits, &self.counts, |store| {
            service.call_constructor(store, setup)
        })
    }

    pub(crate) fn handle(
        &mut self,
        instance: ResourceAny,
        now: u64,
        last_leg: u32,
        event: &Event,
    ) -> Result<Vec<Command>, GuestError> {
        let service = self.exports.strowger_service_service().instance();
        timed(&mut self.store, self.limits, &self.counts, |store| {
            service.call_handle(store, instance, now, last_leg, event)
        })
    }

    pub(crate) fn save(&mut self, instance: ResourceAny) -> Result<Option<Vec<u8>>, GuestError> {
        let service = self.exports.strowger_service_service().instance();
        timed(&mut self.store, self.limits, &self.counts, |store| {
            service.call_save(store, instance)
        })
    }

    /// An instance that goes on where another was saved, or what the guest says why not.
    pub(crate) fn restore(
        &mut self,
        setup: Setup,
        at: Moment,
        saved: &[u8],
    ) -> Result<Result<ResourceAny, String>, GuestError> {
        let service = self.exports.strowger_service_service().instance();
        timed(&mut self.store, self.limits, &self.counts, |store| {
            service.call_restore(store, setup, at, saved)
        })
    }

    /// Ends an instance; its destructor runs.
    pub(crate) fn end(&mut self, instance: ResourceAny) -> Result<(), GuestError> {
        timed(&mut self.store, self.limits, &self.counts, |store| {
            instance.resource_drop(store)
        })
    }

    pub(crate) fn key(&mut self, request: &String) -> Result<Option<String>, GuestError> {
        let service = self.exports.strowger_service_service();
        timed(&mut self.store, self.limits, &self.counts, |store| {
            service.call_key(store, request)
        })
    }

    pub(crate) fn has_keys(&mut self) -> Result<bool, GuestError> {
        let service = self.exports.strowger_service_service();
        timed(&mut self.store, self.limits, &self.counts, |store| {
            service.call_has_keys(store)
        })
    }

    pub(crate) fn hears_completed(&mut self) -> Result<bool, GuestError> {
        let service = self.exports.strowger_service_service();
        timed(&mut self.store, self.limits, &self.counts, |store| {
            service.call_hears_completed(store)
        })
    }

    pub(crate) fn takes_http(&mut self) -> Result<bool, GuestError> {
        let service = self.exports.strowger_service_service();
        timed(&mut self.store, self.limits, &self.counts, |store| {
            service.call_takes_http(store)
        })
    }

    pub(crate) fn http_key(&mut self, request: &HttpRequest) -> Result<Option<String>, GuestError> {
        let service = self.exports.strowger_service_service();
        timed(&mut self.store, self.limits, &self.counts, |store| {
            service.call_http_key(store, request)
        })
    }

    /// What the guest says is wrong with settings.
    pub(crate) fn check_config(&mut self, config: &str) -> Result<Result<(), String>, GuestError> {
        let service = self.exports.strowger_service_service();
        timed(&mut self.store, self.limits, &self.counts, |store| {
            service.call_check_config(store, config)
        })
    }

    /// What surrounds the instances that are called from here on.
    pub(crate) fn around(&mut self) -> &mut Around {
        &mut self.store.data_mut().around
    }

    /// Whether another instance may have it: what earlier ones have left behind is little.
    pub(crate) fn is_fresh(&self) -> bool {
        self.uses < USES && self.store.data().memory() <= self.began_with.saturating_add(GROWTH)
    }

    pub(crate) fn take_logs(&mut self) -> Vec<(LogLevel, String)> {
        self.store.data_mut().take_logs()
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").finish_non_exhaustive()
    }
}

/// Has every call interrupted that takes more than the budget, and three ticks more at the most.
///
/// Epochs count wall-clock time, and a thread that the machine did not run must not cost an instance its life. So at the
/// first tick of a call the processor time of its thread is looked at, and the budget counted from there: reading it
/// before each call would cost more than most calls.
fn watch(store: &mut Store<State>, budget: Duration) {
    store.epoch_deadline_callback(move |mut store| {
        let used = processor_time();
        let since = *store.data_mut().first_tick.get_or_insert(used);
        let left = budget.saturating_sub(used.saturating_sub(since));
        if left.is_zero() {
            return Err(Overrun.into());
        }
        Ok(UpdateDeadline::Continue(ticks(left)))
    });
}

fn timed<T>(
    store: &mut Store<State>,
    limits: Limits,
    counts: &Counts,
    call: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> Result<T, GuestError> {
    store.data_mut().begin();
    store.set_epoch_deadline(1);
    let start = Instant::now();
    let result = call(store);
    let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let tally = counts.own();
    tally.calls.fetch_add(1, Relaxed);
    tally.nanos.fetch_add(nanos, Relaxed);
    result.map_err(|error| explain(&error, store.data(), limits))
}

fn explain(error: &wasmtime::Error, state: &State, limits: Limits) -> GuestError {
    if error.is::<Overrun>() {
        return GuestError::Overrun(limits.budget);
    }
    if state.was_refused {
        return GuestError::Memory(limits.memory);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => GuestError::Stack,
        _ => GuestError::Trap(error.root_cause().to_string()),
    }
}
