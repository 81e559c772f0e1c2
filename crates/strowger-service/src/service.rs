//! What a service author implements.

use jsip::Request;

use crate::{Context, Event, HttpRequest};

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

    /// The same for a service whose settings, given as JSON, say which requests belong together; they are `{}` where there are
    /// none. [`Service::key`], where a service does not say.
    fn key_by(&self, request: &Request, config: &str) -> Option<String> {
        let _ = config;
        self.key(request)
    }

    /// Whether [`Service::key`], [`Service::key_by`] or [`Service::http_key`] ever give one; yes, where a service does not
    /// say. One that says no is not asked, which saves a loaded service a call for each new dialog. Asked once, when it is
    /// loaded.
    fn has_keys(&self) -> bool {
        true
    }

    /// Whether its instances are told of legs that are over in the usual course, [`Event::Ended`] with
    /// [`EndCause::Completed`](crate::EndCause::Completed); yes, where a service does not say. They follow the final response
    /// and say nothing new to most, so one that says no halves the events of a message that is passed on. All other ends are told.
    /// Asked once for each version.
    fn hears_completed(&self) -> bool {
        true
    }

    /// Whether the service takes HTTP requests; no, where it does not say: they get 404.
    fn takes_http(&self) -> bool {
        false
    }

    /// Which instance gets an HTTP request, as [`Service::key`] says for others. `None`, the default: a new one. Must be
    /// pure.
    fn http_key(&self, request: &HttpRequest) -> Option<String> {
        let _ = request;
        None
    }

    /// [`Service::http_key`] for those who run services elsewhere, where asking may fail: the request gets 500 then, and
    /// the operator the text.
    ///
    /// # Errors
    ///
    /// Why no key could be found out.
    fn try_http_key(&self, request: &HttpRequest) -> Result<Option<String>, String> {
        Ok(self.http_key(request))
    }

    /// Whether the service can run with these settings, given as JSON. Asked when they are loaded; without a word of the
    /// service they may be anything.
    ///
    /// # Errors
    ///
    /// What is wrong with them, for the operator.
    fn check_config(&self, config: &str) -> Result<(), String> {
        let _ = config;
        Ok(())
    }

    /// [`Service::key_by`] for those who run services elsewhere, where asking may fail: the request gets 500 then, and the
    /// operator the text.
    ///
    /// # Errors
    ///
    /// Why no key could be found out.
    fn try_key(&self, request: &Request, config: &str) -> Result<Option<String>, String> {
        Ok(self.key_by(request, config))
    }

    /// An instance that goes on where one of another version was saved; `None`, the default: this version does not take
    /// it over, and the old one goes on.
    ///
    /// Legs, timers, relation ids and key stay with the node: their numbers mean the same as before. What was saved may
    /// come from an older version, or after a roll-back from a newer one.
    fn restore(&self, saved: &[u8]) -> Option<Box<dyn Instance>> {
        let _ = saved;
        None
    }

    /// The same for those who run services elsewhere. The context is that of the instance; of the commands only log
    /// lines are carried out.
    ///
    /// # Errors
    ///
    /// Why it is not taken over, for the operator.
    fn try_restore(&self, saved: &[u8], cx: &mut Context<'_>) -> Result<Box<dyn Instance>, String> {
        let _ = cx;
        self.restore(saved)
            .ok_or_else(|| "the new version does not take over what was saved".to_owned())
    }
}

/// One running copy of a service. It lives on one thread and is never called twice at a time.
pub trait Instance {
    /// Handles one event. Must not block: what takes long is a command whose result is a later event.
    fn handle(&mut self, event: Event, cx: &mut Context<'_>);

    /// What another version of the service needs to go on from here ([`Service::restore`]); `None`, the default: the
    /// instance stays with the version that made it. Asked between two events, after a new version was loaded; the
    /// instance may have to go on all the same, so this changes nothing.
    fn save(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// For those who run instances elsewhere: why it can handle no more events, where that happened while it handled
    /// none. It ends as failed then.
    fn failure(&self) -> Option<String> {
        None
    }
}
