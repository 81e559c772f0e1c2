//! One shard: both halves and the mail between them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jsip::{Message, Method, Request, Response, StatusCode, UserId};
use jsip_stack::{Channel, Output, Release, Stack, Transmit};
use strowger_channel::{ChannelEvent, ChannelId, Channels, LostCause, Outgoing};
use strowger_service::{Command, Event};
use strowger_time::{Deadlines, Instant};

use crate::dispatch::{InstanceTimer, RETRY_AFTER};
use crate::elsewhere::Elsewhere;
use crate::ids::IdSource;
use crate::instances::{InstanceKey, Instances};
use crate::journal::Desk;
use crate::kind::Kinds;
use crate::logs::LogBudget;
use crate::moves::Moves;
use crate::rights::Rights;
use crate::rounds::Rounds;
use crate::routing::{home_of, home_of_link};
use crate::timing::Timing;
use crate::topics::Listeners;
use crate::{Config, Counters, Effect, Happening, Mail, Registry, Stores, Watch};

/// One shard of a node: a pure state machine.
///
/// Call an input ([`Shard::connect`], [`Shard::receive_text`], [`Shard::receive_mail`], ..., [`Shard::handle_timeout`]) with
/// what happened, then [`Shard::settle`] once, then [`Shard::poll_effect`] until it answers `None`. [`Shard::poll_timeout`]
/// says when to call [`Shard::handle_timeout`] at the latest.
#[derive(Debug)]
pub struct Shard {
    pub(crate) config: Arc<Config>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) node: u16,
    pub(crate) shard: u16,
    pub(crate) shards: u16,
    pub(crate) stack: Stack,
    pub(crate) channels: Channels,
    pub(crate) instances: Instances,
    pub(crate) kinds: Kinds,
    pub(crate) elsewhere: Elsewhere,
    pub(crate) messages: crate::messages::Messages,
    pub(crate) gatherings: crate::listing::Gatherings,
    pub(crate) ids: IdSource,
    pub(crate) deadlines: Deadlines<InstanceTimer>,
    pub(crate) pending: VecDeque<(InstanceKey, Event)>,
    pub(crate) commands: Vec<Command>,
    pub(crate) moves: Moves,
    pub(crate) rights: Rights,
    pub(crate) rounds: Rounds,
    pub(crate) stores: Stores,
    pub(crate) listeners: Listeners,
    /// The same for what is watched in stores.
    pub(crate) watchers: Listeners,
    /// How many HTTP requests of each service are open, by its place in the registry.
    pub(crate) fetching: Vec<usize>,
    pub(crate) draining: bool,
    overloaded: bool,
    /// By the service's place in the registry.
    pub(crate) log_budgets: Vec<LogBudget>,
    pub(crate) link_log_budget: LogBudget,
    /// The links of this shard, by host and port.
    pub(crate) links: BTreeMap<(String, u16), ChannelId>,
    pub(crate) mail: VecDeque<Mail>,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) counters: Counters,
    pub(crate) timing: Timing,
    pub(crate) watch: Watch,
    pub(crate) happenings: Vec<Happening>,
    pub(crate) desk: Desk,
}

impl Shard {
    /// Shard number `shard` of `shards` of the node with number `node`. `seed` should be random and differ between
    /// shards.
    pub fn new(
        config: Arc<Config>,
        registry: Arc<Registry>,
        node: u16,
        shard: u16,
        shards: u16,
        seed: u64,
    ) -> Self {
        let mut ids = IdSource::new(node, shard, seed);
        let stack = Stack::new(config.stack.clone(), shard as u8, ids.seed());
        let channels = Channels::new(config.channel.clone(), shard, ids.seed());
        let log_budgets = vec![LogBudget::default(); registry.len()];
        Self {
            config,
            registry,
            node,
            shard,
            shards,
            stack,
            channels,
            instances: Instances::default(),
            kinds: Kinds::default(),
            elsewhere: Elsewhere::default(),
            messages: Default::default(),
            gatherings: Default::default(),
            ids,
            deadlines: Deadlines::new(),
            pending: VecDeque::new(),
            commands: Vec::new(),
            moves: Moves::default(),
            rights: Rights::default(),
            rounds: Rounds::default(),
            stores: Stores::default(),
            listeners: Listeners::default(),
            watchers: Listeners::default(),
            fetching: Vec::new(),
            draining: false,
            overloaded: false,
            log_budgets,
            link_log_budget: LogBudget::default(),
            links: BTreeMap::new(),
            mail: VecDeque::new(),
            effects: VecDeque::new(),
            counters: Counters::default(),
            timing: Timing::default(),
            watch: Watch::Off,
            happenings: Vec::new(),
            desk: Desk::Off,
        }
    }

    /// The shard of a node with `shards` shards that is home of a name.
    pub fn home(name: &UserId, shards: u16) -> u16 {
        home_of(name, shards)
    }

    /// The next thing for the driver to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        let effect = self.effects.pop_front();
        if effect.is_none() {
            self.give_back();
        }
        effect
    }

    /// Whether the driver has something to do.
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// When [`Shard::handle_timeout`] must be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = [
            self.stack.poll_timeout(),
            self.channels.poll_timeout(),
            self.deadlines.earliest(),
            self.moves.due(),
            self.rounds.due(),
            self.journal_due(),
        ];
        own.into_iter().flatten().min()
    }

    /// Mail came from another shard.
    pub fn receive_mail(&mut self, mail: Mail) {
        self.mail.push_back(mail);
    }

    /// Shares the stores of services with the other shards of the node; before anything else is done.
    #[must_use]
    pub fn with_stores(self, stores: Stores) -> Self {
        Self { stores, ..self }
    }

    /// Puts mail for another shard among the effects.
    pub(crate) fn mail_to(&mut self, to: u16, mail: Mail) {
        self.effects.push_back(Effect::Mail { to, mail });
    }

    /// Does everything that was due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.channels.handle_timeout(now);
        self.stack.handle_timeout(now);
        if self.desk.is_on() {
            self.write_due(now);
        }
        while let Some(due) = self.deadlines.pop_due(now) {
            self.on_due(now, due);
        }
        self.move_instances(now);
        self.go_round(now);
        self.send_journal(now);
    }

    /// No new dialogs from here on (protocol section 1, drain); running ones go on, and instances are told that the node
    /// ends within this time. Called again, it changes nothing.
    pub fn drain(&mut self, now: Instant, within: Duration) {
        if !std::mem::replace(&mut self.draining, true) {
            self.plan_shutdown(now, now + within);
        }
    }

    /// While some shard of the node has more mail than it gets through, requests are answered 503: what waits between
    /// shards has no other bound. The driver says when.
    pub fn set_overloaded(&mut self, overloaded: bool) {
        self.overloaded = overloaded;
    }

    /// The channels that own live dialogs of this shard, whose home may be another one.
    pub fn live_channels(&self) -> Vec<Channel> {
        self.stack.live_channels()
    }

    /// The names of those of the channels whose home this shard is.
    pub fn names(&self, channels: &[Channel]) -> Vec<UserId> {
        let is_own = |channel: &&Channel| home_of_channel(**channel) == self.shard;
        let own = channels.iter().filter(is_own);
        own.filter_map(|channel| self.channels.user(channel_id(*channel)).cloned())
            .collect()
    }

    /// Whether a drain is over: every instance told, no live dialog, every outbox flushed. Once no dialog is alive, costs a pass over all
    /// channels.
    pub fn is_drained(&self) -> bool {
        self.rounds.is_over() && self.draining && self.stack.live() == 0 && self.channels.is_flushed()
    }

    /// Closes every socket with 1012.
    pub fn close_all(&mut self, now: Instant) {
        self.channels.drain(now);
    }

    /// Ends every instance, as if each had finished.
    pub fn end_instances(&mut self, now: Instant) {
        for key in self.instances.keys() {
            self.write_stopped(now, key, None);
            self.end(now, key, Release::Finished);
        }
    }

    /// Carries out everything that the inputs so far have led to on this shard.
    pub fn settle(&mut self, now: Instant) {
        while self.settle_one(now) {}
    }

    /// Carries out one thing of that; `false`: there is nothing left.
    #[inline]
    pub(crate) fn settle_one(&mut self, now: Instant) -> bool {
        // The consequences of one thing before the next thing.
        if let Some(output) = self.stack.poll_output() {
            self.on_output(now, output);
        } else if let Some(event) = self.channels.poll_event() {
            self.on_channel_event(now, event);
        } else if let Some(mail) = self.mail.pop_front() {
            self.on_mail(now, mail);
        } else {
            return false;
        }
        true
    }

    /// Gives mail to a half of a shard: at once if it is this shard. Mail leads to one more piece at most but for a first
    /// request, which goes from name to link to dialog, so this nests three deep at most.
    pub(crate) fn post(&mut self, now: Instant, to: u16, mail: Mail) {
        if to == self.shard {
            self.on_mail(now, mail);
        } else {
            self.effects.push_back(Effect::Mail { to, mail });
        }
    }

    fn on_channel_event(&mut self, now: Instant, event: ChannelEvent) {
        self.note_channel(now, &event);
        match event {
            ChannelEvent::Message { channel, mut message } => {
                self.counters.messages_received += 1;
                let channel = stack_channel(channel);
                self.assert_identity(channel, &mut message);
                self.note_sender(now, channel, &message);
                self.on_message(now, channel, message);
            }
            ChannelEvent::Released { channel: _, tag } => {
                let tag = jsip_stack::Tag::from_number(tag);
                self.post(now, u16::from(tag.shard()), Mail::Released(tag));
            }
            ChannelEvent::Acknowledged { channel: _, tag } => self.tell_of(now, tag, Mail::Acknowledged),
            ChannelEvent::Repeated { channel: _, tag } => self.tell_of(now, tag, Mail::Repeated),
            ChannelEvent::Withdrawn { channel: _, tag } => {
                let tag = jsip_stack::Tag::from_number(tag);
                self.post(now, u16::from(tag.shard()), Mail::Withdrawn(tag));
            }
            ChannelEvent::NoRoom { channel: _, tag } => {
                self.counters.no_room += 1;
                let tag = jsip_stack::Tag::from_number(tag);
                self.post(now, u16::from(tag.shard()), Mail::NoRoom(tag));
            }
            ChannelEvent::Opened { channel } | ChannelEvent::Resumed { channel } => {
                self.announce(now, Mail::ChannelUp, stack_channel(channel));
            }
            ChannelEvent::Dropped { channel } => {
                self.announce(now, Mail::ChannelDown, stack_channel(channel))
            }
            ChannelEvent::Lost { channel, cause } => {
                self.elsewhere.forget(stack_channel(channel));
                let mail = match cause {
                    LostCause::LinkFailed => Mail::LinkFailed,
                    LostCause::RetentionOver
                    | LostCause::OutboxFull
                    | LostCause::EndedByUser
                    | LostCause::EndedByOperator => Mail::ChannelLost,
                };
                self.announce(now, mail, stack_channel(channel));
                self.links.retain(|_, link| *link != channel);
            }
            ChannelEvent::Wake { conn } => self.effects.push_back(Effect::Wake(conn)),
            ChannelEvent::Close { conn, code, reason } => {
                self.effects.push_back(Effect::Close { conn, code, reason });
            }
            ChannelEvent::Dial { channel, host, port } => {
                self.effects.push_back(Effect::Dial { channel, host, port });
            }
            ChannelEvent::Link(news) => self.log_link(now, news),
        }
    }

    /// A message goes to the shard of its dialog; on this shard without a detour.
    fn on_message(&mut self, now: Instant, channel: Channel, message: Message) {
        if let (true, Message::Request(request)) = (self.overloaded, &message)
            && request.method() != Method::Ack
        {
            return self.refuse_for_now(now, channel, request);
        }
        if let Message::Request(request) = &message
            && self.refuse_refer(now, channel, request)
        {
            return;
        }
        let shard = self.shard_for(channel, &message);
        if shard == self.shard {
            self.receive(now, channel, message);
        } else {
            self.effects.push_back(Effect::Mail {
                to: shard,
                mail: Mail::Received { channel, message },
            });
        }
    }

    /// Gives a message to the dialog half.
    fn receive(&mut self, now: Instant, channel: Channel, message: Message) {
        let found = self.stack.look_up(channel, &message);
        if self.desk.is_on() {
            self.write_received(now, channel, &message, found);
        }
        self.stack.receive_found(now, channel, message, found);
    }

    fn refuse_for_now(&mut self, now: Instant, channel: Channel, request: &Request) {
        self.counters.unavailable += 1;
        let mut response = Response::to(request, StatusCode::SERVICE_UNAVAILABLE);
        response.set_reason("the node is overloaded");
        // It fails only for a name or a value that is no header, and these are.
        let _ = response.set_extension("Retry-After", &RETRY_AFTER.to_string());
        self.transmit(now, channel, Transmit::stateless(response));
    }

    fn announce(&mut self, now: Instant, mail: fn(Channel) -> Mail, channel: Channel) {
        for shard in 0..self.shards {
            self.post(now, shard, mail(channel));
        }
    }

    fn on_output(&mut self, now: Instant, output: Output) {
        if self.desk.is_on() && !self.write_output(now, &output) {
            return;
        }
        match output {
            Output::Send { channel, transmit } => {
                self.stack.keep_sent(now, &transmit);
                self.post(now, home_of_channel(channel), Mail::Send(channel, transmit));
            }
            Output::SendTo {
                dialog,
                target,
                name,
                transmit,
            } => {
                self.stack.keep_sent(now, &transmit);
                let home = home_of(&name, self.shards);
                self.post(
                    now,
                    home,
                    Mail::SendTo {
                        from: self.shard,
                        dialog,
                        target,
                        name,
                        transmit,
                    },
                );
            }
            Output::Cancel {
                channel,
                invite,
                transmit,
            } => {
                self.stack.keep_sent(now, &transmit);
                self.post(
                    now,
                    home_of_channel(channel),
                    Mail::Cancel {
                        channel,
                        invite,
                        transmit,
                    },
                );
            }
            Output::Withdraw { channel, tag } => {
                self.post(now, home_of_channel(channel), Mail::Withdraw(channel, tag))
            }
            Output::Done { channel, tag } => {
                self.post(now, home_of_channel(channel), Mail::Done(channel, tag))
            }
            Output::Incoming {
                dialog,
                channel,
                request,
            } => self.distribute(now, dialog, channel, request),
            Output::Deliver { owner, delivery } => self.on_delivery(now, owner, delivery),
        }
    }

    fn on_mail(&mut self, now: Instant, mail: Mail) {
        if self.desk.is_on() {
            self.write_mail(now, &mail);
        }
        match mail {
            Mail::Received { channel, message } => self.receive(now, channel, message),
            Mail::Bound { dialog, channel } => {
                if channel.is_none() {
                    self.counters.unreachable += 1;
                }
                self.stack.bound(now, dialog, channel);
            }
            Mail::Released(tag) => self.stack.released(now, tag),
            Mail::Acknowledged(tag) => self.stack.acknowledged(tag),
            Mail::Repeated(tag) => self.stack.replayed(tag),
            Mail::Withdrawn(tag) => self.stack.withdrawn(now, tag),
            Mail::NoRoom(tag) => self.stack.no_room(now, tag, RETRY_AFTER),
            Mail::ChannelUp(channel) => self.stack.channel_up(now, channel),
            Mail::ChannelDown(channel) => self.stack.channel_down(channel),
            Mail::Rights(channel, grants) => self.rights.set(channel, grants),
            Mail::ChannelLost(channel) => {
                self.rights.forget(channel);
                self.stack.channel_lost(now, channel);
            }
            Mail::LinkFailed(channel) => self.stack.link_failed(now, channel),
            Mail::SendTo {
                from,
                dialog,
                target,
                name,
                transmit,
            } => {
                if let Some(channel) = self.channels.lookup(&name) {
                    self.send_first(now, from, dialog, Some(channel), transmit);
                } else if let Some((host, port)) = self.node_of(&target) {
                    let home = home_of_link(&host, port, self.shards);
                    self.post(
                        now,
                        home,
                        Mail::SendOver {
                            from,
                            dialog,
                            host,
                            port,
                            transmit,
                        },
                    );
                } else {
                    self.send_first(now, from, dialog, None, transmit);
                }
            }
            Mail::SendOver {
                from,
                dialog,
                host,
                port,
                transmit,
            } => {
                let channel = self.link(now, host, port);
                self.send_first(now, from, dialog, channel, transmit);
            }
            Mail::Ask {
                from,
                channel,
                dialogs,
                as_of,
            } => {
                let dialogs = self.unknown_of(channel, dialogs);
                self.post(
                    now,
                    from,
                    Mail::Unknown {
                        channel,
                        dialogs,
                        as_of,
                    },
                );
            }
            Mail::Unknown {
                channel,
                dialogs,
                as_of,
            } => self.elsewhere.remove(channel, &dialogs, as_of),
            Mail::Published { service, topic, text } => self.on_published(now, service, &topic, &text),
            Mail::StoreChanged { service, news } => self.on_store_changed(now, service, &news),
            Mail::ListCalls(question) => self.list_calls(now, question),
            Mail::Calls(dialog, calls) => self.on_calls(now, dialog, calls),
            Mail::Send(channel, transmit) => self.transmit(now, channel, transmit),
            Mail::Cancel {
                channel,
                invite,
                transmit,
            } => {
                self.channels
                    .cancel(now, channel_id(channel), invite.number(), outgoing(transmit));
            }
            Mail::Withdraw(channel, tag) => self.channels.withdraw(channel_id(channel), tag.number()),
            Mail::Done(channel, tag) => self.channels.done(channel_id(channel), tag.number()),
        }
    }

    pub(crate) fn transmit(&mut self, now: Instant, channel: Channel, transmit: Transmit) {
        self.counters.messages_sent += 1;
        // An unreachable channel is lost, and its loss is on its way to the dialog.
        let _ = self.channels.send(now, channel_id(channel), outgoing(transmit));
    }
}

pub(crate) const fn home_of_channel(channel: Channel) -> u16 {
    channel_id(channel).shard()
}

pub(crate) const fn stack_channel(channel: ChannelId) -> Channel {
    Channel::new(channel.number())
}

pub(crate) const fn channel_id(channel: Channel) -> ChannelId {
    ChannelId::from_number(channel.number())
}

fn outgoing(transmit: Transmit) -> Outgoing {
    let kind = match transmit.kind {
        jsip_stack::Kind::Request => strowger_channel::Kind::Request,
        jsip_stack::Kind::Ending => strowger_channel::Kind::Ending,
        jsip_stack::Kind::Final => strowger_channel::Kind::Final,
        jsip_stack::Kind::Other => strowger_channel::Kind::Other,
    };
    Outgoing {
        text: transmit.message.into_text(),
        tag: transmit.tag.number(),
        kind,
    }
}
