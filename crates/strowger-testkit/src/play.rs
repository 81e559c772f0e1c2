//! Scenario files in virtual time.

use std::collections::BTreeMap;

use http::{Request, Uri};
use strowger_channel::ConnId;
use strowger_channel::net::check_request;
use strowger_node::{CredentialError, HttpTicket, LinkCredentials, LinkPolicy};
use strowger_scenario::{Action, Input, Options, Outcome, Player, Scenario};
use strowger_service::{HttpRequest, HttpResponse};

use crate::{Arrived, Fetch, SimNode};

/// The path of the WebSocket.
const PATH: &str = "/rtc";

/// Plays a scenario to its end; `message_bytes` is the frame limit that a driver would hold.
pub fn play(
    scenario: &Scenario,
    node: &mut SimNode,
    links: &LinkPolicy,
    message_bytes: usize,
) -> Box<Outcome> {
    let mut player = Player::new(scenario, Options::virtual_time());
    let mut sockets: BTreeMap<String, ConnId> = BTreeMap::new();
    let mut web = Web::default();
    loop {
        deliver(&mut player, node, &mut sockets);
        if let Some((_, url)) = scenario.web() {
            web.deliver(&mut player, node, url);
        }
        match player.poll(node.now()) {
            Action::Connect { user, query } => {
                let input = connect(node, &mut sockets, links, user, &query);
                player.handle(node.now(), input);
            }
            Action::SendText { user, text } => {
                if let Some(conn) = sockets.get(&user) {
                    if text.len() > message_bytes {
                        node.send_oversize(*conn)
                    } else {
                        node.send(*conn, &text)
                    }
                }
            }
            Action::SendBinary { user } => {
                if let Some(conn) = sockets.get(&user) {
                    node.send_binary(*conn);
                }
            }
            Action::Close { user } => end(node, &mut sockets, &user, Some(1000)),
            Action::Drop { user } => end(node, &mut sockets, &user, None),
            Action::Http {
                method,
                target,
                headers,
            } => {
                let input = http(&method, &target, &headers);
                player.handle(node.now(), input);
            }
            Action::Ask { method, target, body } => web.ask(&mut player, node, &method, &target, body),
            Action::Answer { id, status, body } => web.answer(node, id, status, body),
            Action::WaitUntil(at) => {
                // To the next deadline only: what it causes must reach the player at its own time.
                let next = node.next_deadline().map_or(at, |due| due.min(at));
                node.advance_to(next.max(node.now()));
            }
            Action::Done(outcome) => return outcome,
        }
    }
}

/// The web peer.
#[derive(Default)]
struct Web {
    next: u64,
    /// What it was asked and has not answered.
    open: BTreeMap<u64, Fetch>,
    /// What it has asked.
    asked: Option<HttpTicket>,
}

impl Web {
    fn deliver(&mut self, player: &mut Player, node: &mut SimNode, url: &str) {
        if let Some(response) = self.asked.and_then(|ticket| node.http_answer(ticket)) {
            self.asked = None;
            player.handle(node.now(), answered(&response));
        }
        while let Some(fetch) = node.next_fetch() {
            self.next += 1;
            let request = &fetch.request;
            let target = request.url.strip_prefix(url).unwrap_or(&request.url).to_owned();
            let headers = request.headers.iter();
            let input = Input::Asked {
                id: self.next,
                method: request.method.clone(),
                target,
                headers: headers
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                    .collect(),
                body: String::from_utf8_lossy(&request.body).into_owned(),
            };
            self.open.insert(self.next, fetch);
            player.handle(node.now(), input);
        }
    }

    fn ask(
        &mut self,
        player: &mut Player,
        node: &mut SimNode,
        method: &str,
        target: &str,
        body: Option<String>,
    ) {
        let service = target
            .strip_prefix("/services/")
            .and_then(|rest| rest.split_once('/'));
        let Some((service, path)) = service.filter(|_| target.parse::<Uri>().is_ok()) else {
            let (status, body) = (404, String::new());
            return player.handle(node.now(), Input::HttpAnswer { status, body });
        };
        let mut request = HttpRequest::new(method, &format!("/{path}"));
        request
            .headers
            .push(("content-type".to_owned(), "application/json".to_owned()));
        request.body = body.unwrap_or_default().into_bytes();
        self.asked = Some(node.http(service, request));
    }

    fn answer(&mut self, node: &mut SimNode, id: u64, status: u16, body: String) {
        if let Some(fetch) = self.open.remove(&id) {
            let mut response = HttpResponse::new(status);
            response.body = body.into_bytes();
            node.fetched(&fetch, Ok(response));
        }
    }
}

fn answered(response: &HttpResponse) -> Input {
    Input::HttpAnswer {
        status: response.status,
        body: String::from_utf8_lossy(&response.body).into_owned(),
    }
}

fn end(node: &mut SimNode, sockets: &mut BTreeMap<String, ConnId>, user: &str, code: Option<u16>) {
    if let Some(conn) = sockets.remove(user) {
        node.disconnect(conn, code);
    }
}

fn deliver(player: &mut Player, node: &mut SimNode, sockets: &mut BTreeMap<String, ConnId>) {
    let users: Vec<(String, ConnId)> = sockets.iter().map(|(user, conn)| (user.clone(), *conn)).collect();
    for (user, conn) in users {
        while let Some(arrived) = node.receive(conn) {
            let input = match arrived {
                Arrived::Text(text) => Input::Text {
                    user: user.clone(),
                    text,
                },
                Arrived::Closed(code) => {
                    sockets.remove(&user);
                    Input::Closed {
                        user: user.clone(),
                        code: Some(code),
                    }
                }
            };
            player.handle(node.now(), input);
        }
    }
}

fn connect(
    node: &mut SimNode,
    sockets: &mut BTreeMap<String, ConnId>,
    links: &LinkPolicy,
    user: String,
    query: &str,
) -> Input {
    let request = Request::get(format!("{PATH}?{query}"))
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(());
    let Ok(request) = request else {
        return Input::Refused {
            user,
            status: 400,
            body: "no valid request".to_owned(),
        };
    };
    let name = match check_request(&request, None) {
        Ok(name) => name,
        Err(refusal) => {
            let (status, body) = (refusal.status().as_u16(), refusal.reason().to_owned());
            return Input::Refused { user, status, body };
        }
    };
    let admitted = if links.is_node(&name) {
        LinkCredentials::default().admit(&name, None, None)
    } else {
        Ok(())
    };
    if let Err(error) = admitted {
        let status = if error == CredentialError::Missing {
            401
        } else {
            403
        };
        return Input::Refused {
            user,
            status,
            body: error.to_string(),
        };
    }
    let conn = node.connect(&name);
    sockets.insert(user.clone(), conn);
    Input::Connected { user }
}

fn http(method: &str, target: &str, headers: &[(String, String)]) -> Input {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let refusal = match request.body(()) {
        Ok(request) if request.uri().path() == PATH => check_request(&request, None).err(),
        Ok(_) => {
            return Input::HttpAnswer {
                status: 404,
                body: String::new(),
            };
        }
        Err(_) => {
            return Input::HttpAnswer {
                status: 400,
                body: String::new(),
            };
        }
    };
    match refusal {
        Some(refusal) => Input::HttpAnswer {
            status: refusal.status().as_u16(),
            body: refusal.reason().to_owned(),
        },
        None => Input::HttpAnswer {
            status: 101,
            body: String::new(),
        },
    }
}
