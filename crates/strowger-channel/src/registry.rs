//! Where the channels of a shard are kept and found: by id, by socket, by name.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;
use hashbrown::{HashMap, HashTable};
use jsip::UserId;

use crate::channel::{Channel, Life, LinkName, Name};
use crate::{ChannelId, ConnId};

#[derive(Debug)]
struct Slot {
    /// How many channels were kept here; the number of the present one.
    generation: u16,
    /// Boxed, so that what is left of a channel that is gone is a few bytes.
    channel: Option<Box<Channel>>,
}

/// The channels of one shard. The hash tables are looked up, never iterated.
#[derive(Debug)]
pub(crate) struct Registry {
    shard: u16,
    slots: Vec<Slot>,
    free: Vec<u32>,
    len: usize,
    hasher: FixedState,
    users: HashTable<u32>,
    links: BTreeMap<LinkName, u32>,
    sockets: HashMap<ConnId, u32, FixedState>,
}

impl Registry {
    pub(crate) fn new(shard: u16, seed: u64) -> Self {
        Self {
            shard,
            slots: Vec::new(),
            free: Vec::new(),
            len: 0,
            hasher: FixedState::with_seed(seed),
            users: HashTable::new(),
            links: BTreeMap::new(),
            sockets: HashMap::with_hasher(FixedState::with_seed(seed)),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.slots.iter().filter_map(|slot| slot.channel.as_deref())
    }

    /// How many places there are, empty ones included.
    pub(crate) const fn places(&self) -> usize {
        self.slots.len()
    }

    /// The channel in a place.
    pub(crate) fn at(&self, place: usize) -> Option<&Channel> {
        self.slots.get(place)?.channel.as_deref()
    }

    pub(crate) fn get(&self, id: ChannelId) -> Option<&Channel> {
        let slot = self.slots.get(id.slot() as usize)?;
        slot.channel.as_deref().filter(|channel| channel.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        let slot = self.slots.get_mut(id.slot() as usize)?;
        slot.channel.as_deref_mut().filter(|channel| channel.id == id)
    }

    pub(crate) fn by_socket(&mut self, conn: ConnId) -> Option<&mut Channel> {
        let slot = *self.sockets.get(&conn)?;
        self.slots.get_mut(slot as usize)?.channel.as_deref_mut()
    }

    pub(crate) fn by_user(&self, name: &UserId) -> Option<ChannelId> {
        let slots = &self.slots;
        let slot = *self
            .users
            .find(self.hasher.hash_one(name), |&slot| is_user(slots, slot, name))?;
        Some(slots.get(slot as usize)?.channel.as_deref()?.id)
    }

    pub(crate) fn by_link(&self, name: &LinkName) -> Option<ChannelId> {
        let slot = *self.links.get(name)?;
        Some(self.slots.get(slot as usize)?.channel.as_deref()?.id)
    }

    /// Adds a channel; nothing of that name may be there.
    pub(crate) fn insert(&mut self, name: Name, life: Life, is_node: bool) -> ChannelId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                channel: None,
            });
            u32::try_from(self.slots.len() - 1).expect("four thousand million channels need a terabyte first")
        });
        let slot = &mut self.slots[index as usize];
        slot.generation += 1;
        let id = ChannelId::new(self.shard, slot.generation, index, is_node);
        slot.channel = Some(Box::new(Channel::new(id, name.clone(), life)));
        self.len += 1;
        match name {
            Name::User(user) => {
                let (slots, hasher) = (&self.slots, &self.hasher);
                self.users.insert_unique(hasher.hash_one(&user), index, |&slot| {
                    hash_of(slots, hasher, slot)
                });
            }
            Name::Link(link) => {
                self.links.insert(*link, index);
            }
        }
        id
    }

    /// Takes a channel out, with its name; its socket was unbound before.
    pub(crate) fn remove(&mut self, id: ChannelId) -> Option<Box<Channel>> {
        self.get(id)?;
        let index = id.slot();
        let (slots, hasher) = (&self.slots, &self.hasher);
        match &slots.get(index as usize)?.channel.as_deref()?.name {
            Name::User(user) => {
                let hash = hasher.hash_one(user);
                if let Ok(entry) = self.users.find_entry(hash, |&slot| slot == index) {
                    entry.remove();
                }
                if self.users.len() < self.users.capacity() / 4 {
                    self.users
                        .shrink_to(self.users.len() * 2, |&slot| hash_of(slots, hasher, slot));
                }
            }
            Name::Link(link) => {
                self.links.remove(link.as_ref());
            }
        }
        self.len -= 1;
        let slot = &mut self.slots[index as usize];
        // An id must not come twice: a slot that has used all its generations is left alone.
        if slot.generation < u16::MAX {
            self.free.push(index);
        }
        slot.channel.take()
    }

    /// How many bytes the tables take, used or not. Sixteen of them for each channel of the busiest moment stay, since an
    /// id must not come twice.
    pub(crate) fn footprint(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.free.capacity() * size_of::<u32>()
            + self.users.allocation_size()
            + self.sockets.allocation_size()
    }

    /// From here on input of the socket belongs to the channel.
    pub(crate) fn bind(&mut self, conn: ConnId, id: ChannelId) {
        self.sockets.insert(conn, id.slot());
    }

    /// From here on the socket is nobody's.
    pub(crate) fn unbind(&mut self, conn: ConnId) {
        self.sockets.remove(&conn);
        if self.sockets.len() < self.sockets.capacity() / 4 {
            self.sockets.shrink_to(self.sockets.len() * 2);
        }
    }
}

fn is_user(slots: &[Slot], slot: u32, name: &UserId) -> bool {
    match slots[slot as usize]
        .channel
        .as_deref()
        .map(|channel| &channel.name)
    {
        Some(Name::User(user)) => user == name,
        Some(Name::Link(_)) | None => false,
    }
}

fn hash_of(slots: &[Slot], hasher: &FixedState, slot: u32) -> u64 {
    match slots[slot as usize]
        .channel
        .as_deref()
        .map(|channel| &channel.name)
    {
        Some(Name::User(user)) => hasher.hash_one(user),
        Some(Name::Link(_)) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Name {
        Name::User(UserId::new(name).unwrap())
    }

    #[test]
    fn a_removed_channel_is_found_no_more_and_its_id_never_comes_again() {
        let mut registry = Registry::new(3, 1);
        let first = registry.insert(user("a@b"), Life::Retained, false);
        assert_eq!(registry.by_user(&UserId::new("a@B").unwrap()), Some(first));
        assert!(registry.remove(first).is_some());
        assert!(registry.remove(first).is_none());
        assert_eq!(registry.by_user(&UserId::new("a@b").unwrap()), None);
        let second = registry.insert(user("a@b"), Life::Retained, false);
        assert_ne!(first, second);
        assert!(registry.get(first).is_none());
        assert_eq!(second.shard(), 3);
    }

    #[test]
    fn a_slot_that_has_used_all_its_generations_is_left_alone() {
        let mut registry = Registry::new(0, 1);
        for _ in 0..u16::MAX {
            let id = registry.insert(user("a@b"), Life::Retained, false);
            assert_eq!(id.slot(), 0);
            registry.remove(id);
        }
        assert_eq!(registry.insert(user("a@b"), Life::Retained, false).slot(), 1);
    }

    #[test]
    fn names_chosen_to_collide_do_so_under_one_seed_alone() {
        let bucket = |seed, name: &UserId| Registry::new(0, seed).hasher.hash_one(name) % 256;
        let names = (0..20_000).map(|number| UserId::new(&format!("u{number}@b")).unwrap());
        let chosen: Vec<_> = names.filter(|name| bucket(1, name) == 0).collect();
        assert!(chosen.len() > 40, "{}", chosen.len());
        let again = chosen.iter().filter(|name| bucket(2, name) == 0);
        assert!(again.count() < 10);
    }

    #[test]
    fn many_names_are_found_and_the_tables_shrink_after_them() {
        let mut registry = Registry::new(0, 1);
        let name = |i| UserId::new(&format!("u{i}@b")).unwrap();
        let ids: Vec<_> = (0..2000)
            .map(|i| registry.insert(Name::User(name(i)), Life::Retained, false))
            .collect();
        for (i, id) in ids.iter().enumerate() {
            registry.bind(ConnId(i as u64), *id);
            assert_eq!(registry.by_user(&name(i)), Some(*id));
        }
        for (i, id) in ids.iter().enumerate() {
            registry.unbind(ConnId(i as u64));
            registry.remove(*id);
        }
        assert_eq!(registry.len(), 0);
        assert!(registry.users.capacity() < 64 && registry.sockets.capacity() < 64);
    }
}
