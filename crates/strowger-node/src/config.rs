//! What a node is told at its start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::legs::MOST_LEGS;
use crate::{LinkPolicy, StoreLimits, WebLimits};

/// Settings of a node, the same for all its shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Timers and limits of the stack.
    pub stack: jsip_stack::Config,
    /// Timers and limits of channels and links.
    pub channel: strowger_channel::Settings,
    /// Host names that are this node's own (`realm`); they are never dialled. Default `localhost`.
    pub realm: Vec<String>,
    /// Which hosts may be dialled as other nodes. Default none.
    pub links: LinkPolicy,
    /// The port of a link whose URI has none. Default 8080, that of a listener; where links use TLS, 443 says more.
    pub link_port: u16,
    /// Limits of services.
    pub limits: Limits,
    /// The settings of services as JSON, by their names in lower case; `{}` for those that have none.
    pub settings: BTreeMap<String, Arc<str>>,
    /// Bounds of the store of each service.
    pub store: StoreLimits,
    /// Services, by their names in lower case, whose stores are gone with the process also where others are kept on disk.
    pub in_memory: BTreeSet<String>,
    /// What services may do over HTTP.
    pub web: WebLimits,
    /// The services, by their names in lower case, for which users need the grant `room`. Default `chatroom` and
    /// `conference`.
    pub room_services: BTreeSet<String>,
    /// How long a drain may take (`drain.timeout`, default 30 s).
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            stack: jsip_stack::Config::default(),
            channel: strowger_channel::Settings::default(),
            realm: vec!["localhost".to_owned()],
            links: LinkPolicy::default(),
            link_port: 8080,
            limits: Limits::default(),
            settings: BTreeMap::new(),
            store: StoreLimits::default(),
            in_memory: BTreeSet::new(),
            web: WebLimits::default(),
            room_services: ["chatroom", "conference"].map(str::to_owned).into(),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// The settings of a service.
    pub(crate) fn settings_of(&self, service: &str) -> Arc<str> {
        let settings = self.settings.get(&service.to_ascii_lowercase());
        settings.map_or_else(|| "{}".into(), Arc::clone)
    }
}

/// Limits of services on one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many instances may run on a shard (`limits.instances`, default 100,000); the next request gets 503.
    pub instances: usize,
    /// How many legs one instance may have at a time (`limits.legs_per_instance`, default 256).
    pub legs_per_instance: usize,
    /// How many timers one instance may have at a time (`limits.timers_per_instance`, default 1,000).
    pub timers_per_instance: usize,
    /// How many relation ids one instance may make (`limits.relations_per_instance`, default 1,000); more and it fails.
    pub relations_per_instance: usize,
    /// How many commands one event may cause, those of the events that the commands cause by themselves included
    /// (`limits.commands_per_event`, default 1,024); more and the instance fails.
    pub commands_per_event: usize,
    /// How many other nodes a shard may have links to or be dialling (`limits.links_per_shard`, default 256); who is behind another one is
    /// unreachable. Peers choose the hosts, so a pattern in `links.allow` alone would be no bound.
    pub links: usize,
    /// How many calls a user is told who asks for his live ones (`limits.dialogs_per_answer`, default 64); how many more
    /// there are is said.
    pub dialogs_per_answer: usize,
}

impl Limits {
    /// `legs_per_instance`, as far as legs can be told apart.
    pub(crate) fn most_legs(&self) -> usize {
        self.legs_per_instance.min(MOST_LEGS)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instances: 100_000,
            legs_per_instance: 256,
            timers_per_instance: 1_000,
            commands_per_event: 1_024,
            relations_per_instance: 1_000,
            links: 256,
            dialogs_per_answer: 64,
        }
    }
}
