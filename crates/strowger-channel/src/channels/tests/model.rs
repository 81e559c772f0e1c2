//! Random lives of one channel, and what its user can say of them.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Operation {
    Send(Kind),
    /// The socket writes a batch of about this size; whether it arrives.
    Write {
        max_bytes: usize,
        arrives: bool,
    },
    /// The user answers its oldest open Ping.
    Pong,
    /// The user answers a request it has.
    Answer(prop::sample::Index),
    /// Something late comes from a socket that is gone.
    Stale,
    /// The network drops the socket; nothing that is on its way arrives.
    Cut,
    Connect,
    Pass {
        secs: u64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let kind = prop_oneof![Just(Kind::Request), Just(Kind::Final), Just(Kind::Other)];
    prop_oneof![
        6 => kind.prop_map(Operation::Send),
        6 => (1..1000usize, any::<bool>()).prop_map(|(max_bytes, arrives)| Operation::Write { max_bytes, arrives }),
        5 => Just(Operation::Pong),
        3 => any::<prop::sample::Index>().prop_map(Operation::Answer),
        1 => Just(Operation::Stale),
        2 => Just(Operation::Cut),
        3 => Just(Operation::Connect),
        2 => (0..20u64).prop_map(|secs| Operation::Pass { secs }),
    ]
}

/// The user, and what is between the server and it.
struct User {
    bed: Bed,
    channel: ChannelId,
    sockets: u64,
    conn: Option<ConnId>,
    /// Whether nothing was cut out of the present socket: what is not on its way may not be overtaken.
    whole: bool,
    /// Pings that arrived on the present socket and were not answered.
    pings: Vec<PingPayload>,
    /// Messages sent, by tag from 1.
    sent: Vec<Kind>,
    /// Tags in the order in which they arrived first.
    first: Vec<Tag>,
    answered: Vec<Tag>,
    released: Vec<Tag>,
    /// The last tag that arrived on the present socket.
    last: Tag,
    lost: bool,
}

impl User {
    fn new() -> Self {
        let mut bed = Bed::with(Settings {
            outbox_messages: 40,
            ..Settings::default()
        });
        let channel = bed.connect("bob@example.com", ConnId(1));
        Self {
            bed,
            channel,
            sockets: 1,
            conn: Some(ConnId(1)),
            whole: true,
            pings: Vec::new(),
            sent: Vec::new(),
            first: Vec::new(),
            answered: Vec::new(),
            released: Vec::new(),
            last: 0,
            lost: false,
        }
    }

    fn act(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        match operation {
            Operation::Send(kind) => {
                let tag = self.sent.len() as Tag + 1;
                let refused = self.bed.channels.counters().refused_outbox_full;
                let sent = self.bed.send(self.channel, tag, *kind);
                // What was refused was not sent.
                if sent && self.bed.channels.counters().refused_outbox_full == refused {
                    self.sent.push(*kind);
                }
            }
            Operation::Write { max_bytes, arrives } => self.write(*max_bytes, *arrives)?,
            Operation::Pong => {
                if let (Some(conn), false) = (self.conn, self.pings.is_empty()) {
                    let payload = self.pings.remove(0);
                    self.bed.pong(conn, Some(payload));
                }
            }
            Operation::Answer(index) => {
                let open: Vec<_> = self
                    .first
                    .iter()
                    .copied()
                    .filter(|&tag| self.is_open_request(tag))
                    .collect();
                if let (Some(_), false) = (self.conn, open.is_empty()) {
                    let tag = open[index.index(open.len())];
                    self.bed.channels.done(self.channel, tag);
                    self.answered.push(tag);
                }
            }
            Operation::Stale => {
                let gone = ConnId(self.sockets - u64::from(self.conn.is_some()));
                let now = self.bed.now;
                self.bed
                    .channels
                    .receive_pong(now, gone, &crate::ping::payload(u64::MAX));
                self.bed
                    .channels
                    .receive_pong(now, gone, &crate::ping::payload(1));
                self.bed.channels.written(now, gone);
                self.bed.channels.receive_binary(now, gone);
                self.bed.channels.closed(now, gone, Some(1000));
            }
            Operation::Cut => {
                if let Some(conn) = self.conn.take() {
                    self.bed.channels.closed(self.bed.now, conn, None);
                }
            }
            Operation::Connect => {
                self.sockets += 1;
                let conn = ConnId(self.sockets);
                self.conn = Some(conn);
                self.pings.clear();
                (self.last, self.whole) = (0, true);
                prop_assert_eq!(self.bed.connect("bob@example.com", conn), self.channel);
            }
            Operation::Pass { secs: duration } => self.bed.pass(secs(*duration)),
        }
        self.look()
    }

    fn is_open_request(&self, tag: Tag) -> bool {
        self.sent[tag as usize - 1] == Kind::Request && !self.answered.contains(&tag)
    }

    fn write(&mut self, max_bytes: usize, arrives: bool) -> Result<(), TestCaseError> {
        let Some(conn) = self.conn else { return Ok(()) };
        let mut frames = Vec::new();
        self.bed
            .channels
            .take_batch(self.bed.now, conn, max_bytes, &mut frames);
        self.bed.channels.written(self.bed.now, conn);
        self.whole &= arrives || frames.is_empty();
        for frame in frames {
            match frame {
                _ if !self.whole => {}
                Frame::Ping(payload) => self.pings.push(payload),
                Frame::Binary(_) => prop_assert!(false, "no outbox makes a binary frame"),
                Frame::Text(text) => {
                    let tag = cseq(std::str::from_utf8(&text).unwrap());
                    prop_assert!(tag > self.last, "in order, and each once per socket");
                    prop_assert!(!self.answered.contains(&tag), "an answered request comes no more");
                    self.last = tag;
                    if !self.first.contains(&tag) {
                        self.first.push(tag);
                    }
                }
            }
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), TestCaseError> {
        while let Some(event) = self.bed.channels.poll_event() {
            match event {
                ChannelEvent::Released { tag, .. } => {
                    prop_assert!(self.first.contains(&tag), "released though it never arrived");
                    self.released.push(tag);
                }
                ChannelEvent::Lost { .. } => self.lost = true,
                ChannelEvent::Close { conn, .. } if Some(conn) == self.conn => self.conn = None,
                _ => {}
            }
        }
        let info = self.bed.channels.iter().next();
        let waiting = info.as_ref().map_or(0, |info| info.outbox_bytes);
        prop_assert_eq!(self.bed.channels.waiting_bytes(), waiting);
        prop_assert_eq!(info.is_none(), self.lost);
        prop_assert!(info.is_none_or(|info| info.outbox_messages <= 40));
        Ok(())
    }

    /// One last socket on which everything goes well: now all have arrived, in order and with no gap.
    fn finish(mut self) -> Result<(), TestCaseError> {
        self.act(&Operation::Connect)?;
        self.act(&Operation::Write {
            max_bytes: usize::MAX,
            arrives: true,
        })?;
        while !self.pings.is_empty() {
            self.act(&Operation::Pong)?;
        }
        prop_assert_eq!(&self.first, &(1..=self.sent.len() as Tag).collect::<Vec<_>>());
        for tag in 1..=self.sent.len() as Tag {
            self.bed.channels.done(self.channel, tag);
        }
        let finals = self.sent.iter().filter(|&&kind| kind == Kind::Final).count();
        prop_assert_eq!(self.released.len(), finals);
        prop_assert_eq!(self.bed.outbox_len(self.channel), 0);
        self.bed
            .channels
            .closed(self.bed.now, self.conn.unwrap(), Some(1000));
        prop_assert!(self.bed.channels.is_empty());
        prop_assert_eq!(self.bed.channels.poll_timeout(), None);
        Ok(())
    }
}

proptest! {
    #[test]
    fn a_user_gets_every_message_in_order_whatever_its_sockets_do(
        operations in prop::collection::vec(operation(), 1..150),
    ) {
        let mut user = User::new();
        for operation in &operations {
            user.act(operation)?;
            if user.lost {
                return Ok(());
            }
        }
        user.finish()?;
    }
}
