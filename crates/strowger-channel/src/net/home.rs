//! What the sockets of one thread feed and drain.

use jsip::UserId;

use super::SocketHandle;
use crate::{ChannelId, ConnId, DialFailure, Frame};

/// The owner of the channels of one thread, as its sockets see it.
///
/// Every method returns at once. A method may use any [`SocketHandle`]. For one connection the calls come as
/// [`connected`](Self::connected) or [`dialled`](Self::dialled) first, [`closed`](Self::closed) exactly once
/// and last. What the owner has to send out because of a call (to whomever) it may send in that call or leave
/// for [`settle`](Self::settle), which follows each burst of calls.
pub trait Home {
    /// A peer connected to the channel of this name; `announced` is the connection that was announced for it.
    fn connected(&self, name: &UserId, announced: Option<ConnId>, socket: SocketHandle) -> ConnId;

    /// The connection asked for a link stands.
    fn dialled(&self, channel: ChannelId, socket: SocketHandle) -> ConnId;

    /// The connection asked for a link could not be made.
    fn dial_failed(&self, channel: ChannelId, failure: DialFailure);

    /// A text message came.
    fn text(&self, conn: ConnId, text: &str);

    /// A binary message came. An owner that takes none orders the close.
    fn binary(&self, conn: ConnId, payload: &[u8]);

    /// A message over the limit came. The socket closes with 1009 by itself.
    fn oversize(&self, conn: ConnId);

    /// A Pong came.
    fn pong(&self, conn: ConnId, payload: &[u8]);

    /// A Ping came and was answered; it shows no more than that the peer lives.
    fn ping(&self, conn: ConnId) {
        let _ = conn;
    }

    /// So many fragments beyond the first of their message came, whether their message is whole or not.
    fn fragments(&self, conn: ConnId, count: usize) {
        let _ = (conn, count);
    }

    /// The connection is over: closed by the peer with this code (1005: a Close frame without one), or by us,
    /// or by its end or an error (`None`). Nothing more will be read from it or written to it.
    fn closed(&self, conn: ConnId, code: Option<u16>);

    /// Appends to `out` what is to be written next, in order, of about `max_bytes`.
    ///
    /// Asked once more when the socket follows an order to close or the peer broke the protocol; such a last batch goes
    /// out before the Close, and nothing says whether it was [`written`](Self::written).
    fn take_batch(&self, conn: ConnId, max_bytes: usize, out: &mut Vec<Frame>);

    /// The batch taken last was passed to the operating system whole.
    fn written(&self, conn: ConnId);

    /// The burst is over: runs what is due, wakes and closes sockets.
    fn settle(&self);
}
