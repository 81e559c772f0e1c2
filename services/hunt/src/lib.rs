//! The hunt service: one number, several agents, one after another.
//!
//! The caller hears the first agent ring; whoever answers first gets the call. Busy, declining and absent agents are
//! passed over at once, others after the ring time. When none is left the caller gets the last agent's answer, or 480
//! where nobody said anything.

use std::collections::BTreeMap;
use std::time::Duration;

use strowger_service::jsip::{Header, Method, Request, Response, StatusCode, Uri};
use strowger_service::{Bridge, Event, Instance, LegId, Progress, Script, Service, script};

/// How many agents a caller may name in the Router. The configuration may name more.
pub const MOST_AGENTS: usize = 32;

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
async fn hunt(call: &Script, caller: LegId, mut invite: Request, settings: &Settings) {
    let Some(Number { agents, ring }) = number(&invite, settings) else {
        let reason = format!("Router: more than {MOST_AGENTS} agents");
        return call.respond(caller, refusal(&invite, StatusCode::BAD_REQUEST, &reason));
    };
    invite.remove(Header::Route);
    let mut last = refusal(&invite, StatusCode::TEMPORARILY_UNAVAILABLE, "no agent is free");
    let mut waiting = Waiting {
        call,
        caller,
        invite: &invite,
        told: call.with(|cx| cx.now()),
        heard: false,
    };
    for agent in agents {
        waiting.reassure();
        let mut request = invite.clone();
        request.set_request_uri(&agent);
        let mut dial = call.dial(caller, request, ring);
        loop {
            match dial.next().await {
                Progress::Ringing(ringing) => waiting.hears(ringing),
                Progress::Answered(response) => {
                    let (leg, to) = (dial.leg(), dial.request());
                    let bridge = Bridge::joined(caller, &invite, leg, to);
                    return talk(call, bridge, Event::Response { leg, to, response }).await;
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

/// The caller while agents are rung. The stack gives up an INVITE that hears nothing for `timers.provisional`, and a hunt
/// through several agents takes longer than that.
struct Waiting<'a> {
    call: &'a Script,
    caller: LegId,
    invite: &'a Request,
    /// When he was last told something.
    told: Duration,
    /// Whether he has heard somebody ring.
    heard: bool,
}

/// A caller who was told nothing for so long is told again.
const SILENCE: Duration = Duration::from_secs(20);

impl Waiting<'_> {
    /// An agent rings: the caller hears the first as it is, a later one when it is time to tell him something.
    fn hears(&mut self, mut ringing: Response) {
        if std::mem::replace(&mut self.heard, true) {
            return self.reassure();
        }
        ringing.set_cseq(self.invite.cseq());
        self.tell(ringing);
    }

    fn reassure(&mut self) {
        if self.call.with(|cx| cx.now()).saturating_sub(self.told) >= SILENCE {
            let code = if self.heard {
                StatusCode::RINGING
            } else {
                StatusCode::SESSION_PROGRESS
            };
            self.tell(Response::to(self.invite, code));
        }
    }

    fn tell(&mut self, response: Response) {
        self.told = self.call.with(|cx| cx.now());
        self.call.respond(self.caller, response);
    }
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

/// The agents of the number that was called; `None` if the Router names too many.
fn number(invite: &Request, settings: &Settings) -> Option<Number> {
    let called = Uri::parse(invite.request_uri()).map(|uri| uri.user_with_host().into_owned());
    if let Some(number) = called.ok().and_then(|called| settings.numbers.get(&called)) {
        return Some(number.clone());
    }
    let mut uris = invite.route().unwrap_or_default().split(',').map(str::trim);
    let ring = uris
        .next()
        .and_then(|first| Uri::parse(first).ok()?.param("ring")??.parse().ok());
    let agents = uris.filter(|uri| !uri.is_empty()).map(str::to_owned);
    let agents: Vec<String> = agents.take(MOST_AGENTS + 1).collect();
    (agents.len() <= MOST_AGENTS).then_some(Number {
        agents,
        ring: ring.map_or(settings.ring, Duration::from_secs),
    })
}

fn refusal(request: &Request, code: StatusCode, reason: &str) -> Response {
    let mut response = Response::to(request, code);
    response.set_reason(reason);
    response
}
