//! One run: users and network together, from the first connect to the check that nothing is left.

use std::collections::BTreeSet;
use std::time::Duration;

use jsip::UserId;
use strowger_channel::ConnId;
use strowger_time::Instant;

use super::agent::{Act, Agent, Deed, Desk};
use super::books::{Books, Fault};
use super::chance::Chance;
use super::ladder::{Column, Columns};
use super::network::{Arrival, Cut, Happening, Network, Phase};
use super::services::user_name;
use super::setup::Setup;
use super::trace::Trace;
use super::{Figures, Sabotage};

/// After the last deed of a user, everything that can come of it comes within this time.
const SETTLING: Duration = Duration::from_secs(1_200);

/// After a reload, a user has this long to send its requests again and to hear the answers.
const TENDER: Duration = Duration::from_secs(15);

/// The bounds are looked at after so many steps.
const CHECK_EVERY: u32 = 256;

/// What a run is made of.
#[derive(Debug)]
pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) setup: Setup,
    pub(super) network: Network,
    pub(super) agents: Vec<Agent>,
    /// The names of all users.
    names: Vec<String>,
    pub(super) books: Books,
    /// Users who reload, until their socket ends or they have another.
    pub(super) reloading: BTreeSet<usize>,
    /// Sockets of pages that were left: what comes on them is acknowledged, and nobody sees it.
    pub(super) left: BTreeSet<ConnId>,
    /// Until when a user's socket neither hangs nor is half-open, after a reload.
    pub(super) tender: Vec<Instant>,
    pub(super) acting: bool,
    /// When the next node is drained.
    pub(super) drain_at: Instant,
}

impl World {
    pub(super) fn new(seed: u64, sabotage: Option<Sabotage>, drawing: bool) -> Self {
        let mut chance = Chance::new(seed);
        let setup = Setup::new(&mut chance);
        Self::with_setup(setup, chance, sabotage, drawing)
    }

    /// The same run, with everything written down.
    pub(super) fn recording(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut setup = Setup::new(&mut chance);
        setup.records = true;
        Self::with_setup(setup, chance, None, false)
    }

    fn with_setup(setup: Setup, mut chance: Chance, sabotage: Option<Sabotage>, drawing: bool) -> Self {
        let trace = Trace::new(Columns::new(&setup.homes, setup.shards.len()), drawing);
        let network = Network::new(&setup, chance.fork(), sabotage, trace);
        let agent = |(number, site): (usize, &usize)| {
            let host = network.sites[*site].host.clone();
            let name = UserId::new(&user_name(number, &host)).expect("the names of users are valid");
            Agent::new(number, name, (*site, host), setup.stubborn)
        };
        let agents: Vec<Agent> = setup.homes.iter().enumerate().map(agent).collect();
        let drain_at = Instant::ZERO + chance.millis(3_000, 60_000);
        Self {
            chance,
            network,
            books: Books::new(&setup),
            reloading: BTreeSet::new(),
            left: BTreeSet::new(),
            tender: vec![Instant::ZERO; agents.len()],
            names: agents
                .iter()
                .map(|agent| agent.name.as_str().to_owned())
                .collect(),
            agents,
            setup,
            acting: true,
            drain_at,
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let accepted = self
            .books
            .items
            .iter()
            .filter(|item| item.result.is_some_and(|code| code < 300))
            .count();
        let (posts, seen) = self.books.rooms.figures();
        Figures {
            runs: 1,
            joined: u64::from(self.setup.shards.len() > 1),
            messages: self.books.items.len() as u64,
            accepted: accepted as u64,
            calls: self.books.calls as u64,
            answered: self.books.answered,
            transfers: self.books.transfers,
            posts,
            seen,
            digest: self.network.trace.digest,
            ..self.network.figures
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.network.elapsed()
    }

    /// The ladder of what a fault is about.
    pub(super) fn ladder(&self, fault: &Fault) -> String {
        self.network.trace.ladder(&fault.about)
    }

    pub(super) fn note(&mut self, user: usize, text: &str) {
        let at = self.elapsed();
        self.network.trace.note(at, Column::User(user), text);
    }

    /// Plays the run to its end.
    pub(super) fn play(&mut self) -> Result<(), Fault> {
        for user in 0..self.agents.len() {
            let delay = self.chance.millis(0, 2_000);
            self.network.after(delay, Happening::Deed(user, Deed::Connect));
        }
        self.network.after(Duration::from_millis(1), Happening::Turn);
        let busy = self.chance.millis(10_000, 150_000);
        self.run_until(self.network.now + busy)?;
        self.acting = false;
        self.books.calm = false;
        // Some leave for good, in form or without a word; the others stay, and come back if they are away.
        for user in 0..self.agents.len() {
            if self.chance.percent(30) {
                self.leave(user);
            } else {
                let delay = self.chance.millis(0, 5_000);
                self.network.after(delay, Happening::Deed(user, Deed::Connect));
            }
        }
        self.run_until(self.network.now + SETTLING)?;
        self.check_settled()?;
        self.check_quiet()?;
        for user in 0..self.agents.len() {
            self.leave(user);
        }
        self.network.isolate();
        self.run_until(self.network.now + SETTLING)?;
        for site in 0..self.network.sites.len() {
            self.network.count_lost(site);
        }
        self.check_empty()
    }

    fn run_until(&mut self, until: Instant) -> Result<(), Fault> {
        let mut steps = 0_u32;
        while let Some(arrivals) = self.network.step(until) {
            self.books.now = self.network.elapsed();
            steps += 1;
            if steps.is_multiple_of(CHECK_EVERY) {
                self.check_bounds();
            }
            if self.network.is_stuck() {
                return Err(Fault::of_run("the clock does not move any more"));
            }
            for arrival in arrivals {
                self.arrive(arrival);
            }
            if let Some(fault) = self.books.fault.take().or_else(|| self.network.fault.take()) {
                return Err(fault);
            }
        }
        self.network.now = self.network.now.max(until);
        Ok(())
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Turn => self.turn(),
            Arrival::Deed(user, Deed::Connect) => {
                if !self.agents[user].gone && self.agents[user].conn.is_none() {
                    self.connect(user);
                }
            }
            // A second copy that a hanging client sends much later would be more than lingering is for.
            Arrival::Deed(user, Deed::Again { .. }) if self.hangs(user) => {}
            Arrival::Deed(user, deed) => {
                if !self.agents[user].gone {
                    self.with(user, |agent, desk| agent.act(deed, desk));
                }
            }
            Arrival::Text { user, conn, text } => self.text(user, conn, &text),
            Arrival::Ended { user, conn, code } => self.ended(user, conn, code),
            Arrival::Written { about, site, first } => self.books.written(about, site, first),
            Arrival::LinkForgotten(a, b) => {
                let homes = &self.setup.homes;
                self.books.forget(|item| {
                    let way = (homes[item.from], homes[item.to]);
                    way == (a, b) || way == (b, a)
                });
            }
            Arrival::Exited(site) => {
                self.books.rooms.forget(site);
                let homes = &self.setup.homes;
                self.books.forget(|item| {
                    let way = [homes[item.from], homes[item.to]];
                    way[0] != way[1] && way.contains(&site)
                });
            }
        }
    }

    fn text(&mut self, user: usize, conn: ConnId, text: &str) {
        if conn < self.agents[user].first_conn {
            return;
        }
        let seen = !self.agents[user].gone && !self.left.contains(&conn);
        let at = self.elapsed();
        let node = Column::Node(self.agents[user].site);
        if seen {
            self.network.trace.frame(at, node, Column::User(user), text);
            self.with(user, |agent, desk| agent.receive(text, desk));
        } else {
            let trace = &mut self.network.trace;
            trace.lost(at, Column::User(user), text, "lost at reload: ");
            self.agents[user].loses(text);
        }
    }

    fn ended(&mut self, user: usize, conn: ConnId, code: Option<u16>) {
        if self.agents[user].conn != Some(conn) {
            return;
        }
        self.note(
            user,
            &code.map_or("socket gone".to_owned(), |code| format!("closed {code}")),
        );
        if code == Some(1012) && !self.left.contains(&conn) {
            self.check_answered(user, conn);
        }
        self.agents[user].conn = None;
        self.books.is_away(user);
        self.agents[user].reloaded |= self.reloading.remove(&user);
        if self.agents[user].gone {
            return;
        }
        let longest = self.setup.config.channel.retention.as_millis() as u64;
        // Longer than finished transactions would linger if that counted without a socket.
        let slow_page = self.acting && self.agents[user].reloaded && self.chance.percent(40);
        let delay = match self.chance.below(if self.acting { 20 } else { 1 }) {
            _ if slow_page => self.chance.millis(5_000, 14_000),
            0..=14 => self.chance.millis(50, 4_000),
            15..=18 => self.chance.millis(4_000, longest),
            _ => self.chance.millis(longest, longest * 2),
        };
        self.network.after(delay, Happening::Deed(user, Deed::Connect));
    }

    /// The user opens a socket; one that it has is replaced.
    pub(super) fn connect(&mut self, user: usize) {
        let (site, name) = (self.agents[user].site, self.agents[user].name.clone());
        let Some((conn, lost)) = self.network.connect(user, site, &name) else {
            return self.refused(user, site);
        };
        self.network.figures.channels_lost += u64::from(lost);
        if self.reloading.remove(&user) || self.agents[user].reloaded {
            // Lingering, which is what absorbs the repeats of this user, counts on while a socket is silent.
            self.agents[user].reloaded = false;
            self.tender[user] = self.network.now + TENDER;
            self.network.forget_taken(user);
        }
        if lost {
            self.network.forget_taken(user);
        }
        self.note(
            user,
            if lost {
                "connects, the channel was lost"
            } else {
                "connects"
            },
        );
        self.books.is_there(user);
        self.with(user, |agent, desk| agent.connected(conn, lost, desk));
    }

    /// The node does not admit a user: it drains, or is gone for good.
    fn refused(&mut self, user: usize, site: usize) {
        self.note(user, "is not admitted");
        if self.network.sites[site].phase == Phase::Down {
            self.agents[user].gone = true;
            self.agents[user].conn = None;
            self.network.forget_channel(user);
        } else if self.agents[user].conn.is_none() {
            let delay = self.chance.millis(1_000, 6_000);
            self.network.after(delay, Happening::Deed(user, Deed::Connect));
        }
    }

    /// The user leaves and does not come back.
    pub(super) fn leave(&mut self, user: usize) {
        if std::mem::replace(&mut self.agents[user].gone, true) {
            return;
        }
        self.network.forget_channel(user);
        self.books.is_away(user);
        self.note(user, "leaves for good");
        if let Some(conn) = self.agents[user].conn.take() {
            let cut = self
                .chance
                .pick(&[Cut::Close(1000), Cut::Close(1001), Cut::Reset, Cut::HalfOpen]);
            self.network.cut(conn, cut);
        }
    }

    /// Lets a user agent work, and carries out what it wants.
    pub(super) fn with(&mut self, user: usize, work: impl FnOnce(&mut Agent, &mut Desk<'_>)) {
        let site = self.agents[user].site;
        let mut desk = Desk {
            books: &mut self.books,
            chance: &mut self.chance,
            drains: self.network.drains(site),
            names: &self.names,
            acts: Vec::new(),
        };
        work(&mut self.agents[user], &mut desk);
        let acts = desk.acts;
        for act in acts {
            match act {
                Act::Send(text) => {
                    // Without a socket it goes nowhere; what matters is sent again on the next.
                    if let Some(conn) = self.agents[user].conn {
                        let at = self.elapsed();
                        let trace = &mut self.network.trace;
                        trace.frame(at, Column::User(user), Column::Node(site), &text);
                        self.network.send(conn, text);
                    }
                }
                Act::Later(delay, deed) => self.network.after(delay, Happening::Deed(user, deed)),
            }
        }
    }

    fn hangs(&self, user: usize) -> bool {
        self.agents[user]
            .conn
            .is_some_and(|conn| self.network.hangs(conn))
    }
}
