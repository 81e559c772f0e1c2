//! An instance that forwards a call and leaves it to the node.

use jsip::Request;
use jsip_stack::Release;
use strowger_service::{Bridge, LegId, RequestId};
use strowger_time::Instant;

use crate::Shard;
use crate::guard::dispose;
use crate::instances::InstanceKey;
use crate::watch::Attempt;

impl Shard {
    /// A bridge goes on where an instance was, with the leg on which a request came and the one on which it goes on; all else
    /// that the instance had ends. Where the first has ended the instance stays, and is told.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        key: InstanceKey,
        leg: LegId,
        to: LegId,
        id: RequestId,
        request: Request,
    ) {
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        if running.dialog(leg).is_none() {
            let error = self.no_dialog(key, leg);
            return self.refused(now, key, leg, Some(id), Attempt::Open(request.method()), error);
        }
        let bridge = Bridge::joined(leg, &request, to, id);
        let mut before = running.forward(Box::new(bridge));
        let others = running.legs.leave_only(leg);
        self.instances.forget_names(&before);
        self.give_up(key, &mut before);
        self.pending.retain(|(instance, _)| *instance != key);
        for other in others {
            self.stack.release(now, other, Release::Finished);
        }
        dispose(before.instance.take());
        self.open(now, key, to, id, request);
    }

    /// Whether a bridge goes on where the instance was.
    pub(crate) fn is_forwarded(&self, key: InstanceKey) -> bool {
        self.instances.get(key).is_some_and(|running| running.forwarded)
    }
}
