//! How the owner of a channel reaches the task of its socket, on the same thread.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;

/// The owner's end of a socket's task. Cheap to clone; outlives the task harmlessly.
///
/// Nothing here waits or calls back: an order is noted and the task woken.
#[derive(Clone, Debug, Default)]
pub struct SocketHandle(Rc<Shared>);

/// What the owner wants of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Close in form, with this code and reason.
    Close(u16, &'static str),
    /// Drop the connection.
    Abort,
}

#[derive(Debug, Default)]
struct Shared {
    order: Cell<Option<Order>>,
    /// Somebody called and the task has not looked since; if it sleeps, it was woken.
    woken: Cell<bool>,
    /// The task runs, and looks once more before it goes to sleep.
    running: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// Who is at the other end, where that is known.
    peer: Cell<Option<SocketAddr>>,
}

impl SocketHandle {
    /// Tells the socket that there is something to write.
    pub fn wake(&self) {
        if !self.0.woken.replace(true)
            && !self.0.running.get()
            && let Some(waker) = &*self.0.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    /// Closes the socket with a code and a reason, behind what is being written and one batch more. The first
    /// order to close stands.
    pub fn close(&self, code: u16, reason: &'static str) {
        if self.0.order.get().is_none() {
            self.0.order.set(Some(Order::Close(code, reason)));
        }
        self.wake();
    }

    /// Drops the socket at once, with whatever is unwritten.
    pub fn abort(&self) {
        self.0.order.set(Some(Order::Abort));
        self.wake();
    }

    /// Takes over the order that an earlier handle of the same connection was given.
    pub fn inherit(&self, earlier: &Self) {
        if let Some(order) = earlier.0.order.get() {
            self.0.order.set(Some(order));
        }
        self.wake();
    }

    /// The address of who connected; `None` for what was dialled, and for a socket that is yet to come.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer.get()
    }

    pub(super) fn set_peer(&self, peer: SocketAddr) {
        self.0.peer.set(Some(peer));
    }

    pub(super) fn order(&self) -> Option<Order> {
        self.0.order.get()
    }

    /// Tells whether somebody called since the last time this was asked.
    pub(super) fn take_woken(&self) -> bool {
        self.0.woken.take()
    }

    /// Says that the task runs and looks for itself.
    pub(super) fn run(&self) {
        self.0.running.set(true);
    }

    /// Says that the task sleeps, and whom to wake.
    pub(super) fn sleep(&self, waker: &Waker) {
        self.0.running.set(false);
        let mut known = self.0.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn wakes_a_sleeping_task_once_and_a_running_task_not_at_all() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Arc::clone(&count).into();
        let woken = || count.0.load(Ordering::Relaxed);
        let handle = SocketHandle::default();
        handle.wake();
        handle.run();
        assert!(handle.take_woken());
        handle.sleep(&waker);
        handle.wake();
        handle.wake();
        assert_eq!(woken(), 1);
        handle.run();
        assert!(handle.take_woken());
        handle.wake();
        assert_eq!(woken(), 1);
        assert!(handle.take_woken());
        assert!(!handle.take_woken());
        handle.sleep(&waker);
        handle.wake();
        assert_eq!(woken(), 2);
    }

    #[test]
    fn the_first_close_stands_and_an_abort_overrides_it() {
        let handle = SocketHandle::default();
        handle.close(4001, "replaced");
        handle.close(1012, "service restart");
        assert_eq!(handle.order(), Some(Order::Close(4001, "replaced")));
        handle.abort();
        handle.close(1012, "service restart");
        assert_eq!(handle.order(), Some(Order::Abort));
    }
}
