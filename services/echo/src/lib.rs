//! The echo service: answers any request 200 with its own Body.

use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::{Context, Event, Instance, LegId, Service};

/// Answers any request 200 with its own Body; holds a call until the caller hangs up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Service for Echo {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(*self)
    }

    fn has_keys(&self) -> bool {
        false
    }

    fn hears_completed(&self) -> bool {
        false
    }
}

impl Instance for Echo {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        if let Event::Incoming { leg, request } | Event::Request { leg, request } = event {
            answer(leg, &request, cx);
        }
    }
}

fn answer(leg: LegId, request: &Request, cx: &mut Context<'_>) {
    // The stack has answered a CANCEL and a BYE, and nobody answers an ACK.
    if matches!(request.method(), Method::Ack | Method::Cancel | Method::Bye) {
        return;
    }
    let mut response = Response::to(request, StatusCode::OK);
    response.copy_body_from(request);
    cx.respond(leg, response);
}
