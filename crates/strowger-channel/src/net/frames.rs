//! RFC 6455 frames: bytes in, messages out, and back. No socket, no clock.
//!
//! The decoder works in the buffer the bytes were read into: a message that is there whole is unmasked and handed on in
//! place. Only what is incomplete costs memory, and only as much as has come.

use std::borrow::Cow;

use super::deflate;

/// The longest head: 2 bytes, 8 of length, 4 of mask.
const MAX_HEAD: usize = 14;
/// The longest payload of a control frame. RFC 6455 §5.5.
pub(super) const MAX_CONTROL: usize = 125;
/// What each fragment counts against the bound of a message, apart from its bytes: empty ones cost work too.
const FRAGMENT_COST: usize = 16;

/// The reserved bit that says so of a message. RFC 7692 §6.
const COMPRESSED: u8 = 0x40;

/// Which end we are. A client masks what it sends, a server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Client,
}

/// RFC 6455 §5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Text(Cow<'a, str>),
    Binary(Cow<'a, [u8]>),
    Ping(Cow<'a, [u8]>),
    Pong(Cow<'a, [u8]>),
    /// With its code, or 1005 where it has none.
    Close(u16),
    /// A part of a message; its other parts have to come.
    Fragment,
}

/// How the peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Protocol,
    Utf8,
    /// The message is longer than the limit, or has too many fragments.
    TooLong,
}

/// A frame whose payload has not come whole.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    is_final: bool,
    /// How much of the payload is to come.
    left: usize,
    /// The mask, turned to the next byte; zeros where there is none.
    mask: [u8; 4],
    /// The message it begins is compressed.
    is_compressed: bool,
}

/// A data message that has not come whole.
#[derive(Debug)]
struct Partial {
    is_text: bool,
    is_compressed: bool,
    bytes: Vec<u8>,
    /// So many bytes of a text are known to be UTF-8.
    checked: usize,
    fragments: usize,
}

/// Finds the messages in a stream of bytes.
#[derive(Debug)]
pub(super) struct Decoder {
    role: Role,
    max_message: usize,
    /// Whether the peer may compress messages.
    deflate: bool,
    /// The beginning of a head that has not come whole, and its length.
    head: [u8; MAX_HEAD],
    have: usize,
    frame: Option<Frame>,
    /// What has come of a control frame that has not come whole.
    control: Vec<u8>,
    message: Option<Box<Partial>>,
}

impl Decoder {
    pub(super) const fn new(role: Role, max_message: usize, deflate: bool) -> Self {
        Self {
            role,
            max_message,
            deflate,
            head: [0; MAX_HEAD],
            have: 0,
            frame: None,
            control: Vec::new(),
            message: None,
        }
    }

    /// Takes bytes from the front of the input up to the end of the next event; `None` when all are taken and there is
    /// none. After a fault there is no going on.
    pub(super) fn next<'a>(&mut self, input: &mut &'a mut [u8]) -> Result<Option<Event<'a>>, Fault> {
        let frame = match self.frame.take() {
            Some(frame) => frame,
            None => match self.read_head(input)? {
                Some(frame) => frame,
                None => return Ok(None),
            },
        };
        let taken = frame.left.min(input.len());
        let payload = take_front(input, taken);
        apply_mask(payload, frame.mask);
        let rest = Frame {
            left: frame.left - taken,
            mask: turned(frame.mask, taken),
            ..frame
        };
        if frame.opcode.is_control() {
            self.control(rest, payload)
        } else {
            self.data(rest, payload)
        }
    }

    fn read_head(&mut self, input: &mut &mut [u8]) -> Result<Option<Frame>, Fault> {
        let before = self.have;
        if before == 0
            && let Some((frame, used)) = parse_head(input, self.role, self.deflate)?
        {
            take_front(input, used);
            return self.check(frame).map(Some);
        }
        let more = input.len().min(MAX_HEAD - before);
        self.head[before..before + more].copy_from_slice(&input[..more]);
        let parsed = parse_head(&self.head[..before + more], self.role, self.deflate)?;
        let Some((frame, used)) = parsed else {
            self.have = before + more;
            take_front(input, more);
            return Ok(None);
        };
        self.have = 0;
        take_front(input, used - before);
        self.check(frame).map(Some)
    }

    /// Checks a frame against the message that is under way.
    fn check(&self, frame: Frame) -> Result<Frame, Fault> {
        let so_far = match (frame.opcode, &self.message) {
            (Opcode::Continuation, Some(message)) => message.bytes.len(),
            (Opcode::Text | Opcode::Binary, None) => 0,
            (Opcode::Continuation, None) | (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Fault::Protocol);
            }
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(frame),
        };
        if frame.left > self.max_message.saturating_sub(so_far) {
            return Err(Fault::TooLong);
        }
        Ok(frame)
    }

    fn control<'a>(&mut self, rest: Frame, payload: &'a [u8]) -> Result<Option<Event<'a>>, Fault> {
        if rest.left > 0 {
            self.control.extend_from_slice(payload);
            self.frame = Some(rest);
            return Ok(None);
        }
        let payload = if self.control.is_empty() {
            Cow::Borrowed(payload)
        } else {
            self.control.extend_from_slice(payload);
            Cow::Owned(std::mem::take(&mut self.control))
        };
        match rest.opcode {
            Opcode::Ping => Ok(Some(Event::Ping(payload))),
            Opcode::Pong => Ok(Some(Event::Pong(payload))),
            Opcode::Close | Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                Ok(Some(Event::Close(close_code(&payload)?)))
            }
        }
    }

    fn data<'a>(&mut self, rest: Frame, payload: &'a [u8]) -> Result<Option<Event<'a>>, Fault> {
        let is_whole = rest.left == 0;
        let is_text = rest.opcode == Opcode::Text;
        if is_whole && rest.is_final && self.message.is_none() {
            return if rest.is_compressed {
                whole(is_text, deflate::inflate(payload, self.max_message)?).map(Some)
            } else if is_text {
                let text = str::from_utf8(payload).map_err(|_| Fault::Utf8)?;
                Ok(Some(Event::Text(Cow::Borrowed(text))))
            } else {
                Ok(Some(Event::Binary(Cow::Borrowed(payload))))
            };
        }
        let message = self
            .message
            .get_or_insert_with(|| Box::new(Partial::new(is_text, rest.is_compressed)));
        message.push(payload)?;
        if !is_whole {
            self.frame = Some(rest);
            return Ok(None);
        }
        if !rest.is_final {
            message.fragments += 1;
            if message.fragments.saturating_mul(FRAGMENT_COST) > self.max_message {
                return Err(Fault::TooLong);
            }
            return Ok(Some(Event::Fragment));
        }
        match self.message.take() {
            Some(message) => message.finish(self.max_message).map(Some),
            None => Ok(None),
        }
    }
}

impl Partial {
    const fn new(is_text: bool, is_compressed: bool) -> Self {
        Self {
            is_text,
            is_compressed,
            bytes: Vec::new(),
            checked: 0,
            fragments: 0,
        }
    }

    /// Adds what has come. What can no longer become UTF-8 is a fault at once.
    fn push(&mut self, payload: &[u8]) -> Result<(), Fault> {
        self.bytes.extend_from_slice(payload);
        if !self.is_text || self.is_compressed {
            return Ok(());
        }
        match str::from_utf8(&self.bytes[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Fault::Utf8),
        }
        Ok(())
    }

    fn finish(self, max_message: usize) -> Result<Event<'static>, Fault> {
        let bytes = if self.is_compressed {
            deflate::inflate(&self.bytes, max_message)?
        } else {
            self.bytes
        };
        whole(self.is_text, bytes)
    }
}

/// The event of a message that takes memory of its own.
fn whole(is_text: bool, bytes: Vec<u8>) -> Result<Event<'static>, Fault> {
    if is_text {
        let text = String::from_utf8(bytes).map_err(|_| Fault::Utf8)?;
        Ok(Event::Text(Cow::Owned(text)))
    } else {
        Ok(Event::Binary(Cow::Owned(bytes)))
    }
}

/// Reads a head, if it is there whole, and tells its length. What is wrong with its beginning is wrong at once.
fn parse_head(bytes: &[u8], role: Role, deflate: bool) -> Result<Option<(Frame, usize)>, Fault> {
    let &[first, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    let is_final = first & 0x80 != 0;
    let is_compressed = first & COMPRESSED != 0;
    let opcode = match first & 0x3f {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        // Reserved opcodes, and reserved bits, whose extensions we never agree to.
        _ => return Err(Fault::Protocol),
    };
    if is_compressed && !(deflate && matches!(opcode, Opcode::Text | Opcode::Binary)) {
        return Err(Fault::Protocol);
    }
    if opcode.is_control() && !is_final {
        return Err(Fault::Protocol);
    }
    let &[second, ref rest @ ..] = rest else {
        return Ok(None);
    };
    let is_masked = second & 0x80 != 0;
    if is_masked != (role == Role::Server) {
        return Err(Fault::Protocol);
    }
    let short = usize::from(second & 0x7f);
    if opcode.is_control() && short > MAX_CONTROL {
        return Err(Fault::Protocol);
    }
    let (length, rest) = match (short, rest) {
        (126, &[a, b, ref rest @ ..]) => (usize::from(u16::from_be_bytes([a, b])), rest),
        (127, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
            let length = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            // What does not fit is over every limit.
            (usize::try_from(length).unwrap_or(usize::MAX), rest)
        }
        (126 | 127, _) => return Ok(None),
        (_, rest) => (short, rest),
    };
    let least = match short {
        126 => 126,
        127 => 0x1_0000,
        _ => 0,
    };
    if length < least {
        return Err(Fault::Protocol);
    }
    let (mask, rest) = match (is_masked, rest) {
        (false, rest) => ([0; 4], rest),
        (true, &[a, b, c, d, ref rest @ ..]) => ([a, b, c, d], rest),
        (true, _) => return Ok(None),
    };
    let frame = Frame {
        opcode,
        is_final,
        left: length,
        mask,
        is_compressed,
    };
    Ok(Some((frame, bytes.len() - rest.len())))
}

/// Reads the payload of a Close. RFC 6455 §7.4.
fn close_code(payload: &[u8]) -> Result<u16, Fault> {
    match payload {
        [] => Ok(1005),
        [_] => Err(Fault::Protocol),
        &[a, b, ref reason @ ..] => {
            let code = u16::from_be_bytes([a, b]);
            if !may_be_sent(code) {
                return Err(Fault::Protocol);
            }
            str::from_utf8(reason).map_err(|_| Fault::Utf8)?;
            Ok(code)
        }
    }
}

/// Whether a Close may carry this code.
pub(super) const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Appends a frame; with a mask, as a client has to.
pub(super) fn encode(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) {
    append(out, opcode as u8, payload, mask);
}

/// Appends a frame that is a whole message, compressed.
pub(super) fn encode_compressed(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) {
    append(out, COMPRESSED | opcode as u8, payload, mask);
}

fn append(out: &mut Vec<u8>, first: u8, payload: &[u8], mask: Option<[u8; 4]>) {
    let flag = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..126), _) => out.push(flag | length),
        (_, Ok(length)) => {
            out.push(flag | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(flag | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(mask.as_ref().map_or(&[], |mask| mask.as_slice()));
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = mask {
        apply_mask(&mut out[start..], mask);
    }
}

/// Takes so many bytes, at most all, from the front of the input.
fn take_front<'a>(input: &mut &'a mut [u8], bytes: usize) -> &'a mut [u8] {
    let whole = std::mem::take(input);
    let (front, rest) = whole.split_at_mut(bytes.min(whole.len()));
    *input = rest;
    front
}

fn apply_mask(bytes: &mut [u8], mask: [u8; 4]) {
    if mask == [0; 4] {
        return;
    }
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// The mask from so many bytes on.
const fn turned(mask: [u8; 4], bytes: usize) -> [u8; 4] {
    let mut turned = [0; 4];
    let mut at = 0;
    while at < 4 {
        turned[at] = mask[(at + bytes) % 4];
        at += 1;
    }
    turned
}

#[cfg(test)]
mod tests;
