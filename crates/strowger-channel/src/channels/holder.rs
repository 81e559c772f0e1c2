//! Whose a channel is, where users prove who they are, and until when.

use jsip::UserId;
use strowger_auth::Credential;
use strowger_time::Instant;

use super::Channels;
use super::timeout::Due;
use crate::channel::{Channel, Connection, Holder};
use crate::{ChannelId, ConnId, close};

/// A channel of this name is somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this userid is in use by another identity")]
pub struct NameTaken;

impl Channels {
    /// A socket was accepted under this name, whose home this shard is, and its peer has proven who it is.
    ///
    /// As [`Channels::connect`]; and when the credential is over, the socket is closed with 4003, and the channel is retained
    /// for whoever comes back with another one.
    ///
    /// # Errors
    ///
    /// [`NameTaken`] if there is a channel of this name, open or retained, that is not this identity's. Nothing has changed
    /// then.
    pub fn admit(
        &mut self,
        now: Instant,
        name: UserId,
        conn: ConnId,
        credential: &Credential,
    ) -> Result<ChannelId, NameTaken> {
        let id = self.channel_for(name, &credential.identity)?;
        if let Some(channel) = self.registry.get_mut(id)
            && channel.holder.is_none()
        {
            channel.holder = Some(Box::new(Holder {
                identity: credential.identity.clone(),
                expiry: None,
            }));
        }
        self.attach(now, id, Connection::new(now, conn));
        self.expire(now, id, credential);
        Ok(id)
    }

    /// The holder of an open channel has shown another credential, which holds in place of the one before. Tells whether it
    /// was the holder's.
    pub fn renew(&mut self, now: Instant, id: ChannelId, credential: &Credential) -> bool {
        let is_holder = self.identity(id) == Some(&credential.identity);
        if is_holder && self.is_up(id) {
            self.expire(now, id, credential);
        }
        is_holder
    }

    /// Who has proven that a channel is theirs; `None` where nothing was to be proven, and for nodes.
    pub fn identity(&self, id: ChannelId) -> Option<&UserId> {
        let holder = self.registry.get(id)?.holder.as_deref()?;
        Some(&holder.identity)
    }

    /// The credential of a socket is over.
    pub(super) fn on_expiry(&mut self, now: Instant, id: ChannelId) {
        if let Some(holder) = self.registry.get_mut(id).and_then(Channel::holder_mut) {
            holder.expiry = None;
        }
        self.counters.expired += 1;
        self.hang_up(now, id, close::EXPIRED, "credential expired");
    }

    /// Sets when the credential of the channel's socket is over, in place of what was set before.
    fn expire(&mut self, now: Instant, id: ChannelId, credential: &Credential) {
        self.stop_expiry(id);
        if let Some(holder) = self.registry.get_mut(id).and_then(Channel::holder_mut) {
            let due = |valid_for| self.deadlines.set(now + valid_for, Due::Expiry(id));
            holder.expiry = credential.valid_for.map(due);
        }
    }

    /// The channel has no socket any more that could expire.
    pub(super) fn stop_expiry(&mut self, id: ChannelId) {
        let holder = self.registry.get_mut(id).and_then(Channel::holder_mut);
        if let Some(timer) = holder.and_then(|holder| holder.expiry.take()) {
            self.deadlines.cancel(timer);
        }
    }
}
