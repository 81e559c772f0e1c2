//! The agents of a number: who is free, who rings, who talks.

use std::time::Duration;

use crate::Number;

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// He rings or talks.
    Busy,
    /// He has hung up and is left in peace until then.
    WrappingUp(Duration),
}

#[derive(Debug)]
struct Agent {
    uri: String,
    state: State,
    /// He did not take a call; callers who wait ring him again from then on.
    rested: Duration,
}

/// The agents of a number, by place; a user who is named twice is one agent.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    agents: Vec<Agent>,
    steps: Vec<Vec<usize>>,
}

/// How long callers who wait leave an agent alone who has not taken a call: else he would ring without a pause.
const REST: Duration = Duration::from_secs(10);

impl Agents {
    pub(crate) fn new(number: &Number) -> Self {
        let mut all = Self::default();
        for step in &number.steps {
            let places = step.iter().map(|uri| all.place(uri)).collect();
            all.steps.push(places);
        }
        all
    }

    fn place(&mut self, uri: &str) -> usize {
        if let Some(at) = self.agents.iter().position(|agent| agent.uri == uri) {
            return at;
        }
        self.agents.push(Agent {
            uri: uri.to_owned(),
            state: State::Free,
            rested: Duration::ZERO,
        });
        self.agents.len() - 1
    }

    pub(crate) fn uri(&self, at: usize) -> &str {
        self.agents.get(at).map_or("", |agent| &agent.uri)
    }

    /// The free agents of a step, `None` behind the last one. With `patient` those who have just not taken a call are left
    /// out.
    pub(crate) fn free(&self, step: usize, patient: bool, now: Duration) -> Option<Vec<usize>> {
        let mut free: Vec<usize> = Vec::new();
        for at in self.steps.get(step)? {
            if self.is_free(*at, patient, now) && !free.contains(at) {
                free.push(*at);
            }
        }
        Some(free)
    }

    fn is_free(&self, at: usize, patient: bool, now: Duration) -> bool {
        self.agents
            .get(at)
            .is_some_and(|agent| agent.state == State::Free && (!patient || agent.rested <= now))
    }

    /// Whether any agent is free.
    pub(crate) fn any_free(&self, patient: bool, now: Duration) -> bool {
        (0..self.agents.len()).any(|at| self.is_free(at, patient, now))
    }

    /// Whether an agent talks, rings or winds up a call.
    pub(crate) fn any_busy(&self) -> bool {
        self.agents.iter().any(|agent| agent.state != State::Free)
    }

    /// He rings, and talks if he answers.
    pub(crate) fn is_called(&mut self, at: usize) {
        self.set(at, State::Busy);
    }

    /// He rings no more; gives back how long callers who wait leave him alone.
    pub(crate) fn did_not_answer(&mut self, at: usize, now: Duration) -> Duration {
        self.set(at, State::Free);
        if let Some(agent) = self.agents.get_mut(at) {
            agent.rested = now + REST;
        }
        REST
    }

    /// Somebody else answered, or the caller is gone.
    pub(crate) fn was_released(&mut self, at: usize) {
        self.set(at, State::Free);
    }

    /// His call is over.
    pub(crate) fn hung_up(&mut self, at: usize, now: Duration, wrap_up: Duration) {
        let state = if wrap_up.is_zero() {
            State::Free
        } else {
            State::WrappingUp(now + wrap_up)
        };
        self.set(at, state);
    }

    /// Agents who have wound up their call are free again.
    pub(crate) fn look_at(&mut self, now: Duration) {
        for agent in &mut self.agents {
            if matches!(agent.state, State::WrappingUp(until) if until <= now) {
                agent.state = State::Free;
            }
        }
    }

    fn set(&mut self, at: usize, state: State) {
        if let Some(agent) = self.agents.get_mut(at) {
            agent.state = state;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn agents() -> Agents {
        let mut number = Number::in_turn([], SECOND);
        number.steps = vec![vec!["a".to_owned(), "b".to_owned()], vec!["a".to_owned()]];
        Agents::new(&number)
    }

    #[test]
    fn an_agent_of_two_steps_is_one() {
        let mut agents = agents();
        assert_eq!(agents.free(1, false, Duration::ZERO), Some(vec![0]));
        agents.is_called(0);
        assert_eq!(agents.free(0, false, Duration::ZERO), Some(vec![1]));
        assert_eq!(agents.free(1, false, Duration::ZERO), Some(vec![]));
        assert_eq!(agents.free(2, false, Duration::ZERO), None);
    }

    #[test]
    fn who_did_not_answer_is_left_alone_by_those_who_wait() {
        let mut agents = agents();
        agents.did_not_answer(0, SECOND);
        assert_eq!(agents.free(1, false, SECOND), Some(vec![0]));
        assert_eq!(agents.free(1, true, SECOND), Some(vec![]));
        assert_eq!(agents.free(1, true, SECOND + REST), Some(vec![0]));
    }

    #[test]
    fn winding_up_takes_its_time() {
        let mut agents = agents();
        agents.is_called(0);
        agents.hung_up(0, SECOND, SECOND);
        agents.look_at(SECOND);
        assert!(agents.any_busy());
        agents.look_at(SECOND * 2);
        assert!(!agents.any_busy());
    }
}
