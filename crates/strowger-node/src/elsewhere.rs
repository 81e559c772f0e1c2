//! Dialogs that live on another shard than the home of their channel.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use jsip::DialogId;
use jsip_stack::Channel;

/// From so many entries of a channel on, their shards are asked which are over.
const FIRST_QUESTION: usize = 64;

/// Dialogs begun on the channels of this shard that live on another one, because an instance there was named by
/// `relid` or by a service's key.
///
/// Nobody tells when such a dialog is over. Instead, whenever a channel's entries have doubled, the shards they lead to
/// are asked which they still know: so there are at most twice as many as those shards have records for, which the
/// stack's limits bound, and an entry costs one look-up.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    channels: HashMap<Channel, Table, foldhash::quality::RandomState>,
}

#[derive(Debug)]
struct Table {
    dialogs: BTreeMap<DialogId, Entry>,
    /// Counts the messages that went elsewhere.
    uses: u64,
    /// At how many entries to ask.
    ask_at: usize,
}

#[derive(Debug)]
struct Entry {
    shard: u16,
    used: u64,
}

/// What to ask of which shard.
#[derive(Debug)]
pub(crate) struct Questions {
    pub(crate) dialogs: BTreeMap<u16, Vec<DialogId>>,
    pub(crate) as_of: u64,
}

impl Elsewhere {
    /// The shard that a message of this dialog goes to.
    pub(crate) fn find(&mut self, channel: Channel, dialog: &str) -> Option<u16> {
        let table = self.channels.get_mut(&channel)?;
        let entry = table.dialogs.get_mut(dialog)?;
        table.uses += 1;
        entry.used = table.uses;
        Some(entry.shard)
    }

    pub(crate) fn insert(&mut self, channel: Channel, dialog: &str, shard: u16) {
        let Ok(id) = DialogId::new(dialog) else { return };
        let table = self.channels.entry(channel).or_insert_with(|| Table {
            dialogs: BTreeMap::new(),
            uses: 0,
            ask_at: FIRST_QUESTION,
        });
        table.uses += 1;
        table.dialogs.insert(
            id,
            Entry {
                shard,
                used: table.uses,
            },
        );
    }

    /// What has to be asked now; not again before the entries have doubled.
    pub(crate) fn questions(&mut self, channel: Channel) -> Option<Questions> {
        let table = self
            .channels
            .get_mut(&channel)
            .filter(|table| table.dialogs.len() >= table.ask_at)?;
        table.ask_at = table.dialogs.len() * 2;
        let mut dialogs: BTreeMap<u16, Vec<DialogId>> = BTreeMap::new();
        for (id, entry) in &table.dialogs {
            dialogs.entry(entry.shard).or_default().push(id.clone());
        }
        Some(Questions {
            dialogs,
            as_of: table.uses,
        })
    }

    /// These dialogs were over when that was asked; those with a message since may have begun anew.
    pub(crate) fn remove(&mut self, channel: Channel, dialogs: &[DialogId], as_of: u64) {
        let Some(table) = self.channels.get_mut(&channel) else {
            return;
        };
        for id in dialogs {
            if table.dialogs.get(id).is_some_and(|entry| entry.used <= as_of) {
                table.dialogs.remove(id);
            }
        }
        table.ask_at = FIRST_QUESTION.max(table.dialogs.len() * 2);
        if table.dialogs.is_empty() {
            self.forget(channel);
        }
    }

    pub(crate) fn forget(&mut self, channel: Channel) {
        self.channels.remove(&channel);
        if self.channels.len() < self.channels.capacity() / 4 {
            self.channels.shrink_to(self.channels.len() * 2);
        }
    }

    /// How many bytes the table of channels takes, used or not.
    pub(crate) fn footprint(&self) -> usize {
        self.channels.allocation_size()
    }

    /// How many entries there are. Costs a pass over the channels.
    pub(crate) fn len(&self) -> usize {
        self.channels.values().map(|table| table.dialogs.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: Channel = Channel::new(1);

    fn filled(count: usize) -> Elsewhere {
        let mut elsewhere = Elsewhere::default();
        for number in 0..count {
            elsewhere.insert(CHANNEL, &format!("d{number}"), (number % 2) as u16);
        }
        elsewhere
    }

    #[test]
    fn nothing_is_asked_while_there_are_few() {
        assert!(filled(FIRST_QUESTION - 1).questions(CHANNEL).is_none());
    }

    #[test]
    fn each_shard_is_asked_once_and_then_only_after_doubling() {
        let mut elsewhere = filled(FIRST_QUESTION);
        let questions = elsewhere.questions(CHANNEL).unwrap();
        let asked: Vec<_> = questions
            .dialogs
            .iter()
            .map(|(shard, dialogs)| (*shard, dialogs.len()))
            .collect();
        assert_eq!(asked, [(0, FIRST_QUESTION / 2), (1, FIRST_QUESTION / 2)]);
        elsewhere.insert(CHANNEL, "more", 1);
        assert!(elsewhere.questions(CHANNEL).is_none());
    }

    #[test]
    fn what_is_over_is_forgotten_unless_it_was_used_since() {
        let mut elsewhere = filled(FIRST_QUESTION);
        let questions = elsewhere.questions(CHANNEL).unwrap();
        elsewhere.find(CHANNEL, "d1");
        let over = [DialogId::new("d1").unwrap(), DialogId::new("d3").unwrap()];
        elsewhere.remove(CHANNEL, &over, questions.as_of);
        assert_eq!(elsewhere.find(CHANNEL, "d1"), Some(1));
        assert_eq!(elsewhere.find(CHANNEL, "d3"), None);
        assert_eq!(elsewhere.len(), FIRST_QUESTION - 1);
    }

    #[test]
    fn a_channel_with_nothing_elsewhere_takes_no_room() {
        let mut elsewhere = filled(1);
        elsewhere.remove(CHANNEL, &[DialogId::new("d0").unwrap()], 1);
        assert!(elsewhere.channels.is_empty());
    }
}
