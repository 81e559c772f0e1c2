//! What an instance can do while it handles an event.

use std::sync::Arc;
use std::time::Duration;

use jsip::{CSeq, Request, Response, StatusCode, Uri};

use crate::bridge::routed;
use crate::store::NoStore;
use crate::{
    Command, Entry, Expected, FetchId, HttpId, HttpRequest, HttpResponse, Ids, LegId, LogLevel, RequestId,
    Store, StoreError, SyncId, TimerId,
};

/// What whoever runs an instance tells it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The time since the node started.
    pub now: Duration,
    /// The name under which the service runs.
    pub service: &'a str,
    /// The node's own host names.
    pub own_hosts: &'a [String],
}

/// What surrounds an instance and is asked at once: the store and the configuration.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The store of the service.
    pub store: &'a dyn Store,
    /// Its settings, as JSON.
    pub config: &'a str,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// What an instance can do while it handles an event.
///
/// Nothing is carried out before the event is handled; commands are then carried out in order. One that cannot be
/// carried out comes back as [`Event::Refused`](crate::Event::Refused).
#[derive(Debug)]
pub struct Context<'a> {
    ids: &'a mut Ids,
    facts: &'a Facts<'a>,
    commands: &'a mut Vec<Command>,
    around: Surroundings<'a>,
}

impl<'a> Context<'a> {
    /// For those who run instances: commands are added to `commands`.
    pub const fn new(ids: &'a mut Ids, facts: &'a Facts<'a>, commands: &'a mut Vec<Command>) -> Self {
        Self {
            ids,
            facts,
            commands,
            around: Surroundings {
                store: &NoStore,
                config: "{}",
            },
        }
    }

    /// For those who run instances: the same with a store and a configuration.
    #[must_use]
    pub const fn in_surroundings(mut self, around: Surroundings<'a>) -> Self {
        self.around = around;
        self
    }

    /// The store, which all instances of the service share on all shards.
    pub const fn store(&self) -> Shelf<'a> {
        Shelf(self.around.store)
    }

    /// The settings of the service, as JSON; `{}` where there are none.
    pub const fn config(&self) -> &'a str {
        self.around.config
    }

    /// Hears from now on of each change that siblings make to a key of the store with this prefix. The first
    /// [`Event::StoreChanged`](crate::Event::StoreChanged) comes at once, for the key that is called as the prefix, changed
    /// or not: nothing is missed by who reads the store then. Keys that [go by themselves](Shelf::put_for) are not told.
    pub fn watch(&mut self, prefix: impl Into<String>) {
        self.commands.push(Command::Watch {
            prefix: prefix.into(),
        });
    }

    /// Asks to be told when the store as it is now is on disk.
    pub fn sync(&mut self) -> SyncId {
        let id = self.ids.next_sync();
        self.commands.push(Command::Sync { id });
        id
    }

    /// Makes an HTTP request; exactly one [`Event::Fetched`](crate::Event::Fetched) follows.
    pub fn fetch(&mut self, request: HttpRequest) -> FetchId {
        let id = self.ids.next_fetch();
        self.commands.push(Command::Fetch { id, request });
        id
    }

    /// Answers an HTTP request.
    pub fn http_respond(&mut self, id: HttpId, response: HttpResponse) {
        self.commands.push(Command::HttpRespond { id, response });
    }

    /// Hears from now on what siblings publish on a topic.
    pub fn listen(&mut self, topic: impl Into<String>) {
        self.commands.push(Command::Listen { topic: topic.into() });
    }

    /// Tells all siblings that listen to a topic, on whichever shard; not itself.
    pub fn publish(&mut self, topic: impl Into<String>, text: impl Into<String>) {
        self.commands.push(Command::Publish {
            topic: topic.into(),
            text: text.into(),
        });
    }

    /// Opens a leg to whoever the first Router URI, else the Request-URI, names.
    pub fn open(&mut self, request: Request) -> (LegId, RequestId) {
        let (leg, id) = (self.ids.next_leg(), self.ids.next_request());
        self.commands.push(Command::Open { leg, id, request });
        (leg, id)
    }

    /// Forwards the first request of a leg to whoever its first Router URI, else its Request-URI, names, and leaves the call to
    /// the node: a [`Bridge`](crate::Bridge) that the node runs passes what comes on either leg to the other, transfers and
    /// failures included, until both have ended.
    ///
    /// The instance gets no more events, those that wait in a script included, and is dropped. What else it had ends as with
    /// [`finish`](Self::finish): other legs, timers, relation ids, its key, topics, watches, HTTP requests on either side.
    /// Later commands are not carried out. A loaded service takes no part in what is said from here on: it costs the call
    /// neither time nor memory, and a version that is replaced, unloaded or broken does not touch it; nor does the call count
    /// towards the service's own limit of instances, but towards the node's.
    ///
    /// The request is the one that came, with another Request-URI, say; it must keep its CSeq. Refused, and the instance goes
    /// on, if the leg has ended or nobody waits for an answer to the request.
    ///
    /// ```
    /// use strowger_service::{Context, Event, Instance};
    ///
    /// struct Reception;
    ///
    /// impl Instance for Reception {
    ///     fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
    ///         if let Event::Incoming { leg, mut request } = event {
    ///             request.set_request_uri("reception@example.com");
    ///             cx.forward(leg, request);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn forward(&mut self, leg: LegId, request: Request) {
        let (to, id) = (self.ids.next_leg(), self.ids.next_request());
        let request = routed(request, self);
        self.commands.push(Command::Forward { leg, to, id, request });
    }

    /// Sends a request on a leg. The stack sets `DialogueID`, `CSeq` and `RelatedID`.
    pub fn send(&mut self, leg: LegId, request: Request) -> RequestId {
        let id = self.ids.next_request();
        self.commands.push(Command::Send { leg, id, request });
        id
    }

    /// Answers a request; make the response with [`Response::to`].
    pub fn respond(&mut self, leg: LegId, response: Response) {
        self.commands.push(Command::Respond { leg, response });
    }

    /// Answers a request of which only the CSeq was kept, with a `Reason`.
    pub fn answer(&mut self, leg: LegId, cseq: CSeq, code: StatusCode, reason: impl Into<String>) {
        self.commands.push(Command::Answer {
            leg,
            cseq,
            code,
            reason: reason.into(),
        });
    }

    /// Fires a timer once after so long.
    pub fn set_timer(&mut self, after: Duration) -> TimerId {
        let timer = self.ids.next_timer();
        self.commands.push(Command::SetTimer { timer, after });
        timer
    }

    /// Forgets a timer; it does not fire any more.
    pub fn cancel_timer(&mut self, timer: TimerId) {
        self.commands.push(Command::CancelTimer { timer });
    }

    /// Makes a relation id: a request whose first Router URI carries it as `relid` reaches this instance.
    pub fn relation(&mut self) -> String {
        let relid = self.ids.next_relation();
        self.commands.push(Command::Relate { relid: relid.clone() });
        relid
    }

    /// Writes a log line.
    pub fn log(&mut self, level: LogLevel, text: impl Into<String>) {
        self.commands.push(Command::Log {
            level,
            text: text.into(),
        });
    }

    /// Ends the instance after this event.
    pub fn finish(&mut self) {
        self.commands.push(Command::Finish);
    }

    /// Ends the instance after this event, as failed.
    pub fn fail(&mut self, reason: impl Into<String>) {
        self.commands.push(Command::Fail {
            reason: reason.into(),
        });
    }

    /// A number that nobody outside can guess; the same again when a recorded run is played again.
    pub fn random(&mut self) -> u64 {
        self.ids.next_random()
    }

    /// For those who pass events on to an instance elsewhere: the counters, which every command they [push](Self::push)
    /// must have moved on.
    pub const fn ids(&mut self) -> &mut Ids {
        self.ids
    }

    /// For those who pass events on to an instance elsewhere: the store, where it can be kept meanwhile.
    pub fn shared_store(&self) -> Option<Arc<dyn Store + Send + Sync>> {
        self.around.store.shared()
    }

    /// For those who pass events on to an instance elsewhere: adds a command as it is.
    pub fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// The time since the node started.
    pub const fn now(&self) -> Duration {
        self.facts.now
    }

    /// Swaps the counters and commands with others: a script keeps them while its future runs.
    pub(crate) const fn lend(&mut self, ids: &mut Ids, commands: &mut Vec<Command>) {
        std::mem::swap(self.ids, ids);
        std::mem::swap(self.commands, commands);
    }

    /// The node's own host names.
    pub const fn own_hosts(&self) -> &[String] {
        self.facts.own_hosts
    }

    /// The name under which the service runs.
    pub const fn service(&self) -> &str {
        self.facts.service
    }

    /// Whether a Router URI is meant for this service rather than for the next hop: it carries `type` or `relid`, its
    /// host is one of the node's own, or its first label is the service's name.
    pub fn addressed_here(&self, uri: &Uri<'_>) -> bool {
        uri.has_param("type")
            || uri.has_param("relid")
            || uri.first_label().eq_ignore_ascii_case(self.facts.service)
            || self.facts.own_hosts.iter().any(|host| uri.host_is(host))
    }
}

/// The store as an instance sees it.
#[derive(Clone, Copy)]
pub struct Shelf<'a>(&'a dyn Store);

impl Shelf<'_> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Entry> {
        self.0.get(key)
    }

    /// Sets a key, whatever is there; gives back its version.
    ///
    /// # Errors
    ///
    /// Why nothing was changed.
    pub fn put(&self, key: &str, value: impl AsRef<[u8]>) -> Result<u64, StoreError> {
        self.0.set(key, Expected::Anything, value.as_ref(), None)
    }

    /// The same for so long; then it goes by itself.
    ///
    /// # Errors
    ///
    /// Why nothing was changed.
    pub fn put_for(&self, key: &str, value: impl AsRef<[u8]>, keep: Duration) -> Result<u64, StoreError> {
        self.0.set(key, Expected::Anything, value.as_ref(), Some(keep))
    }

    /// Sets a key if it still has this version; `None`: if it is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Changed`], or why else nothing was changed.
    pub fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<u64>,
        value: impl AsRef<[u8]>,
    ) -> Result<u64, StoreError> {
        let expected = expected.map_or(Expected::Nothing, Expected::Version);
        self.0.set(key, expected, value.as_ref(), None)
    }

    /// Removes a key.
    pub fn delete(&self, key: &str) {
        // Whatever is there goes.
        let _ = self.0.delete(key, Expected::Anything);
    }

    /// The first keys with this prefix, in their order.
    pub fn keys(&self, prefix: &str, limit: usize) -> Vec<String> {
        self.0.keys(prefix, limit)
    }
}

impl std::fmt::Debug for Shelf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shelf")
    }
}

#[cfg(test)]
mod tests {
    use jsip::Method;

    use super::*;

    fn with<T>(act: impl FnOnce(&mut Context<'_>) -> T) -> (T, Vec<Command>) {
        let hosts = ["node.example".to_owned()];
        let facts = Facts {
            now: Duration::from_secs(7),
            service: "pair",
            own_hosts: &hosts,
        };
        let (mut ids, mut commands) = (Ids::new("secret".to_owned()), Vec::new());
        let result = act(&mut Context::new(&mut ids, &facts, &mut commands));
        (result, commands)
    }

    fn request() -> Request {
        Request::new(Method::Message, "bob@x.org", "alice@x.org", "bob@x.org")
    }

    #[test]
    fn numbers_count_from_one_each_for_itself() {
        let (numbers, commands) = with(|cx| {
            let (leg, first) = cx.open(request());
            let second = cx.send(leg, request());
            let (timer, other) = (cx.set_timer(Duration::ZERO), cx.set_timer(Duration::ZERO));
            [
                leg.number(),
                first.number(),
                second.number(),
                timer.number(),
                other.number(),
            ]
        });
        assert_eq!(numbers, [1, 1, 2, 1, 2]);
        assert_eq!(commands.len(), 4);
    }

    #[test]
    fn commands_keep_their_order() {
        let ((), commands) = with(|cx| {
            let leg = LegId::new(4);
            cx.respond(leg, Response::to(&request(), StatusCode::OK));
            cx.answer(leg, CSeq::FIRST, StatusCode::FORBIDDEN, "no");
            cx.cancel_timer(TimerId::new(3));
            cx.log(LogLevel::Warn, "odd");
            cx.fail("broken");
            cx.finish();
        });
        let names: Vec<String> = commands
            .iter()
            .map(|c| {
                format!("{c:?}")
                    .chars()
                    .take_while(|c| c.is_alphabetic())
                    .collect()
            })
            .collect();
        assert_eq!(
            names,
            ["Respond", "Answer", "CancelTimer", "Log", "Fail", "Finish"]
        );
    }

    #[test]
    fn a_relation_is_registered_as_it_is_made() {
        let (relid, commands) = with(|cx| [cx.relation(), cx.relation()]);
        assert_eq!(relid, ["secret.1", "secret.2"]);
        assert!(matches!(&commands[..], [Command::Relate { relid: one }, _] if *one == relid[0]));
    }

    #[test]
    fn the_facts_are_those_of_the_node() {
        with(|cx| {
            assert_eq!((cx.now(), cx.service()), (Duration::from_secs(7), "pair"));
            assert_eq!(cx.own_hosts(), ["node.example"]);
        });
    }

    #[test]
    fn a_uri_is_addressed_here_by_type_relid_label_or_own_host() {
        let here = [
            "a.org;type=x",
            "a.org;relid=1",
            "pair.a.org",
            "PAIR",
            "node.example",
            "bob@Node.Example",
        ];
        let elsewhere = [
            "a.org",
            "bob@a.org",
            "a.pair.org",
            "x.node.example",
            "a.org;ring=3",
        ];
        with(|cx| {
            for uri in here {
                assert!(cx.addressed_here(&Uri::parse(uri).unwrap()), "{uri}");
            }
            for uri in elsewhere {
                assert!(!cx.addressed_here(&Uri::parse(uri).unwrap()), "{uri}");
            }
        });
    }
}
