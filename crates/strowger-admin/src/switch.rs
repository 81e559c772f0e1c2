//! What the operator's interface asks of a running node.

use std::pin::Pin;
use std::sync::Arc;

use strowger_node::driver::{ChannelSeen, DialogSeen, Figures, LogRing, Node};
use strowger_node::{
    ChannelFilter, Cursor, DialogFilter, DialogRef, InstanceFilter, InstanceId, InstanceInfo, InstancePage,
    LinkInfo, MessageAnswer, MessageError, OperatorMessage, Page, Registry, RegistryError, Taken, UserId,
    VersionCount,
};
use strowger_service::{HttpRequest, HttpResponse};

/// What is answered later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes a registry of the present one.
pub type Change<'a> = &'a (dyn Fn(&Registry) -> Result<Registry, RegistryError> + Sync);

/// A node, as far as its operator sees it.
pub trait Switch: Send + Sync + 'static {
    /// Figures of the whole node.
    fn figures(&self) -> Later<'_, Figures>;

    /// How many instances of each version run.
    fn version_counts(&self) -> Later<'_, Vec<VersionCount>>;

    /// The services as new instances get them.
    fn registry(&self) -> Arc<Registry>;

    /// Changes the services while the node runs.
    ///
    /// # Errors
    ///
    /// What `change` says; nothing has changed then.
    fn change_services(&self, change: Change<'_>) -> Result<(), RegistryError>;

    /// Up to so many of the instances that fit, from a cursor on.
    fn instances(&self, filter: InstanceFilter, from: Cursor, limit: usize) -> Later<'_, InstancePage>;

    /// One instance, if it still runs.
    fn instance(&self, id: InstanceId) -> Later<'_, Option<InstanceInfo>>;

    /// Ends an instance; `false`: it runs no more.
    fn end_instance(&self, id: InstanceId) -> Later<'_, bool>;

    /// What the shard of an instance has in memory of calls; `None` where nothing is written down.
    fn taken(&self, id: InstanceId) -> Later<'_, Option<Taken>>;

    /// Up to so many of the channels that fit, from a cursor on.
    fn channels(&self, filter: ChannelFilter, from: Cursor, limit: usize) -> Later<'_, Page<ChannelSeen>>;

    /// The channel of a user, open or retained.
    fn channel(&self, name: UserId) -> Later<'_, Option<ChannelSeen>>;

    /// Ends the channel of a user; `false`: there is none.
    fn end_channel(&self, name: UserId) -> Later<'_, bool>;

    /// Up to so many of the live dialogs that fit, from a cursor on; those of one user if one is given.
    fn dialogs(
        &self,
        user: Option<UserId>,
        filter: DialogFilter,
        from: Cursor,
        limit: usize,
    ) -> Later<'_, Page<DialogSeen>>;

    /// One dialog, if it is alive.
    fn dialog(&self, id: DialogRef) -> Later<'_, Option<DialogSeen>>;

    /// Ends a dialog; `false`: it had ended before.
    fn end_dialog(&self, id: DialogRef) -> Later<'_, bool>;

    /// Up to so many of the links, from a cursor on.
    fn links(&self, from: Cursor, limit: usize) -> Later<'_, Page<LinkInfo>>;

    /// Sends a MESSAGE from the node itself, and waits for the final response.
    fn message(&self, message: OperatorMessage) -> Later<'_, Result<MessageAnswer, MessageError>>;

    /// Drains the node; answers when all is over.
    fn drain(&self) -> Later<'_, ()>;

    /// Lets a service answer a request; whatever goes wrong is a response as well.
    fn http<'a>(&'a self, service: &'a str, request: HttpRequest) -> Later<'a, HttpResponse>;

    /// The latest log lines of the services.
    fn logs(&self) -> Arc<LogRing>;
}

impl Switch for Node {
    fn figures(&self) -> Later<'_, Figures> {
        Box::pin(self.figures())
    }

    fn version_counts(&self) -> Later<'_, Vec<VersionCount>> {
        Box::pin(self.version_counts())
    }

    fn registry(&self) -> Arc<Registry> {
        self.registry()
    }

    fn change_services(&self, change: Change<'_>) -> Result<(), RegistryError> {
        self.change_services(change)
    }

    fn instances(&self, filter: InstanceFilter, from: Cursor, limit: usize) -> Later<'_, InstancePage> {
        Box::pin(self.instances(filter, from, limit))
    }

    fn instance(&self, id: InstanceId) -> Later<'_, Option<InstanceInfo>> {
        Box::pin(self.instance(id))
    }

    fn end_instance(&self, id: InstanceId) -> Later<'_, bool> {
        Box::pin(self.end_instance(id))
    }

    fn taken(&self, id: InstanceId) -> Later<'_, Option<Taken>> {
        Box::pin(self.taken(id))
    }

    fn channels(&self, filter: ChannelFilter, from: Cursor, limit: usize) -> Later<'_, Page<ChannelSeen>> {
        Box::pin(self.channels(filter, from, limit))
    }

    fn channel(&self, name: UserId) -> Later<'_, Option<ChannelSeen>> {
        Box::pin(self.channel(name))
    }

    fn end_channel(&self, name: UserId) -> Later<'_, bool> {
        Box::pin(self.end_channel(name))
    }

    fn dialogs(
        &self,
        user: Option<UserId>,
        filter: DialogFilter,
        from: Cursor,
        limit: usize,
    ) -> Later<'_, Page<DialogSeen>> {
        Box::pin(self.dialogs(user, filter, from, limit))
    }

    fn dialog(&self, id: DialogRef) -> Later<'_, Option<DialogSeen>> {
        Box::pin(self.dialog(id))
    }

    fn end_dialog(&self, id: DialogRef) -> Later<'_, bool> {
        Box::pin(self.end_dialog(id))
    }

    fn links(&self, from: Cursor, limit: usize) -> Later<'_, Page<LinkInfo>> {
        Box::pin(self.links(from, limit))
    }

    fn message(&self, message: OperatorMessage) -> Later<'_, Result<MessageAnswer, MessageError>> {
        Box::pin(self.message(message))
    }

    fn drain(&self) -> Later<'_, ()> {
        Box::pin(self.drain())
    }

    fn http<'a>(&'a self, service: &'a str, request: HttpRequest) -> Later<'a, HttpResponse> {
        Box::pin(self.http(service, request))
    }

    fn logs(&self) -> Arc<LogRing> {
        self.logs()
    }
}
