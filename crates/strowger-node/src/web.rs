//! HTTP of services: requests that instances make, and requests that they get.

use std::collections::BTreeMap;
use std::time::Duration;

use strowger_service::{Event, FetchError, FetchId, HttpId, HttpRequest, HttpResponse};
use strowger_time::{DeadlineId, Instant};

use crate::dispatch::{InstanceTimer, Wanted};
use crate::instances::{InstanceKey, Running};
use crate::{Effect, Shard};

mod grant;

pub(crate) use grant::Place;
pub use grant::{UrlPattern, UrlPatternError};

/// The longest time that a request of an instance may take.
const LONGEST_FETCH: Duration = Duration::from_secs(300);

/// What a header takes beside its name and its value.
const HEADER_BYTES: usize = 4;

/// What services may do over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebLimits {
    /// Which URLs each service may ask, by its name in lower case. Default none.
    pub grants: BTreeMap<String, Vec<UrlPattern>>,
    /// How many requests the instances of one service may have open on one shard. Default 256; the next fails at once.
    pub fetches: usize,
    /// The most bytes of a request's URL, headers and body together. Default 1 MiB.
    pub request_bytes: usize,
    /// How many requests may wait for an answer of one instance. Default 64; the next gets 503.
    pub waiting: usize,
    /// How long an instance may take to answer one. Default 30 s; then it gets 504.
    pub answer_within: Duration,
}

impl Default for WebLimits {
    fn default() -> Self {
        Self {
            grants: BTreeMap::new(),
            fetches: 256,
            request_bytes: 1 << 20,
            waiting: 64,
            answer_within: Duration::from_secs(30),
        }
    }
}

/// Names a request of an instance, for giving its result back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FetchTicket {
    instance: InstanceKey,
    service: usize,
    id: FetchId,
}

impl FetchTicket {
    /// The ticket of a request that is played again.
    pub(crate) const fn of(instance: InstanceKey, service: usize, id: FetchId) -> Self {
        Self {
            instance,
            service,
            id,
        }
    }
}

/// Names a request for a service; whoever brings it chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpTicket(pub u64);

/// What an instance has open over HTTP.
#[derive(Debug, Default)]
pub(crate) struct Web {
    waiting: Vec<Waiting>,
    /// Its own requests that have no result yet.
    asked: Vec<FetchId>,
    /// The number of the last request that it got.
    last: u32,
}

/// A request that the instance has yet to answer.
#[derive(Debug)]
struct Waiting {
    id: HttpId,
    ticket: HttpTicket,
    deadline: DeadlineId,
}

impl Web {
    /// Whether something of it will reach the instance, or has to be answered by it.
    pub(crate) const fn is_open(&self) -> bool {
        !self.asked.is_empty() || !self.waiting.is_empty()
    }

    fn take(&mut self, id: HttpId) -> Option<Waiting> {
        let at = self.waiting.iter().position(|waiting| waiting.id == id)?;
        Some(self.waiting.remove(at))
    }
}

impl Shard {
    /// An instance makes a request.
    pub(crate) fn fetch(&mut self, now: Instant, key: InstanceKey, id: FetchId, mut request: HttpRequest) {
        let Some(running) = self.instances.get(key) else {
            return;
        };
        let service = running.service;
        let verdict = self.may_fetch(service, &running.kind.name, &request);
        let verdict = self.fetch_verdict(now, key, id.number(), verdict);
        self.counters.fetches += 1;
        if let Err(error) = verdict {
            self.counters.fetches_failed += 1;
            let result = Err(error);
            return self.pending.push_back((key, Event::Fetched { id, result }));
        }
        request.timeout = request.timeout.min(LONGEST_FETCH);
        if let Some(running) = self.instances.get_mut(key) {
            running.web.asked.push(id);
        }
        if self.fetching.len() <= service {
            self.fetching.resize(service + 1, 0);
        }
        self.fetching[service] += 1;
        let ticket = FetchTicket {
            instance: key,
            service,
            id,
        };
        self.effects.push_back(Effect::Fetch { ticket, request });
    }

    fn may_fetch(&self, service: usize, name: &str, request: &HttpRequest) -> Result<(), FetchError> {
        let limits = &self.config.web;
        let headers = request.headers.iter();
        let bytes = headers
            .map(|(name, value)| HEADER_BYTES + name.len() + value.len())
            .sum::<usize>();
        if bytes + request.url.len() + request.body.len() > limits.request_bytes {
            return Err(FetchError::TooLarge);
        }
        let uri = request.url.parse::<http::Uri>();
        let uri = uri.map_err(|error| FetchError::Invalid(error.to_string()))?;
        let grants = limits.grants.get(&name.to_ascii_lowercase());
        if !grants.is_some_and(|grants| grants.iter().any(|grant| grant.permits(&uri))) {
            return Err(FetchError::NotGranted);
        }
        let open = self.fetching.get(service).copied().unwrap_or(0);
        if open >= limits.fetches {
            return Err(FetchError::TooMany);
        }
        Ok(())
    }

    /// A request of an instance has its result. Whoever asked may be gone meanwhile.
    pub fn fetched(&mut self, now: Instant, ticket: FetchTicket, result: Result<HttpResponse, FetchError>) {
        let FetchTicket {
            instance,
            service,
            id,
        } = ticket;
        if let Some(open) = self.fetching.get_mut(service) {
            *open = open.saturating_sub(1);
        }
        self.counters.fetches_failed += u64::from(result.is_err());
        let Some(running) = self.instances.get_mut(instance) else {
            return;
        };
        let before = running.web.asked.len();
        running.web.asked.retain(|asked| *asked != id);
        if running.web.asked.len() == before {
            // Whoever asked has forwarded his call since.
            return;
        }
        self.write_fetched(now, instance, id.number(), &result, false);
        self.deliver(now, instance, Event::Fetched { id, result });
    }

    /// A request for a service came; exactly one [`Effect::HttpRespond`] with this ticket follows.
    ///
    /// It belongs on the shard that [`Registry::http_home`](crate::Registry::http_home) names.
    pub fn http(&mut self, now: Instant, ticket: HttpTicket, service: &str, request: HttpRequest) {
        self.counters.http_requests += 1;
        let instance = match self.http_instance(now, service, &request) {
            Ok(instance) => instance,
            Err((status, why)) => return self.http_refuse(ticket, status, &why),
        };
        let limits = &self.config.web;
        let (most, deadline) = (limits.waiting, now + limits.answer_within);
        let Some(running) = self.instances.get_mut(instance) else {
            return self.http_refuse(ticket, 500, "the instance is gone");
        };
        if running.web.waiting.len() >= most {
            return self.http_refuse(ticket, 503, "too many requests wait for this instance");
        }
        running.web.last = running.web.last.wrapping_add(1);
        let id = HttpId::new(running.web.last);
        let deadline = self.deadlines.set(
            deadline,
            InstanceTimer {
                instance,
                wanted: Wanted::HttpAnswer(id),
            },
        );
        running.web.waiting.push(Waiting { id, ticket, deadline });
        self.write_http(now, instance, &request);
        self.deliver(now, instance, Event::Http { id, request });
    }

    fn http_instance(
        &mut self,
        now: Instant,
        service: &str,
        request: &HttpRequest,
    ) -> Result<InstanceKey, (u16, String)> {
        let registry = std::sync::Arc::clone(&self.registry);
        let Some(place) = registry.find(service) else {
            return Err((404, "there is no such service".to_owned()));
        };
        let failed = |shard: &mut Self, why: &str| {
            shard.no_instance(now, place, why);
            (500, "the service failed".to_owned())
        };
        match registry.takes_http(place) {
            Ok(true) => {}
            Ok(false) => return Err((404, "the service has no HTTP routes".to_owned())),
            Err(why) => return Err(failed(self, &why)),
        }
        let key = registry
            .http_key(place, request)
            .map_err(|why| failed(self, &why))?;
        if let Some(running) = key.as_deref().and_then(|key| self.instances.by_key(place, key)) {
            return Ok(running);
        }
        if self.draining {
            return Err((503, "the node is draining".to_owned()));
        }
        match self.start_instance(now, place, key) {
            Ok(Some(instance)) => Ok(instance),
            Ok(None) => Err((503, "too many instances".to_owned())),
            Err(why) => Err(failed(self, &why)),
        }
    }

    /// An instance answers a request. A second answer, or one that is late, changes nothing.
    pub(crate) fn http_respond(&mut self, key: InstanceKey, id: HttpId, response: HttpResponse) {
        let Some(waiting) = self
            .instances
            .get_mut(key)
            .and_then(|running| running.web.take(id))
        else {
            self.counters.commands_refused += 1;
            return;
        };
        self.deadlines.cancel(waiting.deadline);
        let ticket = waiting.ticket;
        self.effects.push_back(Effect::HttpRespond { ticket, response });
    }

    /// An instance did not answer in time.
    pub(crate) fn http_overdue(&mut self, now: Instant, key: InstanceKey, id: HttpId) {
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        if let Some(waiting) = running.web.take(id) {
            self.http_refuse(waiting.ticket, 504, "the service did not answer in time");
        }
        self.end_if_unreachable(now, key);
    }

    /// An instance has ended: what it owed is answered for it, what it asked is given up.
    pub(crate) fn close_web(&mut self, key: InstanceKey, running: &mut Running) {
        let service = running.service;
        for id in std::mem::take(&mut running.web.asked) {
            self.effects.push_back(Effect::GiveUp(FetchTicket {
                instance: key,
                service,
                id,
            }));
        }
        for waiting in std::mem::take(&mut running.web.waiting) {
            self.deadlines.cancel(waiting.deadline);
            self.http_refuse(waiting.ticket, 500, "the instance ended without an answer");
        }
    }

    fn http_refuse(&mut self, ticket: HttpTicket, status: u16, why: &str) {
        self.counters.http_refused += 1;
        let response = HttpResponse::problem(status, why);
        self.effects.push_back(Effect::HttpRespond { ticket, response });
    }
}
