//! Who is connected from where: sockets and handshakes, in all and of each client address.
//!
//! An IPv4 address is one client. IPv6 addresses are counted by their /64: that is what a network gives to one
//! subscriber, who may take any address in it.
//!
//! The table has an entry for each address that has a socket or a handshake, which the limits bound, and for a while
//! for those whose handshakes still count against their rate, [`MOST_IDLE`] at most; beyond it the one that has been
//! idle longest is forgiven.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many addresses without sockets are remembered for their rate.
const MOST_IDLE: usize = 16_384;
/// A burst is so many seconds' worth of the rate.
const BURST_SECS: u32 = 2;

/// What is allowed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// Sockets in all.
    pub(super) connections: usize,
    /// Sockets of one address.
    pub(super) connections_per_address: usize,
    /// Handshakes that one address may have under way.
    pub(super) pending_per_address: usize,
    /// Handshakes per second of one address.
    pub(super) handshakes_per_address: usize,
}

/// Why there is no place for one more socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crowded {
    /// There are too many in all.
    Everywhere,
    /// There are too many of this address.
    Address,
}

/// What counts as one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Site(u128);

impl Site {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // No IPv6 /64 has bits where these have theirs.
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().to_bits()),
            IpAddr::V6(address) => Self(address.to_bits() & !u128::from(u64::MAX)),
        }
    }
}

#[derive(Debug)]
struct Entry {
    sockets: usize,
    pending: usize,
    /// When the handshakes so far stop to count.
    forgiven_at: Instant,
    /// Names its place in the queue of the idle.
    idle: u64,
}

impl Entry {
    const fn is_idle(&self) -> bool {
        self.sockets == 0 && self.pending == 0
    }
}

#[derive(Debug, Default)]
struct Table {
    limits: Limits,
    sockets: usize,
    sites: HashMap<Site, Entry>,
    /// The idle, those that have been longest first; an entry whose number is another is not idle any more.
    idle: VecDeque<(Site, u64)>,
    number: u64,
}

/// The sockets and handshakes of one or more listeners.
#[derive(Debug)]
pub(super) struct Census {
    table: Mutex<Table>,
}

/// What one place counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Socket,
    Handshake,
}

/// Counts a socket or a handshake for as long as it lives.
#[derive(Debug)]
pub(super) struct Place {
    census: Arc<Census>,
    site: Option<Site>,
    counted: Counted,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.census.table();
        table.sockets -= usize::from(self.counted == Counted::Socket);
        if let Some(site) = self.site {
            table.leave(site, self.counted, Instant::now());
        }
    }
}

impl Census {
    /// A limit on one address of less than one counts as one.
    pub(super) fn new(limits: Limits) -> Self {
        let census = Self {
            table: Mutex::default(),
        };
        census.set_limits(limits);
        census
    }

    /// Changes what is allowed. Who has a place keeps it.
    pub(super) fn set_limits(&self, limits: Limits) {
        self.table().limits = Limits {
            connections_per_address: limits.connections_per_address.max(1),
            pending_per_address: limits.pending_per_address.max(1),
            ..limits
        };
    }

    /// A connection was accepted; `None` if its address has too many handshakes under way.
    pub(super) fn begin(self: &Arc<Self>, site: Option<Site>) -> Option<Place> {
        if let Some(site) = site {
            let mut table = self.table();
            let most = table.limits.pending_per_address;
            let entry = table.entry(site, Instant::now());
            if entry.pending >= most {
                return None;
            }
            entry.pending += 1;
        }
        Some(self.place(site, Counted::Handshake))
    }

    /// A handshake is asked for; `false` if this address asks too often.
    pub(super) fn knock(&self, site: Site, now: Instant) -> bool {
        let mut table = self.table();
        let per_second = u32::try_from(table.limits.handshakes_per_address)
            .unwrap_or(u32::MAX)
            .max(1);
        let cost = Duration::from_secs(1) / per_second;
        let entry = table.entry(site, now);
        let forgiven_at = entry.forgiven_at.max(now) + cost;
        // Never less than one, however slow the rate.
        let most = (cost * per_second * BURST_SECS).max(cost);
        let within = forgiven_at.duration_since(now) <= most;
        if within {
            entry.forgiven_at = forgiven_at;
        }
        if entry.is_idle() {
            table.retire(site, now);
        }
        within
    }

    /// A socket is to be opened.
    pub(super) fn admit(self: &Arc<Self>, site: Option<Site>) -> Result<Place, Crowded> {
        let mut table = self.table();
        if table.sockets >= table.limits.connections {
            return Err(Crowded::Everywhere);
        }
        if let Some(site) = site {
            let most = table.limits.connections_per_address;
            let entry = table.entry(site, Instant::now());
            if entry.sockets >= most {
                return Err(Crowded::Address);
            }
            entry.sockets += 1;
        }
        table.sockets += 1;
        drop(table);
        Ok(self.place(site, Counted::Socket))
    }

    fn place(self: &Arc<Self>, site: Option<Site>, counted: Counted) -> Place {
        Place {
            census: Arc::clone(self),
            site,
            counted,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn entry(&mut self, site: Site, now: Instant) -> &mut Entry {
        self.sites.entry(site).or_insert(Entry {
            sockets: 0,
            pending: 0,
            forgiven_at: now,
            idle: 0,
        })
    }

    fn leave(&mut self, site: Site, counted: Counted, now: Instant) {
        let Some(entry) = self.sites.get_mut(&site) else {
            return;
        };
        match counted {
            Counted::Socket => entry.sockets -= 1,
            Counted::Handshake => entry.pending -= 1,
        }
        if entry.is_idle() {
            self.retire(site, now);
        }
    }

    /// Queues an idle entry to be forgotten, and forgets those whose time has come.
    fn retire(&mut self, site: Site, now: Instant) {
        self.number += 1;
        if let Some(entry) = self.sites.get_mut(&site) {
            entry.idle = self.number;
        }
        self.idle.push_back((site, self.number));
        while let Some(&(site, number)) = self.idle.front() {
            let entry = self
                .sites
                .get(&site)
                .filter(|entry| entry.idle == number && entry.is_idle());
            if entry.is_some_and(|entry| entry.forgiven_at > now) && self.idle.len() <= MOST_IDLE {
                break;
            }
            if entry.is_some() {
                self.sites.remove(&site);
            }
            self.idle.pop_front();
        }
        if self.sites.len() < self.sites.capacity() / 4 {
            self.sites.shrink_to(self.sites.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests;
