//! Which shard a thing lives on.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::FixedState;
use jsip::{DialogId, Message, Method, Request, UserId};
use jsip_stack::Channel;

use crate::distribution::{Choice, choose};
use crate::ids::shard_of;
use crate::{Effect, Mail, Shard};

/// The hash that chooses shards must be the same on all of them.
const SEED: u64 = 0x5354_524f_5747_4552;
/// Keeps links apart from names and keys.
const LINK_SALT: u64 = 0x4c49_4e4b << 32;

/// The shard that is home of a name: every shard computes the same.
pub(crate) fn home_of(name: &UserId, shards: u16) -> u16 {
    spread(name.as_str().as_bytes(), 0, shards)
}

fn spread(bytes: &[u8], salt: u64, shards: u16) -> u16 {
    if shards <= 1 {
        return 0;
    }
    let mut hasher = FixedState::with_seed(SEED ^ salt).build_hasher();
    hasher.write(bytes);
    (hasher.finish() % u64::from(shards)) as u16
}

/// The shard that is home of the link to another node.
pub(crate) fn home_of_link(host: &str, port: u16, shards: u16) -> u16 {
    spread(host.as_bytes(), LINK_SALT ^ u64::from(port), shards)
}

/// The shard of the instance that has this key of the service at this place of the registry.
pub(crate) fn home_of_key(service: usize, key: &str, shards: u16) -> u16 {
    spread(key.as_bytes(), service as u64 + 1, shards)
}

impl Shard {
    /// The shard whose dialog half gets a message that came in on a channel of this shard.
    pub(crate) fn shard_for(&mut self, channel: Channel, message: &Message) -> u16 {
        if self.shards <= 1 {
            return self.shard;
        }
        if let Some(shard) = shard_of(self.node, message.dialog_id()).filter(|shard| *shard < self.shards) {
            return shard;
        }
        if let Some(shard) = self.elsewhere.find(channel, message.dialog_id()) {
            return shard;
        }
        let Message::Request(request) = message else {
            return self.shard;
        };
        if !begins(request.method()) || self.stack.knows(channel, request.dialog_id()) {
            return self.shard;
        }
        if self.asks_for_own_calls(channel, request).is_some() || self.has_token(channel, request) {
            return self.shard;
        }
        let shard = self.instance_shard(request).unwrap_or(self.shard);
        if shard != self.shard {
            self.elsewhere.insert(channel, request.dialog_id(), shard);
            if let Some(questions) = self.elsewhere.questions(channel) {
                for (to, dialogs) in questions.dialogs {
                    let mail = Mail::Ask {
                        from: self.shard,
                        channel,
                        dialogs,
                        as_of: questions.as_of,
                    };
                    self.effects.push_back(Effect::Mail { to, mail });
                }
            }
        }
        shard
    }

    /// The shard of the instance that a first request names by `relid` or by its service's key.
    fn instance_shard(&self, request: &Request) -> Option<u16> {
        match choose(request, &self.registry) {
            Choice::Relation(relation) => shard_of(self.node, &relation).filter(|shard| *shard < self.shards),
            Choice::Service(service) => {
                // A key function that panics is answered for where the request is distributed.
                let key = self.request_key(service, request).ok()??;
                Some(home_of_key(service, &key, self.shards))
            }
            Choice::BadRoute(_) | Choice::NoService(_) => None,
        }
    }

    /// Another shard asks which of the dialogs that it sent here are over.
    pub(crate) fn unknown_of(&self, channel: Channel, mut dialogs: Vec<DialogId>) -> Vec<DialogId> {
        dialogs.retain(|dialog| !self.stack.knows(channel, dialog.as_str()));
        dialogs
    }
}

/// Whether a request of a peer with this method may begin a dialog (protocol section 5).
const fn begins(method: Method) -> bool {
    matches!(
        method,
        Method::Invite | Method::Register | Method::Options | Method::Message | Method::Subscribe
    )
}
