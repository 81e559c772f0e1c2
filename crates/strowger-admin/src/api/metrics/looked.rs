//! Figures of time, of refused handshakes, and of what is told to whoever looks on.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use strowger_node::Histogram;
use strowger_node::driver::Figures;

use super::Page;

/// Writes them.
pub(super) fn encode(figures: &Figures, page: &mut Page<'_>) -> fmt::Result {
    times(figures, page)?;
    page.counters(
        "strowger_handshakes_refused",
        "Handshakes that were refused",
        "reason",
        &figures
            .refused_handshakes
            .iter()
            .map(|(reason, count)| (*reason, *count))
            .collect::<Vec<_>>(),
    )?;
    looked(figures, page)
}

fn times(figures: &Figures, page: &mut Page<'_>) -> fmt::Result {
    page.one(
        "strowger_stack_batch_seconds",
        "Time in the stack for what one read of a socket brought, services left out; one in sixteen is measured",
        &Times(&figures.in_stack),
    )?;
    let services = figures.in_services.iter();
    page.family(
        "strowger_service_call_seconds",
        "Time in a service for one event, in the same batches",
        services.map(|(service, times)| ([("service", &**service)], Times(times))),
    )?;
    page.one(
        "strowger_channel_absence_seconds",
        "How long users were away who came back to a channel that waited for them",
        &Times(&figures.absences),
    )?;
    let ages = [("open", figures.oldest_open), ("away", figures.oldest_away)];
    page.family(
        "strowger_outbox_oldest_seconds",
        "Age of the oldest message that its recipient has not acknowledged: he has a socket, or is away",
        ages.into_iter().map(|(state, age)| {
            (
                [("state", state)],
                ConstGauge::new(seconds(age.unwrap_or_default())),
            )
        }),
    )
}

fn looked(figures: &Figures, page: &mut Page<'_>) -> fmt::Result {
    let looked = figures.looked.unwrap_or_default();
    let stack = &figures.stack_counters;
    page.counter(
        "strowger_dialogs_unobserved",
        "Dialogs without a record, log lines and a trace, since too much waited to be told when they began",
        stack.unobserved,
    )?;
    page.counter(
        "strowger_happenings_left_out",
        "Messages, transactions and the like that were left out of what is told of their dialogs",
        stack.unnoted + looked.left_out,
    )?;
    for (name, help, filed, posted) in [
        (
            "strowger_records_written",
            "Call records that were written, or taken by the endpoint",
            looked.records_filed,
            looked.records_posted,
        ),
        (
            "strowger_records_dropped",
            "Call records that were not",
            looked.records_not_filed,
            looked.records_not_posted,
        ),
    ] {
        page.counters(name, help, "to", &[("file", filed), ("http", posted)])?;
    }
    page.family(
        "strowger_spans",
        "Spans of traces that the collector took, and that it did not or that had no room",
        [
            ("taken", looked.spans_posted),
            ("dropped", looked.spans_not_posted),
        ]
        .into_iter()
        .map(|(outcome, count)| ([("outcome", outcome)], ConstCounter::new(count))),
    )
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}

/// A histogram as it is read.
#[derive(Debug)]
struct Times<'a>(&'a Histogram);

impl EncodeMetric for Times<'_> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let infinity = f64::MAX;
        let buckets: Vec<_> = self
            .0
            .counts()
            .map(|(bound, count)| (bound.map_or(infinity, seconds), count))
            .collect();
        let (sum, count) = (seconds(self.0.sum()), self.0.count());
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
