//! Figures of two times, and what happened between them.

use serde_json::{Value, json};
use strowger_admin::view::ServiceView;

/// One batch in so many is measured.
const SAMPLED: f64 = 16.0;

/// What was read at one time.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) figures: Value,
    pub(super) services: Vec<ServiceView>,
}

impl Sample {
    fn number(&self, pointer: &str) -> f64 {
        self.figures
            .pointer(pointer)
            .and_then(Value::as_f64)
            .unwrap_or_default()
    }

    fn refused(&self) -> f64 {
        let kinds = [
            "not_found",
            "unavailable",
            "unreachable",
            "no_room",
            "too_many_hops",
            "forbidden",
            "rate_limited",
            "illegal_requests",
        ];
        kinds.iter().map(|kind| self.number(&format!("/{kind}"))).sum()
    }
}

/// What happened between two samples.
#[derive(Debug)]
pub(super) struct Lately {
    pub(super) at_ms: f64,
    pub(super) seconds: f64,
    pub(super) channels: f64,
    pub(super) sockets: f64,
    pub(super) dialogs: f64,
    pub(super) instances: f64,
    pub(super) received: f64,
    pub(super) sent: f64,
    pub(super) started: f64,
    pub(super) refused: f64,
    pub(super) failed: f64,
    pub(super) stack: Part,
    /// The busiest first.
    pub(super) services: Vec<Service>,
}

/// The time of a part of the server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    /// How often a second, about.
    pub(super) per_second: f64,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    /// How much of one processor it takes, about: 1 is all of it.
    pub(super) load: f64,
}

#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) versions: usize,
    pub(super) instances: usize,
    pub(super) part: Part,
}

impl Lately {
    /// What happened from one sample to another one of the same server.
    pub(super) fn between(before: &Sample, after: &Sample) -> Self {
        let at_ms = after.number("/at_ms");
        // Two at the same time would make rates without a bound.
        let seconds = ((at_ms - before.number("/at_ms")) / 1000.0).max(0.001);
        let rate = |pointer: &str| per_second(before.number(pointer), after.number(pointer), seconds);
        let part = |pointer: &str| {
            let quantile = |name: &str| {
                after
                    .figures
                    .pointer(&format!("{pointer}/{name}"))
                    .and_then(Value::as_f64)
            };
            Part {
                per_second: rate(&format!("{pointer}/count")) * SAMPLED,
                p50_us: quantile("p50_us"),
                p99_us: quantile("p99_us"),
                load: rate(&format!("{pointer}/sum_us")) * SAMPLED / 1e6,
            }
        };
        let service = |service: &ServiceView| Service {
            name: service.name.clone(),
            version: service.default.clone(),
            versions: service.versions.len(),
            instances: service.instances,
            part: part(&format!("/in_services/{}", pointer(&service.name))),
        };
        let mut services: Vec<_> = after.services.iter().map(service).collect();
        services.sort_by(|one, other| {
            let load = other.part.load.total_cmp(&one.part.load);
            load.then(other.instances.cmp(&one.instances))
                .then_with(|| one.name.cmp(&other.name))
        });
        Self {
            at_ms,
            seconds,
            channels: after.number("/channels"),
            sockets: after.number("/sockets"),
            dialogs: after.number("/dialogs"),
            instances: after.number("/instances"),
            received: rate("/messages_received"),
            sent: rate("/messages_sent"),
            started: rate("/instances_started"),
            refused: per_second(before.refused(), after.refused(), seconds),
            failed: rate("/instances_failed"),
            stack: part("/in_stack"),
            services,
        }
    }

    /// The same for programs.
    pub(super) fn json(&self) -> Value {
        let part = |part: &Part| {
            json!({
                "per_second": part.per_second, "p50_us": part.p50_us, "p99_us": part.p99_us, "load": part.load,
            })
        };
        let service = |service: &Service| {
            let mut value = part(&service.part);
            value["service"] = service.name.as_str().into();
            value["version"] = service.version.as_deref().into();
            value["versions"] = service.versions.into();
            value["instances"] = service.instances.into();
            value
        };
        json!({
            "at_ms": self.at_ms, "seconds": self.seconds,
            "channels": self.channels, "sockets": self.sockets, "dialogs": self.dialogs, "instances": self.instances,
            "received_per_second": self.received, "sent_per_second": self.sent,
            "instances_started_per_second": self.started, "instances_failed_per_second": self.failed,
            "refused_per_second": self.refused,
            "stack": part(&self.stack),
            "services": self.services.iter().map(service).collect::<Vec<_>>(),
        })
    }
}

/// A server that was started anew counts from 0 again.
fn per_second(before: f64, after: f64, seconds: f64) -> f64 {
    let more = if after < before { after } else { after - before };
    more / seconds
}

/// A name as a part of a JSON pointer.
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::cli::operate::top) fn lately() -> Lately {
        let services = |count: usize| {
            let service = |number: usize| ServiceView {
                name: format!("service{number}"),
                is_default_service: number == 0,
                default: Some("1.0".to_owned()),
                instances: number,
                versions: Vec::new(),
                history: Vec::new(),
            };
            (0..count).map(service).collect()
        };
        let sample = |at: f64, count: u64, received: u64| Sample {
            figures: json!({
                "at_ms": at, "channels": 3, "messages_received": received, "not_found": count, "forbidden": count,
                "in_stack": {"count": count, "sum_us": count * 10, "p50_us": 12.5, "p99_us": null},
                "in_services": {"service7": {"count": count, "sum_us": count * 500, "p50_us": 400.0, "p99_us": 900.0}},
            }),
            services: services(30),
        };
        Lately::between(&sample(1000.0, 0, 100), &sample(3000.0, 40, 400))
    }

    #[test]
    fn rates_are_what_came_in_the_time_between() {
        let lately = lately();
        assert_eq!(
            (lately.seconds, lately.received, lately.refused),
            (2.0, 150.0, 40.0)
        );
        assert_eq!(
            (lately.stack.per_second, lately.stack.p50_us),
            (320.0, Some(12.5))
        );
        let busiest = &lately.services[0];
        assert_eq!(busiest.name, "service7");
        assert!((busiest.part.load - 0.16).abs() < 1e-9, "{busiest:?}");
        assert_eq!(lately.json()["services"][0]["p99_us"], 900.0);
    }

    #[test]
    fn a_server_that_started_anew_has_no_negative_rates() {
        assert_eq!(per_second(100.0, 30.0, 10.0), 3.0);
    }
}
