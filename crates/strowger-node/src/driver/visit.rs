//! What an operator sees of a running node and does to it: a closure goes to the thread of a shard and comes back with
//! what it found there.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use jsip::UserId;
use jsip_stack::Channel;
use strowger_channel::{ChannelFilter, ChannelId, LinkInfo};
use tokio::sync::oneshot;

use super::letter::Letter;
use super::local::Local;
use super::node::Node;
use crate::{
    ChannelLook, Cursor, DialogFilter, DialogLook, DialogRef, InstanceId, MessageAnswer, MessageError,
    OperatorMessage, Page, Taken,
};

/// What is to be done on the thread of a shard.
pub(super) struct Visit(Box<dyn FnOnce(&Local) + Send>);

impl Visit {
    pub(super) fn pay(self, local: &Local) {
        (self.0)(local);
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visit")
    }
}

/// What can be seen of a channel of a running node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSeen {
    /// What its home knows.
    pub look: ChannelLook,
    /// How many live dialogs it has.
    pub dialogs: usize,
    /// The address of its peer, if that connected and still is.
    pub peer: Option<SocketAddr>,
}

/// What can be seen of a dialog of a running node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogSeen {
    /// What its shard knows.
    pub look: DialogLook,
    /// The name of its channel; `None` until that is known, or once it is gone.
    pub channel: Option<String>,
}

/// A letter that has something done on the thread of a shard.
fn letter<T: Send + 'static>(
    answer: oneshot::Sender<T>,
    visit: impl FnOnce(&Local) -> T + Send + 'static,
) -> Letter {
    // Who asked may have stopped waiting.
    Letter::Visit(Visit(Box::new(move |local| drop(answer.send(visit(local))))))
}

impl Node {
    /// Does something on the thread of a shard; `None` if there is none of this number, or it is gone.
    async fn visit<T: Send + 'static>(
        &self,
        shard: u16,
        visit: impl FnOnce(&Local) -> T + Send + 'static,
    ) -> Option<T> {
        self.ask_one(shard, |answer| letter(answer, visit)).await
    }

    /// Asks one shard after the other, from a place on, until there are `limit` items. One that comes or goes meanwhile may
    /// be missing; none that is there all the time is, and none comes twice.
    pub(super) async fn pages<T>(
        &self,
        from: Cursor,
        limit: usize,
        letter: impl Fn(u32, usize, oneshot::Sender<Page<T>>) -> Letter,
    ) -> Page<T> {
        let mut page = Page::default();
        let mut index = from.index;
        for shard in from.shard..self.shards() {
            let room = limit - page.items.len();
            if room == 0 {
                page.next = Some(Cursor { shard, index });
                break;
            }
            let part = self.ask_one(shard, |answer| letter(index, room, answer)).await;
            let part = part.unwrap_or_default();
            page.items.extend(part.items);
            if part.next.is_some() {
                page.next = part.next;
                break;
            }
            index = 0;
        }
        page
    }

    /// Up to `limit` of the channels that fit, from a cursor on.
    pub async fn channels(&self, filter: ChannelFilter, from: Cursor, limit: usize) -> Page<ChannelSeen> {
        let page = self
            .pages(from, limit, |index, room, answer| {
                let filter = filter.clone();
                letter(answer, move |local| {
                    let page = local.look(|shard, now| shard.channel_page(now, &filter, index, room));
                    page.map(|look| with_peer(local, look))
                })
            })
            .await;
        let channels: Vec<_> = page.items.iter().map(|(look, _)| look.channel).collect();
        let mut dialogs = self.live_on(channels).await.into_iter();
        page.map(|(look, peer)| ChannelSeen {
            look,
            dialogs: dialogs.next().unwrap_or(0),
            peer,
        })
    }

    /// What the shard of an instance has in memory of calls; `None` where nothing is written down.
    pub async fn taken(&self, id: InstanceId) -> Option<Taken> {
        let take = |local: &Local| local.look(|shard, _| shard.taken());
        self.visit(id.shard(), take).await.flatten()
    }

    /// The channel of a user, open or retained.
    pub async fn channel(&self, name: UserId) -> Option<ChannelSeen> {
        let home = self.home(&name);
        let look = move |local: &Local| {
            let look = local.look(|shard, now| shard.channel(now, &name));
            look.map(|look| with_peer(local, look))
        };
        let (look, peer) = self.visit(home, look).await??;
        let dialogs = self.live_on(vec![look.channel]).await;
        Some(ChannelSeen {
            dialogs: dialogs.first().copied().unwrap_or(0),
            look,
            peer,
        })
    }

    /// Ends the channel of a user: it is lost with its dialogs, and its socket closed with 1008. `false`: there is none.
    pub async fn end_channel(&self, name: UserId) -> bool {
        let home = self.home(&name);
        let end = move |local: &Local| local.act(|shard, _| shard.end_channel(&name));
        self.visit(home, end).await.unwrap_or(false)
    }

    /// Up to `limit` of the live dialogs that fit, from a cursor on; those of one user if one is given.
    pub async fn dialogs(
        &self,
        user: Option<UserId>,
        mut filter: DialogFilter,
        from: Cursor,
        limit: usize,
    ) -> Page<DialogSeen> {
        if let Some(user) = user {
            filter.channel = self.channel(user).await.map(|seen| seen.look.channel);
            if filter.channel.is_none() {
                return Page::default();
            }
        }
        let page = self
            .pages(from, limit, |index, room, answer| {
                let filter = filter.clone();
                letter(answer, move |local| {
                    local.look(|shard, now| shard.dialog_page(now, &filter, index, room))
                })
            })
            .await;
        let names = self.channel_names(&page.items).await;
        page.map(|look| seen(&names, look))
    }

    /// One dialog, if it is alive.
    pub async fn dialog(&self, id: DialogRef) -> Option<DialogSeen> {
        let look = move |local: &Local| local.look(|shard, now| shard.dialog(now, id));
        let look = self.visit(id.shard(), look).await??;
        let names = self.channel_names(std::slice::from_ref(&look)).await;
        Some(seen(&names, look))
    }

    /// Ends a dialog: its peer gets BYE, CANCEL or 480, and for its instance it is as if the peer had left. `false`: it had
    /// ended before.
    pub async fn end_dialog(&self, id: DialogRef) -> bool {
        let end = move |local: &Local| local.act(|shard, now| shard.end_dialog(now, id));
        self.visit(id.shard(), end).await.unwrap_or(false)
    }

    /// Up to `limit` of the links that this node dials, those that failed included, from a cursor on.
    pub async fn links(&self, from: Cursor, limit: usize) -> Page<LinkInfo> {
        self.pages(from, limit, |index, room, answer| {
            letter(answer, move |local| {
                local.look(|shard, _| shard.link_page(index, room))
            })
        })
        .await
    }

    /// Sends a MESSAGE from the node itself to a user, and waits for the final response.
    ///
    /// # Errors
    ///
    /// See [`MessageError`]; nothing was sent then. A node that stops meanwhile leaves it open what became of it.
    pub async fn message(&self, message: OperatorMessage) -> Result<MessageAnswer, MessageError> {
        let home = self.home(&message.to);
        let send = move |local: &Local| local.message(&message);
        let answered = self.visit(home, send).await.ok_or(MessageError::Stopped)??;
        answered.await.map_err(|_| MessageError::Stopped)
    }

    /// How many live dialogs each of the channels has.
    async fn live_on(&self, channels: Vec<Channel>) -> Vec<usize> {
        let mut sums = vec![0; channels.len()];
        for shard in 0..self.shards() {
            let channels = channels.clone();
            let look = move |local: &Local| local.look(|shard, _| shard.live_on(&channels));
            let counts = self.visit(shard, look).await.unwrap_or_default();
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        sums
    }

    /// The names of the channels of dialogs.
    async fn channel_names(&self, dialogs: &[DialogLook]) -> BTreeMap<Channel, String> {
        let mut homes: BTreeMap<u16, Vec<Channel>> = BTreeMap::new();
        for channel in dialogs.iter().filter_map(|look| look.channel) {
            let home = ChannelId::from_number(channel.number()).shard();
            homes.entry(home).or_default().push(channel);
        }
        let mut names = BTreeMap::new();
        for (shard, channels) in homes {
            let asked = channels.clone();
            let look = move |local: &Local| local.look(|shard, _| shard.channel_names(&asked));
            let found = self.visit(shard, look).await.unwrap_or_default();
            let named = channels.into_iter().zip(found);
            names.extend(named.filter_map(|(channel, name)| Some((channel, name?))));
        }
        names
    }
}

fn with_peer(local: &Local, look: ChannelLook) -> (ChannelLook, Option<SocketAddr>) {
    let peer = look.conn.and_then(|conn| local.peer(conn));
    (look, peer)
}

fn seen(names: &BTreeMap<Channel, String>, look: DialogLook) -> DialogSeen {
    let channel = look.channel.and_then(|channel| names.get(&channel).cloned());
    DialogSeen { look, channel }
}
