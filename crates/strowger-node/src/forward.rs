//! An instance that forwards a call and leaves it to the node.

use jsip::Request;
use jsip_stack::Release;
use strowger_service::{Bridge, LegId, RequestId};
use strowger_time::Instant;

use crate::Shard;
use crate::execute::send_error;
use crate::guard::dispose;
use crate::instances::InstanceKey;
use crate::watch::Attempt;

impl Shard {
    /// A bridge goes on where an instance was, with the leg on which a request came and the one on which it goes on; all else
    /// that the instance had ends. Where nobody waits for an answer to the request the instance stays, and is told.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        key: InstanceKey,
        leg: LegId,
        to: LegId,
        id: RequestId,
        mut request: Request,
    ) {
        let dialog = self.instances.get(key).and_then(|running| running.dialog(leg));
        let waits = match dialog {
            Some(dialog) => self.stack.awaits(dialog, request.cseq()).map_err(send_error),
            None => Err(self.no_dialog(key, leg)),
        };
        if let Err(error) = waits {
            let attempt = Attempt::Forward(request.method());
            return self.refused(now, key, leg, Some(id), attempt, error);
        }
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        let bridge = Bridge::forwarding(leg, &mut request, to, id);
        let mut before = running.forward(Box::new(bridge));
        let others = running.legs.leave_only(leg);
        self.instances.forget_names(&before);
        self.give_up(key, &mut before);
        // What its own commands before this one led to, and what siblings said. Requests of peers are not queued here.
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
