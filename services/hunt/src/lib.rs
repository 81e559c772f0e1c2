//! The hunt service: one number, several agents, one after another.
//!
//! The caller hears the first agent ring; whoever answers first gets the call. Busy, declining and absent agents are
//! passed over at once, others after the ring time. When none is left the caller gets the last agent's answer, or 480
//! where nobody said anything.

use std::collections::BTreeMap;
use std::time::Duration;

use strowger_service::jsip::{Method, Request, Response, StatusCode, Uri};
use strowger_service::{Bridge, Event, Instance, LegId, Progress, Script, Service, script};

/// The agents of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// The users to call, in this order.
    pub agents: Vec<String>,
    /// How long each of them is rung.
    pub ring: Duration,
}

/// What the service is told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The numbers (`user@host`, host in lower case). A number that is not among them takes its agents from the Router:
    /// the URIs behind the first, with the ring time as parameter `ring` of the first, in seconds.
    pub numbers: BTreeMap<String, Number>,
    /// How long an agent of the Router is rung where it does not say. Default 15 s.
    pub ring: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            numbers: BTreeMap::new(),
            ring: Duration::from_secs(15),
        }
    }
}

/// One number, several agents, one after another.
#[derive(Clone, Debug, Default)]
pub struct Hunt {
    settings: std::sync::Arc<Settings>,
}

impl Hunt {
    /// A hunt with these numbers.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: std::sync::Arc::new(settings),
        }
    }
}

impl Service for Hunt {
    fn start(&self) -> Box<dyn Instance> {
        let settings = std::sync::Arc::clone(&self.settings);
        script(move |call| async move {
            let Event::Incoming { leg, request } = call.next().await else {
                return;
            };
            if request.method() == Method::Invite {
                hunt(&call, leg, request, &settings).await;
            } else {
                call.respond(
                    leg,
                    refusal(&request, StatusCode::NOT_IMPLEMENTED, "a hunt takes calls only"),
                );
            }
        })
    }
}

/// Rings one agent after another until somebody answers, nobody is left or the caller is gone.
async fn hunt(call: &Script, caller: LegId, invite: Request, settings: &Settings) {
    let Number { agents, ring } = number(&invite, settings);
    let mut last = refusal(&invite, StatusCode::TEMPORARILY_UNAVAILABLE, "no agent is free");
    let mut heard = false;
    for agent in agents {
        let mut request = invite.clone();
        request.set_request_uri(&agent);
        while request.pop_route().is_some() {}
        let mut dial = call.dial(caller, request, ring);
        loop {
            match dial.next().await {
                Progress::Ringing(mut ringing) => {
                    if !heard {
                        ringing.set_cseq(invite.cseq());
                        call.respond(caller, ringing);
                    }
                    heard = true;
                }
                Progress::Answered(response) => {
                    let (leg, id) = (dial.leg(), dial.request());
                    let bridge = Bridge::joined(caller, &invite, leg, id);
                    return talk(
                        call,
                        bridge,
                        Event::Response {
                            leg,
                            to: id,
                            response,
                        },
                    )
                    .await;
                }
                Progress::Failed(response) => {
                    if is_telling(response.code()) {
                        last.set_code(response.code());
                    }
                    break;
                }
                Progress::NoAnswer => break,
                Progress::CallerGone => return,
            }
        }
    }
    call.respond(caller, last);
}

/// Whether an agent's refusal says more than that he is not there.
fn is_telling(code: StatusCode) -> bool {
    ![StatusCode::TEMPORARILY_UNAVAILABLE, StatusCode::REQUEST_TIMEOUT].contains(&code)
}

/// Joins caller and agent until both are gone.
async fn talk(call: &Script, mut bridge: Bridge, mut event: Event) {
    loop {
        call.with(|cx| bridge.handle(event, cx));
        if bridge.is_over() {
            return;
        }
        event = call.next().await;
    }
}

/// The agents of the number that was called.
fn number(invite: &Request, settings: &Settings) -> Number {
    let called = Uri::parse(invite.request_uri())
        .map(|uri| uri.user_with_host().into_owned())
        .unwrap_or_default();
    if let Some(number) = settings.numbers.get(&called) {
        return number.clone();
    }
    let mut uris = invite.route().unwrap_or_default().split(',').map(str::trim);
    let ring = uris
        .next()
        .and_then(|first| Uri::parse(first).ok()?.param("ring")??.parse().ok());
    Number {
        agents: uris.filter(|uri| !uri.is_empty()).map(str::to_owned).collect(),
        ring: ring.map_or(settings.ring, Duration::from_secs),
    }
}

fn refusal(request: &Request, code: StatusCode, reason: &str) -> Response {
    let mut response = Response::to(request, code);
    response.set_reason(reason);
    response
}
