//! How each link fares, and what of it is worth telling.

use std::collections::BTreeMap;
use std::time::Duration;

use strowger_time::Instant;

use crate::channel::LinkName;

/// How long a link that could not be dialled is not dialled again, whatever is sent to it. Peers choose when to send:
/// without this pause they would choose how often names are resolved, nodes are knocked at and lines are logged.
pub(super) const HOLD_OFF: Duration = Duration::from_secs(1);

/// How many links that failed for good are remembered.
const KEPT: usize = 256;

/// Why a link could not be dialled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialFailure {
    /// The reason in words; empty where it is not known.
    pub reason: String,
    /// Trying again is of no use until somebody has changed something: a link that never stood is given up at once.
    pub lasting: bool,
}

/// Where a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It is being dialled.
    Connecting,
    /// It has a socket.
    Up,
    /// It is dialled again in a while, for the time of this number: 1 for the first.
    Waiting {
        /// The number.
        retry: usize,
    },
    /// It was given up. The next request to that node dials it anew.
    Failed,
}

/// A link, for whoever wants to list them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// The other node's host, in lower case.
    pub host: String,
    /// The other node's port.
    pub port: u16,
    /// Where the link is.
    pub state: LinkState,
    /// Why it is not up; empty if it is, or if nothing went wrong so far.
    pub reason: String,
}

/// What happened to a link; each once, however often it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It stands.
    Up,
    /// It stood and is dialled again.
    Lost,
    /// It cannot be dialled at the moment, for a reason that was not told yet, and is tried again.
    Unreachable,
    /// It is given up, and what waited for it is answered.
    Failed,
}

/// A change of a link, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkNews {
    /// The other node's host, in lower case.
    pub host: String,
    /// The other node's port.
    pub port: u16,
    /// What happened.
    pub change: LinkChange,
    /// Why; empty if it is up.
    pub reason: String,
}

#[derive(Debug)]
struct Health {
    state: LinkState,
    reason: String,
    /// Not to be dialled before.
    held_until: Instant,
}

/// The links of a shard: those it has, and some that failed.
#[derive(Debug, Default)]
pub(super) struct LinkBook(BTreeMap<LinkName, Health>);

impl LinkBook {
    pub(super) fn iter(&self) -> impl Iterator<Item = LinkInfo> {
        self.0.iter().map(|(name, health)| LinkInfo {
            host: name.host.clone(),
            port: name.port,
            state: health.state,
            reason: health.reason.clone(),
        })
    }

    /// Whether the link is not to be dialled yet.
    pub(super) fn is_held(&self, now: Instant, name: &LinkName) -> bool {
        self.0
            .get(name)
            .is_some_and(|health| health.state == LinkState::Failed && now < health.held_until)
    }

    pub(super) fn connecting(&mut self, name: &LinkName) {
        match self.0.get_mut(name) {
            Some(health) => health.state = LinkState::Connecting,
            None => {
                let health = Health {
                    state: LinkState::Connecting,
                    reason: String::new(),
                    held_until: Instant::ZERO,
                };
                self.0.insert(name.clone(), health);
            }
        }
    }

    pub(super) fn up(&mut self, name: &LinkName) -> Option<LinkNews> {
        let health = self.0.get_mut(name)?;
        health.state = LinkState::Up;
        health.reason.clear();
        Some(news(name, LinkChange::Up, ""))
    }

    pub(super) fn waiting(&mut self, name: &LinkName, retry: usize, reason: &str) -> Option<LinkNews> {
        let health = self.0.get_mut(name)?;
        let change = match health.state {
            LinkState::Up => LinkChange::Lost,
            LinkState::Connecting | LinkState::Waiting { .. } | LinkState::Failed => LinkChange::Unreachable,
        };
        let is_known = change == LinkChange::Unreachable && retry > 1 && health.reason == reason;
        health.state = LinkState::Waiting { retry };
        reason.clone_into(&mut health.reason);
        (!is_known).then(|| news(name, change, reason))
    }

    /// The link is given up; `held_until` says when it may be dialled again at the earliest.
    pub(super) fn failed(&mut self, name: &LinkName, reason: &str, held_until: Instant) -> Option<LinkNews> {
        let health = self.0.get_mut(name)?;
        if health.state == LinkState::Failed {
            return None;
        }
        health.state = LinkState::Failed;
        reason.clone_into(&mut health.reason);
        health.held_until = held_until;
        self.trim();
        Some(news(name, LinkChange::Failed, reason))
    }

    /// Forgets failed links, the oldest first, down to [`KEPT`].
    fn trim(&mut self) {
        let failed = |(_, health): &(&LinkName, &Health)| health.state == LinkState::Failed;
        if self.0.iter().filter(failed).count() > KEPT {
            let oldest = self
                .0
                .iter()
                .filter(failed)
                .min_by_key(|(_, health)| health.held_until);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                self.0.remove(&name);
            }
        }
    }
}

fn news(name: &LinkName, change: LinkChange, reason: &str) -> LinkNews {
    LinkNews {
        host: name.host.clone(),
        port: name.port,
        change,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(host: &str) -> LinkName {
        LinkName {
            host: host.to_owned(),
            port: 443,
        }
    }

    fn told(news: Option<LinkNews>) -> Option<(LinkChange, String)> {
        news.map(|news| (news.change, news.reason))
    }

    #[test]
    fn a_reason_is_told_once_until_it_changes() {
        let (mut book, n2) = (LinkBook::default(), name("n2"));
        book.connecting(&n2);
        let unreachable = |reason: &str| Some((LinkChange::Unreachable, reason.to_owned()));
        assert_eq!(told(book.waiting(&n2, 1, "no route")), unreachable("no route"));
        book.connecting(&n2);
        assert_eq!(told(book.waiting(&n2, 2, "no route")), None);
        assert_eq!(told(book.waiting(&n2, 3, "refused")), unreachable("refused"));
        assert_eq!(told(book.up(&n2)), Some((LinkChange::Up, String::new())));
        assert_eq!(
            told(book.waiting(&n2, 1, "broke")),
            Some((LinkChange::Lost, "broke".to_owned()))
        );
        // It counts on where an attempt came to nothing.
        assert_eq!(told(book.waiting(&n2, 2, "refused")), unreachable("refused"));
        let failed = Some((LinkChange::Failed, "refused".to_owned()));
        assert_eq!(told(book.failed(&n2, "refused", Instant::ZERO)), failed);
        assert_eq!(told(book.failed(&n2, "refused", Instant::ZERO)), None);
    }

    #[test]
    fn a_failed_link_is_held_for_a_while_and_shows_why_it_failed() {
        let (mut book, n2) = (LinkBook::default(), name("n2"));
        let now = Instant::ZERO + Duration::from_secs(9);
        assert!(!book.is_held(now, &n2));
        book.connecting(&n2);
        book.failed(&n2, "refused", now + HOLD_OFF);
        assert!(book.is_held(now, &n2) && !book.is_held(now + HOLD_OFF, &n2));
        let infos: Vec<_> = book.iter().map(|info| (info.state, info.reason)).collect();
        assert_eq!(infos, [(LinkState::Failed, "refused".to_owned())]);
    }

    #[test]
    fn only_so_many_failed_links_are_remembered() {
        let mut book = LinkBook::default();
        for number in 0..2 * KEPT {
            let link = name(&format!("n{number}"));
            book.connecting(&link);
            book.failed(&link, "", Instant::ZERO + HOLD_OFF * number as u32);
        }
        assert_eq!(book.iter().count(), KEPT);
        assert!(book.iter().all(|info| info.host != "n0"));
    }
}
