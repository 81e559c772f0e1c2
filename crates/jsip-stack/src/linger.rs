//! Finished transactions that absorb retransmissions for a while (protocol section 4, Lingering).
//!
//! All lingering of a channel takes the same time, so the queue is in order of expiry and one timer per channel is
//! enough. The time counts only while the channel has a socket and starts again at each resume.

use jsip::{CSeq, Method};
use smallvec::SmallVec;
use strowger_time::Instant;

use crate::timer::{At, Timer};
use crate::transaction::Reply;
use crate::watch::Detail;
use crate::{Channel, Encoded, Kind, Stack, Tag};

/// One thing that is forgotten when its time is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linger {
    until: Instant,
    at: At,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A server transaction, by the serial of its final response's tag.
    Server(u32),
    /// A terminated session with all that is left of it.
    Session,
}

impl Stack {
    /// The outbox released a final response: its transaction begins to linger.
    pub fn released(&mut self, now: Instant, tag: Tag) {
        self.note_tagged(tag, Detail::Acknowledged);
        let index = tag.index();
        let Some(dialog) = self.dialogs.get_mut(index) else {
            return;
        };
        let serial = tag.serial();
        let wanted = Reply::Unreleased(serial);
        let Some(server) = dialog.servers.iter_mut().find(|server| server.reply == wanted) else {
            return;
        };
        server.reply = Reply::Released(serial);
        let (cseq, method, at) = (server.cseq, server.method, dialog.at);
        let kept = method == Method::Invite
            && dialog
                .session
                .as_ref()
                .is_some_and(|session| session.invite_received && session.invite == cseq);
        if !kept {
            self.linger_server(now, index, serial);
        }
        if let Some(index) = self.at(at) {
            self.settle(now, index);
        }
    }

    /// Sends a final response once more. Its transaction stays until this copy is released, and lingers anew from then
    /// on: whoever lost the first may lose the second with the same dead socket.
    pub(crate) fn answer_again(&mut self, index: usize, cseq: CSeq, message: Encoded) {
        let tag = self.next_tag(index);
        let Some(server) = self.dialogs[index].server(cseq) else {
            return;
        };
        let before = std::mem::replace(&mut server.reply, Reply::Unreleased(tag.serial()));
        if let Reply::Lingering(serial) = before {
            self.linger_no_more(index, What::Server(serial));
        }
        self.linger_later(index);
        self.transmit_again(index, message, tag, Kind::Final);
    }

    /// The record goes while requests of it have no response: the outbox need not wait for any.
    fn let_go(&mut self, index: usize) {
        let clients = &self.dialogs[index].clients;
        let waiting = clients
            .iter()
            .filter(|client| client.is_open() || client.is_abandoned());
        let waiting: SmallVec<[u32; 4]> = waiting.map(|client| client.serial).collect();
        for serial in waiting {
            self.withdraw(index, serial);
        }
    }

    /// A terminated session has a final response out (again): it lingers anew once that is released.
    pub(crate) fn linger_later(&mut self, index: usize) {
        if std::mem::replace(&mut self.dialogs[index].lingering, false) {
            self.linger_no_more(index, What::Session);
        }
    }

    fn linger_no_more(&mut self, index: usize, what: What) {
        let dialog = &self.dialogs[index];
        let (at, channel) = (dialog.at, dialog.channel);
        if let Some(record) = channel.and_then(|channel| self.channels.get_mut(channel)) {
            record.linger.retain(|entry| entry.at != at || entry.what != what);
        }
    }

    /// Lets a server transaction linger whose final response was released.
    fn linger_server(&mut self, now: Instant, index: usize, serial: u32) {
        let dialog = &mut self.dialogs[index];
        let released = Reply::Released(serial);
        let Some(server) = dialog.servers.iter_mut().find(|server| server.reply == released) else {
            return;
        };
        server.reply = Reply::Lingering(serial);
        let at = dialog.at;
        self.linger(now, index, at, What::Server(serial));
    }

    /// A new INVITE takes the place of the latest one, which stays as long as the session: earlier ones linger.
    pub(crate) fn retire_invites(&mut self, now: Instant, index: usize) {
        let dialog = &mut self.dialogs[index];
        let Some(session) = &dialog.session else { return };
        let (latest, received, at) = (session.invite, session.invite_received, dialog.at);
        // Of those given up only the latest is kept: a peer that never answers must not make the record grow.
        let given_up = dialog
            .clients
            .iter()
            .rev()
            .find(|client| client.is_abandoned())
            .map(|client| client.serial);
        let forgotten: SmallVec<[u32; 4]> = dialog
            .clients
            .iter()
            .filter(|client| client.is_abandoned() && Some(client.serial) != given_up)
            .filter(|client| client.cseq != latest || received)
            .map(|client| client.serial)
            .collect();
        dialog.clients.retain(|client| {
            client.method != Method::Invite
                || client.is_open()
                || Some(client.serial) == given_up
                || (client.cseq == latest && !received)
        });
        let old: SmallVec<[u32; 4]> = dialog
            .servers
            .iter()
            .filter(|server| server.method == Method::Invite && !(received && server.cseq == latest))
            .filter_map(|server| match server.reply {
                Reply::Released(serial) => Some(serial),
                Reply::Unsent | Reply::Unreleased(_) | Reply::Lingering(_) => None,
            })
            .collect();
        for serial in forgotten {
            self.withdraw(index, serial);
        }
        for serial in old {
            // Room for the queue may have been made by forgetting something; never this dialog, whose session lives.
            if let Some(index) = self.at(at) {
                self.linger_server(now, index, serial);
            }
        }
    }

    /// Lets a terminated session linger once everything it answered has been released.
    pub(crate) fn linger_session(&mut self, now: Instant, index: usize) {
        let dialog = &mut self.dialogs[index];
        if dialog.lingering || !dialog.is_released() {
            return;
        }
        dialog.lingering = true;
        let at = dialog.at;
        self.linger(now, index, at, What::Session);
    }

    /// Queues what lingers. The oldest of the channel may be forgotten for it, so the caller must not take for granted
    /// that the dialog at `index` is still there.
    fn linger(&mut self, now: Instant, index: usize, at: At, what: What) {
        // A record without a channel waits for it and is never lingering.
        let Some(channel) = self.dialogs[index].channel else {
            return;
        };
        let until = now + self.config.linger;
        let record = self.channels.entry(channel);
        record.linger.push_back(Linger { until, at, what });
        if record.timer.is_none() && record.up {
            record.timer = Some(self.deadlines.set(until, Timer::Linger(channel)));
        }
        if self.channels.entry(channel).linger.len() > self.config.lingering_on(channel) {
            self.counters.linger_overflows += 1;
            if let Some(oldest) = self.channels.entry(channel).linger.pop_front() {
                self.forget(now, oldest);
            }
        }
    }

    /// The linger timer of a channel fired.
    pub(crate) fn handle_linger(&mut self, now: Instant, channel: Channel) {
        loop {
            let Some(record) = self.channels.get_mut(channel) else {
                return;
            };
            record.timer = None;
            match record.linger.front() {
                Some(first) if first.until <= now => {
                    let first = *first;
                    record.linger.pop_front();
                    if let Some(index) = self.at(first.at) {
                        self.note_due(index);
                    }
                    self.forget(now, first);
                }
                Some(first) => {
                    let until = first.until;
                    if record.up {
                        record.timer = Some(self.deadlines.set(until, Timer::Linger(channel)));
                    }
                    return;
                }
                None => {
                    record.linger.shrink_to_fit();
                    return;
                }
            }
        }
    }

    fn forget(&mut self, now: Instant, linger: Linger) {
        let Some(index) = self.at(linger.at) else { return };
        match linger.what {
            What::Session => {
                self.let_go(index);
                self.remove(index);
            }
            What::Server(serial) => {
                self.dialogs[index]
                    .servers
                    .retain(|server| server.reply != Reply::Lingering(serial));
                self.settle(now, index);
            }
        }
    }

    /// Lingering counts from now on, anew for everything that lingers.
    pub(crate) fn resume_linger(&mut self, now: Instant, channel: Channel) {
        let until = now + self.config.linger;
        let Some(record) = self.channels.get_mut(channel) else {
            return;
        };
        for entry in &mut record.linger {
            entry.until = until;
        }
        if let Some(timer) = record.timer.take() {
            self.deadlines.cancel(timer);
        }
        if !record.linger.is_empty() {
            record.timer = Some(self.deadlines.set(until, Timer::Linger(channel)));
        }
    }

    /// Lingering does not count while there is no socket.
    pub(crate) fn pause_linger(&mut self, channel: Channel) {
        if let Some(timer) = self
            .channels
            .get_mut(channel)
            .and_then(|record| record.timer.take())
        {
            self.deadlines.cancel(timer);
        }
    }
}
