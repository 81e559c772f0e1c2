//! What a shard's thread is asked.

use std::sync::Arc;
use std::time::Duration;

use jsip::UserId;
use jsip_stack::Channel;
use strowger_auth::{Credential, Refused};
use strowger_channel::net::{Handover, Ticket};
use strowger_channel::{ConnId, NameTaken};
use strowger_service::{FetchError, HttpRequest, HttpResponse};
use tokio::sync::oneshot;

use super::authentication::Authentication;
use super::visit::Visit;
use super::{DriverSettings, Figures};
use crate::{
    Config, FetchTicket, InstanceFilter, InstanceId, InstanceInfo, InstancePage, JournalSettings, Mail,
    Registry, RenewalTicket, SyncTicket, VersionCount,
};

/// What other threads ask of a shard's thread.
#[derive(Debug)]
pub(super) enum Letter {
    /// A socket is coming for this name, whose home this shard is, with what its peer has proven; answers its connection,
    /// and what its channel is to be called towards the peer.
    Announce(
        UserId,
        Option<Credential>,
        oneshot::Sender<Result<Ticket, NameTaken>>,
    ),
    /// The announced socket will not come.
    Gone(ConnId),
    /// A socket whose home this shard is.
    Handover(Handover),
    /// Mail of another shard, in order.
    Mail(Vec<Mail>),
    /// Begin to drain within this time, or go on; answers the channels that own dialogs.
    Drain(Duration, oneshot::Sender<Vec<Channel>>),
    /// Answer the names of those of the channels whose home this is.
    Names(Vec<Channel>, oneshot::Sender<Vec<UserId>>),
    /// Take over other settings.
    Reconfigure(Arc<Config>, Box<DriverSettings>, Option<Arc<Authentication>>),
    /// Write down other things of calls, or nothing.
    Journal(Option<Box<JournalSettings>>),
    /// Take over a registry made of the present one.
    Registry(Arc<Registry>),
    /// Answer how many instances of each version run.
    Versions(oneshot::Sender<Vec<VersionCount>>),
    /// A request of an instance has its result.
    Fetched(FetchTicket, Result<HttpResponse, FetchError>),
    /// A token that a user showed to go on was looked at.
    Renewed(RenewalTicket, Result<Credential, Refused>),
    /// What the stores were at a wish is on disk, or why not.
    Synced(SyncTicket, Option<String>),
    /// Let a service answer a request.
    Http(Arc<str>, HttpRequest, oneshot::Sender<HttpResponse>),
    /// Answer up to so many of the instances that fit, from a place on.
    Instances(Arc<InstanceFilter>, u32, usize, oneshot::Sender<InstancePage>),
    /// Answer one instance.
    Instance(InstanceId, oneshot::Sender<Option<InstanceInfo>>),
    /// Look at something, or do something that no other letter is for.
    Visit(Visit),
    /// End an instance; answers whether it ran.
    EndInstance(InstanceId, oneshot::Sender<bool>),
    /// Close every socket with 1012.
    CloseAll,
    /// Answer the shard's figures.
    Figures(oneshot::Sender<Figures>),
    /// End the thread.
    Stop,
}
