//! What the host keeps for one guest, and answers it at once.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use strowger_service::{Context, LogLevel};
use wasmtime::ResourceLimiter;

use crate::bindings::strowger::service::{host, types};
use crate::figures::Counts;

/// Bytes of a log line that are kept; the node cuts there too.
const LINE_BYTES: usize = 4096;
/// Log lines of one call that are kept.
const LINES: usize = 64;
/// Elements of all tables of a guest: each takes eight bytes.
const TABLE_ELEMENTS: usize = 200_000;
/// Core instances, memories and tables of one guest. Components made from JavaScript have about 13, from Python 40.
const PARTS: usize = 64;

/// What surrounds the instance that is called.
pub(crate) struct Around {
    pub(crate) store: Option<Arc<dyn strowger_service::Store + Send + Sync>>,
    service: String,
    own_hosts: Vec<String>,
    config: String,
    relation_prefix: String,
    /// Counts what service, own hosts and config were.
    number: u32,
}

impl Around {
    /// What surrounds an instance from here on.
    pub(crate) fn set(&mut self, cx: &mut Context<'_>) {
        self.store = cx.shared_store();
        if self.service != cx.service() || self.own_hosts != cx.own_hosts() {
            cx.service().clone_into(&mut self.service);
            cx.own_hosts().clone_into(&mut self.own_hosts);
            self.number = self.number.wrapping_add(1);
        }
        self.configure(cx.config());
        let prefix = cx.ids().relation_prefix();
        if self.relation_prefix != prefix {
            prefix.clone_into(&mut self.relation_prefix);
        }
    }

    /// The settings from here on.
    pub(crate) fn configure(&mut self, config: &str) {
        if self.config != config {
            config.clone_into(&mut self.config);
            self.number = self.number.wrapping_add(1);
        }
    }

    /// By which a guest knows whether it has been told the same before.
    pub(crate) const fn number(&self) -> u32 {
        self.number
    }
}

pub(crate) struct State {
    counts: Arc<Counts>,
    memory_limit: usize,
    memory: usize,
    table_elements: usize,
    /// Whether memory was refused since the call began: it explains most traps.
    pub(crate) was_refused: bool,
    /// The processor time of the thread at the first tick of the call.
    pub(crate) first_tick: Option<Duration>,
    pub(crate) logs: Vec<(LogLevel, String)>,
    dropped: usize,
    pub(crate) around: Around,
}

impl State {
    pub(crate) fn new(counts: Arc<Counts>, memory_limit: usize) -> Self {
        Self {
            counts,
            memory_limit,
            memory: 0,
            table_elements: 0,
            was_refused: false,
            first_tick: None,
            logs: Vec::new(),
            dropped: 0,
            around: Around {
                store: None,
                service: String::new(),
                own_hosts: Vec::new(),
                config: "{}".to_owned(),
                relation_prefix: String::new(),
                number: 1,
            },
        }
    }

    /// Bytes of its linear memories.
    pub(crate) const fn memory(&self) -> usize {
        self.memory
    }

    /// A call into the guest begins.
    pub(crate) const fn begin(&mut self) {
        self.was_refused = false;
        self.first_tick = None;
    }

    /// What was logged since the last time.
    pub(crate) fn take_logs(&mut self) -> Vec<(LogLevel, String)> {
        if self.dropped > 0 {
            let text = format!("{} log lines of one call dropped", self.dropped);
            self.logs.push((LogLevel::Warn, text));
            self.dropped = 0;
        }
        std::mem::take(&mut self.logs)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.counts.own().memory.fetch_sub(self.memory as u64, Relaxed);
    }
}

impl types::Host for State {}

impl host::Host for State {
    fn log(&mut self, level: host::Level, mut text: String) {
        if self.logs.len() >= LINES {
            self.dropped += 1;
            return;
        }
        text.truncate(text.floor_char_boundary(LINE_BYTES));
        text.shrink_to_fit();
        let level = match level {
            host::Level::Error => LogLevel::Error,
            host::Level::Warn => LogLevel::Warn,
            host::Level::Info => LogLevel::Info,
            host::Level::Debug => LogLevel::Debug,
        };
        self.logs.push((level, text));
    }

    fn facts(&mut self) -> host::Whereabouts {
        host::Whereabouts {
            service: self.around.service.clone(),
            own_hosts: self.around.own_hosts.clone(),
        }
    }

    fn relation_prefix(&mut self) -> String {
        self.around.relation_prefix.clone()
    }

    fn config(&mut self) -> String {
        self.around.config.clone()
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let fits = self.memory.saturating_add(more) <= self.memory_limit;
        if fits {
            self.memory += more;
            self.counts.own().memory.fetch_add(more as u64, Relaxed);
        }
        self.was_refused |= !fits;
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let fits = self.table_elements.saturating_add(more) <= TABLE_ELEMENTS;
        if fits {
            self.table_elements += more;
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}
