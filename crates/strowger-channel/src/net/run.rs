//! The tasks of a thread that owns channels: one per socket, accepted or dialled.

use std::rc::Rc;

use tracing::debug;

use super::dial::{DialSettings, Target, dial};
use super::frames::Role;
use super::socket::{Socket, SocketSettings};
use super::stream::Resumed;
use super::{Handover, Home, SocketHandle, Ticket};
use crate::ChannelId;

/// Runs an accepted socket to its end. To be spawned on the thread that owns its channel.
///
/// Dropped before its end, it drops the connection, and the home is not told.
pub async fn serve(mut handover: Handover, home: Rc<dyn Home>, settings: SocketSettings) {
    let (_place, ticket) = (handover.take_place(), handover.take_ticket());
    let stream = match handover.stream.arrive() {
        Ok(stream) => stream,
        Err(error) => {
            debug!(%error, peer = %handover.peer, "cannot take the socket over");
            return;
        }
    };
    let stream = Resumed::new(stream, handover.read_buf);
    let handle = SocketHandle::default();
    handle.set_peer(handover.peer);
    let conn = home.connected(&handover.name, ticket.map(Ticket::redeem), handle.clone());
    home.settle();
    let socket = Socket::new(
        stream,
        Role::Server,
        conn,
        home,
        handle,
        settings,
        handover.deflates,
    );
    Box::new(socket).run().await;
}

/// Dials a link and runs its socket to its end. To be spawned on the thread that owns the channel.
///
/// Tries once; when to try again is the home's business. Dropped before its end, it drops the connection, and
/// the home is not told.
pub async fn link(
    channel: ChannelId,
    target: Target,
    home: Rc<dyn Home>,
    dialling: Rc<DialSettings>,
    settings: SocketSettings,
) {
    // Boxed, so that the open link does not carry the room its dialling took.
    let stream = match Box::pin(dial(&target, &dialling)).await {
        Ok(stream) => stream,
        Err(error) => {
            debug!(%error, host = target.host, port = target.port, "cannot dial");
            home.dial_failed(channel, error.into());
            home.settle();
            return;
        }
    };
    let handle = SocketHandle::default();
    let conn = home.dialled(channel, handle.clone());
    home.settle();
    let socket = Socket::new(stream, Role::Client, conn, home, handle, settings, false);
    Box::new(socket).run().await;
}
