//! The thread that takes what shards tell and passes on what is to be told.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use prost::Message as _;
use strowger_node::driver::{Happenings, LookCounters, Onlooker, onlooker};
use tokio::task::LocalSet;
use tokio::time::{Instant, timeout};

use crate::otlp::{self, Span};
use crate::post::{Form, Poster, Tally, poster};
use crate::{Record, RecordFile, Settings, Tracker, Wants};

/// How long what waits may take to be sent when the node has stopped.
const GRACE: Duration = Duration::from_secs(5);
/// How many names are looked up at a time, which blocks a thread each.
const LOOKUPS: usize = 4;
/// How many batches are taken in before what came of them is passed on.
const BATCHES: usize = 64;
/// The least time between two lines of the log about the file.
const QUIET: Duration = Duration::from_secs(60);

/// The thread; it ends after the node.
#[derive(Debug)]
pub struct Observer {
    thread: JoinHandle<()>,
}

impl Observer {
    /// Waits until everything is written and sent, or 5 s: to be called when the node has stopped. Blocks.
    pub fn join(self) {
        // A thread that panicked has told all that it will.
        let _ = self.thread.join();
    }
}

/// Where things go.
struct Ways {
    file: Option<RecordFile>,
    records: Option<Poster<String>>,
    spans: Option<Poster<Span>>,
    counters: Arc<LookCounters>,
    /// When the log has said that the file cannot be written.
    told: Option<Instant>,
}

/// Starts to look on: what it gives is for [`DriverSettings::onlooker`](strowger_node::driver::DriverSettings::onlooker).
///
/// # Errors
///
/// What the operating system says of the file, or of the thread.
pub fn start(settings: Settings) -> io::Result<(Onlooker, Observer)> {
    let (near, happenings) = onlooker(settings.states && settings.bodies);
    let counters = near.counters();
    let file = settings.records.as_ref().and_then(|records| records.file.clone());
    let file = file.map(RecordFile::open).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(LOOKUPS)
        .build()?;
    let thread = Builder::new().name("observer".to_owned()).spawn(move || {
        LocalSet::new().block_on(&runtime, run(settings, happenings, file, counters));
        // A name that is being looked up must not hold the end of the server.
        runtime.shutdown_background();
    })?;
    Ok((near, Observer { thread }))
}

async fn run(
    settings: Settings,
    happenings: Happenings,
    file: Option<RecordFile>,
    counters: Arc<LookCounters>,
) {
    let wants = Wants {
        records: settings.records.as_ref().map(|records| records.of),
        states: settings.states,
        traces_per_million: settings.traces.as_ref().map_or(0, |traces| traces.per_million),
        seed: settings.seed,
    };
    let mut sending = Vec::new();
    let records = settings.records.and_then(|records| records.http).map(|http| {
        let tally = Tally {
            sent: Arc::clone(&counters.records_posted),
            dropped: Arc::clone(&counters.records_not_posted),
        };
        let (near, far) = poster(http, records_form(), tally);
        sending.push(tokio::task::spawn_local(far));
        near
    });
    let spans = settings.traces.map(|traces| {
        let tally = Tally {
            sent: Arc::clone(&counters.spans_posted),
            dropped: Arc::clone(&counters.spans_not_posted),
        };
        let form = spans_form(traces.service_name);
        let (near, far) = poster(traces.post, form, tally);
        sending.push(tokio::task::spawn_local(far));
        near
    });
    let ways = Ways {
        file,
        records,
        spans,
        counters,
        told: None,
    };
    follow(Tracker::new(wants), happenings, ways).await;
    let all_sent = async {
        for sending in sending {
            // One that panicked sends no more.
            let _ = sending.await;
        }
    };
    if timeout(GRACE, all_sent).await.is_err() {
        tracing::warn!("some records or spans were not sent before the end");
    }
}

async fn follow(mut tracker: Tracker, mut happenings: Happenings, mut ways: Ways) {
    while let Some(batch) = happenings.next().await {
        tracker.take_in(batch);
        for _ in 1..BATCHES {
            let Some(more) = happenings.try_next() else { break };
            tracker.take_in(more);
        }
        ways.pass_on(&mut tracker);
    }
}

impl Ways {
    fn pass_on(&mut self, tracker: &mut Tracker) {
        let records: Vec<Record> = tracker.take_records().collect();
        if !records.is_empty() {
            self.file(&records);
        }
        if let Some(poster) = &self.records {
            records.iter().for_each(|record| poster.post(record.line()));
        }
        let lost = tracker.take_lost_spans();
        self.counters.spans_not_posted.fetch_add(lost, Ordering::Relaxed);
        for span in tracker.take_spans() {
            if let Some(spans) = &self.spans {
                spans.post(span);
            }
        }
    }

    fn file(&mut self, records: &[Record]) {
        let Some(file) = &mut self.file else { return };
        let (mut written, mut fault) = (0, None);
        for record in records {
            match file.write(&record.line()) {
                Ok(()) => written += 1,
                Err(error) => {
                    // What was in the buffer went with it.
                    written = 0;
                    fault = Some(error);
                }
            }
        }
        if let Err(error) = file.flush() {
            written = 0;
            fault = Some(error);
        }
        let counters = &self.counters;
        counters.records_filed.fetch_add(written, Ordering::Relaxed);
        let lost = records.len() as u64 - written;
        counters.records_not_filed.fetch_add(lost, Ordering::Relaxed);
        if let Some(error) = fault
            && self.told.is_none_or(|at| at.elapsed() >= QUIET)
        {
            self.told = Some(Instant::now());
            tracing::error!(%error, "call records cannot be written");
        }
    }
}

fn records_form() -> Form<String> {
    Form {
        what: "call records",
        content_type: "application/x-ndjson",
        body: Box::new(|lines| lines.concat().into_bytes()),
    }
}

fn spans_form(service_name: String) -> Form<Span> {
    Form {
        what: "spans",
        content_type: "application/x-protobuf",
        body: Box::new(move |spans| otlp::request(&service_name, spans.to_vec()).encode_to_vec()),
    }
}

#[cfg(test)]
mod tests;
