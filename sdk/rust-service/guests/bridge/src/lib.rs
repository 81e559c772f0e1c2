//! Passes calls and messages on as relay does, but stays in each of them, for `bench`: what a service costs that is told of
//! everything.

use strowger_component::strowger_service::{Bridge, Context, Event, Instance, Service};

#[derive(Debug)]
struct Staying;

impl Service for Staying {
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

strowger_component::component!(Staying);
