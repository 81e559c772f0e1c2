//! The first request of a dialog finds its channel: that of its name, or a link to another node.

use jsip::Uri;
use jsip_stack::{DialogKey, Transmit};
use strowger_channel::ChannelId;
use strowger_time::Instant;

use crate::shard::stack_channel;
use crate::{Mail, Shard};

impl Shard {
    /// The first request of a dialog goes to a channel of this shard, or to nobody.
    pub(crate) fn send_first(
        &mut self,
        now: Instant,
        from: u16,
        dialog: DialogKey,
        channel: Option<ChannelId>,
        transmit: Transmit,
    ) {
        let bound = channel.map(|channel| (stack_channel(channel), self.channels.is_up(channel)));
        if let Some(channel) = channel {
            self.note_name(now, stack_channel(channel));
        }
        self.post(
            now,
            from,
            Mail::Bound {
                dialog,
                channel: bound,
            },
        );
        if let Some(channel) = channel {
            self.transmit(now, stack_channel(channel), transmit);
        }
    }

    /// The node that a URI leads to, if links to it are allowed.
    pub(crate) fn node_of(&self, target: &str) -> Option<(String, u16)> {
        let uri = Uri::parse(target).ok()?;
        let own = self.config.realm.iter().any(|host| uri.host_is(host));
        let port = uri.port().unwrap_or(self.config.link_port);
        let allowed = !own && self.config.links.allows(uri.host(), port);
        allowed.then(|| (uri.host().to_ascii_lowercase(), port))
    }

    /// The link to a node, made if there is none; `None` if there are too many.
    pub(crate) fn link(&mut self, now: Instant, host: String, port: u16) -> Option<ChannelId> {
        let node = (host, port);
        if let Some(link) = self.links.get(&node) {
            return Some(*link);
        }
        if self.links.len() >= self.config.limits.links {
            return None;
        }
        let link = self.channels.link(now, &node.0, port);
        self.links.insert(node, link);
        Some(link)
    }
}
