//! What stands before the node at a listener: the demo page beside the WebSocket.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::Full;
use jsip::UserId;
use strowger_auth::Credential;
use strowger_channel::net::{Admission, Decision, Handover, Knock, Ticket, TurnedAway};

/// A node's admission with the demo page.
pub(crate) struct WithDemo(pub(crate) Arc<dyn Admission>);

impl Admission for WithDemo {
    fn admit<'a>(&'a self, knock: Knock<'a>) -> Decision<'a, Option<Credential>> {
        self.0.admit(knock)
    }

    fn announce(&self, name: &UserId, credential: Option<Credential>) -> Decision<'static, Option<Ticket>> {
        self.0.announce(name, credential)
    }

    fn hand_over(&self, handover: Handover) {
        self.0.hand_over(handover);
    }

    fn turned_away(&self, why: TurnedAway) {
        self.0.turned_away(why);
    }

    fn page(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        let page = self.0.page(method, path, headers);
        page.or_else(|| strowger_pages::DEMO.respond(method, path, headers))
    }
}
