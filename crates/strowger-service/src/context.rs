//! What an instance can do while it handles an event.

use std::time::Duration;

use jsip::{CSeq, Request, Response, StatusCode, Uri};

use crate::{Command, Ids, LegId, LogLevel, RequestId, TimerId};

/// What whoever runs an instance tells it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The time since the node started.
    pub now: Duration,
    /// The name under which the service runs.
    pub service: &'a str,
    /// The node's own host names.
    pub own_hosts: &'a [String],
}

/// What an instance can do while it handles an event.
///
/// Nothing is carried out before the event is handled; commands are then carried out in order. One that cannot be
/// carried out comes back as [`Event::Refused`](crate::Event::Refused).
#[derive(Debug)]
pub struct Context<'a> {
    ids: &'a mut Ids,
    facts: &'a Facts<'a>,
    commands: &'a mut Vec<Command>,
}

impl<'a> Context<'a> {
    /// For those who run instances: commands are added to `commands`.
    pub const fn new(ids: &'a mut Ids, facts: &'a Facts<'a>, commands: &'a mut Vec<Command>) -> Self {
        Self { ids, facts, commands }
    }

    /// Opens a leg to whoever the first Router URI, else the Request-URI, names.
    pub fn open(&mut self, request: Request) -> (LegId, RequestId) {
        let (leg, id) = (self.ids.next_leg(), self.ids.next_request());
        self.commands.push(Command::Open { leg, id, request });
        (leg, id)
    }

    /// Sends a request on a leg. The stack sets `DialogueID`, `CSeq` and `RelatedID`.
    pub fn send(&mut self, leg: LegId, request: Request) -> RequestId {
        let id = self.ids.next_request();
        self.commands.push(Command::Send { leg, id, request });
        id
    }

    /// Answers a request; make the response with [`Response::to`].
    pub fn respond(&mut self, leg: LegId, response: Response) {
        self.commands.push(Command::Respond { leg, response });
    }

    /// Answers a request of which only the CSeq was kept, with a `Reason`.
    pub fn answer(&mut self, leg: LegId, cseq: CSeq, code: StatusCode, reason: impl Into<String>) {
        self.commands.push(Command::Answer { leg, cseq, code, reason: reason.into() });
    }

    /// Fires a timer once after so long.
    pub fn set_timer(&mut self, after: Duration) -> TimerId {
        let timer = self.ids.next_timer();
        self.commands.push(Command::SetTimer { timer, after });
        timer
    }

    /// Forgets a timer; it does not fire any more.
    pub fn cancel_timer(&mut self, timer: TimerId) {
        self.commands.push(Command::CancelTimer { timer });
    }

    /// Makes a relation id: a request whose first Router URI carries it as `relid` reaches this instance.
    pub fn relation(&mut self) -> String {
        let relid = self.ids.next_relation();
        self.commands.push(Command::Relate { relid: relid.clone() });
        relid
    }

    /// Writes a log line.
    pub fn log(&mut self, level: LogLevel, text: impl Into<String>) {
        self.commands.push(Command::Log { level, text: text.into() });
    }

    /// Ends the instance after this event.
    pub fn finish(&mut self) {
        self.commands.push(Command::Finish);
    }

    /// Ends the instance after this event, as failed.
    pub fn fail(&mut self, reason: impl Into<String>) {
        self.commands.push(Command::Fail { reason: reason.into() });
    }

    /// The time since the node started.
    pub const fn now(&self) -> Duration {
        self.facts.now
    }

    /// Swaps the counters and commands with others: a script keeps them while its future runs.
    pub(crate) const fn lend(&mut self, ids: &mut Ids, commands: &mut Vec<Command>) {
        std::mem::swap(self.ids, ids);
        std::mem::swap(self.commands, commands);
    }

    /// The node's own host names.
    pub const fn own_hosts(&self) -> &[String] {
        self.facts.own_hosts
    }

    /// The name under which the service runs.
    pub const fn service(&self) -> &str {
        self.facts.service
    }

    /// Whether a Router URI is meant for this service rather than for the next hop: it carries `type` or `relid`, its
    /// host is one of the node's own, or its first label is the service's name.
    pub fn addressed_here(&self, uri: &Uri<'_>) -> bool {
        uri.has_param("type")
            || uri.has_param("relid")
            || uri.first_label().eq_ignore_ascii_case(self.facts.service)
            || self.facts.own_hosts.iter().any(|host| uri.host_is(host))
    }
}
