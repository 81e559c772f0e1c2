//! Two stacks joined by a lossless, ordered wire with latency, in virtual time, with scripted instances.

use std::collections::VecDeque;
use std::time::Duration;

use jsip::{CSeq, DialogId, Limits, Message, Method, Request, Response, StatusCode};
use jsip_stack::{
    Channel, Config, Delivery, DialogKey, Kind, Output, Owner, Release, SendError, Stack, Tag, Token,
    Transmit,
};
use strowger_time::Instant;

/// The side that calls, in most scenarios.
pub(crate) const A: usize = 0;
/// The side that is called.
pub(crate) const B: usize = 1;

const LATENCY: Duration = Duration::from_millis(10);
/// The one channel between the two, under the same number on both sides.
pub(crate) const WIRE: Channel = Channel::new(1);

struct Side {
    stack: Stack,
    legs: Vec<DialogKey>,
    /// What the instances were given, by leg.
    heard: Vec<(usize, String)>,
    /// Requests they may answer.
    open: Vec<(usize, Request)>,
    /// Methods by token.
    sent: Vec<Method>,
    /// Messages not written because there is no socket.
    outbox: VecDeque<Transmit>,
    unreleased: Vec<Tag>,
    unbound: VecDeque<(DialogKey, bool, Transmit)>,
}

/// Two stacks. Every scenario ends with the loss of the channel, after which nothing may be left of it.
#[expect(clippy::struct_excessive_bools, reason = "switches of a test")]
pub(crate) struct Pair {
    pub(crate) now: Instant,
    sides: [Side; 2],
    /// What is under way: when it arrives, at which side.
    wire: VecDeque<(Instant, usize, Message)>,
    seen: Vec<String>,
    up: bool,
    /// A side that hears nothing of what is written to it from here on.
    deaf: Option<usize>,
    /// Whether final responses are released as soon as they are written.
    pub(crate) releasing: bool,
    /// Whether first requests find their channel at once.
    pub(crate) binding: bool,
    pub(crate) accepting: bool,
    /// Whether the outbox reports what it withdrew at once.
    pub(crate) reporting: bool,
    news: Vec<(usize, Tag)>,
    /// A side whose outbox takes no requests from here on.
    pub(crate) full: Option<usize>,
    refused: Vec<(usize, Tag)>,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let side = |config, shard| Side {
            stack: Stack::new(config, shard, 1),
            legs: Vec::new(),
            heard: Vec::new(),
            open: Vec::new(),
            sent: Vec::new(),
            outbox: VecDeque::new(),
            unreleased: Vec::new(),
            unbound: VecDeque::new(),
        };
        Self {
            now: Instant::ZERO,
            sides: [side(config.clone(), 0), side(config, 1)],
            wire: VecDeque::new(),
            seen: Vec::new(),
            up: true,
            deaf: None,
            releasing: true,
            binding: true,
            accepting: true,
            reporting: true,
            news: Vec::new(),
            full: None,
            refused: Vec::new(),
        }
    }

    pub(crate) fn stack(&self, side: usize) -> &Stack {
        &self.sides[side].stack
    }

    // What instances do.

    /// Opens a dialog towards the other side (`them@x`) or nobody; the leg's number.
    pub(crate) fn try_open(&mut self, side: usize, request: Request) -> Result<usize, SendError> {
        let leg = self.sides[side].legs.len();
        let token = self.token(side, request.method());
        let id = DialogId::new(&format!("{}{leg}", ["a", "b"][side])).unwrap();
        let key = self.sides[side]
            .stack
            .open(self.now, Owner(leg as u64), id, request, token)?;
        self.sides[side].legs.push(key);
        self.drain();
        Ok(leg)
    }

    /// Opens a dialog; then the wire is given time.
    pub(crate) fn open(&mut self, side: usize, request: Request) -> usize {
        let leg = self.try_open(side, request).unwrap();
        self.run();
        leg
    }

    fn token(&mut self, side: usize, method: Method) -> Token {
        self.sides[side].sent.push(method);
        Token(self.sides[side].sent.len() as u32 - 1)
    }

    /// Sends on the latest leg, without giving the wire time.
    pub(crate) fn post(&mut self, side: usize, request: Request) -> Result<(), SendError> {
        let token = self.token(side, request.method());
        let key = *self.sides[side].legs.last().unwrap();
        let result = self.sides[side].stack.send(self.now, key, request, token);
        self.drain();
        result
    }

    /// Sends on the latest leg; then the wire is given time.
    #[track_caller]
    pub(crate) fn send(&mut self, side: usize, request: Request) {
        self.post(side, request).unwrap();
        self.run();
    }

    /// Responds to the latest request of this method, without giving the wire time.
    pub(crate) fn reply(&mut self, side: usize, method: Method, code: u16) -> Result<(), SendError> {
        let side = &mut self.sides[side];
        let at = side
            .open
            .iter()
            .rposition(|(_, request)| request.method() == method)
            .expect("a request to answer");
        let (leg, request) = &side.open[at];
        let response = Response::to(request, StatusCode::new(code).unwrap());
        let result = side.stack.respond(self.now, side.legs[*leg], response);
        if code >= 200 && result.is_ok() {
            side.open.remove(at);
        }
        self.drain();
        result
    }

    /// Responds to the latest request of this method; then the wire is given time.
    #[track_caller]
    pub(crate) fn respond(&mut self, side: usize, method: Method, code: u16) {
        self.reply(side, method, code).unwrap();
        self.run();
    }

    pub(crate) fn release(&mut self, side: usize, how: Release) {
        let key = *self.sides[side].legs.last().unwrap();
        self.sides[side].stack.release(self.now, key, how);
        self.run();
    }

    // What the world does.

    /// A message reaches a side although the other side's stack never sent it.
    pub(crate) fn inject(&mut self, side: usize, message: impl Into<Injected>) {
        let Injected(message) = message.into();
        let message = Message::decode(&message.encode(), &Limits::default()).unwrap();
        self.sides[side].stack.receive(self.now, WIRE, message);
        self.run();
    }

    /// Gives the wire time until nothing is under way.
    pub(crate) fn run(&mut self) {
        self.drain();
        while let Some((at, _, _)) = self.wire.front() {
            let until = *at;
            self.pass(until);
        }
    }

    /// Lets seconds pass.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.pass(self.now + Duration::from_secs(seconds));
    }

    fn pass(&mut self, until: Instant) {
        loop {
            self.drain();
            let timers = self.sides.iter().filter_map(|side| side.stack.poll_timeout());
            let next = timers.chain(self.wire.front().map(|(at, _, _)| *at)).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            self.now = self.now.max(next);
            while self.wire.front().is_some_and(|(at, _, _)| *at <= self.now) {
                let Some((_, side, message)) = self.wire.pop_front() else {
                    break;
                };
                self.sides[side].stack.receive(self.now, WIRE, message);
                self.drain();
            }
            for side in 0..2 {
                self.sides[side].stack.handle_timeout(self.now);
                self.drain();
            }
        }
        self.now = self.now.max(until);
    }

    /// The socket between the two is gone; what is under way arrives.
    pub(crate) fn down(&mut self) {
        self.up = false;
        for side in &mut self.sides {
            side.stack.channel_down(WIRE);
        }
    }

    /// There is a socket again.
    pub(crate) fn up(&mut self) {
        self.up = true;
        for side in 0..2 {
            self.sides[side].stack.channel_up(self.now, WIRE);
            while let Some(transmit) = self.sides[side].outbox.pop_front() {
                self.write(side, &transmit);
            }
        }
        self.run();
    }

    pub(crate) fn lose(&mut self, side: usize) {
        self.sides[side].stack.channel_lost(self.now, WIRE);
        self.drain();
    }

    /// The peer is silent from here on, although its socket lives: of the other side nothing is left.
    pub(crate) fn silence(&mut self, side: usize) {
        self.lose(side);
        self.deaf = Some(side);
        self.hush();
    }

    pub(crate) fn fail_link(&mut self, side: usize) {
        self.sides[side].stack.link_failed(self.now, WIRE);
        self.drain();
    }

    /// The outbox releases everything that was written.
    pub(crate) fn release_all(&mut self, side: usize) {
        for tag in std::mem::take(&mut self.sides[side].unreleased) {
            self.sides[side].stack.released(self.now, tag);
        }
        self.drain();
    }

    /// The outbox reports what it withdrew and what it refused.
    pub(crate) fn report(&mut self) {
        for (side, tag) in std::mem::take(&mut self.news) {
            self.sides[side].stack.withdrawn(self.now, tag);
        }
        for (side, tag) in std::mem::take(&mut self.refused) {
            self.sides[side].stack.no_room(self.now, tag, 2);
        }
    }

    /// First requests that waited find their channel, or nobody.
    pub(crate) fn bind(&mut self, side: usize) {
        while let Some((dialog, found, transmit)) = self.sides[side].unbound.pop_front() {
            if found {
                self.transmit(side, transmit);
            }
            self.sides[side]
                .stack
                .bound(self.now, dialog, found.then_some((WIRE, self.up)));
        }
        self.drain();
    }

    // What was seen.

    /// What the instances of a side were given since the last time.
    pub(crate) fn heard(&mut self, side: usize) -> Vec<String> {
        self.drain();
        std::mem::take(&mut self.sides[side].heard)
            .into_iter()
            .map(|(_, heard)| heard)
            .collect()
    }

    pub(crate) fn heard_on(&mut self, side: usize, leg: usize) -> Vec<String> {
        let (on, rest) = std::mem::take(&mut self.sides[side].heard)
            .into_iter()
            .partition(|(at, _)| *at == leg);
        self.sides[side].heard = rest;
        let on: Vec<(usize, String)> = on;
        on.into_iter().map(|(_, heard)| heard).collect()
    }

    /// What was written since the last time: side, method or code, CSeq.
    pub(crate) fn wire(&mut self) -> Vec<String> {
        std::mem::take(&mut self.seen)
    }

    /// Forgets what was heard and seen so far.
    pub(crate) fn hush(&mut self) {
        self.heard(A);
        self.heard(B);
        self.wire();
    }

    pub(crate) fn state(&self, side: usize) -> Option<&'static str> {
        self.sides[side].stack.state_name(*self.sides[side].legs.last()?)
    }

    // How it works.

    fn drain(&mut self) {
        for side in 0..2 {
            while let Some(output) = self.sides[side].stack.poll_output() {
                self.carry_out(side, output);
            }
        }
    }

    fn carry_out(&mut self, side: usize, output: Output) {
        match output {
            Output::Send { transmit, .. } => self.transmit(side, transmit),
            Output::SendTo {
                dialog,
                name,
                transmit,
                ..
            } => {
                let found = name.as_str() == "them@x";
                self.sides[side].unbound.push_back((dialog, found, transmit));
                if self.binding {
                    self.bind(side);
                }
            }
            Output::Cancel { invite, transmit, .. } => {
                let unwritten = self.sides[side]
                    .outbox
                    .iter()
                    .position(|waiting| waiting.tag == invite);
                match unwritten {
                    Some(at) => {
                        self.sides[side].outbox.remove(at);
                        self.news.push((side, invite));
                        if self.reporting {
                            self.report();
                        }
                    }
                    None => self.transmit(side, transmit),
                }
            }
            Output::Withdraw { tag, .. } => self.sides[side]
                .outbox
                .retain(|waiting| waiting.tag != tag || waiting.kind == Kind::Ending),
            Output::Done { .. } => {}
            Output::Incoming { dialog, request, .. } => self.offer(side, dialog, request),
            Output::Deliver { owner, delivery } => self.hand_over(side, owner.0 as usize, delivery),
        }
    }

    fn transmit(&mut self, side: usize, transmit: Transmit) {
        if self.full == Some(side) && transmit.kind == Kind::Request {
            self.refused.push((side, transmit.tag));
            if self.reporting {
                self.report();
            }
        } else if self.up {
            self.write(side, &transmit);
        } else {
            self.sides[side].outbox.push_back(transmit);
        }
    }

    fn write(&mut self, side: usize, transmit: &Transmit) {
        let message = transmit
            .message
            .decode()
            .expect("the stack writes what it would read");
        let what = match &message {
            Message::Request(request) => request.method().to_string(),
            Message::Response(response) => response.code().as_u16().to_string(),
        };
        self.seen
            .push(format!("{}: {what} {}", ["A", "B"][side], message.cseq()));
        if self.deaf != Some(1 - side) {
            self.wire.push_back((self.now + LATENCY, 1 - side, message));
        }
        if transmit.kind == Kind::Final {
            if self.releasing {
                self.sides[side].stack.released(self.now, transmit.tag);
            } else {
                self.sides[side].unreleased.push(transmit.tag);
            }
        }
    }

    fn offer(&mut self, side: usize, dialog: DialogKey, request: Request) {
        if !self.accepting {
            let code = StatusCode::SERVICE_UNAVAILABLE;
            return self.sides[side]
                .stack
                .reject(self.now, dialog, code, "full", Some(3));
        }
        let at = &mut self.sides[side];
        let leg = at.legs.len();
        at.legs.push(dialog);
        at.heard.push((leg, request.method().to_string()));
        at.open.push((leg, request));
        at.stack.accept(dialog, Owner(leg as u64));
    }

    fn hand_over(&mut self, side: usize, leg: usize, delivery: Delivery) {
        let side = &mut self.sides[side];
        let what = match delivery {
            Delivery::Request(request) => {
                let reason = request
                    .reason()
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default();
                let what = format!("{}{reason}", request.method());
                side.open.push((leg, request));
                what
            }
            Delivery::Response { to, response } => {
                format!("{} {}", response.code().as_u16(), side.sent[to.0 as usize])
            }
            Delivery::Expired { cseq } => format!("expired {cseq}"),
            Delivery::Ended(cause) => format!("ended: {cause:?}"),
        };
        side.heard.push((leg, what));
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for side in 0..2 {
            self.bind(side);
            self.sides[side].stack.channel_lost(self.now, WIRE);
            let stack = &self.sides[side].stack;
            assert_eq!((stack.len(), stack.timers(), stack.live()), (0, 0, 0));
        }
    }
}

/// A message from nowhere.
pub(crate) struct Injected(Message);

impl From<Request> for Injected {
    fn from(request: Request) -> Self {
        Self(Message::Request(request))
    }
}

impl From<Response> for Injected {
    fn from(response: Response) -> Self {
        Self(Message::Response(response))
    }
}

/// A request to the other side.
pub(crate) fn request(method: Method) -> Request {
    Request::new(method, "them@x", "me@x", "them@x")
}

/// A request with a Body.
pub(crate) fn with_body(method: Method) -> Request {
    let mut request = request(method);
    request.set_body_str("v=0");
    request
}

/// A request with `Expire`.
pub(crate) fn lasting(method: Method, seconds: u64) -> Request {
    let mut request = request(method);
    request.set_expires(seconds);
    request
}

/// A request as a peer writes it.
pub(crate) fn raw(method: Method, dialog_id: &str, cseq: u64) -> Request {
    let mut request = request(method);
    request.set_dialog_id(dialog_id);
    request.set_cseq(CSeq::new(cseq).unwrap());
    request
}

/// The same, about another request.
pub(crate) fn related(method: Method, dialog_id: &str, cseq: u64, to: u64) -> Request {
    let mut request = raw(method, dialog_id, cseq);
    request.set_related_cseq(CSeq::new(to));
    request
}

/// A response as a peer writes it.
pub(crate) fn answer(code: u16, dialog_id: &str, cseq: u64) -> Response {
    Response::to(
        &raw(Method::Options, dialog_id, cseq),
        StatusCode::new(code).unwrap(),
    )
}

/// A call that B has not answered; nothing heard or seen of it is kept.
pub(crate) fn ringing() -> Pair {
    let mut pair = Pair::new();
    pair.open(A, with_body(Method::Invite));
    pair.respond(B, Method::Invite, 180);
    pair.hush();
    pair
}

/// A call that stands; nothing heard or seen of it is kept.
pub(crate) fn established() -> Pair {
    established_with(with_body(Method::Invite))
}

/// The same with an INVITE of one's own.
pub(crate) fn established_with(invite: Request) -> Pair {
    let mut pair = Pair::new();
    pair.open(A, invite);
    pair.respond(B, Method::Invite, 200);
    pair.send(A, request(Method::Ack));
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Established"), Some("Established"))
    );
    pair.hush();
    pair
}
