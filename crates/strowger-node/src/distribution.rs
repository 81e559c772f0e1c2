//! Which service a first request is for (protocol section 7). Pure: request in, choice out.

use jsip::{Request, Uri};

use crate::Registry;

/// Where a first request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// To the instance that owns this relation id.
    Relation(String),
    /// To an instance of the service at this place of the registry.
    Service(usize),
    /// Nowhere: 400, the first Router URI is at fault.
    BadRoute(String),
    /// Nowhere: 404, no service has the name that `type` gives.
    NoService(String),
}

/// Chooses by the first Router URI's `relid`, else its `type`, else the first label of its host, else the same label of
/// Request-URI, else the default service.
pub fn choose(request: &Request, registry: &Registry) -> Choice {
    let Some(route) = request.first_route() else {
        let label = Uri::parse(request.request_uri())
            .ok()
            .and_then(|uri| registry.find(uri.first_label()));
        return Choice::Service(label.unwrap_or(registry.default_place()));
    };
    let uri = match Uri::parse(route) {
        Ok(uri) => uri,
        Err(error) => return Choice::BadRoute(error.to_string()),
    };
    if let Some(relation) = uri.param("relid") {
        // Without a value it names nobody.
        return Choice::Relation(relation.unwrap_or_default().to_owned());
    }
    match uri.param("type") {
        Some(Some(name)) => registry
            .find(name)
            .map_or_else(|| Choice::NoService(name.to_owned()), Choice::Service),
        Some(None) => Choice::NoService(String::new()),
        None => Choice::Service(
            registry
                .find(uri.first_label())
                .unwrap_or(registry.default_place()),
        ),
    }
}
