//! A service that does what the Body of a request says, for the tests of the host.

use strowger_component::strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_component::strowger_service::{Context, Event, Instance, LegId, LogLevel, Service};

/// Does as it is told.
#[derive(Debug)]
struct Probe;

impl Service for Probe {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Self)
    }
}

impl Instance for Probe {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Incoming { leg, request } | Event::Request { leg, request } => obey(leg, &request, cx),
            Event::Refused { error, .. } => cx.log(LogLevel::Info, format!("refused: {error}")),
            _ => {}
        }
    }
}

fn obey(leg: LegId, request: &Request, cx: &mut Context<'_>) {
    let what = request.body_str().unwrap_or_default();
    let told = match what.as_ref() {
        "panic" => panic!("on purpose"),
        "eat" => eat(),
        "facts" => format!("{} {} {:?}", cx.service(), cx.own_hosts().join(" "), cx.now()),
        "relation" => cx.relation(),
        "random" => cx.random().to_string(),
        "stray" => {
            cx.send(
                LegId::new(99),
                Request::new(Method::Info, "x@y.z", "a@y.z", "x@y.z"),
            );
            return;
        }
        other => format!("what is {other:?}?"),
    };
    let mut response = Response::to(request, StatusCode::OK);
    response.set_body_str(&told);
    cx.respond(leg, response);
}

/// Takes memory without end.
fn eat() -> String {
    let mut all = Vec::new();
    loop {
        all.push(vec![1_u8; 1 << 20]);
        if all.len() > 1 << 20 {
            return format!("{} MiB", all.len());
        }
    }
}

strowger_component::component!(Probe);
