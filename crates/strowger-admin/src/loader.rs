//! What makes services of bytes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strowger_service::Service;

use crate::names::ServiceName;

/// A component as it was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The component.
    pub bytes: Bytes,
    /// Somebody's signature of it, where one is demanded.
    pub signature: Option<Bytes>,
}

/// Makes services of components.
pub trait Loader: Send + Sync + 'static {
    /// Checks the signature where one is demanded, validates and compiles a component and makes a first instance of it. Blocks, for
    /// seconds perhaps. A version of a service that is loaded once more, while its meter is held, counts on.
    ///
    /// # Errors
    ///
    /// Why it cannot be a service, as the end of a sentence that begins with its name.
    fn load(&self, service: &ServiceName, package: &Package) -> Result<Component, String>;
}

/// A component that can run.
#[derive(Clone)]
pub struct Component {
    /// The service.
    pub service: Arc<dyn Service>,
    /// Tells what it did. It must not keep the component's code in memory.
    pub meter: Meter,
}

/// Tells what a component did so far.
pub type Meter = Arc<dyn Fn() -> Measured + Send + Sync>;

/// What a component did since it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Instances that were started.
    pub started: u64,
    /// Calls into it.
    pub calls: u64,
    /// Wall-clock time in it.
    pub time: Duration,
    /// Instances that failed.
    pub failed: u64,
    /// Bytes of memory of its instances.
    pub memory: u64,
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("measured", &(self.meter)())
            .finish_non_exhaustive()
    }
}
