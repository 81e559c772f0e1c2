//! Messages of the operator to users: a MESSAGE from the node itself, without a service.

use std::collections::BTreeSet;

use jsip::{Method, Request, Response, StatusCode, Uri, UserId};
use jsip_stack::{Delivery, Owner, Token};
use strowger_time::Instant;

use crate::{Effect, Shard};

/// How many messages of the operator may wait for their answers on a shard.
const MOST: usize = 256;
/// The place that no instance has; so the owner of a message is found with the instances only after those were asked.
const PLACE: u64 = (1 << 24) - 1;
const PLACE_SHIFT: u32 = 40;
/// Hops that a message may take.
const MAX_FORWARDS: u32 = 20;

/// Names a message of the operator, for giving its answer back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageTicket(u32);

/// A message of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorMessage {
    /// The name of the node that it comes from: its host must be one of `realm`. `None`: `operator` at the first of them.
    pub from: Option<String>,
    /// Whom it is for.
    pub to: UserId,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Its text.
    pub text: String,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAnswer {
    /// The final response.
    pub code: StatusCode,
    /// Its `Reason`, if it has one.
    pub reason: Option<String>,
}

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Its sender is no name of the node.
    #[error("`from` must be a name whose host is one of `realm`")]
    Sender,
    /// Something in it cannot be said.
    #[error("{header}: {fault}")]
    Syntax {
        /// The header.
        header: String,
        /// What is wrong with it.
        fault: String,
    },
    /// Too many wait.
    #[error("too many messages wait for their answers")]
    TooMany,
    /// The node stops.
    #[error("the node has stopped")]
    Stopped,
}

/// The messages that wait for their answers.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    waiting: BTreeSet<MessageTicket>,
    last: u32,
}

impl Shard {
    /// Sends a message; exactly one [`Effect::MessageAnswered`] with this ticket follows, within the time of a transaction.
    ///
    /// # Errors
    ///
    /// See [`MessageError`]; nothing was sent then.
    pub fn message(
        &mut self,
        now: Instant,
        message: &OperatorMessage,
    ) -> Result<MessageTicket, MessageError> {
        if self.messages.waiting.len() >= MOST {
            return Err(MessageError::TooMany);
        }
        let from = self.sender(message.from.as_deref())?;
        let to = message.to.as_str();
        let mut request = Request::new(Method::Message, to, &from, to);
        request.set_max_forwards(MAX_FORWARDS);
        request.set_content_type(message.content_type.as_deref().unwrap_or("text/plain"));
        request.set_body_str(&message.text);
        self.messages.last = self.messages.last.wrapping_add(1);
        let ticket = MessageTicket(self.messages.last);
        let id = self.ids.dialog();
        match self.stack.open(now, owner(ticket), id, request, Token(0)) {
            Ok(_) => {
                self.messages.waiting.insert(ticket);
                Ok(ticket)
            }
            Err(jsip_stack::SendError::Syntax { header, fault }) => Err(MessageError::Syntax {
                header: header.to_owned(),
                fault: fault.to_owned(),
            }),
            Err(error) => Err(MessageError::Syntax {
                header: "the message".to_owned(),
                fault: error.to_string(),
            }),
        }
    }

    fn sender(&self, from: Option<&str>) -> Result<String, MessageError> {
        let realm = &self.config.realm;
        let Some(from) = from else {
            let host = realm.first().map_or("localhost", String::as_str);
            return Ok(format!("operator@{host}"));
        };
        let uri = Uri::parse(from).map_err(|_| MessageError::Sender)?;
        let is_own = UserId::from_uri(&uri).is_ok() && realm.iter().any(|host| uri.host_is(host));
        is_own.then(|| from.to_owned()).ok_or(MessageError::Sender)
    }

    /// Something came that is for no instance: an answer to the operator, or for nobody any more.
    pub(crate) fn on_answer(&mut self, owner: Owner, delivery: &Delivery) {
        if owner.0 >> PLACE_SHIFT != PLACE {
            return;
        }
        let ticket = MessageTicket(owner.0 as u32);
        let answer = match delivery {
            Delivery::Response { response, .. } if response.code().is_final() => MessageAnswer {
                code: response.code(),
                reason: reason(response),
            },
            // The final response came before, unless there was none to come.
            Delivery::Ended(_) => MessageAnswer {
                code: StatusCode::REQUEST_TIMEOUT,
                reason: None,
            },
            Delivery::Response { .. } | Delivery::Request(_) | Delivery::Expired { .. } => return,
        };
        if self.messages.waiting.remove(&ticket) {
            self.effects.push_back(Effect::MessageAnswered { ticket, answer });
        }
    }
}

fn reason(response: &Response) -> Option<String> {
    response.reason().map(str::to_owned)
}

const fn owner(ticket: MessageTicket) -> Owner {
    Owner(PLACE << PLACE_SHIFT | ticket.0 as u64)
}
