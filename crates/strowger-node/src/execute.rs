//! Commands of instances.

use jsip::{CSeq, Request, Response, StatusCode};
use jsip_stack::{Release, SendError as StackError, Token};
use strowger_service::{Command, EndCause, Event, LegId, LogLevel, RequestId, SendError, TimerId};
use strowger_time::Instant;

use crate::Shard;
use crate::dispatch::{InstanceTimer, LONGEST_TIMER, SHORTEST_TIMER, Wanted};
use crate::instances::InstanceKey;
use crate::watch::Attempt;

impl Shard {
    pub(crate) fn execute(&mut self, now: Instant, key: InstanceKey, command: Command) {
        if self.instances.get(key).is_none() {
            return;
        }
        match command {
            Command::Open { leg, id, request } => self.open(now, key, leg, id, request),
            Command::Forward { leg, to, id, request } => self.forward(now, key, leg, to, id, request),
            Command::Send { leg, id, request } => self.send(now, key, leg, id, request),
            Command::Respond { leg, response } => self.respond(now, key, leg, response),
            Command::Answer {
                leg,
                cseq,
                code,
                reason,
            } => self.answer(now, key, leg, cseq, code, &reason),
            Command::SetTimer { timer, after } => {
                let at = now + after.clamp(SHORTEST_TIMER, LONGEST_TIMER);
                let limit = self.config.limits.timers_per_instance;
                let Some(running) = self.instances.get_mut(key) else {
                    return;
                };
                if running.timers.len() >= limit {
                    return self.fail(now, key, "too many timers");
                }
                let deadline = self.deadlines.set(
                    at,
                    InstanceTimer {
                        instance: key,
                        wanted: Wanted::Timer(timer),
                    },
                );
                running.timers.push((timer, deadline));
            }
            Command::CancelTimer { timer } => self.cancel_timer(key, timer),
            Command::Relate { relid } => self.relate(now, key, relid),
            Command::Log { level, text } => {
                let Some(running) = self.instances.get(key) else {
                    return;
                };
                let service = running.service;
                self.log(now, service, level, &text);
            }
            Command::Listen { topic } => self.listen(now, key, topic),
            Command::Publish { topic, text } => self.publish(now, key, topic, text),
            Command::Watch { prefix } => self.watch(now, key, prefix),
            Command::Sync { id } => self.sync(now, key, id),
            Command::Fetch { id, request } => self.fetch(now, key, id, request),
            Command::HttpRespond { id, response } => self.http_respond(key, id, response),
            Command::Finish => self.end(now, key, Release::Finished),
            Command::Fail { reason } => self.fail(now, key, &reason),
            _ => self.fail(now, key, "used a command that this node does not know"),
        }
    }

    fn relate(&mut self, now: Instant, key: InstanceKey, relid: String) {
        let limit = self.config.limits.relations_per_instance;
        let Some(running) = self.instances.get(key) else {
            return;
        };
        if running.relations.len() >= limit {
            return self.fail(now, key, "too many relation ids");
        }
        if !self.instances.relate(key, relid) {
            self.fail(now, key, "took the relation id of another instance");
        }
    }

    pub(crate) fn open(
        &mut self,
        now: Instant,
        key: InstanceKey,
        leg: LegId,
        id: RequestId,
        mut request: Request,
    ) {
        let limit = self.config.limits.most_legs();
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        if running.legs.len() >= limit {
            let attempt = Attempt::Open(request.method());
            self.refused(now, key, leg, Some(id), attempt, SendError::TooManyLegs);
            return self.unopened(key, leg);
        }
        let Some(hops) = running.hops.now.checked_sub(1) else {
            self.counters.too_many_hops += 1;
            let response = Response::to(&request, StatusCode::TOO_MANY_HOPS);
            self.pending.push_back((
                key,
                Event::Response {
                    leg,
                    to: id,
                    response,
                },
            ));
            return self.unopened(key, leg);
        };
        let slot = running.legs.next_slot();
        request.set_max_forwards(hops);
        let attempt = Attempt::Open(request.method());
        let dialog_id = self.dialog_id_for(&request);
        match self.stack.open(
            now,
            key.owner(slot),
            dialog_id.clone(),
            request,
            Token(id.number()),
        ) {
            Ok(dialog) => {
                self.write_opened(now, key, dialog, &dialog_id);
                if let Some(running) = self.instances.get_mut(key) {
                    running.legs.insert(leg, dialog);
                }
                self.note_served(now, dialog, key);
            }
            Err(error) => {
                self.refused(now, key, leg, Some(id), attempt, send_error(error));
                self.unopened(key, leg);
            }
        }
    }

    /// A leg that could not be opened has ended.
    fn unopened(&mut self, key: InstanceKey, leg: LegId) {
        self.pending.push_back((
            key,
            Event::Ended {
                leg,
                cause: EndCause::Refused,
            },
        ));
    }

    fn send(&mut self, now: Instant, key: InstanceKey, leg: LegId, id: RequestId, request: Request) {
        let dialog = self.instances.get(key).and_then(|running| running.dialog(leg));
        let attempt = Attempt::Send(request.method());
        let result = match dialog {
            Some(dialog) => self
                .stack
                .send(now, dialog, request, Token(id.number()))
                .map_err(send_error),
            None => Err(self.no_dialog(key, leg)),
        };
        if let Err(error) = result {
            self.refused(now, key, leg, Some(id), attempt, error);
        }
    }

    fn respond(&mut self, now: Instant, key: InstanceKey, leg: LegId, response: Response) {
        let dialog = self.instances.get(key).and_then(|running| running.dialog(leg));
        let attempt = Attempt::Respond(response.code(), response.cseq());
        let result = match dialog {
            Some(dialog) => self.stack.respond(now, dialog, response).map_err(send_error),
            None => Err(self.no_dialog(key, leg)),
        };
        if let Err(error) = result {
            self.refused(now, key, leg, None, attempt, error);
        }
    }

    fn answer(
        &mut self,
        now: Instant,
        key: InstanceKey,
        leg: LegId,
        cseq: CSeq,
        code: StatusCode,
        reason: &str,
    ) {
        let dialog = self.instances.get(key).and_then(|running| running.dialog(leg));
        let result = match dialog {
            Some(dialog) => self
                .stack
                .answer_request(now, dialog, cseq, code, reason)
                .map_err(send_error),
            None => Err(self.no_dialog(key, leg)),
        };
        if let Err(error) = result {
            self.refused(now, key, leg, None, Attempt::Answer(code, cseq), error);
        }
    }

    pub(crate) fn refused(
        &mut self,
        now: Instant,
        key: InstanceKey,
        leg: LegId,
        request: Option<RequestId>,
        attempt: Attempt,
        error: SendError,
    ) {
        self.counters.commands_refused += 1;
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        let (may_go_on, service) = (running.budget.refuse(), running.service);
        self.note_refused(now, key, leg, attempt, &error);
        if !may_go_on {
            return self.fail(now, key, "its commands are refused again and again");
        }
        // What crosses the end of a leg is in the nature of things; the rest is a fault of the service.
        if error != SendError::LegEnded {
            let text = format!("a command on leg {} was not carried out: {error}", leg.number());
            self.log(now, service, LogLevel::Warn, &text);
        }
        self.pending
            .push_back((key, Event::Refused { leg, request, error }));
    }

    /// Why a leg cannot be spoken on.
    pub(crate) fn no_dialog(&self, key: InstanceKey, leg: LegId) -> SendError {
        let last = self.instances.get(key).map(|running| running.ids.last().leg);
        match last {
            Some(last) if (1..=last).contains(&leg.number()) => SendError::LegEnded,
            _ => SendError::UnknownLeg,
        }
    }

    fn cancel_timer(&mut self, key: InstanceKey, timer: TimerId) {
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        if let Some(at) = running.timers.iter().position(|(id, _)| *id == timer) {
            let (_, deadline) = running.timers.swap_remove(at);
            self.deadlines.cancel(deadline);
        }
    }
}

pub(crate) fn send_error(error: StackError) -> SendError {
    match error {
        StackError::Ended => SendError::LegEnded,
        StackError::NotOpen => SendError::Answered,
        StackError::Illegal { method, state } => SendError::Illegal { method, state },
        StackError::Syntax { header, fault } => SendError::Syntax {
            header: header.into(),
            fault: fault.into(),
        },
        _ => SendError::LegEnded,
    }
}
