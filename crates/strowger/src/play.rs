//! Plays scenarios against a server over real sockets.

mod web;

use std::collections::HashMap;
use std::time::{Duration, Instant as Clock};

use strowger_scenario::{Action, Input, Options, Outcome, Player, Scenario};
use strowger_time::Instant;
use tokio::sync::mpsc;

use crate::client::{Client, Handshake, Received, Server};

pub use web::Web;

/// How long a server may take to notice that a connection was cut.
const NOTICED: Duration = Duration::from_millis(50);

/// What a socket's task is told.
#[derive(Debug)]
enum Order {
    Text(String),
    Binary,
    Close,
}

/// Plays a scenario to its end; `web` is the web peer, for scenarios that have one.
pub async fn play(scenario: &Scenario, options: Options, server: &Server, web: Web) -> Box<Outcome> {
    let started = Clock::now();
    let now = || Instant::from_micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
    let (reports, mut inbox) = mpsc::unbounded_channel();
    let mut sockets: HashMap<String, mpsc::UnboundedSender<Order>> = HashMap::new();
    let mut web = web.open(reports.clone());
    let mut player = Player::new(scenario, options);
    loop {
        match player.poll(now()) {
            Action::Connect { user, query } => {
                let input = match server.connect(&query).await {
                    Ok(Handshake::Open(client)) => {
                        let (orders, tasks) = mpsc::unbounded_channel();
                        tokio::spawn(run(user.clone(), *client, tasks, reports.clone()));
                        sockets.insert(user.clone(), orders);
                        Input::Connected { user }
                    }
                    Ok(Handshake::Refused { status, body, .. }) => Input::Refused {
                        user,
                        status: status.as_u16(),
                        body,
                    },
                    Err(error) => Input::Refused {
                        user,
                        status: 0,
                        body: error.to_string(),
                    },
                };
                player.handle(now(), input);
            }
            Action::SendText { user, text } => order(&sockets, &user, Order::Text(text)),
            Action::SendBinary { user } => order(&sockets, &user, Order::Binary),
            Action::Close { user } => {
                order(&sockets, &user, Order::Close);
                sockets.remove(&user);
            }
            // Dropping the order channel drops the connection without a close frame.
            Action::Drop { user } => {
                drop(sockets.remove(&user));
                // What the next step sends must not still be written to the dead socket.
                tokio::time::sleep(NOTICED).await;
            }
            Action::Http {
                method,
                target,
                headers,
            } => {
                let input = match server.http_request(&method, &target, &headers).await {
                    Ok((status, body)) => Input::HttpAnswer {
                        status: status.as_u16(),
                        body,
                    },
                    Err(error) => Input::HttpAnswer {
                        status: 0,
                        body: error.to_string(),
                    },
                };
                player.handle(now(), input);
            }
            Action::Ask { method, target, body } => {
                let input = web.ask(&method, &target, body).await;
                player.handle(now(), input);
            }
            Action::Answer { id, status, body } => web.answer(id, status, body),
            Action::WaitUntil(at) => {
                let wait = at.since(now());
                if let Ok(Some(input)) = tokio::time::timeout(wait, inbox.recv()).await {
                    player.handle(now(), input);
                }
            }
            Action::Done(outcome) => {
                for orders in sockets.into_values() {
                    // A socket that is gone needs no closing.
                    let _ = orders.send(Order::Close);
                }
                return outcome;
            }
        }
    }
}

fn order(sockets: &HashMap<String, mpsc::UnboundedSender<Order>>, user: &str, order: Order) {
    if let Some(socket) = sockets.get(user) {
        // A socket that is gone has reported its end.
        let _ = socket.send(order);
    }
}

async fn run(
    user: String,
    mut client: Client,
    mut orders: mpsc::UnboundedReceiver<Order>,
    reports: mpsc::UnboundedSender<Input>,
) {
    loop {
        tokio::select! {
            order = orders.recv() => {
                let sent = match order {
                    Some(Order::Text(text)) => client.send(text).await.is_ok(),
                    Some(Order::Binary) => client.send_binary().await.is_ok(),
                    Some(Order::Close) => {
                        client.close().await;
                        return;
                    }
                    None => return,
                };
                if !sent && orders.is_closed() {
                    return;
                }
            }
            received = client.receive() => {
                let (input, over) = match received {
                    Received::Text(text) => (Input::Text { user: user.clone(), text }, false),
                    Received::Closed(code) => (Input::Closed { user: user.clone(), code }, true),
                };
                if reports.send(input).is_err() || over {
                    return;
                }
            }
        }
    }
}
