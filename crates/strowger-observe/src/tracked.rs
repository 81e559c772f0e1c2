//! One dialog as it is followed from its begin to its end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use strowger_node::{Begun, Channel, DialogRef, EndCause, Transaction, cause_name};

use crate::record::{Messages, Record, TransactionRecord, VERSION};
use crate::spans::Trace;

/// How many transactions of a dialog are kept for its record; those that are open are kept beside them.
const MOST_TRANSACTIONS: usize = 16;

/// A dialog that has begun.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) begun: Box<Begun>,
    pub(crate) at: SystemTime,
    pub(crate) channel: Option<Channel>,
    pub(crate) userid: Option<Box<str>>,
    pub(crate) service: Option<Arc<str>>,
    pub(crate) instance: Option<String>,
    answered: Option<SystemTime>,
    code: Option<u16>,
    first: Option<Transaction>,
    open: Vec<(Transaction, SystemTime)>,
    done: Vec<TransactionRecord>,
    more: u64,
    pub(crate) messages: Messages,
    pub(crate) trace: Option<Box<Trace>>,
}

/// A transaction that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over {
    pub(crate) transaction: Transaction,
    pub(crate) begun: SystemTime,
    pub(crate) ended: SystemTime,
    pub(crate) code: Option<u16>,
}

impl Tracked {
    pub(crate) fn new(begun: Box<Begun>, at: SystemTime, userid: Option<Box<str>>) -> Self {
        Self {
            channel: begun.channel,
            begun,
            at,
            userid,
            service: None,
            instance: None,
            answered: None,
            code: None,
            first: None,
            open: Vec::new(),
            done: Vec::new(),
            more: 0,
            messages: Messages::default(),
            trace: None,
        }
    }

    /// Whether it began with INVITE.
    pub(crate) fn is_call(&self) -> bool {
        self.begun.method.as_str() == "INVITE"
    }

    /// The final response to its first request.
    pub(crate) const fn code(&self) -> Option<u16> {
        self.code
    }

    /// A transaction begins.
    pub(crate) fn begin(&mut self, transaction: Transaction, at: SystemTime) {
        self.first.get_or_insert(transaction);
        // A dialog has as many open ones as the node allows; what was not told of does not stay for ever either.
        self.open.push((transaction, at));
    }

    /// A transaction ends; `None` if it had ended before.
    pub(crate) fn end(&mut self, transaction: Transaction, at: SystemTime, code: u16) -> Option<Over> {
        let place = self.open.iter().position(|(open, _)| *open == transaction)?;
        let (_, begun) = self.open.swap_remove(place);
        if self.first == Some(transaction) {
            self.code = Some(code);
            self.answered = (200..300).contains(&code).then_some(at);
        }
        Some(self.over(transaction, begun, at, Some(code)))
    }

    fn over(
        &mut self,
        transaction: Transaction,
        begun: SystemTime,
        ended: SystemTime,
        code: Option<u16>,
    ) -> Over {
        if self.done.len() < MOST_TRANSACTIONS {
            self.done.push(TransactionRecord {
                method: transaction.method.as_str(),
                by: if transaction.by_peer { "peer" } else { "service" },
                code,
                duration: between(begun, ended),
            });
        } else {
            self.more += 1;
        }
        Over {
            transaction,
            begun,
            ended,
            code,
        }
    }

    /// Ends what is still open; the dialog is over.
    pub(crate) fn end_rest(&mut self, at: SystemTime) -> Vec<Over> {
        let open = std::mem::take(&mut self.open);
        open.into_iter()
            .map(|(transaction, begun)| self.over(transaction, begun, at, None))
            .collect()
    }

    /// What is known of it, now that it is over.
    pub(crate) fn record(self, dialog: DialogRef, ended: SystemTime, cause: EndCause) -> Record {
        let begun = self.begun;
        Record {
            version: VERSION,
            dialog: dialog.to_string(),
            id: begun.id.as_str().to_owned(),
            instance: self.instance,
            service: self.service.map(|service| service.to_string()),
            direction: if begun.by_peer { "in" } else { "out" },
            userid: self.userid.map(String::from),
            identity: begun.identity.map(String::from),
            from: String::from(begun.from),
            to: String::from(begun.to),
            method: begun.method.as_str(),
            begun: self.at,
            answered: self.answered,
            ended,
            duration: between(self.at, ended),
            setup: self.answered.map(|answered| between(self.at, answered)),
            talk: self.answered.map(|answered| between(answered, ended)),
            cause: cause_name(cause),
            code: self.code,
            transactions: self.done,
            more_transactions: self.more,
            messages: self.messages,
            trace: self.trace.map(|trace| trace.id()),
        }
    }
}

/// A clock that is set may run backwards.
pub(crate) fn between(begun: SystemTime, ended: SystemTime) -> Duration {
    ended.duration_since(begun).unwrap_or_default()
}
