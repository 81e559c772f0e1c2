//! What must hold inside a stack whenever it waits for the next input.

use jsip::Method;

use crate::session::refresh;
use crate::session::table::State;
use crate::transaction::Reply;
use crate::{Channel, Stack};

impl Stack {
    /// Panics where a table and what it is about disagree.
    pub(crate) fn audit(&self) {
        let mut timers = 0;
        let mut live = 0;
        for (index, dialog) in &self.dialogs {
            assert_eq!(dialog.at.index as usize, index);
            live += usize::from(dialog.alive);
            timers += dialog
                .clients
                .iter()
                .filter(|client| client.deadline.is_some())
                .count();
            timers += dialog
                .servers
                .iter()
                .filter(|server| server.deadline.is_some())
                .count();
            for client in &dialog.clients {
                assert!(
                    client.is_open() || client.deadline.is_none(),
                    "a finished client owns a timer"
                );
            }
            for server in &dialog.servers {
                assert!(
                    server.is_open() || server.deadline.is_none(),
                    "a finished server owns a timer"
                );
                assert_eq!(
                    server.is_open(),
                    server.reply == Reply::Unsent,
                    "a finished server has its answer out"
                );
                let same = dialog
                    .servers
                    .iter()
                    .filter(|other| other.cseq == server.cseq)
                    .count();
                assert_eq!(same, 1, "a CSeq is used by one transaction at a time");
            }
            if let Some(session) = &dialog.session {
                timers += usize::from(session.timer.is_some()) + usize::from(session.refresh.timer.is_some());
                let ticks = session.refresh.state != refresh::State::Idle;
                assert_eq!(
                    session.refresh.timer.is_some(),
                    ticks,
                    "a refresh ticks unless it is idle"
                );
                if session.state == State::Terminated {
                    assert!(!ticks, "a finished session is not refreshed");
                    let waits = dialog
                        .clients
                        .iter()
                        .any(|client| client.method == Method::Invite && client.is_open());
                    assert!(
                        waits || session.timer.is_none(),
                        "a finished session waits only for an INVITE"
                    );
                }
            }
            if !dialog.alive {
                assert!(dialog.owner.is_none());
                assert!(
                    !dialog.servers.iter().any(|server| server.is_open()),
                    "nobody will answer"
                );
            }
            if !dialog.alive && dialog.session.is_none() && dialog.channel.is_some() {
                assert!(!dialog.servers.is_empty(), "nothing is left to absorb");
            }
            match dialog.channel {
                Some(channel) => self.audit_channel(index, channel),
                None => assert!(dialog.servers.is_empty()),
            }
        }
        assert_eq!(self.live(), live);
        timers += self
            .channels
            .records()
            .filter(|record| record.timer.is_some())
            .count();
        assert_eq!(self.deadlines.len(), timers, "every timer belongs to something");
        let attached: usize = self.channels.records().map(|record| record.dialogs.len()).sum();
        let bound = self
            .dialogs
            .iter()
            .filter(|(_, dialog)| dialog.channel.is_some())
            .count();
        assert_eq!(attached, bound);
        assert_eq!(self.indexed(), bound);
    }

    fn audit_channel(&self, index: usize, channel: Channel) {
        let dialog = &self.dialogs[index];
        assert_eq!(
            self.find(channel, dialog.id.as_str()),
            Some(index),
            "a dialog is found by its key"
        );
        let record = self
            .channels
            .get(channel)
            .expect("a channel with dialogs has a record");
        assert_eq!(record.dialogs[dialog.slot as usize] as usize, index);
        let on_it = || record.dialogs.iter().map(|index| &self.dialogs[*index as usize]);
        assert_eq!(record.live, on_it().filter(|dialog| dialog.alive).count());
        assert_eq!(
            record.begun,
            on_it()
                .filter(|dialog| dialog.alive && dialog.begun_by_peer)
                .count()
        );
        assert!(
            record.linger.len() <= self.config.lingering_per_channel,
            "lingering is bounded"
        );
        if record.up && !record.linger.is_empty() {
            assert!(record.timer.is_some(), "what lingers is forgotten some time");
        }
        assert!(
            record.up || record.timer.is_none(),
            "without a socket no time counts"
        );
    }
}
