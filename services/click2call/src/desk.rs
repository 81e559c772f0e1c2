//! What comes over HTTP: an order makes the instance a call, everything else is answered at once.

use strowger_service::jsip::{Response, StatusCode};
use strowger_service::{Context, Event, HttpId, HttpRequest, HttpResponse, Instance};

use crate::Settings;
use crate::call::Call;
use crate::order::Order;

/// Said to a call that is to end.
pub(crate) const END: &str = "end";

/// An instance that does not know yet what it is for, or a call.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    call: Option<Call>,
}

impl Instance for Desk {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match (event, &mut self.call) {
            (Event::Http { id, request }, None) => self.on_http(id, &request, cx),
            (event, Some(call)) => call.handle(event, cx),
            (Event::Incoming { leg, request }, None) => {
                let mut response = Response::to(&request, StatusCode::NOT_IMPLEMENTED);
                response.set_reason("calls are ordered over HTTP");
                cx.respond(leg, response);
            }
            _ => {}
        }
        if self.call.as_ref().is_none_or(Call::is_over) {
            cx.finish();
        }
    }
}

impl Desk {
    fn on_http(&mut self, id: HttpId, request: &HttpRequest, cx: &mut Context<'_>) {
        let path = request
            .url
            .split('?')
            .next()
            .unwrap_or_default()
            .trim_matches('/');
        let response = match (&*request.method, path, path.strip_prefix("calls/")) {
            ("POST", "calls", _) => self.order(&request.body, cx),
            ("GET", _, Some(call)) => state(call, cx),
            ("DELETE", _, Some(call)) => end(call, cx),
            (_, "calls", _) | (_, _, Some(_)) => HttpResponse::new(405),
            _ => fault(404, "there is only /calls"),
        };
        cx.http_respond(id, response);
    }

    fn order(&mut self, body: &[u8], cx: &mut Context<'_>) -> HttpResponse {
        let order = match Order::read(body) {
            Ok(order) => order,
            Err(why) => return fault(400, &why),
        };
        // It was checked when it was loaded.
        let settings = Settings::read(cx.config()).unwrap_or_default();
        match Call::begin(order, settings, cx) {
            Ok(call) => {
                let mut response = json(201, call.state().to_json());
                let location = format!("calls/{}", call.state().id);
                response.headers.push(("location".to_owned(), location));
                self.call = Some(call);
                response
            }
            Err(why) => fault(503, &why),
        }
    }
}

/// What has become of a call.
fn state(call: &str, cx: &Context<'_>) -> HttpResponse {
    match cx.store().get(&key(call)) {
        Some(entry) => json(200, entry.value.to_vec()),
        None => fault(404, "no such call"),
    }
}

fn end(call: &str, cx: &mut Context<'_>) -> HttpResponse {
    let Some(entry) = cx.store().get(&key(call)) else {
        return fault(404, "no such call");
    };
    cx.publish(key(call), END);
    json(202, entry.value.to_vec())
}

/// The store's key of a call, and the topic on which it listens.
pub(crate) fn key(call: &str) -> String {
    format!("call/{call}")
}

fn json(status: u16, body: impl Into<Vec<u8>>) -> HttpResponse {
    let mut response = HttpResponse::new(status);
    response
        .headers
        .push(("content-type".to_owned(), "application/json".to_owned()));
    response.body = body.into();
    response
}

fn fault(status: u16, why: &str) -> HttpResponse {
    json(status, serde_json::json!({ "error": why }).to_string())
}
