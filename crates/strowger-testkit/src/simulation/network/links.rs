//! Links between nodes: dialling, and what goes wrong with it.

use std::time::Duration;

use strowger_channel::{ChannelId, ConnId, DialFailure};
use strowger_time::Instant;

use super::{Arrival, Cut, Happening, Network};
use crate::simulation::ladder::Column;

/// What delays and a shard that stalls may add to a pause.
const SLACK: Duration = Duration::from_secs(10);

/// How dialling a node goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulation) enum Reach {
    /// It neither succeeds nor fails, and the driver gives up.
    Silent,
    /// It fails at once.
    Refused,
}

/// One attempt of a shard to connect a link.
#[derive(Clone, Debug)]
pub(in crate::simulation) struct Call {
    pub(super) shard: usize,
    pub(super) process: u32,
    pub(super) channel: ChannelId,
    pub(super) to: usize,
}

impl Network {
    /// The line of the link from one node to another: of what the first sends on it, or (`far`) of what the other does.
    fn link_line(&self, from: usize, to: usize, far: bool) -> usize {
        self.users + (from * self.sites.len() + to) * 2 + usize::from(far)
    }

    /// The lines whose outboxes are at a node.
    pub(super) fn lines_of(&self, site: usize) -> Vec<usize> {
        (0..self.sites.len())
            .flat_map(|other| {
                [
                    self.link_line(site, other, false),
                    self.link_line(other, site, true),
                ]
            })
            .collect()
    }

    pub(super) fn link_home(&self, call: &Call) -> usize {
        self.home(call.to, &self.sites[self.site_of[call.shard]].name)
    }

    pub(super) fn dial(&mut self, shard: usize, channel: ChannelId, host: &str) {
        let from = self.site_of[shard];
        let process = self.process_of(shard);
        self.stirred.insert((shard, channel), self.now);
        let Some(to) = self.sites.iter().position(|site| site.host == host) else {
            return self.shards[shard].dial_failed(self.now, channel, DialFailure::default());
        };
        let call = Call {
            shard,
            process,
            channel,
            to,
        };
        let now = self.now;
        let reach = self.reach.get(&(from, to)).filter(|(_, until)| *until > now);
        let reach = reach.map(|(reach, _)| *reach);
        let delay = self.delay();
        match reach {
            None => self.after(delay, Happening::Knock(call)),
            Some(Reach::Refused) => self.after(delay, Happening::Dialled(call, None)),
            Some(Reach::Silent) => self.after(self.links.connect_timeout, Happening::Dialled(call, None)),
        }
    }

    /// A node is dialled by another.
    pub(super) fn knock(&mut self, call: Call) {
        let from = self.site_of[call.shard];
        let delay = self.delay();
        let name = self.sites[from].name.clone();
        if !self.admits(call.to, &name) {
            return self.after(delay, Happening::Dialled(call, None));
        }
        let home = self.link_home(&call);
        let lines = [
            self.link_line(from, call.to, false),
            self.link_line(from, call.to, true),
        ];
        let (near, far) = self.open_link(call.shard, home, lines, delay);
        let channel = self.shards[home].connect(self.now, name, far);
        let channel = (self.sites[call.to].process, channel);
        let before = self.channels[lines[1]].replace(channel);
        if before != Some(channel) {
            self.owed[lines[1]].clear();
        }
        if before.is_some_and(|before| before != channel) {
            self.news.push(Arrival::LinkForgotten(from, call.to));
        }
        self.after(delay, Happening::Dialled(call, Some(near)));
        self.settle(home);
        self.check_woken(far);
    }

    /// The node that dialled learns how it went.
    pub(super) fn dialled(&mut self, call: &Call, near: Option<ConnId>) {
        let shard = call.shard;
        if self.process_of(shard) != call.process {
            return near.into_iter().for_each(|near| self.cut(near, Cut::Reset));
        }
        let from = self.site_of[shard];
        self.stirred.insert((shard, call.channel), self.now);
        let near = near.filter(|near| !self.is_dead(*near));
        match near {
            Some(near) => {
                let line = self.link_line(from, call.to, false);
                let channel = Some((call.process, call.channel));
                if std::mem::replace(&mut self.channels[line], channel) != channel {
                    self.owed[line].clear();
                }
                self.shards[shard].dialled(self.now, call.channel, near);
                self.note_site(from, &format!("has its link to node{}", call.to));
            }
            None => {
                self.figures.refused_dials += 1;
                self.shards[shard].dial_failed(self.now, call.channel, DialFailure::default());
                self.note_site(from, &format!("cannot reach node{}", call.to));
            }
        }
        self.settle(shard);
        near.into_iter().for_each(|near| self.check_woken(near));
    }

    /// The dialling end of a link has lost its socket.
    pub(super) fn link_dropped(&mut self, shard: usize, line: usize) {
        if let (true, Some((_, channel))) = (line >= self.users, self.channels[line]) {
            self.stirred.insert((shard, channel), self.now);
        }
    }

    /// Whether a link that has no socket is not dialled again, though the longest pause is over.
    pub(in crate::simulation) fn is_given_up(&self, shard: usize, channel: ChannelId) -> bool {
        let closing = self.closing_since(self.site_of[shard]).is_some();
        let longest = self.links.longest_pause + self.links.connect_timeout + SLACK;
        let stirred = self.stirred.get(&(shard, channel));
        !closing && stirred.is_none_or(|at| *at + longest < self.now)
    }

    /// For a while a node cannot dial another.
    pub(in crate::simulation) fn block(&mut self, from: usize, to: usize, reach: Reach, span: Duration) {
        self.reach.insert((from, to), (reach, self.now + span));
        let at = self.elapsed();
        let text = format!("dials to node{to}: {reach:?} for {:.1} s", span.as_secs_f64());
        self.trace.note(at, Column::Node(from), &text);
    }

    /// No node reaches another any more.
    pub(in crate::simulation) fn isolate(&mut self) {
        let never = Instant::from_micros(u64::MAX);
        let all = 0..self.sites.len();
        let pairs = all.clone().flat_map(|from| all.clone().map(move |to| (from, to)));
        self.reach = pairs.map(|pair| (pair, (Reach::Refused, never))).collect();
        for link in self.links() {
            self.cut(link, Cut::Reset);
        }
    }

    /// The sockets of links that stand, by their dialling ends.
    pub(in crate::simulation) fn links(&self) -> Vec<ConnId> {
        // Of the two lines of a link the dialling end's comes first.
        let dials = |line: usize| line >= self.users && (line - self.users).is_multiple_of(2);
        self.open_sockets()
            .filter(|(conn, line)| dials(*line) && !self.is_dead(*conn))
            .map(|(conn, _)| conn)
            .collect()
    }
}
