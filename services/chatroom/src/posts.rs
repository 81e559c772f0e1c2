//! What was said and what happened in a room, in order and bounded.

use std::collections::VecDeque;
use std::rc::Rc;

use strowger_service::jsip::Request;

use crate::notice::Notice;

/// One entry: everybody but its author gets it.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) author: Rc<str>,
    pub(crate) what: What,
    bytes: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Its body is shared by all who get it.
    Message(Rc<Request>),
    Notice(Notice),
}

/// The latest posts, numbered from 0. A member is a place in it, so a queue for each costs a number; who is behind the
/// first that is still there has lost what lies between.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    posts: VecDeque<Post>,
    first: u64,
    bytes: usize,
}

impl Posts {
    /// No posts; the first gets this number.
    pub(crate) fn starting_at(first: u64) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }

    /// All posts with their authors, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &What)> {
        self.posts.iter().map(|post| (&*post.author, &post.what))
    }

    /// The number of the oldest post that is still there.
    pub(crate) const fn first(&self) -> u64 {
        self.first
    }

    /// The number that the next post gets.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.posts.len() as u64
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Post> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.posts.get(at)
    }

    /// Adds a post; the oldest go where there are more than `most`, or more bytes than `most_bytes`.
    pub(crate) fn push(&mut self, author: Rc<str>, what: What, most: usize, most_bytes: usize) {
        let bytes = match &what {
            What::Message(request) => request.encode().len(),
            What::Notice(_) => 128 + author.len(),
        };
        self.posts.push_back(Post { author, what, bytes });
        self.bytes += bytes;
        while self.posts.len() > most || self.bytes > most_bytes {
            let Some(oldest) = self.posts.pop_front() else {
                return;
            };
            self.bytes -= oldest.bytes;
            self.first += 1;
        }
    }

    /// The number of the first of the latest `count` messages.
    pub(crate) fn history(&self, count: usize) -> u64 {
        let mut left = count;
        let mut number = self.end();
        for post in self.posts.iter().rev() {
            if left == 0 {
                break;
            }
            number -= 1;
            left -= usize::from(matches!(post.what, What::Message(_)));
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use strowger_service::jsip::Method;

    use super::*;

    fn message() -> What {
        What::Message(Rc::new(Request::new(Method::Message, "r@x", "a@x", "r@x")))
    }

    fn notice() -> What {
        What::Notice(Notice::Lost(1))
    }

    #[test]
    fn the_oldest_posts_go_first() {
        let mut posts = Posts::default();
        for _ in 0..5 {
            posts.push("a".into(), message(), 3, 10_000);
        }
        assert_eq!((posts.first(), posts.end()), (2, 5));
        assert!(posts.get(1).is_none() && posts.get(2).is_some() && posts.get(5).is_none());
        posts.push("a".into(), message(), 3, 1);
        assert_eq!((posts.first(), posts.end(), posts.bytes), (6, 6, 0));
    }

    #[test]
    fn history_counts_messages_and_not_notices() {
        let mut posts = Posts::default();
        for what in [message(), notice(), message(), notice(), notice()] {
            posts.push("a".into(), what, 9, 10_000);
        }
        let firsts: Vec<u64> = (0..4).map(|count| posts.history(count)).collect();
        assert_eq!(firsts, [5, 2, 0, 0]);
    }
}
