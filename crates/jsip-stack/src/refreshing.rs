//! Keeping a session alive: carrying out what the refresh machine decided.

use std::time::Duration;

use jsip::Method;
use strowger_time::Instant;

use crate::Stack;
use crate::perform::Cargo;
use crate::session::refresh;
use crate::session::table::Trigger;
use crate::timer::Timer;
use crate::transaction::Cell;

impl Stack {
    pub(crate) fn start_refresh(&mut self, now: Instant, index: usize) {
        let Some(session) = &self.dialogs[index].session else {
            return;
        };
        let trigger = if session.refresh.ours {
            refresh::Trigger::BeginRefreshing
        } else {
            refresh::Trigger::BeginWatching
        };
        self.refresh(now, index, trigger);
    }

    /// A re-INVITE or UPDATE was answered 2xx: the session lives on, with the interval that it may have named.
    pub(crate) fn refreshed(&mut self, now: Instant, index: usize, expires: Option<u64>) {
        let mut trigger = refresh::Trigger::Refreshed;
        if let (Some(seconds), Some(session)) = (expires, &mut self.dialogs[index].session) {
            let interval = Duration::from_secs(seconds);
            if session.refresh.interval != interval {
                session.refresh.interval = interval;
                trigger = refresh::Trigger::Renegotiated;
            }
        }
        self.refresh(now, index, trigger);
    }

    /// Lets the refresh machine decide and carries it out.
    pub(crate) fn refresh(&mut self, now: Instant, index: usize, trigger: refresh::Trigger) {
        let Some(session) = self.dialogs[index].session.as_mut() else {
            return;
        };
        let Cell::Go(next, actions) = refresh::cell(session.refresh.state, trigger) else {
            return;
        };
        session.refresh.state = next;
        for action in actions {
            let interval = self.dialogs[index]
                .session
                .as_ref()
                .map(|session| session.refresh.interval);
            let interval = interval.unwrap_or(self.config.session);
            match action {
                refresh::Action::SendUpdate => self.send_update(now, index, interval),
                refresh::Action::ArmThird => self.arm_refresh(now, index, interval / 3),
                refresh::Action::ArmWhole => self.arm_refresh(now, index, interval),
                refresh::Action::Disarm => self.disarm_refresh(index),
                refresh::Action::GiveUp => self.fire(now, index, Trigger::NotRefreshed, Cargo::None),
            }
        }
    }

    fn send_update(&mut self, now: Instant, index: usize, interval: Duration) {
        let Some(session) = &self.dialogs[index].session else {
            return;
        };
        let mut update = session.towards_peer.request(Method::Update);
        update.set_expires(interval.as_secs());
        self.transmit_request(now, index, update, None);
    }

    fn arm_refresh(&mut self, now: Instant, index: usize, after: Duration) {
        self.disarm_refresh(index);
        let dialog = &mut self.dialogs[index];
        let timer = Timer::Refresh(dialog.at);
        if let Some(session) = &mut dialog.session {
            session.refresh.timer = Some(self.deadlines.set(now + after, timer));
        }
    }

    fn disarm_refresh(&mut self, index: usize) {
        let session = self.dialogs[index].session.as_mut();
        if let Some(timer) = session.and_then(|session| session.refresh.timer.take()) {
            self.deadlines.cancel(timer);
        }
    }
}
