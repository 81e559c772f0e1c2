//! The relay service: calls and messages from user to user.
//!
//! What comes for a user goes to that user, on a leg of its own, and what he answers comes back: Body and headers as
//! they are. A user who is not there is 480.

use strowger_service::{Context, Event, Instance, Service};

/// Passes calls and messages from user to user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relay;

impl Service for Relay {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Call)
    }

    fn has_keys(&self) -> bool {
        false
    }

    fn hears_completed(&self) -> bool {
        false
    }
}

/// One call or message, until the node has it.
#[derive(Debug)]
struct Call;

impl Instance for Call {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        if let Event::Incoming { leg, request } = event {
            cx.forward(leg, request);
        }
    }
}
