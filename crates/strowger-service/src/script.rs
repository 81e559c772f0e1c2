//! Services as plain `async` code: a call is a function that awaits what happens next.
//!
//! The future is polled once for each event, on the shard's thread, with no runtime: it may await what a [`Script`]
//! offers and nothing else.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use jsip::{Method, Request, Response, StatusCode};

use crate::{Command, Context, Event, Facts, Ids, Instance, LegId, RequestId, TimerId};

/// Makes an instance of an `async` function. The instance ends when the function returns.
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
    let future = Box::pin(author(Script { shared: Rc::clone(&shared) }));
    Box::new(Running { future: Some(future), shared })
}

/// What the future and its instance share.
#[derive(Debug, Default)]
struct Shared {
    events: VecDeque<Event>,
    ids: Ids,
    commands: Vec<Command>,
    now: Duration,
    service: Rc<str>,
    own_hosts: Rc<[String]>,
}

struct Running {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    shared: Rc<RefCell<Shared>>,
}

impl Instance for Running {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        let Some(future) = &mut self.future else { return };
        {
            let shared = &mut *self.shared.borrow_mut();
            cx.lend(&mut shared.ids, &mut shared.commands);
            if shared.service.is_empty() {
                shared.service = cx.service().into();
                shared.own_hosts = cx.own_hosts().into();
            }
            shared.now = cx.now();
            shared.events.push_back(event);
        }
        let done = future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_ready();
        let shared = &mut *self.shared.borrow_mut();
        // What the script did not wait for is nothing to it.
        if !done && shared.events.len() > BACKLOG {
            shared.events.pop_front();
        }
        cx.lend(&mut shared.ids, &mut shared.commands);
        if done {
            self.future = None;
            cx.finish();
        }
    }
}

/// Events that wait while the script waits for something else; more and the oldest is forgotten.
const BACKLOG: usize = 256;

/// The handle of an `async` service: what it can do and wait for.
#[derive(Clone, Debug)]
pub struct Script {
    shared: Rc<RefCell<Shared>>,
}

impl Script {
    /// Does what a [`Context`] can do.
    pub fn with<T>(&self, act: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let mut shared = self.shared.borrow_mut();
        let Shared { ids, commands, now, service, own_hosts, .. } = &mut *shared;
        let facts = Facts { now: *now, service, own_hosts };
        act(&mut Context::new(ids, &facts, commands))
    }

    /// Answers a request.
    pub fn respond(&self, leg: LegId, response: Response) {
        self.with(|cx| cx.respond(leg, response));
    }

    /// Waits for the next event.
    pub async fn next(&self) -> Event {
        poll_fn(|_| self.take(|_| true).map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Waits for the next event, at most so long.
    pub async fn next_within(&self, limit: Duration) -> Option<Event> {
        let timer = self.with(|cx| cx.set_timer(limit));
        let event = self.next().await;
        if is_timer(&event, timer) {
            return None;
        }
        self.forget(timer);
        Some(event)
    }

    /// Waits so long. Events that come meanwhile wait for the next [`Script::next`].
    pub async fn sleep(&self, span: Duration) {
        let timer = self.with(|cx| cx.set_timer(span));
        poll_fn(|_| self.take(|event| is_timer(event, timer)).map_or(Poll::Pending, |_| Poll::Ready(()))).await;
    }

    /// Calls somebody on behalf of a caller: opens a leg with the request and lets it ring at most so long.
    pub fn dial(&self, caller: LegId, request: Request, ring: Duration) -> Dial {
        let (uri, from, to) = (request.request_uri().to_owned(), request.from().to_owned(), request.to().to_owned());
        let cancel = Request::new(Method::Cancel, &uri, &from, &to);
        let ((leg, id), timer) = self.with(|cx| (cx.open(request), cx.set_timer(ring)));
        Dial { script: self.clone(), caller, leg, id, timer, cancel: Some(cancel) }
    }

    fn take(&self, wanted: impl Fn(&Event) -> bool) -> Option<Event> {
        let events = &mut self.shared.borrow_mut().events;
        let at = events.iter().position(wanted)?;
        events.remove(at)
    }

    /// Cancels a timer, also where it has fired already and waits to be seen.
    fn forget(&self, timer: TimerId) {
        self.with(|cx| cx.cancel_timer(timer));
        self.shared.borrow_mut().events.retain(|event| !is_timer(event, timer));
    }
}

const fn is_timer(event: &Event, timer: TimerId) -> bool {
    matches!(event, Event::Timer { timer: other } if other.number() == timer.number())
}

/// A call to one callee, as [`Script::dial`] began it. Dropped before it is answered, it is cancelled.
#[derive(Debug)]
pub struct Dial {
    script: Script,
    caller: LegId,
    leg: LegId,
    id: RequestId,
    timer: TimerId,
    /// Sent when the call is given up; `None` once it has its final response.
    cancel: Option<Request>,
}

/// What became of a [`Dial`].
#[derive(Debug)]
pub enum Progress {
    /// A provisional response: it rings.
    Ringing(Response),
    /// A 2xx. Nothing more comes from this dial.
    Answered(Response),
    /// Declined, busy, offline. Nothing more comes from this dial.
    Failed(Response),
    /// It rang long enough; the callee is told. Nothing more comes from this dial.
    NoAnswer,
    /// The caller hung up; the callee is told. Nothing more comes from this dial.
    CallerGone,
}

impl Dial {
    /// The callee's leg.
    pub const fn leg(&self) -> LegId {
        self.leg
    }

    /// The request that opened it.
    pub const fn request(&self) -> RequestId {
        self.id
    }

    /// Waits for what happens next. Events of other legs are passed over.
    pub async fn next(&mut self) -> Progress {
        loop {
            match self.script.next().await {
                Event::Response { to, response, .. } if to == self.id => {
                    if response.code().is_provisional() {
                        return Progress::Ringing(response);
                    }
                    self.cancel = None;
                    self.script.forget(self.timer);
                    let answered = response.code().is_success();
                    return if answered { Progress::Answered(response) } else { Progress::Failed(response) };
                }
                Event::Refused { request: Some(id), error, .. } if id == self.id => {
                    self.cancel = None;
                    self.script.forget(self.timer);
                    let request = Request::new(Method::Invite, "-", "-", "-");
                    let mut response = Response::to(&request, StatusCode::TEMPORARILY_UNAVAILABLE);
                    response.set_reason(&error.to_string());
                    return Progress::Failed(response);
                }
                Event::Timer { timer } if timer == self.timer => {
                    self.give_up();
                    return Progress::NoAnswer;
                }
                Event::Ended { leg, .. } if leg == self.caller => {
                    self.give_up();
                    return Progress::CallerGone;
                }
                Event::Request { leg, request } if leg == self.caller => {
                    if matches!(request.method(), Method::Cancel | Method::Bye) {
                        self.give_up();
                        return Progress::CallerGone;
                    }
                    // Nothing else makes sense while it rings.
                    self.script.respond(leg, Response::to(&request, StatusCode::REQUEST_PENDING));
                }
                _ => {}
            }
        }
    }

    fn give_up(&mut self) {
        self.script.forget(self.timer);
        if let Some(cancel) = self.cancel.take() {
            self.script.with(|cx| cx.send(self.leg, cancel));
        }
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        self.give_up();
    }
}
