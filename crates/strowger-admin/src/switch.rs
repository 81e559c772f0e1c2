//! What the operator's interface asks of a running node.

use std::pin::Pin;
use std::sync::Arc;

use strowger_node::driver::{Figures, LogRing, Node};
use strowger_node::{
    InstanceCursor, InstanceFilter, InstanceId, InstanceInfo, InstancePage, Registry, RegistryError,
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
    fn instances(
        &self,
        filter: InstanceFilter,
        from: InstanceCursor,
        limit: usize,
    ) -> Later<'_, InstancePage>;

    /// One instance, if it still runs.
    fn instance(&self, id: InstanceId) -> Later<'_, Option<InstanceInfo>>;

    /// Ends an instance; `false`: it runs no more.
    fn end_instance(&self, id: InstanceId) -> Later<'_, bool>;

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

    fn instances(
        &self,
        filter: InstanceFilter,
        from: InstanceCursor,
        limit: usize,
    ) -> Later<'_, InstancePage> {
        Box::pin(self.instances(filter, from, limit))
    }

    fn instance(&self, id: InstanceId) -> Later<'_, Option<InstanceInfo>> {
        Box::pin(self.instance(id))
    }

    fn end_instance(&self, id: InstanceId) -> Later<'_, bool> {
        Box::pin(self.end_instance(id))
    }

    fn http<'a>(&'a self, service: &'a str, request: HttpRequest) -> Later<'a, HttpResponse> {
        Box::pin(self.http(service, request))
    }

    fn logs(&self) -> Arc<LogRing> {
        self.logs()
    }
}
