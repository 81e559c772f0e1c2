//! Lists in parts.

use strowger_node::Cursor;

use crate::problem::Problem;

/// How many items are told at a time at most.
const MOST: usize = 1000;
/// How many, if nobody says.
const USUAL: usize = 100;

/// How many items to tell at most.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(USUAL);
    if (1..=MOST).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::bad_request(format!("`limit` must be from 1 to {MOST}")))
    }
}

/// Where the list goes on.
pub(super) fn after(asked: Option<&str>) -> Result<Cursor, Problem> {
    let from = asked.map(str::parse).transpose();
    from.map(Option::unwrap_or_default)
        .map_err(|_| Problem::bad_request("`after` must be the `next` of another part"))
}
