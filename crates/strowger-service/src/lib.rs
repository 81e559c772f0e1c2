//! What a Strowger service author sees: events, commands, legs, timers.
//!
//! A [`Service`] makes an [`Instance`] for each new dialog that reaches no running one; the instance is told [`Event`]s and
//! asks for things through its [`Context`]. An instance may own several *legs*, one dialog each: a call between two users
//! is an instance with two legs. Nothing in an instance blocks: what takes long is a command whose result is a later
//! event.
//!
//! Below the instance the stack keeps SIP's promises: it numbers messages, answers BYE and CANCEL, acknowledges refusals,
//! absorbs retransmissions, times out what nobody answers, keeps sessions alive. So a service sees only what matters:
//!
//! - [`script()`] writes a service as `async` code: hunting through agents is a `for` loop with an `await`;
//! - [`Bridge`] joins two legs and passes everything between them; [`Fork`] calls several users, of whom one answers;
//! - [`testkit`] tests a service with no server.
//!
//! # A service and its test
//!
//! ```
//! use strowger_service::jsip::{Method, Request, Response, StatusCode};
//! use strowger_service::testkit::TestKit;
//! use strowger_service::{Bridge, Context, Event, Instance, Service};
//!
//! /// Passes calls on, but not those to premium numbers.
//! struct Guard;
//!
//! impl Service for Guard {
//!     fn start(&self) -> Box<dyn Instance> {
//!         Box::new(Call(None))
//!     }
//! }
//!
//! struct Call(Option<Bridge>);
//!
//! impl Instance for Call {
//!     fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
//!         match (event, &mut self.0) {
//!             (Event::Incoming { leg, request }, None) if request.request_uri().starts_with("0900") => {
//!                 cx.respond(leg, Response::to(&request, StatusCode::FORBIDDEN));
//!             }
//!             (Event::Incoming { leg, request }, None) => self.0 = Some(Bridge::open(leg, request, cx)),
//!             (event, Some(bridge)) => bridge.handle(event, cx),
//!             (_, None) => {}
//!         }
//!     }
//! }
//!
//! // A test plays the peers; no server runs and no time passes.
//! let call = |number| Request::new(Method::Invite, number, "alice@example.com", number);
//!
//! let mut kit = TestKit::new(Guard);
//! let alice = kit.incoming(call("0900123@example.com"));
//! kit.expect_response(alice, StatusCode::FORBIDDEN);
//! kit.assert_finished();
//!
//! let mut kit = TestKit::new(Guard);
//! let alice = kit.incoming(call("bob@example.com"));
//! let bob = kit.expect_open();
//! kit.answer(&bob, StatusCode::OK);
//! kit.expect_response(alice, StatusCode::OK);
//! kit.hang_up(alice);
//! kit.expect_send(bob.leg, Method::Bye);
//! kit.assert_finished();
//! ```
//!
//! # Rules
//!
//! - Answer every request but ACK, CANCEL and BYE, soon: who waits longer than the stack's timers gets 408 in your name.
//! - A 2xx to an INVITE of yours wants an ACK from you ([`Bridge`] passes the caller's on).
//! - A leg of a request outside a call (MESSAGE, SUBSCRIBE, REGISTER, OPTIONS, NOTIFY, REFER) is one transaction: it ends
//!   with the final response.
//! - Every leg ends with [`Event::Ended`], and nothing comes on it afterwards. Commands for it come back as
//!   [`Event::Refused`].
//! - An instance ends when it [finishes](Context::finish), or by itself once it has no leg, no timer, no relation id and
//!   no key. What its legs still wait for, the stack tells them: BYE, CANCEL or 480. An instance that panics ends alone,
//!   with 500.
//! - Handle one event without blocking; hundreds of other calls live on the same thread.
//!
//! `docs/services.md` is the guide. There is no clock, no I/O and no thread in this crate.
#![forbid(unsafe_code)]

mod bridge;
mod command;
mod context;
mod error;
mod event;
mod fork;
mod http;
mod ids;
mod script;
mod service;
mod store;
pub mod testkit;

pub use bridge::Bridge;
pub use command::{Command, LogLevel};
pub use context::{Context, Facts, Shelf, Surroundings};
pub use error::SendError;
pub use event::{EndCause, Event};
pub use fork::{Fork, Forked};
pub use http::{FetchError, HttpRequest, HttpResponse};
pub use ids::{FetchId, HttpId, Ids, LastIds, LegId, RequestId, SyncId, TimerId};
pub use jsip;
pub use script::{Dial, Progress, Script, script};
pub use service::{Instance, Service};
pub use store::{Entry, Expected, Store, StoreError};

/// Compiles and runs the examples of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/services.md")]
struct Guide;
