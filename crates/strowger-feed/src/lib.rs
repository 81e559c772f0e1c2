//! Calls as they are seen: the ladders of the latest ones, for who asks or follows.
//!
//! A *call* is an instance of a service with its legs, or a dialog that no instance got. A [`Feed`] makes [`Event`]s of what shards
//! tell, keeps them in bounds, and tells those who follow; it is pure. [`Ladders`] runs one on a thread of its own, beside the shards,
//! which never wait for it: they tell only while somebody asks, or always where that is wanted.

mod call;
mod event;
mod feed;
mod follower;
mod ladders;

pub use call::{CallView, PartyView};
pub use event::{Event, Kind, Message};
pub use feed::{Bounds, Calls, FOLLOWERS, Feed, FollowError, FollowerId, Wanted};
pub use follower::{Follow, Told};
pub use ladders::{Following, Ladders, Settings};
