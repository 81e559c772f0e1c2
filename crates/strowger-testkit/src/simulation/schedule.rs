//! What the seed chooses: deeds of users, and faults.

use super::books::Way;
use super::calls::{CONFERENCE, ECHO};
use super::network::{Cut, Happening, Reach};
use super::rooms::ROOMS;
use super::services::{DESK, HOOK, team};
use super::world::World;

impl World {
    /// One thing happens, and the next is planned.
    pub(super) fn turn(&mut self) {
        if !self.acting {
            return;
        }
        if self.setup.drains && self.network.now >= self.drain_at {
            self.drain_at = self.network.now + self.chance.millis(40_000, 90_000);
            let site = self.chance.below(self.network.sites.len());
            let returns = self.chance.percent(70);
            self.network.drain(site, returns);
        }
        let user = self.chance.below(self.agents.len());
        if !self.agents[user].gone {
            let broken = self.chance.percent(self.setup.faults);
            if broken && self.network.sites.len() > 1 && self.chance.percent(25) {
                self.break_link();
            } else if broken {
                self.break_something(user);
            } else {
                self.do_something(user);
            }
        }
        let pause = match self.chance.below(20) {
            0..=9 => self.chance.millis(0, 50),
            10..=17 => self.chance.millis(50, 2_000),
            _ => self.chance.millis(2_000, 12_000),
        };
        self.network.after(pause, Happening::Turn);
    }

    /// Something with more than two in it.
    fn join_others(&mut self, user: usize) {
        let host = self.agents[user].host.clone();
        // Most are in the same room, so that there are many.
        let number = self.chance.below(2).min(self.chance.below(ROOMS));
        match self.chance.below(10) {
            0..=5 => self.with(user, |agent, desk| agent.visit(number, desk)),
            6..=7 => {
                let conference = format!("{CONFERENCE}{number}@{host}");
                let route = format!("{host};type=conference");
                self.with(user, |agent, desk| {
                    agent.call((None, &conference), Some(&route), 0, desk)
                });
            }
            _ => {
                let (desk_number, route) = (format!("{DESK}@{host}"), format!("{host};type=hunt"));
                self.with(user, |agent, desk| {
                    agent.call((None, &desk_number), Some(&route), 0, desk)
                });
            }
        }
    }

    /// Something with the services that the relay knows nothing of.
    fn use_services(&mut self, user: usize) {
        let (site, host) = (self.agents[user].site, self.agents[user].host.clone());
        let seconds = self.chance.pick(&[0, 60, 300, 300]);
        match self.chance.below(10) {
            0..=2 => self.with(user, |agent, desk| agent.register(seconds, desk)),
            3 => self.with(user, |agent, desk| agent.watch(seconds, desk)),
            4..=5 => {
                let (team, route) = (team(&host), format!("{host};type=registrar"));
                self.with(user, |agent, desk| {
                    agent.call((None, &team), Some(&route), 0, desk)
                });
            }
            6..=7 => {
                let (hook, route) = (format!("{HOOK}{host}"), format!("{host};type=webhook"));
                self.with(user, |agent, desk| {
                    agent.call((None, &hook), Some(&route), 0, desk)
                });
            }
            _ => {
                let other = (user + 1 + self.chance.below(self.agents.len() - 1)) % self.agents.len();
                let users = [user, other].map(|user| self.agents[user].name.as_str().to_owned());
                self.books.calls += 1;
                self.network.order(site, users, self.books.calls);
            }
        }
    }

    fn do_something(&mut self, user: usize) {
        if self.chance.percent(12) {
            return self.use_services(user);
        }
        if self.chance.percent(20) {
            return self.join_others(user);
        }
        let other = (user + 1 + self.chance.below(self.agents.len() - 1)) % self.agents.len();
        let name = self.agents[other].name.as_str().to_owned();
        let to = (other, name.as_str());
        let panics = if self.chance.percent(60) {
            1 + self.chance.below(6) as u32
        } else {
            0
        };
        let host = self.agents[user].host.clone();
        let third = self.agents[self.chance.below(self.agents.len())]
            .name
            .as_str()
            .to_owned();
        match self.chance.below(100) {
            0..=54 => {
                for _ in 0..self.chance.pick(&[1, 1, 1, 3, 8]) {
                    self.with(user, |agent, desk| agent.message(to, Way::Relay, None, 0, desk));
                }
            }
            55..=59 => {
                let (echo, route) = (format!("{ECHO}{host}"), format!("echo.{host};type=echo"));
                self.with(user, |agent, desk| {
                    agent.message((user, &echo), Way::Echo, Some(&route), 0, desk)
                });
            }
            60..=65 => {
                let route = format!("{host};type=fragile");
                self.with(user, |agent, desk| {
                    agent.message(to, Way::Other, Some(&route), panics, desk)
                });
            }
            66..=73 => {
                let route = format!("{host};type=room");
                self.with(user, |agent, desk| {
                    agent.message(to, Way::Other, Some(&route), 0, desk)
                });
            }
            74..=85 => self.with(user, |agent, desk| agent.call((Some(other), to.1), None, 0, desk)),
            86..=89 => {
                let route = format!("{host};type=fragile");
                self.with(user, |agent, desk| {
                    agent.call((Some(other), to.1), Some(&route), panics, desk)
                });
            }
            90..=93 => {
                let route = format!("{host};type=room");
                self.with(user, |agent, desk| {
                    agent.call((Some(other), to.1), Some(&route), 0, desk)
                });
            }
            94..=97 => {
                let route = format!("{host};type=hunt;ring=5,{name},{third}");
                let number = format!("sales@{host}");
                self.with(user, |agent, desk| {
                    agent.call((None, &number), Some(&route), 0, desk)
                });
            }
            _ => {
                let (echo, route) = (format!("{ECHO}{host}"), format!("echo.{host};type=echo"));
                self.with(user, |agent, desk| {
                    agent.call((None, &echo), Some(&route), 0, desk)
                });
            }
        }
    }

    fn break_something(&mut self, user: usize) {
        let Some(conn) = self.agents[user].conn.filter(|conn| !self.network.is_dead(*conn)) else {
            // Away, or half-open without knowing it: some come on a new socket.
            if self.chance.percent(50) {
                self.connect(user);
            }
            return;
        };
        let tender = self.network.now < self.tender[user] || self.reloading.contains(&user);
        match self.chance.below(100) {
            45..=68 if tender => self.cut(user, Cut::Reset),
            0..=29 => self.cut(user, Cut::Reset),
            30..=44 => self.cut(user, Cut::Close(1001)),
            45..=56 => self.cut(user, Cut::HalfOpen),
            57..=68 => {
                self.note(user, "stops reading");
                self.books.is_away(user);
                let span = self.chance.millis(500, 70_000);
                self.network.stop_reading(conn, span);
            }
            69..=76 => self.connect(user),
            77..=92 => {
                // What comes until the socket ends is acknowledged, and lost with the page.
                self.network.figures.reloads += 1;
                self.reloading.insert(user);
                self.left.insert(conn);
                self.note(user, "reloads");
                self.books.is_away(user);
                let cut = self.chance.pick(&[Cut::Reset, Cut::Close(1001)]);
                let delay = self.chance.millis(0, 300);
                self.network.after(delay, Happening::Cut(conn, cut));
            }
            93..=96 => {
                let shard = self.chance.below(self.network.shards.len());
                let span = self.chance.millis(10, 2_500);
                self.network.stall(shard, span);
                self.books.all_wait(span);
            }
            _ => self.cut(user, Cut::Close(1000)),
        }
    }

    fn cut(&mut self, user: usize, cut: Cut) {
        if let Some(conn) = self.agents[user].conn {
            self.note(user, &format!("{cut:?}"));
            self.books.is_away(user);
            self.network.cut(conn, cut);
        }
    }

    /// Something happens between two nodes.
    fn break_link(&mut self) {
        let links = self.network.links();
        let from = self.chance.below(self.network.sites.len());
        let to = (from + 1 + self.chance.below(self.network.sites.len() - 1)) % self.network.sites.len();
        let what = self.chance.below(100);
        let long = self.chance.percent(30);
        let span = if long {
            self.chance.millis(20_000, 120_000)
        } else {
            self.chance.millis(200, 8_000)
        };
        if what < 25 {
            let reach = if what < 15 { Reach::Refused } else { Reach::Silent };
            self.network.block(from, to, reach, span);
        }
        if links.is_empty() {
            return;
        }
        let link = self.chance.pick(&links);
        match what {
            0..=64 => self.network.cut(link, Cut::Reset),
            65..=84 => self.network.cut(link, Cut::HalfOpen),
            _ => {
                let span = self.chance.millis(500, 70_000);
                self.network.stop_reading(link, span);
            }
        }
    }
}
