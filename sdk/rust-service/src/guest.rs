//! What the component exports.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::{Once, OnceLock};
use std::time::Duration;

use strowger_service::jsip::{Limits, Message};
use strowger_service::{Command, Context, Event, Facts, Ids, Instance, LastIds, Service, Surroundings};

use crate::convert;
use crate::store::HostStore;
use exports::strowger::service::service as wit;
use strowger::service::host;

wit_bindgen::generate!({
    path: "../../wit",
    world: "loadable",
    pub_export_macro: true,
    export_macro_name: "export_loadable",
    default_bindings_module: "strowger_component::guest",
});

/// Who makes the service.
pub trait Author: 'static {
    /// Makes the service, once for each component instance.
    fn service() -> Box<dyn Service>;
}

/// The exports of an author's component.
pub struct Exported<A>(PhantomData<A>);

impl<A: Author> wit::Guest for Exported<A> {
    type Instance = Running<A>;

    fn key(request: String) -> Option<String> {
        match Message::decode(&request, &LIMITS) {
            Ok(Message::Request(request)) => service::<A>().key_by(&request, &host::config()),
            _ => None,
        }
    }

    fn has_keys() -> bool {
        service::<A>().has_keys()
    }

    fn hears_completed() -> bool {
        service::<A>().hears_completed()
    }

    fn takes_http() -> bool {
        service::<A>().takes_http()
    }

    fn http_key(request: wit::HttpRequest) -> Option<String> {
        service::<A>().http_key(&convert::http::request(request))
    }

    fn check_config(config: String) -> Result<(), String> {
        service::<A>().check_config(&config)
    }
}

/// The node has held messages to its own limits.
pub(crate) const LIMITS: Limits = Limits {
    message_bytes: Limits::MAX_MESSAGE_BYTES,
    depth: Limits::MAX_DEPTH,
    headers: Limits::MAX_HEADERS,
};

fn service<A: Author>() -> &'static dyn Service {
    // One author per component, so one service.
    static SERVICE: OnceLock<Box<dyn Service>> = OnceLock::new();
    SERVICE.get_or_init(A::service).as_ref()
}

/// One instance of the author's service.
pub struct Running<A> {
    inner: RefCell<Inner>,
    author: PhantomData<A>,
}

struct Inner {
    instance: Box<dyn Instance>,
    ids: Ids,
    around: Rc<Around>,
}

/// What an instance is told of where it runs.
struct Around {
    service: String,
    own_hosts: Vec<String>,
    config: String,
}

impl Around {
    /// What the node says now.
    fn ask() -> Rc<Self> {
        let facts = host::facts();
        Rc::new(Self {
            service: facts.service,
            own_hosts: facts.own_hosts,
            config: host::config(),
        })
    }

    /// What the node says to a new instance; that of the one before it, where it is the same.
    fn of(setup: &wit::Setup) -> Rc<Self> {
        thread_local! {
            static LAST: RefCell<Option<(u32, Rc<Around>)>> = const { RefCell::new(None) };
        }
        LAST.with_borrow_mut(|last| match last {
            Some((number, around)) if *number == setup.surroundings => Rc::clone(around),
            last => {
                let around = Self::ask();
                *last = Some((setup.surroundings, Rc::clone(&around)));
                around
            }
        })
    }

    fn facts(&self, now: u64) -> Facts<'_> {
        Facts {
            now: Duration::from_micros(now),
            service: &self.service,
            own_hosts: &self.own_hosts,
        }
    }

    /// The node's store, and the settings as they were told last.
    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            store: &HostStore,
            config: &self.config,
        }
    }
}

impl<A> Running<A> {
    const fn with(instance: Box<dyn Instance>, ids: Ids, around: Rc<Around>) -> Self {
        Self {
            inner: RefCell::new(Inner {
                instance,
                ids,
                around,
            }),
            author: PhantomData,
        }
    }
}

fn ids(setup: &wit::Setup) -> Ids {
    Ids::asking(host::relation_prefix).with_seed([setup.seed.0, setup.seed.1])
}

fn last(at: &wit::Moment) -> LastIds {
    LastIds {
        leg: at.last.leg,
        request: at.last.request,
        timer: at.last.timer,
        relation: at.last.relation,
        fetch: at.last.fetch,
        sync: at.last.sync,
    }
}

impl<A: Author> wit::GuestInstance for Running<A> {
    fn new(setup: wit::Setup) -> Self {
        log_panics();
        Self::with(service::<A>().start(), ids(&setup), Around::of(&setup))
    }

    fn save(&self) -> Option<Vec<u8>> {
        self.inner.borrow_mut().instance.save()
    }

    fn restore(setup: wit::Setup, at: wit::Moment, saved: Vec<u8>) -> Result<wit::Instance, String> {
        log_panics();
        let (mut ids, around) = (ids(&setup), Around::of(&setup));
        ids.go_on_from(last(&at));
        let facts = around.facts(at.now);
        let mut commands = Vec::new();
        let cx = Context::new(&mut ids, &facts, &mut commands);
        let instance = service::<A>().try_restore(&saved, &mut cx.in_surroundings(around.surroundings()));
        // Only log lines are carried out here.
        commands
            .into_iter()
            .filter_map(|command| carry_out(command, &mut None))
            .for_each(drop);
        Ok(wit::Instance::new(Self::with(instance?, ids, around)))
    }

    fn handle(&self, now: u64, last_leg: u32, event: wit::Event) -> Vec<wit::Command> {
        let Inner {
            instance,
            ids,
            around,
        } = &mut *self.inner.borrow_mut();
        ids.go_on_from_leg(last_leg);
        let mut commands = Vec::new();
        let mut came;
        match convert::event(event) {
            Ok((event, text)) => {
                came = text;
                if matches!(event, Event::ConfigChanged) {
                    *around = Around::ask();
                }
                let facts = around.facts(now);
                let cx = Context::new(ids, &facts, &mut commands);
                instance.handle(event, &mut cx.in_surroundings(around.surroundings()));
            }
            Err(fault) => return vec![wit::Command::Fail(fault)],
        }
        commands
            .into_iter()
            .filter_map(|command| carry_out(command, &mut came))
            .collect()
    }
}

/// Writes log lines at once; everything else is for the node.
fn carry_out(command: Command, came: &mut Option<convert::Came>) -> Option<wit::Command> {
    match command {
        Command::Log { level, text } => {
            host::log(convert::level(level), &text);
            None
        }
        command => Some(convert::command(command, came)),
    }
}

/// A panic becomes a trap, which has no text: the text goes to the log.
fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            host::log(host::Level::Error, &panic.to_string())
        }));
    });
}
