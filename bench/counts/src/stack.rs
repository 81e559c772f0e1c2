//! Transactions of one stack: a MESSAGE comes in, an instance accepts and answers it, and the outbox releases the answer.

use std::time::Duration;

use jsip::{Limits, Message, Response, StatusCode};
use jsip_stack::{Channel, Config, Output, Owner, Stack};
use strowger_time::Instant;

use crate::messages;

/// Runs the work that is given to it.
pub(crate) type Run<'a> = &'a mut dyn FnMut(&mut dyn FnMut());

/// Between two of them: what lingers after one is forgotten while later ones run.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Transactions {
    stack: Stack,
    now: Instant,
    done: u64,
}

impl Transactions {
    pub(crate) fn new() -> Self {
        Self {
            stack: Stack::new(Config::default(), 0, 1),
            now: Instant::ZERO,
            done: 0,
        }
    }

    pub(crate) fn one(&mut self, run: Run<'_>) {
        self.done += 1;
        self.now = self.now + PAUSE;
        let text = messages::message(&format!("d-{}", self.done));
        let message = Message::decode(&text, &Limits::default()).expect("a MESSAGE of ours is one");
        let mut message = Some(message);
        run(&mut || {
            if let Some(message) = message.take() {
                self.answer(message);
            }
        });
    }

    fn answer(&mut self, message: Message) {
        let (stack, now) = (&mut self.stack, self.now);
        stack.receive(now, Channel::new(1), message);
        while let Some(output) = stack.poll_output() {
            match output {
                Output::Incoming { dialog, request, .. } => {
                    stack.accept(dialog, Owner(self.done));
                    let response = Response::to(&request, StatusCode::OK);
                    let sent = stack.respond(now, dialog, response);
                    assert!(sent.is_ok(), "the request is open: {sent:?}");
                }
                Output::Send { transmit, .. } => stack.released(now, transmit.tag),
                _ => {}
            }
        }
        while stack.poll_timeout().is_some_and(|due| due <= now) {
            stack.handle_timeout(now);
        }
    }
}
