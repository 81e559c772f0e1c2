//! What the seed makes of the world: nodes, users, settings.

use std::time::Duration;

use strowger_node::{Config, LinkPolicy};

use super::chance::Chance;

/// The world of one run.
#[derive(Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent choices, each on or off"
)]
pub(super) struct Setup {
    /// How many shards each node has.
    pub(super) shards: Vec<u16>,
    /// The node of each user.
    pub(super) homes: Vec<usize>,
    /// The settings of all nodes, but for what names them.
    pub(super) config: Config,
    /// Whether outboxes are so small that their bounds are hit.
    pub(super) tight: bool,
    /// Whether limits of instances or dialogs are so small that they are hit.
    pub(super) limited: bool,
    /// How much of the schedule's turns breaks something, in percent.
    pub(super) faults: usize,
    /// Whether nodes are drained.
    pub(super) drains: bool,
    /// Whether all nodes show the same number in the ids they make.
    pub(super) same_numbers: bool,
    /// Users send what is unanswered again even on a new channel: the node remembers nothing of it, so it may be
    /// applied once more.
    pub(super) stubborn: bool,
    /// Whether what shards are told and do is written down.
    pub(super) records: bool,
}

impl Setup {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let nodes = chance.pick(&[1, 1, 1, 2, 2, 3]);
        let users = nodes.max(2) + chance.below(4);
        let shards = (0..nodes).map(|_| 1 + chance.below(3) as u16).collect();
        let homes = (0..users)
            .map(|user| if user < nodes { user } else { chance.below(nodes) })
            .collect();
        let mut config = Config::default();
        if nodes > 1 {
            let pattern = "*.example"
                .parse()
                .expect("it is a domain below which all are meant");
            config.links = LinkPolicy::new(vec![pattern]);
        }
        config.channel.retention = Duration::from_secs(chance.pick(&[15, 40, 120]));
        config.channel.ping_interval = Duration::from_secs(chance.pick(&[3, 10, 25]));
        config.channel.ack_interval = Duration::from_millis(chance.pick(&[0, 0, 20]));
        config.channel.link.retries = chance.pick(&[1, 4, 10]);
        config.stack.session = Duration::from_secs(chance.pick(&[20, 90, 600]));
        let tight = chance.percent(30);
        if tight {
            tighten_outboxes(&mut config, chance);
        }
        let (few_instances, few_dialogs) = (chance.percent(15), chance.percent(15));
        if few_instances {
            config.limits.instances = 1 + chance.below(8);
        }
        if few_dialogs {
            config.stack.dialogs_per_channel = 1 + chance.below(6);
            config.stack.dialogs_per_link = 1 + chance.below(12);
        }
        Self {
            shards,
            homes,
            config,
            tight,
            limited: few_instances || few_dialogs,
            faults: chance.pick(&[0, 10, 25, 40]),
            drains: chance.percent(30),
            same_numbers: chance.percent(10),
            stubborn: chance.percent(20),
            records: false,
        }
    }
}

impl Setup {
    /// Whether nothing gets in the way of anybody.
    pub(super) const fn is_calm(&self) -> bool {
        self.faults == 0 && !self.drains && !self.tight && !self.limited
    }
}

/// Outboxes so small that a slow reader loses its channel.
fn tighten_outboxes(config: &mut Config, chance: &mut Chance) {
    let channel = &mut config.channel;
    channel.outbox_messages = chance.pick(&[6, 12, 30, 1024]);
    channel.outbox_bytes = chance.pick(&[2_000, 6_000, 4 << 20]);
    // Near a bound a fifth of this without a Pong counts as proof that none comes, and what was written is taken for
    // delivered. The network here may be slower than that is meant for; see `docs/delivery.md`.
    channel.ping_interval = Duration::from_secs(40);
}
