//! Other settings for a shard that runs.

use std::sync::Arc;

use crate::{Config, Shard};

impl Shard {
    /// Takes over other settings: what begins from now on has them, what runs goes on as it began. Realm, stores and the grants
    /// of services must be the same as before.
    pub fn reconfigure(&mut self, config: Arc<Config>) {
        self.stack.set_config(config.stack.clone());
        self.channels.set_settings(config.channel.clone());
        self.config = config;
        self.kinds.forget();
    }
}
