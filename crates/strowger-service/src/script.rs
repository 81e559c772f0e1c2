//! Services as plain `async` code: a call is a function that awaits what happens next.
//!
//! The future is polled once for each event, on the shard's thread, with no runtime: it may await what a [`Script`]
//! offers and nothing else (a future that waits for a socket or a thread is never woken).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use jsip::{Method, Request, Response, StatusCode};

use crate::store::NoStore;
use crate::{Command, Context, Event, Facts, Ids, Instance, LegId, Store, Surroundings, TimerId};

mod dial;

pub use dial::{Dial, Progress};

/// Makes an instance of an `async` function. The instance ends when the function returns.
///
/// Events wait in their order until the script takes them. At most 256 may wait: a script that lets more come is
/// failed, because none may be lost.
///
/// ```
/// use strowger_service::jsip::{Response, StatusCode};
/// use strowger_service::{Event, Instance, Service, script};
///
/// /// Answers 200 to the first request, a second later.
/// struct Patient;
///
/// impl Service for Patient {
///     fn start(&self) -> Box<dyn Instance> {
///         script(|call| async move {
///             let Event::Incoming { leg, request } = call.next().await else { return };
///             call.sleep(std::time::Duration::from_secs(1)).await;
///             call.with(|cx| cx.respond(leg, Response::to(&request, StatusCode::OK)));
///         })
///     }
/// }
/// ```
pub fn script<F, Fut>(author: F) -> Box<dyn Instance>
where
    F: FnOnce(Script) -> Fut,
    Fut: Future<Output = ()> + 'static,
{
    let shared = Rc::new(RefCell::new(Shared::default()));
    let future = Box::pin(author(Script {
        shared: Rc::clone(&shared),
    }));
    Box::new(Running {
        future: Some(future),
        shared,
    })
}

/// What the future and its instance share.
#[derive(Default)]
struct Shared {
    events: VecDeque<Event>,
    /// Legs of dials that were given up: what still comes on them is nothing to the script.
    disowned: Vec<LegId>,
    ids: Ids,
    commands: Vec<Command>,
    now: Duration,
    service: Rc<str>,
    own_hosts: Rc<[String]>,
    /// As it is while an event is handled.
    store: Option<Arc<dyn Store + Send + Sync>>,
    config: String,
    /// When the node ends, if it shuts down.
    ends_at: Option<Duration>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("events", &self.events)
            .field("commands", &self.commands)
            .finish_non_exhaustive()
    }
}

struct Running {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    shared: Rc<RefCell<Shared>>,
}

impl Instance for Running {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        let Some(future) = &mut self.future else { return };
        let Some(event) = self.shared.borrow_mut().sort_out(event, cx) else {
            return;
        };
        {
            let shared = &mut *self.shared.borrow_mut();
            cx.lend(&mut shared.ids, &mut shared.commands);
            if shared.service.is_empty() {
                shared.service = cx.service().into();
                shared.own_hosts = cx.own_hosts().into();
            }
            shared.now = cx.now();
            shared.store = cx.shared_store();
            if shared.config != cx.config() {
                cx.config().clone_into(&mut shared.config);
            }
            shared.events.push_back(event);
        }
        let done = future
            .as_mut()
            .poll(&mut TaskContext::from_waker(Waker::noop()))
            .is_ready();
        if done {
            self.future = None;
        }
        let shared = &mut *self.shared.borrow_mut();
        cx.lend(&mut shared.ids, &mut shared.commands);
        if done {
            cx.finish();
        } else if shared.events.len() > BACKLOG {
            cx.fail(format!("{BACKLOG} events wait and the script takes none of them"));
        }
    }
}

/// Events that may wait while the script waits for something else. One more and the instance fails: a script that
/// never learned of a CANCEL or an answer would leave somebody hanging.
const BACKLOG: usize = 256;

impl Shared {
    /// Keeps what happens on legs of given up dials from the script; nobody waits there in vain. What comes for all
    /// instances must not surprise it either: it can ask.
    fn sort_out(&mut self, event: Event, cx: &mut Context<'_>) -> Option<Event> {
        match event {
            Event::ConfigChanged => return None,
            Event::Shutdown { within } => {
                self.ends_at = Some(cx.now().saturating_add(within));
                return None;
            }
            _ => {}
        }
        let at = event
            .leg()
            .and_then(|leg| self.disowned.iter().position(|other| *other == leg));
        let Some(at) = at else { return Some(event) };
        match event {
            Event::Ended { .. } => {
                self.disowned.swap_remove(at);
            }
            Event::Request { leg, request } if wants_answer(&request) => {
                cx.respond(leg, Response::to(&request, StatusCode::NO_SUCH_SESSION));
            }
            _ => {}
        }
        None
    }
}

fn wants_answer(request: &Request) -> bool {
    !matches!(request.method(), Method::Ack | Method::Cancel | Method::Bye)
}

/// The handle of an `async` service: what it can do and wait for.
#[derive(Clone, Debug)]
pub struct Script {
    shared: Rc<RefCell<Shared>>,
}

impl Script {
    /// Does what a [`Context`] can do. Inside `act` the script itself must not be used: that panics.
    pub fn with<T>(&self, act: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let mut shared = self.shared.borrow_mut();
        let Shared {
            ids,
            commands,
            now,
            service,
            own_hosts,
            store,
            config,
            ..
        } = &mut *shared;
        let facts = Facts {
            now: *now,
            service,
            own_hosts,
        };
        let around = Surroundings {
            store: match store {
                Some(store) => &**store,
                None => &NoStore,
            },
            config,
        };
        act(&mut Context::new(ids, &facts, commands).in_surroundings(around))
    }

    /// Answers a request.
    pub fn respond(&self, leg: LegId, response: Response) {
        self.with(|cx| cx.respond(leg, response));
    }

    /// When the node ends at the latest, as [`Context::now`] counts; `None`: it does not shut down. A script is not told
    /// otherwise ([`Event::Shutdown`]), nor of new settings ([`Event::ConfigChanged`]): it has them at its next event.
    pub fn ends_at(&self) -> Option<Duration> {
        self.shared.borrow().ends_at
    }

    /// Waits for the next event.
    pub async fn next(&self) -> Event {
        poll_fn(|_| self.take(|_| true).map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Waits for the next event, at most so long.
    pub async fn next_within(&self, limit: Duration) -> Option<Event> {
        let mut alarm = Alarm::new(self, limit);
        let event = self.next().await;
        if alarm.is(&event) {
            alarm.fired = true;
            return None;
        }
        Some(event)
    }

    /// Waits so long. Events that come meanwhile wait for the next [`Script::next`].
    pub async fn sleep(&self, span: Duration) {
        let mut alarm = Alarm::new(self, span);
        poll_fn(|_| {
            self.take(|event| alarm.is(event))
                .map_or(Poll::Pending, |_| Poll::Ready(()))
        })
        .await;
        alarm.fired = true;
    }

    /// Calls somebody on behalf of a caller: opens a leg with an INVITE and lets it ring at most so long.
    pub fn dial(&self, caller: LegId, invite: Request, ring: Duration) -> Dial {
        Dial::begin(self, caller, invite, ring)
    }

    /// Takes the oldest event that is wanted.
    fn take(&self, wanted: impl Fn(&Event) -> bool) -> Option<Event> {
        let events = &mut self.shared.borrow_mut().events;
        let at = events.iter().position(wanted)?;
        events.remove(at)
    }

    /// Drops what waits and what will come on a leg that is nothing to the script any more.
    fn disown(&self, leg: LegId) {
        let (mut ended, mut unanswered) = (false, Vec::new());
        {
            let shared = &mut *self.shared.borrow_mut();
            shared.events.retain(|event| {
                if event.leg() != Some(leg) {
                    return true;
                }
                match event {
                    Event::Ended { .. } => ended = true,
                    Event::Request { request, .. } if wants_answer(request) => {
                        unanswered.push(Response::to(request, StatusCode::NO_SUCH_SESSION));
                    }
                    _ => {}
                }
                false
            });
            if !ended {
                shared.disowned.push(leg);
            }
        }
        if !ended {
            unanswered
                .into_iter()
                .for_each(|response| self.respond(leg, response));
        }
    }
}

/// A timer that is forgotten when nobody waits for it any more.
#[derive(Debug)]
struct Alarm {
    script: Script,
    timer: TimerId,
    fired: bool,
}

impl Alarm {
    fn new(script: &Script, after: Duration) -> Self {
        let timer = script.with(|cx| cx.set_timer(after));
        Self {
            script: script.clone(),
            timer,
            fired: false,
        }
    }

    const fn is(&self, event: &Event) -> bool {
        matches!(event, Event::Timer { timer } if timer.number() == self.timer.number())
    }

    /// Cancels the timer, also where it has fired already and waits to be seen.
    fn forget(&mut self) {
        if std::mem::replace(&mut self.fired, true) {
            return;
        }
        if self.script.take(|event| self.is(event)).is_none() {
            self.script.with(|cx| cx.cancel_timer(self.timer));
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests;
