//! The relay service: calls and messages from user to user.
//!
//! What comes for a user goes to that user, on a leg of its own, and what he answers comes back: Body and headers as
//! they are. A user who is not there is 480.

use strowger_service::{Bridge, Context, Event, Instance, Service};

/// Passes calls and messages from user to user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relay;

impl Service for Relay {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Call(None))
    }

    fn has_keys(&self) -> bool {
        false
    }

    fn hears_completed(&self) -> bool {
        false
    }
}

/// One call or message.
#[derive(Debug)]
struct Call(Option<Bridge>);

impl Instance for Call {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match (event, &mut self.0) {
            (Event::Incoming { leg, request }, None) => self.0 = Some(Bridge::open(leg, request, cx)),
            (event, Some(bridge)) => bridge.handle(event, cx),
            (_, None) => {}
        }
    }
}
