//! Commands that take part in calls: by hand, from a scenario, or once more from a journal.

pub(super) mod replay;
pub(super) mod scenario;
pub(super) mod user_agent;
