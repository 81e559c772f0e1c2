//! Nodes: who may come in, how they drain, and how their process ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jsip::UserId;
use strowger_channel::ConnId;
use strowger_node::{Config, JournalSettings, Registry, Shard, Stores};
use strowger_time::Instant;

use super::{Arrival, Happening, Network};
use crate::simulation::ladder::Column;
use crate::simulation::services;
use crate::simulation::setup::Setup;

/// How often a drain looks whether everything is over, as the real driver does.
const LOOK: Duration = Duration::from_millis(20);
/// In how many looks the owners of dialogs are asked for.
const OWNERS_EVERY: u32 = 25;
/// How long sockets may take to close in form at the end.
const CLOSING: Duration = Duration::from_secs(3);

/// What a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulation) enum Phase {
    Up,
    Draining {
        /// When the drain gives up waiting.
        until: Instant,
        looks: u32,
    },
    Closing {
        since: Instant,
        /// When everything was over; `None` if the drain gave up.
        done: Option<Instant>,
    },
    /// It does not come back.
    Down,
}

/// One node.
#[derive(Debug)]
pub(in crate::simulation) struct Site {
    pub(in crate::simulation) host: String,
    /// How it names itself where it dials.
    pub(super) name: UserId,
    pub(in crate::simulation) first: usize,
    pub(in crate::simulation) shards: u16,
    config: Arc<Config>,
    registry: Arc<Registry>,
    node: u16,
    /// Counts its processes.
    pub(super) process: u32,
    pub(in crate::simulation) phase: Phase,
    /// Who may come back during a drain.
    owners: BTreeSet<UserId>,
    /// Whether it comes back after a drain.
    returns: bool,
    /// Whether what its shards are told and do is written down.
    records: bool,
}

/// The host name of a node.
fn host(site: usize) -> String {
    format!("n{site}.example")
}

impl Network {
    pub(super) fn found_sites(&mut self, setup: &Setup) {
        let desk = |site: usize| {
            let there = (0..setup.homes.len()).filter(|user| setup.homes[*user] == site);
            let agents = there.map(|user| services::user_name(user, &host(site)));
            (format!("{}@{}", services::DESK, host(site)), agents.collect())
        };
        let desks: Vec<_> = (0..setup.shards.len()).map(desk).collect();
        let registry = Arc::new(services::registry(&desks));
        for (number, shards) in setup.shards.iter().enumerate() {
            let mut config = setup.config.clone();
            let host = host(number);
            config.realm = vec![host.clone()];
            services::configure(&mut config);
            let name = format!("node{number}@{host}");
            let site = Site {
                name: UserId::new(&name).expect("the names of nodes are valid"),
                host,
                first: self.shards.len(),
                shards: *shards,
                config: Arc::new(config),
                registry: Arc::clone(&registry),
                node: if setup.same_numbers { 1 } else { number as u16 + 1 },
                process: 0,
                phase: Phase::Up,
                owners: BTreeSet::new(),
                returns: true,
                records: setup.records,
            };
            let seed = self.chance.draw();
            let stores = Stores::new(site.config.store);
            self.shards
                .extend((0..*shards).map(|shard| site.shard(shard, seed, &stores)));
            self.site_of.resize(self.shards.len(), number);
            self.sites.push(site);
        }
        self.stalled = vec![Instant::ZERO; self.shards.len()];
    }

    pub(super) fn process_of(&self, shard: usize) -> u32 {
        self.sites[self.site_of[shard]].process
    }

    /// Opens a socket for a user at a node. Whether it found another channel than the user's last, so that what was
    /// open is lost; `None` if the node does not admit him.
    pub(in crate::simulation) fn connect(
        &mut self,
        user: usize,
        site: usize,
        name: &UserId,
    ) -> Option<(ConnId, bool)> {
        if !self.admits(site, name) {
            return None;
        }
        let home = self.home(site, name);
        let conn = self.open_for_user(user, home);
        let channel = self.shards[home].connect(self.now, name.clone(), conn);
        let channel = (self.sites[site].process, channel);
        let before = self.channels[user].replace(channel);
        let lost = before.is_some_and(|before| before != channel);
        if before != Some(channel) {
            self.owed[user].clear();
        }
        self.settle(home);
        self.check_woken(conn);
        Some((conn, lost))
    }

    pub(super) fn home(&self, site: usize, name: &UserId) -> usize {
        let site = &self.sites[site];
        site.first + usize::from(Shard::home(name, site.shards))
    }

    pub(super) fn admits(&self, site: usize, name: &UserId) -> bool {
        let site = &self.sites[site];
        match site.phase {
            Phase::Up => true,
            Phase::Draining { .. } | Phase::Closing { .. } => site.owners.contains(name),
            Phase::Down => false,
        }
    }

    /// A node begins to drain; `returns` says whether another process follows.
    pub(in crate::simulation) fn drain(&mut self, number: usize, returns: bool) {
        let site = &mut self.sites[number];
        if site.phase != Phase::Up {
            return;
        }
        let until = self.now + site.config.drain_timeout;
        site.phase = Phase::Draining { until, looks: 0 };
        site.returns = returns;
        self.figures.drains += 1;
        self.note_site(number, "drains");
        self.admit_owners(number);
        self.after(LOOK, Happening::Look(number));
    }

    /// Drains all shards and lets those who own dialogs come back.
    fn admit_owners(&mut self, number: usize) {
        let Phase::Draining { until, .. } = self.sites[number].phase else {
            return;
        };
        let all = self.shards_of(number);
        let mut live = Vec::new();
        for shard in all.clone() {
            self.shards[shard].drain(self.now, until.since(self.now));
            self.settle(shard);
            live.extend(self.shards[shard].live_channels());
        }
        for shard in all {
            let names = self.shards[shard].names(&live);
            self.sites[number].owners.extend(names);
        }
    }

    pub(in crate::simulation) fn shards_of(&self, number: usize) -> std::ops::Range<usize> {
        let site = &self.sites[number];
        site.first..site.first + usize::from(site.shards)
    }

    pub(super) fn look(&mut self, number: usize) {
        let Phase::Draining { until, looks } = self.sites[number].phase else {
            return;
        };
        // The real driver asks each shard behind the mail that is on its way to it.
        let all = self.shards_of(number);
        let mail =
            |happening: &Happening| matches!(happening, Happening::Mail { to, .. } if all.contains(to));
        let done = !self.queue.values().any(mail) && all.clone().all(|shard| self.shards[shard].is_drained());
        if !done && self.now < until {
            let looks = looks + 1;
            self.sites[number].phase = Phase::Draining { until, looks };
            if looks % OWNERS_EVERY == 0 {
                self.admit_owners(number);
            }
            return self.after(LOOK, Happening::Look(number));
        }
        let done = done.then_some(self.now);
        self.figures.drained += u64::from(done.is_some());
        let since = self.now;
        self.sites[number].phase = Phase::Closing { since, done };
        self.note_site(
            number,
            if done.is_some() {
                "is drained"
            } else {
                "has drained for too long"
            },
        );
        for shard in self.shards_of(number) {
            // Behind all mail that is on its way to the shard.
            let latest = self.mail.iter().filter(|((_, to), _)| *to == shard);
            let at = latest.map(|(_, at)| *at).max().unwrap_or(self.now).max(self.now);
            let process = self.process_of(shard);
            self.at(at, Happening::CloseAll { shard, process });
        }
        self.after(CLOSING, Happening::Exit(number));
    }

    /// The process of a node ends, and everything in its memory.
    pub(super) fn exit(&mut self, number: usize) {
        self.note_site(number, "exits");
        for conn in self.sockets_at(number) {
            self.end_of_process(conn);
        }
        self.count_lost(number);
        let seed = self.chance.draw();
        let site = &mut self.sites[number];
        site.process += 1;
        site.owners.clear();
        site.phase = if site.returns { Phase::Up } else { Phase::Down };
        let stores = Stores::new(site.config.store);
        for shard in 0..site.shards {
            self.shards[site.first + usize::from(shard)] = site.shard(shard, seed, &stores);
        }
        self.web_forgets(number);
        for line in self.lines_of(number) {
            self.owed[line].clear();
        }
        self.news.push(Arrival::Exited(number));
    }

    /// Adds what the shards of a node counted to the figures of the run.
    pub(in crate::simulation) fn count_lost(&mut self, number: usize) {
        for shard in self.shards_of(number) {
            let registry = &self.sites[number].registry;
            let taken = self.shards[shard].taken();
            self.journals
                .extend(taken.map(|taken| (taken, Arc::clone(registry))));
            let counters = self.shards[shard].channels().counters();
            self.figures.outboxes_full += counters.lost_outbox_full;
            self.figures.links_failed += counters.lost_link_failed;
            self.figures.unavailable += self.shards[shard].counters().unavailable
                + self.shards[shard].stack().counters().dialog_overflows;
        }
    }

    pub(super) fn note_site(&mut self, number: usize, text: &str) {
        let at = self.elapsed();
        self.trace.note(at, Column::Node(number), text);
    }

    /// Since when a node that drains closes its sockets.
    pub(super) fn closing_since(&self, site: usize) -> Option<Instant> {
        match self.sites[site].phase {
            Phase::Closing { since, .. } => Some(since),
            Phase::Up | Phase::Draining { .. } | Phase::Down => None,
        }
    }

    /// Whether a node takes no new dialogs.
    pub(in crate::simulation) fn drains(&self, site: usize) -> bool {
        self.sites[site].phase != Phase::Up
    }

    /// What a user was answered does not count: he has lost it.
    pub(in crate::simulation) fn forget_taken(&mut self, user: usize) {
        self.taken.retain(|(taken_of, _), _| *taken_of != user);
    }

    /// Whether a text of a user reached its node before the drain of that node was done.
    /// A socket that came later than that is not held against the node.
    pub(in crate::simulation) fn was_owed(&self, user: usize, site: usize, conn: ConnId, text: &str) -> bool {
        let Phase::Closing { done: Some(done), .. } = self.sites[site].phase else {
            return false;
        };
        let taken = self.taken.get(&(user, text.to_owned()));
        self.is_older(conn, done) && taken.is_some_and(|at| *at + LOOK <= done)
    }
}

impl Site {
    fn shard(&self, shard: u16, seed: u64, stores: &Stores) -> Shard {
        let mut made = Shard::new(
            Arc::clone(&self.config),
            Arc::clone(&self.registry),
            self.node,
            shard,
            self.shards,
            seed.wrapping_add(u64::from(shard) << 32),
        )
        .with_stores(stores.clone());
        if self.records {
            made.set_journal(Some(JournalSettings {
                ring_bytes: usize::MAX,
                bodies: true,
                to: None,
                began_us: 0,
            }));
        }
        made
    }
}
