//! HTTP around the nodes: an operator who orders calls, and an endpoint that is told of them and says what becomes of others.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use strowger_node::{FetchTicket, HttpTicket};
use strowger_service::{FetchError, HttpRequest, HttpResponse};

use super::{Happening, Network};
use crate::simulation::books::Fault;
use crate::simulation::calls::CALL;
use crate::simulation::chance::Chance;
use crate::simulation::ladder::Column;
use crate::simulation::services::{CALLBACK, user_name};

/// Who is ordered to talk to whom at a node, and what waits for an answer.
#[derive(Debug, Default)]
pub(super) struct Web {
    last: u64,
    /// Orders without an answer: the node and its process.
    orders: BTreeMap<HttpTicket, (usize, u32)>,
    /// How far the endpoint was told that each ordered call is.
    told: BTreeMap<String, usize>,
}

/// The states of an ordered call, in their order.
const STATES: [&str; 4] = ["calling", "answered", "connected", "ended"];

/// What the endpoint makes of a question, and when.
type Answer = (Duration, Result<HttpResponse, FetchError>);

impl Network {
    /// Somebody orders a call at a node, which gets this number.
    pub(in crate::simulation) fn order(&mut self, site: usize, users: [String; 2], call: usize) {
        let [from, to] = users.map(|user| format!("{user};{CALL}={call}"));
        let mut order = json!({ "from": from, "to": to, "ring": 5 + self.chance.below(15) });
        if self.chance.percent(50) {
            order["callback"] = CALLBACK.into();
        }
        let mut request = HttpRequest::new("POST", "/calls");
        request.body = order.to_string().into_bytes();
        self.web.last += 1;
        let ticket = HttpTicket(self.web.last);
        let shard = self.sites[site].first + self.chance.below(usize::from(self.sites[site].shards));
        let process = self.process_of(shard);
        self.web.orders.insert(ticket, (site, process));
        self.figures.orders += 1;
        self.note_site(site, &format!("c{call} is ordered"));
        let happening = Happening::Ordered {
            shard,
            process,
            ticket,
            request,
        };
        let delay = self.chance.millis(0, 5);
        self.after(delay, happening);
    }

    pub(super) fn ordered(&mut self, shard: usize, process: u32, ticket: HttpTicket, request: HttpRequest) {
        if self.process_of(shard) == process {
            self.shards[shard].http(self.now, ticket, "click2call", request);
            self.settle(shard);
        }
    }

    /// The answer to an order: once, and that it was taken, or that there is no room.
    pub(super) fn answered(&mut self, ticket: HttpTicket, response: &HttpResponse) {
        let known = self.web.orders.remove(&ticket).is_some();
        self.figures.ordered += u64::from(response.status == 201);
        if !known || !matches!(response.status, 201 | 503) {
            let fault = format!(
                "an order was answered {}, known: {known}: {}",
                response.status,
                String::from_utf8_lossy(&response.body)
            );
            self.fault.get_or_insert(Fault::of_run(fault));
        }
    }

    /// An instance asks the endpoint.
    pub(super) fn asked(&mut self, shard: usize, ticket: FetchTicket, request: &HttpRequest) {
        let site = self.site_of[shard];
        let (delay, result) = self.answer_of(site, request);
        self.figures.asked += u64::from(result.is_ok());
        let process = self.process_of(shard);
        self.after(
            delay,
            Happening::Fetched {
                shard,
                process,
                ticket,
                result,
            },
        );
    }

    pub(super) fn fetched(
        &mut self,
        shard: usize,
        process: u32,
        ticket: FetchTicket,
        result: Result<HttpResponse, FetchError>,
    ) {
        if self.process_of(shard) == process {
            self.shards[shard].fetched(self.now, ticket, result);
            self.settle(shard);
        }
    }

    /// An instance is over that has asked: as the driver does, this has its result at once.
    pub(super) fn gives_up(&mut self, shard: usize, ticket: FetchTicket) {
        let of = |happening: &Happening| matches!(happening, Happening::Fetched { shard: of, ticket: other, .. } if *of == shard && *other == ticket);
        self.queue.retain(|_, happening| !of(happening));
        let process = self.process_of(shard);
        let result = Err(FetchError::Failed("given up".to_owned()));
        self.after(
            Duration::ZERO,
            Happening::Fetched {
                shard,
                process,
                ticket,
                result,
            },
        );
    }

    /// A node's process has ended: nobody waits for its answers.
    pub(super) fn web_forgets(&mut self, site: usize) {
        self.web.orders.retain(|_, (of, _)| *of != site);
    }

    /// How many orders have no answer.
    pub(in crate::simulation) fn open_orders(&self) -> usize {
        self.web.orders.len()
    }

    fn answer_of(&mut self, site: usize, request: &HttpRequest) -> Answer {
        let delay = self.chance.millis(1, 1_500);
        if self.chance.percent(self.web_faults) {
            let result = match self.chance.below(4) {
                0 => return (request.timeout, Err(FetchError::TimedOut)),
                1 => Err(FetchError::Failed("reset".to_owned())),
                2 => Ok(HttpResponse::new(503)),
                _ => Ok(HttpResponse::with_body(200, "application/json", "{")),
            };
            return (delay, result);
        }
        let question: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if request.url == CALLBACK {
            self.hear(&question);
            return (delay, Ok(HttpResponse::new(204)));
        }
        let users: Vec<String> = (0..self.users)
            .filter(|user| self.homes[*user] == site)
            .map(|user| user_name(user, &self.sites[site].host))
            .collect();
        let actions = decide(&question, &users, &mut self.chance);
        let at = self.elapsed();
        let text = format!("the endpoint, of {}: {actions}", question["event"]);
        self.trace.note(at, Column::Node(site), &text);
        let body = json!({ "actions": actions }).to_string();
        (delay, Ok(HttpResponse::with_body(200, "application/json", body)))
    }

    /// The endpoint is told how an ordered call is: never what it was before.
    fn hear(&mut self, state: &Value) {
        let id = state["id"].as_str().unwrap_or_default().to_owned();
        let rank = STATES.iter().position(|name| state["state"] == *name);
        let before = self.web.told.insert(id, rank.unwrap_or_default());
        if rank.is_none() || before > rank {
            let fault = format!("after {before:?} the endpoint was told {state}");
            self.fault.get_or_insert(Fault::of_run(fault));
        }
    }
}

/// What the endpoint wants done.
fn decide(question: &Value, users: &[String], chance: &mut Chance) -> Value {
    let one = users[chance.below(users.len())].as_str();
    let other = users[chance.below(users.len())].as_str();
    let is_waiting = question["state"] == "waiting";
    match question["event"].as_str() {
        Some("incoming") => match chance.below(10) {
            0..=3 => json!([{ "dial": { "to": one, "ring": 8 } }, { "bridge": {} }]),
            4..=5 => {
                let together = chance.percent(50);
                json!([{ "hunt": { "to": [one, other], "ring": 6, "together": together } }, { "bridge": {} }])
            }
            6..=7 => json!([{ "answer": {} }, { "dial": { "to": one, "ring": 8 } }, { "bridge": {} }]),
            8 => json!([{ "hold": { "seconds": 3 } }, { "reject": { "code": 486 } }]),
            _ => json!([{ "answer": {} }, { "wait": { "seconds": 3 } }, { "hangup": {} }]),
        },
        Some("failed") if chance.percent(40) => {
            json!([{ "dial": { "to": other, "ring": 5 } }, { "bridge": {} }])
        }
        Some("failed" | "done" | "info") if is_waiting => json!([{ "reject": { "code": 480 } }]),
        Some("failed" | "done" | "info") => json!([{ "hangup": {} }]),
        _ => json!([]),
    }
}
