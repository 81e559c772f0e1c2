//! The figures in the text format of Prometheus and OpenMetrics.
//!
//! Every metric is made anew from one look at the node, so the figures of one answer belong together. Labels take their values from
//! lists in this file and from the names of services and versions, of which `services.loaded` and `services.versions` bound the
//! number: nothing a peer sends becomes a label.

use std::fmt;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use strowger_node::driver::Figures;

use super::Context;
use super::process::Process;
use crate::view::{FiguresView, ServiceView, VersionView};

mod looked;

/// What the text is, for whoever asks.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "health", security((), ("token" = [])), responses(
    (status = 200, description = "the figures", body = String, content_type = "application/openmetrics-text"),
    (status = "4XX", description = "why not", body = crate::problem::Problem, content_type = "application/problem+json"),
))]
pub(super) async fn metrics(State(shared): Context) -> Response {
    let snapshot = Snapshot {
        figures: shared.admin.switch.figures().await,
        services: shared.admin.services.list().await,
        is_draining: shared.is_draining(),
        process: Process::of_this(),
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(snapshot));
    let mut page = String::new();
    match text::encode(&mut page, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response(),
        // Text can always be written to a string.
        Err(fmt::Error) => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A figure of a loaded version: its name, what it is, and where it is taken from.
type Counted = (&'static str, &'static str, fn(&FiguresView) -> f64);

/// One look at the node.
#[derive(Debug)]
struct Snapshot {
    figures: Figures,
    services: Vec<ServiceView>,
    is_draining: bool,
    process: Process,
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.node(&mut page)?;
        self.messages(&mut page)?;
        self.channels(&mut page)?;
        self.services(&mut page)?;
        looked::encode(&self.figures, &mut page)?;
        self.process.encode(&mut page)
    }
}

impl Snapshot {
    fn node(&self, page: &mut Page<'_>) -> fmt::Result {
        let links = &self.figures.links;
        for (name, help, value) in [
            (
                "strowger_channels",
                "Channels, open or retained",
                self.figures.channels,
            ),
            (
                "strowger_sockets",
                "Sockets of users and links",
                self.figures.sockets,
            ),
            ("strowger_dialogs", "Dialogs that are alive", self.figures.dialogs),
            (
                "strowger_dialog_records",
                "Dialogs and what is left of them for absorbing repeats",
                self.figures.records,
            ),
            ("strowger_instances", "Service instances", self.figures.instances),
            (
                "strowger_draining",
                "1 while the server drains, else 0",
                usize::from(self.is_draining),
            ),
        ] {
            page.gauge(name, help, value as u64)?;
        }
        page.gauges(
            "strowger_links",
            "Links that this node dials",
            "state",
            &[
                ("up", links.up as u64),
                ("connecting", links.connecting as u64),
                ("waiting", links.waiting as u64),
                ("failed", links.failed as u64),
            ],
        )
    }

    fn messages(&self, page: &mut Page<'_>) -> fmt::Result {
        let (node, channel, stack) = (
            &self.figures.counters,
            &self.figures.channel_counters,
            &self.figures.stack_counters,
        );
        page.counters(
            "strowger_messages",
            "Messages that came in, and those handed to outboxes",
            "direction",
            &[("received", node.messages_received), ("sent", node.messages_sent)],
        )?;
        page.counters(
            "strowger_requests_refused",
            "Requests that were refused",
            "reason",
            &[
                ("not_found", node.not_found),
                ("forbidden", node.forbidden),
                ("unavailable", node.unavailable),
                ("unreachable", node.unreachable),
                ("no_room", node.no_room),
                ("too_many_hops", node.too_many_hops),
                ("rate", channel.rate_limited),
                ("outbox_full", channel.refused_outbox_full),
                ("malformed", channel.malformed),
                ("unknown_method", channel.unknown_methods),
                ("illegal", stack.illegal_requests),
                ("too_many_dialogs", stack.dialog_overflows),
            ],
        )?;
        page.counters(
            "strowger_messages_dropped",
            "Messages that had no effect",
            "reason",
            &[
                ("stray_response", stack.stray_responses),
                ("late_response", stack.late_responses),
                ("stray_ack", stack.stray_acks),
                ("stale_socket", channel.stale_frames),
                ("binary", channel.binary),
                ("oversize", channel.oversize),
            ],
        )?;
        for (name, help, value) in [
            (
                "strowger_retransmissions_absorbed",
                "Requests that came again and were absorbed",
                stack.retransmissions,
            ),
            (
                "strowger_lingering_dropped",
                "Finished transactions forgotten early because too many lingered",
                stack.linger_overflows,
            ),
            (
                "strowger_messages_repeated",
                "Messages written again because their socket went",
                channel.repeated,
            ),
            (
                "strowger_messages_withdrawn",
                "Requests taken back before they were written",
                channel.withdrawn,
            ),
            (
                "strowger_commands_refused",
                "Commands of services that were not carried out",
                node.commands_refused,
            ),
        ] {
            page.counter(name, help, value)?;
        }
        Ok(())
    }

    fn channels(&self, page: &mut Page<'_>) -> fmt::Result {
        let counted = &self.figures.channel_counters;
        for (name, help, value) in [
            (
                "strowger_channels_opened",
                "Channels made, links included",
                counted.opened,
            ),
            (
                "strowger_channels_resumed",
                "Sockets that found their channel waiting for them",
                counted.resumed,
            ),
            (
                "strowger_channel_takeovers",
                "Sockets that took a channel over from another",
                counted.takeovers,
            ),
            (
                "strowger_sockets_dropped",
                "Sockets that ended while their channel went on",
                counted.dropped,
            ),
            (
                "strowger_pong_fallbacks",
                "Sockets whose Pongs do not come",
                counted.pong_fallback,
            ),
            (
                "strowger_link_dials",
                "Attempts to connect to another node",
                counted.dials,
            ),
        ] {
            page.counter(name, help, value)?;
        }
        page.counters(
            "strowger_channels_lost",
            "Channels that ended with what waited on them",
            "reason",
            &[
                ("retention_over", counted.lost_retention_over),
                ("outbox_full", counted.lost_outbox_full),
                ("ended_by_user", counted.lost_ended_by_user),
                ("ended_by_operator", counted.lost_ended_by_operator),
                ("link_failed", counted.lost_link_failed),
            ],
        )?;
        page.counters(
            "strowger_sockets_closed",
            "Sockets closed for what their peer did or did not",
            "reason",
            &[
                ("silent", counted.dead),
                ("expired", counted.expired),
                ("malformed", counted.closed_malformed),
                ("rate", counted.closed_rate),
                ("frames", counted.closed_frames),
            ],
        )
    }

    fn services(&self, page: &mut Page<'_>) -> fmt::Result {
        let counted = &self.figures.counters;
        page.counters(
            "strowger_instances_ended_otherwise",
            "Instances that failed, and those that went over to another version or could not",
            "how",
            &[
                ("failed", counted.instances_failed),
                ("moved", counted.instances_moved),
                ("not_moved", counted.instances_not_moved),
            ],
        )?;
        page.counter(
            "strowger_instances_started",
            "Instances started",
            counted.instances_started,
        )?;
        page.counters(
            "strowger_http_fetches",
            "HTTP requests of services",
            "outcome",
            &[
                ("answered", counted.fetches.saturating_sub(counted.fetches_failed)),
                ("failed", counted.fetches_failed),
            ],
        )?;
        page.counters(
            "strowger_http_requests",
            "HTTP requests for services",
            "outcome",
            &[
                (
                    "answered",
                    counted.http_requests.saturating_sub(counted.http_refused),
                ),
                ("refused", counted.http_refused),
            ],
        )?;
        let versions: Vec<_> = self
            .services
            .iter()
            .flat_map(|service| {
                service
                    .versions
                    .iter()
                    .map(|version| (service.name.as_str(), version))
            })
            .collect();
        page.of_versions(
            "strowger_service_instances",
            "Running instances of each version of a service",
            &versions,
            |version| Some(ConstGauge::new(version.instances as u64)),
        )?;
        let loaded: [Counted; 4] = [
            (
                "strowger_service_starts",
                "Instances started of a loaded version",
                |figures| figures.started as f64,
            ),
            (
                "strowger_service_failures",
                "Instances of it that failed",
                |figures| figures.failed as f64,
            ),
            ("strowger_service_calls", "Calls into it", |figures| {
                figures.calls as f64
            }),
            (
                "strowger_service_time_seconds",
                "Wall-clock time in it",
                |figures| figures.time_us as f64 / 1e6,
            ),
        ];
        for (name, help, value) in loaded {
            page.of_versions(name, help, &versions, |version| {
                Some(ConstCounter::new(value(version.figures.as_ref()?)))
            })?;
        }
        page.of_versions(
            "strowger_service_memory_bytes",
            "Memory of its instances, as large as they made it",
            &versions,
            |version| Some(ConstGauge::new(version.figures.as_ref()?.memory_bytes)),
        )
    }
}

/// The text as it grows.
pub(super) struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn one(&mut self, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.0.encode_descriptor(name, help, None, metric.metric_type())?)
    }

    /// A figure that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.one(name, help, &ConstGauge::new(value))
    }

    /// A figure that only grows; its name gets `_total`.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.one(name, help, &ConstCounter::new(value))
    }

    /// A point in time.
    pub(super) fn time(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.one(name, help, &ConstGauge::new(value))
    }

    /// A counter of fractions.
    pub(super) fn seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.one(name, help, &ConstCounter::new(value))
    }

    fn gauges(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) -> fmt::Result {
        let metrics = values
            .iter()
            .map(|(of, value)| ([(label, *of)], ConstGauge::new(*value)));
        self.family(name, help, metrics)
    }

    fn counters(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) -> fmt::Result {
        let metrics = values
            .iter()
            .map(|(of, value)| ([(label, *of)], ConstCounter::new(*value)));
        self.family(name, help, metrics)
    }

    /// One metric for each version that has such a figure.
    fn of_versions<M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        versions: &[(&str, &VersionView)],
        metric: impl Fn(&VersionView) -> Option<M>,
    ) -> fmt::Result {
        let metrics = versions.iter().filter_map(|(service, version)| {
            let labels = [("service", *service), ("version", version.label.as_str())];
            Some((labels, metric(version)?))
        });
        self.family(name, help, metrics)
    }

    fn family<'l, const N: usize, M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        metrics: impl Iterator<Item = ([(&'l str, &'l str); N], M)>,
    ) -> fmt::Result {
        let mut metrics = metrics.peekable();
        let Some((_, first)) = metrics.peek() else {
            return Ok(());
        };
        let mut family = self.0.encode_descriptor(name, help, None, first.metric_type())?;
        for (labels, metric) in metrics {
            metric.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
