//! The configuration of a running server, taken over anew.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of a configuration that was read again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(title = "Reloaded")]
pub struct Reloaded {
    /// The keys that have new values from now on.
    #[schema(example = json!(["limits.messages_per_second"]))]
    pub taken: Vec<String>,
    /// The keys whose new values need a restart; the old ones hold.
    #[schema(example = json!(["shards"]))]
    pub needs_restart: Vec<String>,
}

/// Reads the configuration and takes it over, or says why it stays as it was. May block on files.
pub type Reload = Arc<dyn Fn() -> Result<Reloaded, String> + Send + Sync>;
