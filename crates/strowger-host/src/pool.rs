//! Where instances live: a component instance for each, or one for all of a thread.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use wasmtime::component::ResourceAny;

use crate::error::GuestError;
use crate::guest::Guest;
use crate::limits::Isolation;
use crate::service::Version;

/// A component instance and what became of it. A clone is the same one.
#[derive(Clone)]
pub(crate) struct Pool(Rc<RefCell<Life>>);

#[expect(
    clippy::large_enum_variant,
    reason = "almost all are running, and a box is one more thing to make for each"
)]
enum Life {
    Running(Guest),
    /// Why it can be called no more.
    Over(String),
}

thread_local! {
    /// The shared component instances of this thread, which is that of one shard, by the address of their version: a
    /// pool that is there has instances, and these keep the version.
    static SHARED: RefCell<HashMap<usize, Weak<RefCell<Life>>>> = RefCell::default();
}

impl Pool {
    /// A component instance for one more instance of a version.
    pub(crate) fn of(version: &Arc<Version>) -> Result<Self, GuestError> {
        match version.limits.isolation {
            Isolation::Own => Ok(Self::new(version.spare_guest()?)),
            Isolation::Shared => Self::shared(version),
        }
    }

    fn new(guest: Guest) -> Self {
        Self(Rc::new(RefCell::new(Life::Running(guest))))
    }

    fn shared(version: &Arc<Version>) -> Result<Self, GuestError> {
        let address = Arc::as_ptr(version) as usize;
        let known = SHARED.with_borrow(|shared| shared.get(&address).and_then(Weak::upgrade));
        if let Some(pool) = known.map(Self).filter(|pool| pool.failure().is_none()) {
            return Ok(pool);
        }
        let pool = Self::new(version.spare_guest()?);
        SHARED.with_borrow_mut(|shared| {
            shared.retain(|_, pool| pool.strong_count() > 0);
            shared.insert(address, Rc::downgrade(&pool.0));
        });
        Ok(pool)
    }

    /// Why it can be called no more.
    pub(crate) fn failure(&self) -> Option<String> {
        match &*self.0.try_borrow().ok()? {
            Life::Running(_) => None,
            Life::Over(why) => Some(why.clone()),
        }
    }

    /// Calls into the guest. After an error it is gone, and its memory given back.
    pub(crate) fn call<T>(
        &self,
        call: impl FnOnce(&mut Guest) -> Result<T, GuestError>,
    ) -> Result<T, GuestError> {
        let mut life: RefMut<'_, Life> = self.0.borrow_mut();
        let guest = match &mut *life {
            Life::Running(guest) => guest,
            Life::Over(why) => return Err(GuestError::Neighbour(why.clone())),
        };
        call(guest).inspect_err(|error| {
            *life = Life::Over(error.to_string());
        })
    }

    /// Ends an instance. Where it was alone and nothing went wrong, the next one of its version gets the guest.
    pub(crate) fn end(self, instance: ResourceAny, version: &Version) {
        // Where its destructor fails, the others learn of it by their next event.
        if self.call(|guest| guest.end(instance)).is_err() {
            return;
        }
        let life = Rc::try_unwrap(self.0).ok().map(RefCell::into_inner);
        if let Some(Life::Running(guest)) = life {
            version.give_back(guest);
        }
    }

    /// Has nobody use the guest any more.
    pub(crate) fn close(&self, why: &str) {
        *self.0.borrow_mut() = Life::Over(why.to_owned());
    }
}
