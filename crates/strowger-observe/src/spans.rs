//! The trace of one dialog: a span for the dialog, one for each transaction, one for each call into its service.

use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use strowger_node::{DialogRef, EndCause, cause_name};

use crate::otlp::{Event, KeyValue, Span, SpanKind, Status, StatusCode};
use crate::tracked::{Over, Tracked};

/// How many spans one dialog has beside its own; more are left out.
const MOST_SPANS: usize = 256;
/// How many changes of state its own span tells; more are counted.
const MOST_EVENTS: usize = 128;
/// The flag of W3C Trace Context that says that a span was recorded.
const SAMPLED: u32 = 1;

/// A trace that grows.
#[derive(Debug)]
pub(crate) struct Trace {
    id: [u8; 16],
    /// The span of the dialog.
    root: u64,
    spans: Vec<Span>,
    events: Vec<Event>,
    lost_events: u32,
    pub(crate) lost_spans: u64,
}

impl Trace {
    /// The trace of a dialog, if it is one of so many in a million. The same dialog has the same trace as long as the process
    /// runs; `seed` tells processes apart.
    pub(crate) fn of(dialog: DialogRef, seed: u64, per_million: u32) -> Option<Self> {
        let digest = Sha256::new()
            .chain_update(seed.to_be_bytes())
            .chain_update(dialog.number().to_be_bytes())
            .finalize();
        let (id, rest) = digest.split_first_chunk::<16>()?;
        let (root, rest) = rest.split_first_chunk::<8>()?;
        let draw = u64::from_be_bytes(*rest.first_chunk::<8>()?);
        (draw % 1_000_000 < u64::from(per_million)).then(|| Self {
            id: *id,
            // Zero is no id.
            root: u64::from_be_bytes(*root).max(1),
            spans: Vec::new(),
            events: Vec::new(),
            lost_events: 0,
            lost_spans: 0,
        })
    }

    /// Its id as people write it.
    pub(crate) fn id(&self) -> String {
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn add(
        &mut self,
        name: String,
        kind: SpanKind,
        times: (SystemTime, SystemTime),
        attributes: Vec<KeyValue>,
    ) -> Option<&mut Span> {
        if self.spans.len() >= MOST_SPANS {
            self.lost_spans += 1;
            return None;
        }
        let number = self.spans.len() as u64 + 1;
        let span = Span {
            span_id: self.root.wrapping_add(number).max(1).to_be_bytes().to_vec(),
            parent_span_id: self.root.to_be_bytes().to_vec(),
            attributes,
            ..self.span(name, kind, times)
        };
        self.spans.push(span);
        self.spans.last_mut()
    }

    fn span(&self, name: String, kind: SpanKind, (begun, ended): (SystemTime, SystemTime)) -> Span {
        Span {
            trace_id: self.id.to_vec(),
            span_id: self.root.to_be_bytes().to_vec(),
            name,
            kind: kind.into(),
            start_time_unix_nano: nanos(begun),
            end_time_unix_nano: nanos(ended.max(begun)),
            flags: SAMPLED,
            ..Span::default()
        }
    }

    /// A transaction is over.
    pub(crate) fn transaction(&mut self, over: &Over) {
        let transaction = over.transaction;
        let kind = if transaction.by_peer {
            SpanKind::Server
        } else {
            SpanKind::Client
        };
        let mut attributes = vec![
            KeyValue::text("sip.method", transaction.method.as_str()),
            KeyValue::number(
                "sip.cseq",
                i64::try_from(transaction.cseq.get()).unwrap_or(i64::MAX),
            ),
        ];
        attributes.extend(over.code.map(code));
        let name = transaction.method.as_str().to_owned();
        let span = self.add(name, kind, (over.begun, over.ended), attributes);
        if let (Some(span), Some(why)) = (span, fault(over.code)) {
            span.status = Some(why);
        }
    }

    /// A call into the service is over.
    pub(crate) fn call(&mut self, service: &str, event: &'static str, begun: SystemTime, ended: SystemTime) {
        let attributes = vec![
            KeyValue::text("strowger.service", service),
            KeyValue::text("strowger.event", event),
        ];
        self.add(
            format!("{service} {event}"),
            SpanKind::Internal,
            (begun, ended),
            attributes,
        );
    }

    /// The session is in another state.
    pub(crate) fn state(&mut self, from: &'static str, to: &'static str, at: SystemTime) {
        if self.events.len() >= MOST_EVENTS {
            self.lost_events += 1;
            return;
        }
        self.events.push(Event {
            time_unix_nano: nanos(at),
            name: to.to_owned(),
            attributes: vec![KeyValue::text("strowger.state.from", from)],
        });
    }

    /// All spans of the dialog, now that it is over; its own is the first.
    pub(crate) fn finish(
        &mut self,
        dialog: DialogRef,
        tracked: &Tracked,
        first_code: Option<u16>,
        (ended, cause): (SystemTime, EndCause),
    ) -> Vec<Span> {
        let begun = &tracked.begun;
        let mut attributes = vec![
            KeyValue::text("strowger.dialog", dialog.to_string()),
            KeyValue::text("strowger.dialog.id", begun.id.as_str()),
            KeyValue::text("strowger.cause", cause_name(cause)),
            KeyValue::text("sip.method", begun.method.as_str()),
            KeyValue::text("sip.from", &*begun.from),
            KeyValue::text("sip.to", &*begun.to),
        ];
        let optional = [
            ("strowger.userid", tracked.userid.as_deref()),
            ("strowger.service", tracked.service.as_deref()),
            ("strowger.instance", tracked.instance.as_deref()),
        ];
        let known = optional
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        attributes.extend(known.map(|(key, value)| KeyValue::text(key, value)));
        attributes.extend(first_code.map(code));
        let kind = if begun.by_peer {
            SpanKind::Server
        } else {
            SpanKind::Client
        };
        let name = format!("dialog {}", begun.method.as_str());
        let own = Span {
            attributes,
            events: std::mem::take(&mut self.events),
            dropped_events_count: self.lost_events,
            status: fault(first_code),
            ..self.span(name, kind, (tracked.at, ended))
        };
        let mut spans = vec![own];
        spans.append(&mut self.spans);
        spans
    }
}

fn code(code: u16) -> KeyValue {
    KeyValue::number("sip.status_code", i64::from(code))
}

/// A refusal is an answer like any; what failed is the server, or who did not answer.
fn fault(code: Option<u16>) -> Option<Status> {
    let is_fault = code.is_some_and(|code| code == 408 || (500..600).contains(&code));
    is_fault.then(|| Status {
        message: code.map(|code| code.to_string()).unwrap_or_default(),
        code: StatusCode::Error.into(),
    })
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog(index: u32) -> DialogRef {
        format!("beef00-{index:x}-1").parse().unwrap()
    }

    #[test]
    fn a_dialog_has_one_trace_and_processes_have_different_ones() {
        let id = |index, seed| Trace::of(dialog(index), seed, 1_000_000).unwrap().id();
        assert_eq!(id(1, 7), id(1, 7));
        assert_ne!(id(1, 7), id(2, 7));
        assert_ne!(id(1, 7), id(1, 8));
        assert_eq!(id(1, 7).len(), 32);
    }

    #[test]
    fn as_many_dialogs_are_sampled_as_are_asked_for() {
        let count = |per_million| {
            let sampled = |index: &u32| Trace::of(dialog(*index), 1, per_million).is_some();
            (0..10_000).filter(sampled).count()
        };
        assert_eq!((count(0), count(1_000_000)), (0, 10_000));
        assert!((900..1100).contains(&count(100_000)), "{}", count(100_000));
    }

    #[test]
    fn a_dialog_without_end_has_a_trace_with_one() {
        let mut trace = Trace::of(dialog(1), 1, 1_000_000).unwrap();
        for _ in 0..MOST_SPANS + 3 {
            trace.call("relay", "request", UNIX_EPOCH, UNIX_EPOCH);
        }
        for _ in 0..MOST_EVENTS + 2 {
            trace.state("Established", "Reinviting", UNIX_EPOCH);
        }
        assert_eq!((trace.spans.len(), trace.lost_spans), (MOST_SPANS, 3));
        assert_eq!((trace.events.len(), trace.lost_events), (MOST_EVENTS, 2));
    }
}
