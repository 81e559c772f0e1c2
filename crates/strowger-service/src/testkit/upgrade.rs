//! An instance that goes over to another version of its service.

use super::TestKit;
use crate::{Command, Context, Facts, Service};

impl TestKit {
    /// Loads another version of the service, as a node does: the instance is [saved](crate::Instance::save) and
    /// [restored](Service::restore) in it, between two events. Legs, timers and relation ids stay.
    ///
    /// # Errors
    ///
    /// Why it was not: it cannot be saved, the other version does not take it over, or it has ended. It goes on as it was.
    pub fn upgrade(&mut self, service: impl Service) -> Result<(), String> {
        let instance = self.instance.as_mut().ok_or("the instance has ended")?;
        if self.forwarded {
            // A bridge is the same in every version.
            self.service = Box::new(service);
            return Ok(());
        }
        let saved = instance.save().ok_or("the instance cannot be saved")?;
        let facts = Facts {
            now: self.now,
            service: &self.name,
            own_hosts: &self.own_hosts,
        };
        let (mut ids, mut commands) = (self.ids.clone(), Vec::new());
        let context = Context::new(&mut ids, &facts, &mut commands);
        let restored = service.try_restore(&saved, &mut context.in_surroundings(self.effects.surroundings()));
        for command in commands {
            if let Command::Log { level, text } = command {
                self.logs.push((level, text));
            }
        }
        self.instance = Some(restored?);
        self.ids = ids;
        self.service = Box::new(service);
        Ok(())
    }
}
