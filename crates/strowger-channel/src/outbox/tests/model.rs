//! Random operations on an outbox and on a model of it that is too simple to be wrong.

use proptest::prelude::*;

use super::*;

const MOST_MESSAGES: usize = 12;
const MOST_BYTES: usize = 60;

#[derive(Clone, Debug)]
enum Operation {
    Push {
        kind: Kind,
        bytes: usize,
    },
    Take {
        max_bytes: usize,
    },
    Flush,
    /// A Pong for the entry so many before the last one taken.
    Pong {
        back: u64,
    },
    Done(prop::sample::Index),
    Withdraw(prop::sample::Index),
    Cancel(prop::sample::Index),
    DropSocket,
    Trim,
}

fn operation() -> impl Strategy<Value = Operation> {
    let kind = prop_oneof![3 => Just(Kind::Request), 1 => Just(Kind::Ending), 1 => Just(Kind::Final), 1 => Just(Kind::Other)];
    prop_oneof![
        6 => (kind, 1..20usize).prop_map(|(kind, bytes)| Operation::Push { kind, bytes }),
        4 => (1..50usize).prop_map(|max_bytes| Operation::Take { max_bytes }),
        2 => Just(Operation::Flush),
        4 => (0..4u64).prop_map(|back| Operation::Pong { back }),
        2 => any::<prop::sample::Index>().prop_map(Operation::Done),
        1 => any::<prop::sample::Index>().prop_map(Operation::Withdraw),
        1 => any::<prop::sample::Index>().prop_map(Operation::Cancel),
        2 => Just(Operation::DropSocket),
        1 => Just(Operation::Trim),
    ]
}

/// What a message went through; the model keeps all of them for ever.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about a message, not a state"
)]
#[derive(Debug)]
struct Sent {
    kind: Kind,
    bytes: usize,
    ever_written: bool,
    /// The present socket took it.
    on_socket: bool,
    acknowledged: bool,
    /// Answered, withdrawn or cancelled: no response is awaited.
    settled: bool,
    /// Nobody will get it.
    forgotten: bool,
}

impl Sent {
    /// The rule of the protocol: not yet released, or a request without any response.
    const fn is_owed(&self) -> bool {
        !self.forgotten
            && (!self.acknowledged || (matches!(self.kind, Kind::Request | Kind::Ending) && !self.settled))
    }
}

#[derive(Debug, Default)]
struct Model {
    sent: Vec<Sent>,
}

impl Model {
    fn owed(&self) -> impl Iterator<Item = (usize, &Sent)> {
        self.sent.iter().enumerate().filter(|(_, sent)| sent.is_owed())
    }

    fn open_request(&mut self, index: prop::sample::Index) -> Option<(Tag, &mut Sent)> {
        let open = |(_, sent): &(usize, &mut Sent)| {
            sent.is_owed() && matches!(sent.kind, Kind::Request | Kind::Ending) && !sent.settled
        };
        let mut open: Vec<_> = self.sent.iter_mut().enumerate().filter(open).collect();
        if open.is_empty() {
            return None;
        }
        let (at, sent) = open.swap_remove(index.index(open.len()));
        Some((at as Tag, sent))
    }
}

fn run(operations: &[Operation]) -> Result<(), TestCaseError> {
    let mut outbox = Outbox::new();
    let mut model = Model::default();
    for operation in operations {
        match operation {
            Operation::Push { kind, bytes } => {
                let owed = model.owed().count();
                let room = owed < MOST_MESSAGES
                    && model.owed().map(|(_, s)| s.bytes).sum::<usize>() + bytes <= MOST_BYTES;
                let fill = outbox.fill(*bytes, MOST_MESSAGES, MOST_BYTES);
                prop_assert_eq!(fill != Fill::Over, room);
                if room {
                    let tag = model.sent.len() as Tag;
                    // The text tells which message it is, by its address in the model.
                    let mut text = vec![b'.'; *bytes];
                    text[0] = tag as u8;
                    outbox.push(NOW, text.into(), tag, *kind);
                    model.sent.push(Sent {
                        kind: *kind,
                        bytes: *bytes,
                        ever_written: false,
                        on_socket: false,
                        acknowledged: false,
                        settled: false,
                        forgotten: false,
                    });
                }
            }
            Operation::Take { max_bytes } => {
                let mut taken = Vec::new();
                outbox.take(*max_bytes, |effect| {
                    if let Effect::Write(text) = effect {
                        taken.push(text[0]);
                    }
                });
                let mut expected = Vec::new();
                let mut bytes = 0;
                for (at, sent) in model
                    .sent
                    .iter_mut()
                    .enumerate()
                    .filter(|(_, s)| s.is_owed() && !s.on_socket)
                {
                    if !expected.is_empty() && bytes + sent.bytes > *max_bytes {
                        break;
                    }
                    bytes += sent.bytes;
                    expected.push(at as u8);
                    (sent.ever_written, sent.on_socket, sent.acknowledged) = (true, true, false);
                }
                prop_assert_eq!(taken, expected);
            }
            Operation::Flush => outbox.note_flushed(),
            Operation::Pong { back } => {
                let sequence = outbox.taken().saturating_sub(*back);
                let mut expected = Vec::new();
                // The sequence of a message is one more than its place.
                for (at, sent) in model
                    .sent
                    .iter_mut()
                    .enumerate()
                    .filter(|(at, s)| s.on_socket && (*at as u64) < sequence)
                {
                    if !sent.acknowledged && sent.kind == Kind::Final {
                        expected.push(at as Tag);
                    }
                    sent.acknowledged = true;
                }
                prop_assert_eq!(acknowledge(&mut outbox, sequence), expected);
            }
            Operation::Done(index) => {
                if let Some((tag, sent)) = model.open_request(*index) {
                    outbox.done(tag);
                    (sent.settled, sent.acknowledged) = (true, true);
                }
            }
            Operation::Withdraw(index) => {
                if let Some((tag, sent)) = model.open_request(*index) {
                    let mut effects = Vec::new();
                    outbox.withdraw(tag, |effect| effects.push(effect));
                    sent.settled = true;
                    let ending = sent.kind == Kind::Ending;
                    sent.forgotten = !ending;
                    // One that the peer may have lost with its application is written once more.
                    sent.acknowledged &= sent.on_socket || !ending;
                    prop_assert_eq!(!effects.is_empty(), !sent.ever_written && !ending);
                }
            }
            Operation::Cancel(index) => {
                if let Some((tag, sent)) = model.open_request(*index) {
                    let queue = outbox.cancel(tag, |_| {});
                    prop_assert_eq!(queue, sent.ever_written);
                    sent.forgotten = !sent.ever_written;
                }
            }
            Operation::DropSocket => {
                outbox.drop_socket();
                model.sent.iter_mut().for_each(|sent| sent.on_socket = false);
            }
            Operation::Trim => outbox.trim(),
        }
        prop_assert_eq!(outbox.len(), model.owed().count());
        prop_assert_eq!(
            outbox.bytes(),
            model.owed().map(|(_, sent)| sent.bytes).sum::<usize>()
        );
        prop_assert!(outbox.len() <= MOST_MESSAGES && outbox.bytes() <= MOST_BYTES);
        prop_assert_eq!(
            outbox.has_unwritten(),
            model.owed().any(|(_, sent)| !sent.on_socket)
        );
        prop_assert_eq!(
            outbox.oldest_unreleased().is_some(),
            model.owed().any(|(_, sent)| !sent.acknowledged)
        );
    }
    finish(outbox, &model)
}

/// One last socket, on which everything goes well.
fn finish(mut outbox: Outbox, model: &Model) -> Result<(), TestCaseError> {
    outbox.drop_socket();
    let mut taken = Vec::new();
    outbox.take(usize::MAX, |effect| {
        if let Effect::Write(text) = effect {
            taken.push(text[0]);
        }
    });
    prop_assert_eq!(taken, model.owed().map(|(at, _)| at as u8).collect::<Vec<_>>());
    outbox.acknowledge(outbox.taken(), |_| {});
    for tag in 0..model.sent.len() {
        outbox.done(tag as Tag);
    }
    outbox.trim();
    prop_assert_eq!((outbox.len(), outbox.bytes(), outbox.capacity()), (0, 0, 0));
    Ok(())
}

proptest! {
    #[test]
    fn the_outbox_does_what_the_model_does(operations in prop::collection::vec(operation(), 1..200)) {
        run(&operations)?;
    }
}
