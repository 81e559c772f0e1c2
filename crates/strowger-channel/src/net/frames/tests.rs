use proptest::prelude::*;

use super::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const MAX: usize = 1 << 17;

fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, opcode, payload, Some(MASK));
    out
}

/// The same frame, not the last of its message.
fn open(mut frame: Vec<u8>) -> Vec<u8> {
    frame[0] &= 0x7f;
    frame
}

/// An event that owns what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Came {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16),
    Fault(Fault),
}

/// Decodes bytes that come in pieces of these sizes, over and over; fragments are left out.
fn decode(bytes: &[u8], sizes: &[usize]) -> Vec<Came> {
    decode_by(Decoder::new(Role::Server, MAX, false), bytes, sizes)
}

fn decode_by(mut decoder: Decoder, bytes: &[u8], sizes: &[usize]) -> Vec<Came> {
    let (mut came, mut bytes) = (Vec::new(), bytes.to_vec());
    let (mut input, mut sizes) = (bytes.as_mut_slice(), sizes.iter().cycle());
    while !input.is_empty() {
        let size = sizes.next().copied().unwrap_or(usize::MAX);
        let mut piece = take_front(&mut input, size.max(1));
        loop {
            came.push(match decoder.next(&mut piece) {
                Ok(Some(Event::Text(text))) => Came::Text(text.into_owned()),
                Ok(Some(Event::Binary(bytes))) => Came::Binary(bytes.into_owned()),
                Ok(Some(Event::Ping(bytes))) => Came::Ping(bytes.into_owned()),
                Ok(Some(Event::Pong(bytes))) => Came::Pong(bytes.into_owned()),
                Ok(Some(Event::Close(code))) => Came::Close(code),
                Ok(Some(Event::Fragment)) => continue,
                Ok(None) => break,
                Err(fault) => {
                    came.push(Came::Fault(fault));
                    return came;
                }
            });
        }
    }
    came
}

fn fault(bytes: &[u8]) -> Option<Fault> {
    match decode(bytes, &[]).last() {
        Some(Came::Fault(fault)) => Some(*fault),
        _ => None,
    }
}

#[test]
fn the_examples_of_the_rfc_decode() {
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(decode(&masked, &[]), [Came::Text("Hello".to_owned())]);
    assert_eq!(frame(Opcode::Text, b"Hello"), masked);
    let mut decoder = Decoder::new(Role::Client, MAX, false);
    let mut bytes = *b"\x01\x03Hel\x80\x02lo\x89\x05Hello";
    let mut input = bytes.as_mut_slice();
    assert_eq!(decoder.next(&mut input), Ok(Some(Event::Fragment)));
    assert_eq!(decoder.next(&mut input), Ok(Some(Event::Text("Hello".into()))));
    assert_eq!(
        decoder.next(&mut input),
        Ok(Some(Event::Ping(b"Hello".as_slice().into())))
    );
    assert_eq!(decoder.next(&mut input), Ok(None));
}

#[test]
fn a_control_frame_comes_through_between_fragments() {
    let stream = [
        open(frame(Opcode::Text, b"a")),
        frame(Opcode::Ping, b"p"),
        open(frame(Opcode::Continuation, b"")),
        frame(Opcode::Continuation, b"b"),
    ]
    .concat();
    let expected = [Came::Ping(b"p".to_vec()), Came::Text("ab".to_owned())];
    assert_eq!(decode(&stream, &[]), expected);
    assert_eq!(decode(&stream, &[1]), expected);
}

#[test]
fn what_breaks_the_protocol_is_a_fault() {
    let protocol: [&[u8]; 12] = [
        b"\xc1",                                 // A reserved bit.
        b"\x83",                                 // A reserved opcode.
        b"\x8b",                                 // A reserved control opcode.
        b"\x09",                                 // A control frame in fragments.
        b"\x81\x05",                             // No mask.
        b"\x89\xfe",                             // A long control frame.
        b"\x80\x80\0\0\0\0",                     // A continuation of nothing.
        b"\x01\x80\0\0\0\0\x81\x80\0\0\0\0",     // A text within a text.
        b"\x81\xfe\x00\x7d\0\0\0\0",             // A length that is not the shortest.
        b"\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", // The same, longer.
        b"\x88\x81\0\0\0\0\0",                   // Half a code.
        b"\x88\x82\0\0\0\0\x03\xed",             // 1005 is never sent.
    ];
    for bytes in protocol {
        assert_eq!(fault(bytes), Some(Fault::Protocol), "{bytes:x?}");
    }
    assert_eq!(fault(&frame(Opcode::Text, b"\xce\xba\xff")), Some(Fault::Utf8));
    assert_eq!(fault(&frame(Opcode::Close, b"\x03\xe8\xff")), Some(Fault::Utf8));
}

#[test]
fn text_is_at_fault_as_soon_as_it_can_no_longer_be_utf_8() {
    let part = open(frame(Opcode::Text, "κ".as_bytes()));
    assert_eq!(fault(&[&part[..], b"\x00\x81\0\0\0\0\xf4"].concat()), None);
    let broken = [&part[..], b"\x00\x81\0\0\0\0\xf4\x00\x81\0\0\0\0\x90"].concat();
    assert_eq!(fault(&broken), Some(Fault::Utf8));
    // Within a frame that has not come whole.
    assert_eq!(fault(b"\x81\x90\0\0\0\0abc\xff"), Some(Fault::Utf8));
    // At the end a character must be whole.
    assert_eq!(fault(b"\x01\x81\0\0\0\0\xce\x80\x80\0\0\0\0"), Some(Fault::Utf8));
}

#[test]
fn a_message_is_bounded_in_bytes_and_in_fragments() {
    assert_eq!(fault(&frame(Opcode::Binary, &vec![0; MAX])), None);
    assert_eq!(
        fault(&frame(Opcode::Binary, &vec![0; MAX + 1])),
        Some(Fault::TooLong)
    );
    assert_eq!(
        fault(b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"),
        Some(Fault::TooLong)
    );
    let parts = [
        open(frame(Opcode::Binary, &vec![0; MAX])),
        frame(Opcode::Continuation, b"x"),
    ];
    assert_eq!(fault(&parts.concat()), Some(Fault::TooLong));
    let empty = open(frame(Opcode::Continuation, b""));
    let flood = [open(frame(Opcode::Text, b"")), empty.repeat(MAX / FRAGMENT_COST)].concat();
    assert_eq!(fault(&flood), Some(Fault::TooLong));
    assert_eq!(fault(&flood[..flood.len() - empty.len()]), None);
}

#[test]
fn nothing_is_kept_of_messages_that_came_whole() {
    let mut decoder = Decoder::new(Role::Server, MAX, false);
    let mut bytes = [frame(Opcode::Text, b"abc"), frame(Opcode::Ping, b"p")].concat();
    let mut input = bytes.as_mut_slice();
    while decoder.next(&mut input).unwrap().is_some() {}
    assert_eq!((decoder.control.capacity(), decoder.message.is_none()), (0, true));
}

fn messages() -> impl Strategy<Value = Vec<Came>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    let small = || prop::collection::vec(any::<u8>(), 0..=MAX_CONTROL);
    let message = prop_oneof![
        ".{0,80}".prop_map(Came::Text),
        bytes().prop_map(Came::Binary),
        prop::collection::vec(any::<u8>(), 65_530..65_540).prop_map(Came::Binary),
        small().prop_map(Came::Ping),
        small().prop_map(Came::Pong),
        (3000..5000_u16).prop_map(Came::Close),
    ];
    prop::collection::vec(message, 1..8)
}

proptest! {
    #[test]
    fn messages_come_out_as_they_went_in_however_they_are_cut(
        messages in messages(),
        sizes in prop::collection::vec(1..400_usize, 0..5),
        fragment in 0..200_usize,
    ) {
        let mut stream = Vec::new();
        for message in &messages {
            match message {
                Came::Text(text) if text.is_char_boundary(fragment) && fragment < text.len() => {
                    stream.extend(open(frame(Opcode::Text, &text.as_bytes()[..fragment])));
                    stream.extend(frame(Opcode::Continuation, &text.as_bytes()[fragment..]));
                }
                Came::Text(text) => stream.extend(frame(Opcode::Text, text.as_bytes())),
                Came::Binary(bytes) => stream.extend(frame(Opcode::Binary, bytes)),
                Came::Ping(bytes) => stream.extend(frame(Opcode::Ping, bytes)),
                Came::Pong(bytes) => stream.extend(frame(Opcode::Pong, bytes)),
                Came::Close(code) => stream.extend(frame(Opcode::Close, &code.to_be_bytes())),
                Came::Fault(_) => {}
            }
        }
        prop_assert_eq!(decode(&stream, &sizes), messages);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1..50_usize) {
        decode(&bytes, &[size]);
    }
}

/// RFC 7692, section 7.2.3.1.
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn compressed(mut frame: Vec<u8>) -> Vec<u8> {
    frame[0] |= COMPRESSED;
    frame
}

fn inflated(bytes: &[u8], sizes: &[usize]) -> Vec<Came> {
    decode_by(Decoder::new(Role::Server, MAX, true), bytes, sizes)
}

#[test]
fn a_compressed_message_comes_out_as_it_was_in_one_frame_or_several() {
    let hello = [Came::Text("Hello".to_owned())];
    let whole = compressed(frame(Opcode::Text, &HELLO));
    let parts = [
        compressed(open(frame(Opcode::Text, &HELLO[..3]))),
        open(frame(Opcode::Continuation, b"")),
        frame(Opcode::Continuation, &HELLO[3..]),
    ]
    .concat();
    for sizes in [&[][..], &[1], &[3, 1, 9]] {
        assert_eq!(inflated(&whole, sizes), hello, "{sizes:?}");
        assert_eq!(inflated(&parts, sizes), hello, "{sizes:?}");
    }
    let plain = frame(Opcode::Text, b"Hello");
    assert_eq!(inflated(&plain, &[]), hello, "it need not be compressed");
}

#[test]
fn the_bit_of_compression_is_refused_where_it_means_nothing() {
    let protocol = [Came::Fault(Fault::Protocol)];
    let whole = compressed(frame(Opcode::Text, &HELLO));
    assert_eq!(decode(&whole, &[]), protocol, "not agreed");
    assert_eq!(inflated(&compressed(frame(Opcode::Ping, b"")), &[]), protocol);
    let later = [
        open(frame(Opcode::Text, b"a")),
        compressed(frame(Opcode::Continuation, &HELLO)),
    ];
    assert_eq!(inflated(&later.concat(), &[]), protocol);
}

#[test]
fn what_comes_out_is_checked_like_what_comes_plain() {
    let message = |bytes: &[u8]| {
        let mut frames = Vec::new();
        assert!(deflate::deflate(bytes, |bytes| frames = compressed(frame(Opcode::Text, bytes))));
        frames
    };
    let too_long = message(&vec![b'a'; MAX + 1]);
    assert_eq!(inflated(&too_long, &[]), [Came::Fault(Fault::TooLong)]);
    assert_eq!(inflated(&message(&[0xff; 90]), &[]), [Came::Fault(Fault::Utf8)]);
}
