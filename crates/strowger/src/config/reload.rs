//! What of another configuration a running server can take over.

use super::Config;
use super::key::{Change, Key};
use super::read::{GRANTS, HUNT_NUMBERS, ISSUERS, LINK_NODES, SERVICES, SETTINGS, keys};

/// What became of the keys that are different in another configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// The configuration that holds from now on.
    pub config: Config,
    /// The keys that have their new values in it.
    pub taken: Vec<String>,
    /// The keys that have their old values in it, since the new ones need a restart.
    pub left: Vec<String>,
}

impl Config {
    /// This configuration with all that `next` has otherwise and a running server can take over.
    #[must_use]
    pub fn reload(&self, next: &Self) -> Reload {
        let mut reload = Reload {
            config: self.clone(),
            taken: Vec::new(),
            left: Vec::new(),
        };
        for key in keys().filter(|key| !key.value.is_same(self, next)) {
            match key.change {
                Change::Reload => {
                    key.value.copy(next, &mut reload.config);
                    reload.taken.push(Key::path(key));
                }
                Change::Restart => reload.left.push(Key::path(key)),
            }
        }
        for service in self.service_settings.keys().chain(next.service_settings.keys()) {
            let name = format!("{SERVICES}.{service}.{SETTINGS}");
            let (old, new) = (&self.service_settings, &next.service_settings);
            if old.get(service) != new.get(service) && !reload.taken.contains(&name) {
                reload.taken.push(name);
            }
        }
        reload.config.service_settings.clone_from(&next.service_settings);
        reload.config.secret_files.clone_from(&next.secret_files);
        if self.link_nodes != next.link_nodes {
            reload.config.link_nodes.clone_from(&next.link_nodes);
            reload.taken.push(LINK_NODES.to_owned());
        }
        for (name, is_same) in [
            (HUNT_NUMBERS, self.hunt_numbers == next.hunt_numbers),
            (ISSUERS, self.issuers == next.issuers),
        ] {
            if !is_same {
                reload.taken.push(name.to_owned());
            }
        }
        reload.config.hunt_numbers.clone_from(&next.hunt_numbers);
        reload.config.issuers.clone_from(&next.issuers);
        for (name, is_same) in [
            (GRANTS, self.http_grants == next.http_grants),
            ("services.SERVICE", self.loaded == next.loaded),
        ] {
            if !is_same {
                reload.left.push(name.to_owned());
            }
        }
        reload
    }
}
