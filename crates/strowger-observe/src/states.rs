//! Log lines of target `state`: one for each change of the state of a dialog, transaction or channel.
//!
//! What peers have chosen is a field, never part of the text: both formats of the log escape fields.

use strowger_node::{
    Channel, ChannelWhat, DialogRef, EndCause, Line, Passed, Transaction, cause_name, lost_name,
};

use crate::tracked::Tracked;

pub(crate) fn dialog_begun(dialog: DialogRef, tracked: &Tracked) {
    let begun = &tracked.begun;
    tracing::info!(
        target: "state",
        dialog = %dialog,
        id = begun.id.as_str(),
        user = tracked.userid.as_deref(),
        by_peer = begun.by_peer,
        method = begun.method.as_str(),
        from = &*begun.from,
        to = &*begun.to,
        identity = begun.identity.as_deref(),
        "dialog begun"
    );
}

pub(crate) fn dialog_served(dialog: DialogRef, service: &str, instance: &str) {
    tracing::info!(target: "state", dialog = %dialog, service, instance, "dialog served");
}

pub(crate) fn dialog_ended(dialog: DialogRef, tracked: &Tracked, cause: EndCause) {
    tracing::info!(
        target: "state",
        dialog = %dialog,
        user = tracked.userid.as_deref(),
        service = tracked.service.as_deref(),
        cause = cause_name(cause),
        "dialog ended"
    );
}

pub(crate) fn session(dialog: DialogRef, before: &str, after: &str) {
    tracing::info!(target: "state", dialog = %dialog, before, after, "session state");
}

pub(crate) fn transaction_begun(dialog: DialogRef, it: &Transaction) {
    let (method, cseq) = (it.method.as_str(), it.cseq.get());
    tracing::info!(target: "state", dialog = %dialog, method, cseq, by_peer = it.by_peer, "transaction begun");
}

pub(crate) fn transaction_ended(dialog: DialogRef, it: &Transaction, code: Option<u16>) {
    let (method, cseq) = (it.method.as_str(), it.cseq.get());
    tracing::info!(
        target: "state",
        dialog = %dialog,
        method,
        cseq,
        by_peer = it.by_peer,
        code,
        "transaction ended"
    );
}

/// A message with a body, where bodies are asked for.
pub(crate) fn body(dialog: DialogRef, direction: &str, passed: &Passed) {
    let Some(body) = passed.body.as_deref() else {
        return;
    };
    let cseq = passed.cseq.get();
    match passed.line {
        Line::Request(method) => {
            let method = method.as_str();
            tracing::info!(target: "state", dialog = %dialog, direction, cseq, method, body, "message");
        }
        Line::Response(code) => {
            let code = code.as_u16();
            tracing::info!(target: "state", dialog = %dialog, direction, cseq, code, body, "message");
        }
    }
}

pub(crate) fn channel(channel: Channel, name: Option<&str>, what: &ChannelWhat) {
    let number = channel.number();
    match what {
        ChannelWhat::Opened(name) => {
            tracing::info!(target: "state", channel = number, user = &**name, "channel opened");
        }
        ChannelWhat::Named { .. } => {}
        ChannelWhat::Resumed => {
            tracing::info!(target: "state", channel = number, user = name, "channel resumed");
        }
        ChannelWhat::Dropped => {
            tracing::info!(target: "state", channel = number, user = name, "channel waits");
        }
        ChannelWhat::Lost(cause) => {
            let cause = lost_name(*cause);
            tracing::info!(target: "state", channel = number, user = name, cause, "channel lost");
        }
    }
}
