//! The world around the stack under test: two channels, their outboxes, a clock, and the books that are kept.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jsip::{CSeq, Message, Method, Request};
use strowger_time::Instant;

use super::leg::{Leg, Sent};
use crate::{Channel, Config, DialogKey, Kind, Output, Owner, Stack, Tag, Token, Transmit};

/// One channel: the peer behind it answers only when the operations say so.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) up: bool,
    /// Final responses not released yet.
    pub(super) unreleased: VecDeque<Tag>,
    /// Requests not written to a socket yet.
    pub(super) unwritten: Vec<(Tag, Request)>,
    /// Requests of the stack that the peer has seen.
    pub(super) seen: Vec<Request>,
    /// Requests the peer has sent.
    pub(super) sent: Vec<Request>,
}

impl Line {
    const fn new(number: u64) -> Self {
        Self {
            number,
            up: true,
            unreleased: VecDeque::new(),
            unwritten: Vec::new(),
            seen: Vec::new(),
            sent: Vec::new(),
        }
    }
}

/// A transaction of a peer, by channel, dialog and CSeq.
pub(super) type Key = (u64, String, CSeq);

/// A stack, what surrounds it, and what it owes to whom.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the node around the stack"
)]
pub(super) struct World {
    pub(super) stack: Stack,
    pub(super) now: Instant,
    pub(super) lines: [Line; 2],
    pub(super) legs: Vec<Leg>,
    /// Requests of instances, by token.
    pub(super) requests: BTreeMap<Token, Sent>,
    /// Requests of peers that have no final response yet: usually one per key.
    pub(super) owed: BTreeMap<Key, Vec<(Method, String)>>,
    /// CSeqs the stack has used.
    used: BTreeMap<Key, Method>,
    pub(super) unbound: VecDeque<(DialogKey, String, Transmit)>,
    news: VecDeque<Tag>,
    next_channel: u64,
    pub(super) next_cseq: u64,
    pub(super) next_token: u32,
    pub(super) accepting: bool,
    binding: bool,
    releasing: bool,
    reporting: bool,
}

impl World {
    pub(super) fn new(limits: u8) -> Self {
        let roomy = Config::default();
        let config = Config {
            dialogs_per_channel: if limits & 1 == 0 {
                roomy.dialogs_per_channel
            } else {
                3
            },
            lingering_per_channel: if limits & 2 == 0 {
                roomy.lingering_per_channel
            } else {
                usize::from(limits >> 2) % 4
            },
            ..roomy
        };
        Self {
            stack: Stack::new(config, 3, 7),
            now: Instant::ZERO,
            lines: [Line::new(0), Line::new(1)],
            legs: Vec::new(),
            requests: BTreeMap::new(),
            owed: BTreeMap::new(),
            used: BTreeMap::new(),
            unbound: VecDeque::new(),
            news: VecDeque::new(),
            next_channel: 2,
            next_cseq: 1,
            next_token: 0,
            accepting: true,
            binding: true,
            releasing: true,
            reporting: true,
        }
    }

    pub(super) fn channel(&self, choice: u8) -> usize {
        usize::from(choice) % self.lines.len()
    }

    fn line(&mut self, channel: Channel) -> &mut Line {
        let known = self.lines.iter_mut().find(|line| line.number == channel.number());
        known.expect("nothing is sent on a lost channel")
    }

    /// How the node behaves: whether it accepts, and binds, releases and reports what was withdrawn at once.
    pub(super) fn mood(&mut self, accepting: u8, binding: u8, releasing: u8) {
        self.accepting = !accepting.is_multiple_of(4);
        self.binding = binding.is_multiple_of(2);
        self.releasing = releasing & 1 == 0;
        self.reporting = releasing & 2 == 0;
    }

    pub(super) fn toggle(&mut self, choice: u8) {
        let at = self.channel(choice);
        let channel = Channel::new(self.lines[at].number);
        self.lines[at].up = !self.lines[at].up;
        if self.lines[at].up {
            let written = std::mem::take(&mut self.lines[at].unwritten);
            self.lines[at]
                .seen
                .extend(written.into_iter().map(|(_, request)| request));
            self.stack.channel_up(self.now, channel);
        } else {
            self.stack.channel_down(channel);
        }
    }

    pub(super) fn lose(&mut self, choice: u8, how: u8) {
        let at = self.channel(choice);
        let number = self.lines[at].number;
        if how.is_multiple_of(2) {
            self.stack.channel_lost(self.now, Channel::new(number));
        } else {
            self.stack.link_failed(self.now, Channel::new(number));
        }
        self.settle();
        self.owed.retain(|(channel, _, _), _| *channel != number);
        self.lines[at] = Line::new(self.next_channel);
        self.next_channel += 1;
    }

    pub(super) fn release(&mut self, choice: u8, how_much: u8) {
        let at = self.channel(choice);
        let count = if how_much.is_multiple_of(2) { 1 } else { usize::MAX };
        for _ in 0..count {
            let Some(tag) = self.lines[at].unreleased.pop_front() else {
                return;
            };
            self.stack.released(self.now, tag);
        }
    }

    /// Lets time pass, stopping wherever the stack wants to be called.
    pub(super) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.stack.poll_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.stack.handle_timeout(self.now);
            self.settle();
        }
        self.now = until;
    }

    /// Carries out everything the stack has decided, then audits it.
    pub(super) fn settle(&mut self) {
        loop {
            while let Some(output) = self.stack.poll_output() {
                self.carry_out(output);
            }
            if !self.reporting {
                break;
            }
            let Some(tag) = self.news.pop_front() else { break };
            self.stack.withdrawn(self.now, tag);
        }
        // Once a dialog is forgotten its id may be used again, and so may its numbers.
        self.used
            .retain(|(channel, id, _), _| self.stack.knows(Channel::new(*channel), id));
        self.stack.audit();
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { channel, transmit } => self.send(channel, &transmit),
            Output::SendTo {
                dialog,
                name,
                transmit,
                ..
            } => {
                self.unbound
                    .push_back((dialog, name.as_str().to_owned(), transmit));
                if self.binding {
                    self.bind();
                }
            }
            Output::Cancel {
                channel,
                invite,
                transmit,
            } => {
                let line = self.line(channel);
                match line.unwritten.iter().position(|(tag, _)| *tag == invite) {
                    Some(at) => {
                        line.unwritten.remove(at);
                        self.news.push_back(invite);
                    }
                    None => self.send(channel, &transmit),
                }
            }
            Output::Withdraw { channel, tag } => {
                let ends = |request: &Request| matches!(request.method(), Method::Bye | Method::Cancel);
                self.line(channel)
                    .unwritten
                    .retain(|(other, request)| *other != tag || ends(request));
            }
            Output::Done { channel, .. } => drop(self.line(channel)),
            Output::Incoming {
                dialog,
                channel,
                request,
            } => self.offer(dialog, channel, request),
            Output::Deliver { owner, delivery } => self.hand_over(owner, delivery),
        }
    }

    /// Finds the channel of everything that waits for one.
    pub(super) fn bind(&mut self) {
        while let Some((dialog, name, transmit)) = self.unbound.pop_front() {
            let at = match name.as_str() {
                "zero@example.com" => Some(0),
                "one@example.com" => Some(1),
                _ => None,
            };
            let Some(at) = at else {
                self.stack.bound(self.now, dialog, None);
                continue;
            };
            let (channel, up) = (Channel::new(self.lines[at].number), self.lines[at].up);
            self.send(channel, &transmit);
            self.stack.bound(self.now, dialog, Some((channel, up)));
        }
    }

    fn send(&mut self, channel: Channel, transmit: &Transmit) {
        let message = transmit
            .message
            .decode()
            .expect("the stack writes what it would read");
        let (message, tag) = (&message, transmit.tag);
        let key = (channel.number(), message.dialog_id().to_owned(), message.cseq());
        match message {
            Message::Request(request) => {
                let before = self.used.insert(key, request.method());
                let again = before == Some(Method::Ack) && request.method() == Method::Ack;
                assert!(before.is_none() || again, "a CSeq is used once: {request:?}");
                let expected = match request.method() {
                    Method::Ack => Kind::Other,
                    Method::Bye | Method::Cancel => Kind::Ending,
                    _ => Kind::Request,
                };
                assert_eq!(transmit.kind, expected);
                let line = self.line(channel);
                if line.up {
                    line.seen.push(request.clone());
                } else {
                    line.unwritten.push((tag, request.clone()));
                }
            }
            Message::Response(response) => {
                let owed = self.owed.get_mut(&key).filter(|owed| !owed.is_empty());
                let owed = owed.unwrap_or_else(|| panic!("nobody waits for {response:?}"));
                if response.code().is_final() {
                    owed.pop();
                }
                if transmit.kind == Kind::Final {
                    assert_ne!(tag, Tag::NONE);
                    if self.releasing {
                        self.stack.released(self.now, tag);
                    } else {
                        self.line(channel).unreleased.push_back(tag);
                    }
                }
            }
        }
    }

    /// Everybody falls silent; after a long time nothing is left and everybody has got what was owed.
    pub(super) fn finish(&mut self) {
        self.binding = true;
        self.bind();
        self.settle();
        self.releasing = true;
        self.reporting = true;
        self.settle();
        for at in 0..2 {
            if !self.lines[at as usize].up {
                self.toggle(at);
                self.settle();
            }
            self.release(at, 1);
            self.settle();
        }
        let mut rounds = 0;
        while let Some(next) = self.stack.poll_timeout() {
            self.wait(next.since(self.now));
            rounds += 1;
            assert!(rounds < 10_000, "timers set each other for ever");
        }
        assert_eq!(
            (self.stack.len(), self.stack.timers(), self.stack.live()),
            (0, 0, 0),
            "something is left"
        );
        assert!(self.stack.is_empty() && self.stack.channels.records().next().is_none());
        for (key, owed) in &self.owed {
            assert!(owed.is_empty(), "{key:?} never got a final response to {owed:?}");
        }
        for (at, leg) in self.legs.iter().enumerate() {
            assert!(leg.ended || leg.released, "leg {at} never ended");
        }
        for (token, sent) in &self.requests {
            let absorbed = matches!(sent.method, Method::Bye | Method::Cancel | Method::Ack);
            let released = self.legs[sent.leg].released;
            assert!(
                sent.finals == 1 || absorbed || released,
                "{token:?} never got a final response: {sent:?}"
            );
        }
    }

    pub(super) fn leg_of(&mut self, owner: Owner) -> &mut Leg {
        &mut self.legs[owner.0 as usize]
    }
}
