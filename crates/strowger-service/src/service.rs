//! What a service author implements.

use jsip::Request;

use crate::{Context, Event};

/// A service: makes an instance for each new dialog that reaches no running one.
pub trait Service: Send + Sync + 'static {
    /// Makes an instance. Its first event is [`Event::Incoming`].
    fn start(&self) -> Box<dyn Instance>;

    /// Whether another instance may be started now; where not, the request gets 503. Yes, where a service does not say.
    fn has_room(&self) -> bool {
        true
    }

    /// A key of the request (a room's name, say): requests with equal keys reach one instance, on whichever shard.
    /// `None`, the default: each new dialog gets an instance of its own. Must be pure.
    fn key(&self, request: &Request) -> Option<String> {
        let _ = request;
        None
    }

    /// The same for those who run services elsewhere, where asking may fail: the request gets 500 then, and the operator
    /// the text.
    ///
    /// # Errors
    ///
    /// Why no key could be found out.
    fn try_key(&self, request: &Request) -> Result<Option<String>, String> {
        Ok(self.key(request))
    }
}

/// One running copy of a service. It lives on one thread and is never called twice at a time.
pub trait Instance {
    /// Handles one event. Must not block: what takes long is a command whose result is a later event.
    fn handle(&mut self, event: Event, cx: &mut Context<'_>);
}
