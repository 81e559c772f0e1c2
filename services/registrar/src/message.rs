//! A message on its way to the devices of a user who is there.

use std::time::Duration;

use strowger_service::jsip::{Request, Response};
use strowger_service::{Context, Event, LegId, TimerId};

use crate::mailbox::named;
use crate::presence::is_answer;

/// How long the devices have. Less than the sender waits by default, who is then told that the message is kept.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// A message that was sent to each device.
#[derive(Debug)]
pub(crate) struct Message {
    sender: LegId,
    request: Request,
    /// The devices' legs that have no final response.
    legs: Vec<LegId>,
    timer: Option<TimerId>,
    /// Whether the sender has his answer.
    settled: bool,
    /// Its place in the mailbox, where it was put there because no device answered in time.
    pub(crate) kept: Option<u64>,
}

/// What an event was for a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing to act upon.
    Nothing,
    /// No device takes it.
    NotTaken,
    /// A device has taken it, which the sender was told, or is late.
    Taken,
}

impl Message {
    pub(crate) fn begin(
        sender: LegId,
        request: Request,
        devices: &[String],
        timer: TimerId,
        cx: &mut Context<'_>,
    ) -> Self {
        let mut copy = named(&request);
        let open = |device: &String| {
            copy.set_request_uri(device);
            cx.open(copy.clone()).0
        };
        Self {
            sender,
            request,
            legs: devices.iter().map(open).collect(),
            timer: Some(timer),
            settled: false,
            kept: None,
        }
    }

    pub(crate) const fn sender(&self) -> LegId {
        self.sender
    }

    pub(crate) const fn request(&self) -> &Request {
        &self.request
    }

    pub(crate) fn owns(&self, leg: LegId) -> bool {
        leg == self.sender || self.legs.contains(&leg)
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.settled && self.legs.is_empty()
    }

    /// Whether a device may yet answer what is in the mailbox at this place.
    pub(crate) fn is_on_its_way(&self, place: u64) -> bool {
        self.kept == Some(place) && !self.legs.is_empty()
    }

    /// The sender is answered, by whomever.
    pub(crate) fn settle(&mut self, cx: &mut Context<'_>) {
        self.settled = true;
        if let Some(timer) = self.timer.take() {
            cx.cancel_timer(timer);
        }
    }

    pub(crate) fn on_timer(&mut self, timer: TimerId) -> Step {
        if self.timer != Some(timer) {
            return Step::Nothing;
        }
        self.timer = None;
        Step::NotTaken
    }

    pub(crate) fn handle(&mut self, event: Event, cx: &mut Context<'_>) -> Step {
        match event {
            // He was told that it failed.
            Event::Expired { .. } => self.settle(cx),
            Event::Response { leg, response, .. } if response.code().is_final() => {
                self.legs.retain(|other| *other != leg);
                if is_answer(response.code()) {
                    self.pass(response, cx);
                    return Step::Taken;
                }
                return self.unless_others();
            }
            Event::Refused { leg, .. } | Event::Ended { leg, .. } if self.legs.contains(&leg) => {
                self.legs.retain(|other| *other != leg);
                return self.unless_others();
            }
            _ => {}
        }
        Step::Nothing
    }

    fn pass(&mut self, mut response: Response, cx: &mut Context<'_>) {
        if !self.settled {
            self.settle(cx);
            response.set_cseq(self.request.cseq());
            cx.respond(self.sender, response);
        }
    }

    const fn unless_others(&self) -> Step {
        if self.legs.is_empty() && !self.settled {
            Step::NotTaken
        } else {
            Step::Nothing
        }
    }
}
