//! What channels, dialogs, instances and links have in common: lists in parts, one of them by its name, and its end.

use std::fmt;

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use http::{StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use strowger_node::{Cursor, DialogRef, InstanceId, Page, UserId};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// How many items are told at a time at most.
const MOST: usize = 1000;
/// How many, if nobody says.
const USUAL: usize = 100;

/// Part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Part<T> {
    /// The items; fewer than asked for, even none, do not mean that the list ends.
    items: Vec<T>,
    /// What to ask with as `after` for more; none at the end.
    next: Option<String>,
}

impl<T> Part<T> {
    /// A part of what the node has, as it is shown.
    pub(super) fn of<S: Into<T>>(page: Page<S>) -> Json<Self> {
        Json(Self {
            items: page.items.into_iter().map(S::into).collect(),
            next: page.next.map(|cursor| cursor.to_string()),
        })
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Window {
    /// Where the list goes on: `next` of the part before.
    after: Option<String>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

impl Window {
    const NAMES: [&str; 2] = ["after", "limit"];
}

/// The query of a list: what fits, and which part of that.
#[derive(Debug)]
pub(super) struct Wanted<F> {
    /// What fits.
    pub(super) filter: F,
    /// Where the part begins.
    pub(super) from: Cursor,
    /// How many items it has at most.
    pub(super) limit: usize,
}

impl<F: DeserializeOwned, S: Sync> FromRequestParts<S> for Wanted<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let is_window = |piece: &&str| Window::NAMES.contains(&piece.split('=').next().unwrap_or_default());
        let (window, filter): (Vec<_>, Vec<_>) = query.split('&').partition(is_window);
        let window: Window = read(&window.join("&"))?;
        let limit = window.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::bad_request(format!("`limit` must be from 1 to {MOST}")));
        }
        let from = window.after.map(|after| after.parse()).transpose();
        Ok(Self {
            filter: read(&filter.join("&"))?,
            from: from
                .map_err(|_| Problem::bad_request("`after` must be the `next` of another part"))?
                .unwrap_or_default(),
            limit,
        })
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let uri = Uri::builder().path_and_query(format!("/?{query}")).build();
    // It was one, and its parts are.
    let uri = uri.map_err(|error| Problem::bad_request(error.to_string()))?;
    let Query(read) = Query::try_from_uri(&uri)?;
    Ok(read)
}

/// What can be asked for by its name.
pub(super) trait Name: Sized {
    /// What is wrong where there is none of this name.
    const GONE: &str;

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// What a name is, where the text is none.
    fn read(text: &str) -> Result<Self, String>;
}

impl Name for UserId {
    const GONE: &str = "nobody of this name is connected or may come back";

    fn read(text: &str) -> Result<Self, String> {
        Self::new(text).map_err(|error| format!("it is no userid: {error}"))
    }
}

impl Name for DialogRef {
    const GONE: &str = "this dialog does not live (any more)";

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "a dialog is named as the list of dialogs has it".to_owned())
    }
}

impl Name for InstanceId {
    const GONE: &str = "this instance does not run (any more)";

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "an instance is named as the list of instances has it".to_owned())
    }
}

/// A name in a query or a body.
pub(super) fn name<N: Name>(text: &str) -> Result<N, Problem> {
    N::read(text).map_err(Problem::bad_request)
}

/// The name in the path of a request.
pub(super) struct Named<N>(pub(super) N);

impl<N: Name> Named<N> {
    /// What was found, as it is shown.
    pub(super) fn found<S, T: From<S>>(found: Option<S>) -> Result<Json<T>, Problem> {
        found
            .map(|seen| Json(seen.into()))
            .ok_or_else(|| Problem::not_found(N::GONE))
    }

    /// Whether it was there, and has ended.
    pub(super) fn ended(was_there: bool) -> Result<StatusCode, Problem> {
        was_there
            .then_some(StatusCode::NO_CONTENT)
            .ok_or_else(|| Problem::not_found(N::GONE))
    }
}

impl<N> fmt::Debug for Named<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Named")
    }
}

impl<N: Name, S: Send + Sync> FromRequestParts<S> for Named<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await?;
        name(&text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        service: Option<String>,
    }

    async fn wanted(query: &str) -> Result<(Option<String>, String, usize), String> {
        let request = Request::get(format!("/v1/things{query}")).body(()).unwrap();
        let wanted = Wanted::<Filter>::from_request_parts(&mut request.into_parts().0, &()).await;
        wanted
            .map(|wanted| (wanted.filter.service, wanted.from.to_string(), wanted.limit))
            .map_err(|problem| problem.detail)
    }

    #[tokio::test]
    async fn a_query_says_what_fits_and_which_part() {
        let of = |service: Option<&str>, from: &str, limit| {
            Ok((service.map(str::to_owned), from.to_owned(), limit))
        };
        assert_eq!(wanted("").await, of(None, "0.0", USUAL));
        assert_eq!(wanted("?service=a%26b&limit=7").await, of(Some("a&b"), "0.0", 7));
        assert_eq!(
            wanted("?after=1.2f&service=x").await,
            of(Some("x"), "1.2f", USUAL)
        );
        assert_eq!(wanted("?limit=1000&after=0.0").await, of(None, "0.0", MOST));
    }

    #[tokio::test]
    async fn a_query_that_is_none_is_refused() {
        for (query, why) in [
            ("?limit=0", "from 1 to 1000"),
            ("?limit=1001", "from 1 to 1000"),
            ("?limit=x", "limit"),
            ("?limit=1&limit=2", "duplicate"),
            ("?after=x", "`next`"),
            ("?service=a&service=b", "duplicate"),
            ("?other=1", "unknown field `other`"),
            ("?Limit=1", "unknown field"),
        ] {
            let problem = wanted(query).await.unwrap_err();
            assert!(problem.contains(why), "{query}: {problem}");
        }
    }
}
