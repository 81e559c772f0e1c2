//! Several nodes joined by links, in virtual time.

use std::collections::BTreeMap;

use jsip::UserId;
use strowger_channel::{ChannelId, ConnId, DialFailure};
use strowger_time::Instant;

use crate::{Arrived, SimNode};

/// How dialling a node goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// At once.
    Up,
    /// It neither succeeds nor fails.
    Slow,
    /// It fails at once.
    Down,
    /// It fails at once, and would however often it is tried.
    Refused,
}

#[derive(Debug)]
struct Site {
    node: SimNode,
    host: String,
    port: u16,
    /// The name it shows when it dials.
    name: UserId,
    reach: Reach,
    /// Who dials it and still waits.
    waiting: Vec<(usize, ChannelId)>,
}

/// One end of a link.
type End = (usize, ConnId);

/// Nodes that dial each other by host and port. Everything that an input leads to has happened, on all nodes, when
/// [`SimNet::run`] returns.
#[derive(Debug, Default)]
pub struct SimNet {
    sites: Vec<Site>,
    /// Each link twice: from each end to the other.
    links: BTreeMap<End, End>,
}

impl SimNet {
    /// A network without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node that is reached at `host:port` and shows this name where it dials; answers its number.
    pub fn add(&mut self, mut node: SimNode, host: &str, port: u16, name: UserId) -> usize {
        node.join_network();
        let host = host.to_ascii_lowercase();
        self.sites.push(Site {
            node,
            host,
            port,
            name,
            reach: Reach::Up,
            waiting: Vec::new(),
        });
        self.sites.len() - 1
    }

    /// A node; call [`SimNet::run`] after it was given something.
    pub fn node(&mut self, number: usize) -> &mut SimNode {
        &mut self.sites[number].node
    }

    /// How many links stand.
    pub fn links(&self) -> usize {
        self.links.len() / 2
    }

    /// Changes how dialling a node goes. Links that stand go on.
    pub fn set_reach(&mut self, number: usize, reach: Reach) {
        self.sites[number].reach = reach;
        if reach != Reach::Slow {
            for (dialler, channel) in std::mem::take(&mut self.sites[number].waiting) {
                self.dial(dialler, channel, number);
            }
        }
        self.run();
    }

    /// Breaks every link of a node, without a word.
    pub fn cut(&mut self, number: usize) {
        let ends: Vec<(End, End)> = self.links.iter().map(|(end, other)| (*end, *other)).collect();
        for (end, other) in ends {
            if end.0 == number {
                for (site, conn) in [end, other] {
                    self.links.remove(&(site, conn));
                    self.sites[site].node.disconnect(conn, None);
                }
            }
        }
        self.run();
    }

    /// Lets time pass on all nodes.
    pub fn advance_to(&mut self, target: Instant) {
        loop {
            let next = self
                .sites
                .iter()
                .filter_map(|site| site.node.next_deadline())
                .min();
            let now = next.map_or(target, |next| next.min(target));
            for site in &mut self.sites {
                site.node.advance_to(now.max(site.node.now()));
            }
            self.run();
            if now >= target {
                return;
            }
        }
    }

    /// Dials and carries messages until there is nothing left to do at this instant.
    pub fn run(&mut self) {
        while self.dial_all() | self.carry_all() {}
    }

    fn dial_all(&mut self) -> bool {
        let mut busy = false;
        for dialler in 0..self.sites.len() {
            while let Some(dial) = self.sites[dialler].node.next_dial() {
                busy = true;
                let found = self
                    .sites
                    .iter()
                    .position(|site| site.host == dial.host && site.port == dial.port);
                match found {
                    Some(number) => self.dial(dialler, dial.channel, number),
                    None => self.sites[dialler].node.dial_failed(dial.channel, failure(false)),
                }
            }
        }
        busy
    }

    fn dial(&mut self, dialler: usize, channel: ChannelId, number: usize) {
        match self.sites[number].reach {
            Reach::Up => {
                let name = self.sites[dialler].name.clone();
                let far = (number, self.sites[number].node.connect(&name));
                let near = (dialler, self.sites[dialler].node.dialled(channel));
                self.links.insert(near, far);
                self.links.insert(far, near);
            }
            Reach::Slow => self.sites[number].waiting.push((dialler, channel)),
            Reach::Down => self.sites[dialler].node.dial_failed(channel, failure(false)),
            Reach::Refused => self.sites[dialler].node.dial_failed(channel, failure(true)),
        }
    }

    fn carry_all(&mut self) -> bool {
        let ends: Vec<(End, End)> = self.links.iter().map(|(end, other)| (*end, *other)).collect();
        let mut busy = false;
        for (end, other) in ends {
            while let Some(arrived) = self.sites[end.0].node.receive(end.1) {
                busy = true;
                match arrived {
                    Arrived::Text(text) => self.sites[other.0].node.send(other.1, &text),
                    Arrived::Closed(code) => {
                        self.links.remove(&end);
                        self.links.remove(&other);
                        self.sites[other.0].node.disconnect(other.1, Some(code));
                    }
                }
            }
        }
        busy
    }
}

fn failure(lasting: bool) -> DialFailure {
    DialFailure {
        reason: if lasting { "refused" } else { "down" }.to_owned(),
        lasting,
    }
}
