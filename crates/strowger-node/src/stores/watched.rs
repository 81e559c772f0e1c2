//! Which keys of a store are watched, and what has become of them.

use std::collections::BTreeMap;

use crate::instances::InstanceKey;

/// Who changes a store: an instance and its shard.
pub(crate) type Maker = (u16, InstanceKey);

/// A watched key that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    pub(crate) key: String,
    /// The version that is there; `None`: nothing is.
    pub(crate) version: Option<u64>,
    /// Who alone has made the change, and need not be told.
    pub(crate) maker: Option<Maker>,
}

/// The watched prefixes of a store, and the changes that nobody was told yet.
///
/// Whoever makes a change takes it, with what others have made at the same time, once its event is handled: so there are
/// no more of them than one event can make.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// With how many instances watch each.
    prefixes: BTreeMap<String, usize>,
    news: BTreeMap<String, (Option<u64>, Option<Maker>)>,
}

impl Watched {
    pub(super) fn add(&mut self, prefix: &str) {
        *self.prefixes.entry(prefix.to_owned()).or_default() += 1;
    }

    pub(super) fn remove(&mut self, prefix: &str) {
        if let Some(count) = self.prefixes.get_mut(prefix) {
            *count -= 1;
            if *count == 0 {
                self.prefixes.remove(prefix);
            }
        }
    }

    /// Whether so many changes are to be told that another key would be too much.
    pub(super) fn is_behind(&self, key: &str, limit: usize) -> bool {
        self.news.len() >= limit && !self.news.contains_key(key)
    }

    /// A key has changed; whether somebody watches it.
    pub(super) fn note(&mut self, key: &str, version: Option<u64>, maker: Option<Maker>) -> bool {
        if self.prefixes.is_empty() || !prefixes_of(key).any(|prefix| self.prefixes.contains_key(prefix)) {
            return false;
        }
        let before = self.news.get(key).map(|(_, maker)| *maker);
        let maker = maker.filter(|_| before.is_none_or(|before| before == maker));
        self.news.insert(key.to_owned(), (version, maker));
        true
    }

    pub(super) fn take(&mut self) -> Vec<News> {
        let news = std::mem::take(&mut self.news).into_iter();
        news.map(|(key, (version, maker))| News { key, version, maker })
            .collect()
    }
}

/// Everything that a key begins with, the empty text and itself included.
pub(crate) fn prefixes_of(key: &str) -> impl Iterator<Item = &str> {
    (0..=key.len()).filter_map(|end| key.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn maker(index: usize) -> Option<Maker> {
        Some((0, InstanceKey { index, epoch: 1 }))
    }

    #[test]
    fn only_what_is_watched_is_news_and_the_last_version_counts() {
        let mut watched = Watched::default();
        assert!(!watched.note("room/1", Some(1), None));
        watched.add("room/");
        watched.add("room/");
        watched.remove("room/");
        assert!(watched.note("room/1", Some(2), maker(1)) && watched.note("room/1", None, maker(1)));
        assert!(watched.note("room/2", Some(3), maker(1)) && watched.note("room/2", Some(4), maker(2)));
        assert!(!watched.note("room", Some(5), None));
        let news: Vec<_> = watched
            .take()
            .into_iter()
            .map(|news| (news.key, news.version, news.maker))
            .collect();
        let expected = [
            ("room/1".to_owned(), None, maker(1)),
            ("room/2".to_owned(), Some(4), None),
        ];
        assert_eq!(news, expected);
        watched.remove("room/");
        assert!(!watched.note("room/1", Some(6), None) && watched.take().is_empty());
    }

    #[test]
    fn prefixes_end_between_characters() {
        assert_eq!(prefixes_of("aé").collect::<Vec<_>>(), ["", "a", "aé"]);
    }
}
