//! Finds what cannot work before a scenario is played: unknown names, use of a socket that is not there.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Fault;
use crate::step::{Ask, Asked, Connect, Query, Step};
use crate::template;

/// More steps after unrolling are refused.
const MAX_STEPS: u64 = 200_000;

/// Walks through the steps as the player will.
pub(crate) struct Check<'a> {
    users: BTreeSet<&'a str>,
    web: Option<&'a str>,
    captured: BTreeSet<&'a str>,
    /// Whether each user's socket is there; what a repetition leaves behind counts for what follows.
    connected: BTreeMap<&'a str, bool>,
    repeats: u32,
    steps: u64,
}

impl<'a> Check<'a> {
    pub(crate) fn new(users: &'a [(String, String)], web: Option<&'a str>) -> Result<Self, Fault> {
        let is_name = |name: &str| template::is_name(name) && name != "i" && name != "server";
        if let Some(web) = web
            && (!is_name(web) || users.iter().any(|(name, _)| name == web))
        {
            return Err(Fault::new(
                "web",
                "its name is letters, digits and `_`, not `i` or `server`, and no user's",
            ));
        }
        for (name, userid) in users {
            let place = format!("users.{name}");
            if !is_name(name) {
                return Err(Fault::new(
                    place,
                    "a user's name is letters, digits and `_`, and not `i` or `server`",
                ));
            }
            if userid.is_empty() {
                return Err(Fault::new(place, "the user id is empty"));
            }
        }
        Ok(Self {
            users: users.iter().map(|(name, _)| name.as_str()).collect(),
            web,
            captured: BTreeSet::new(),
            connected: BTreeMap::new(),
            repeats: 0,
            steps: 0,
        })
    }

    pub(crate) fn steps(&mut self, steps: &'a [Step], place: &str, times: u64) -> Result<(), Fault> {
        for (at, step) in steps.iter().enumerate() {
            self.steps = self.steps.saturating_add(times);
            let place = format!("{place}[{at}]");
            if self.steps > MAX_STEPS {
                return Err(Fault::new(place, format!("more than {MAX_STEPS} steps")));
            }
            self.step(step, &place, times)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &'a Step, place: &str, times: u64) -> Result<(), Fault> {
        match step {
            Step::Connect(connect) => self.connect(connect, place),
            Step::Send { user, message: text } | Step::Raw { user, text } => {
                self.is_connected(user, place)?;
                self.template(text, place)
            }
            Step::Binary { user } | Step::ExpectNothing { user, .. } | Step::Ignore { user } => {
                self.is_connected(user, place)
            }
            Step::Expect(expect) => {
                self.is_connected(&expect.user, place)?;
                self.template(&expect.pattern, place)?;
                self.template(expect.skip.as_deref().unwrap_or_default(), place)?;
                self.capture(&expect.captures, place)
            }
            Step::ExpectClose(expect) => self.disconnect(&expect.user, place),
            Step::Disconnect { user } | Step::Drop { user } => self.disconnect(user, place),
            Step::Wait(_) => Ok(()),
            Step::Http(http) => self.template(&http.path, place),
            Step::Ask(ask) => self.ask(ask, place),
            Step::Asked(asked) => self.asked(asked, place),
            Step::Unordered(steps) => {
                // A name captured in the group has a value only behind it.
                for step in steps {
                    if let Step::Expect(expect) = step {
                        self.template(&expect.pattern, place)?;
                    }
                }
                self.steps(steps, &format!("{place}.unordered"), times)
            }
            Step::Repeat { times: rounds, steps } => {
                if *rounds == 0 || steps.is_empty() {
                    return Err(Fault::new(place, "`repeat` of nothing"));
                }
                self.repeats += 1;
                self.steps(steps, &format!("{place}.steps"), times.saturating_mul(*rounds))?;
                self.repeats -= 1;
                Ok(())
            }
        }
    }

    fn connect(&mut self, connect: &'a Connect, place: &str) -> Result<(), Fault> {
        self.is_user(&connect.user, place)?;
        match &connect.query {
            Query::UserId(text) | Query::Verbatim(text) => self.template(text, place)?,
        }
        if self.connected.get(connect.user.as_str()) == Some(&true) {
            let fault = format!(
                "{} has a socket; a second one needs its own name in `users`",
                connect.user
            );
            return Err(Fault::new(place, fault));
        }
        self.connected.insert(&connect.user, connect.refusal.is_none());
        Ok(())
    }

    fn ask(&mut self, ask: &'a Ask, place: &str) -> Result<(), Fault> {
        self.is_web(&ask.web, place)?;
        for text in [Some(&ask.path), ask.body.as_ref(), ask.answer.as_ref()] {
            self.template(text.map_or("", String::as_str), place)?;
        }
        self.capture(&ask.captures, place)
    }

    fn asked(&mut self, asked: &'a Asked, place: &str) -> Result<(), Fault> {
        self.is_web(&asked.web, place)?;
        for text in [Some(&asked.path), asked.headers.as_ref(), asked.body.as_ref()] {
            self.template(text.map_or("", String::as_str), place)?;
        }
        self.capture(&asked.captures, place)?;
        // The answer may say what the request has brought.
        self.template(asked.answer.as_deref().unwrap_or_default(), place)
    }

    fn is_web(&self, name: &str, place: &str) -> Result<(), Fault> {
        if self.web == Some(name) {
            return Ok(());
        }
        Err(Fault::new(place, format!("`{name}` is not the file's `web`")))
    }

    fn disconnect(&mut self, user: &'a str, place: &str) -> Result<(), Fault> {
        self.is_connected(user, place)?;
        self.connected.insert(user, false);
        Ok(())
    }

    fn is_user(&self, user: &str, place: &str) -> Result<(), Fault> {
        if self.users.contains(user) {
            return Ok(());
        }
        Err(Fault::new(place, format!("`{user}` is not in `users`")))
    }

    fn is_connected(&self, user: &str, place: &str) -> Result<(), Fault> {
        self.is_user(user, place)?;
        if self.connected.get(user) == Some(&true) {
            return Ok(());
        }
        Err(Fault::new(place, format!("{user} has no socket here")))
    }

    fn template(&self, text: &str, place: &str) -> Result<(), Fault> {
        for name in template::names(text).map_err(|fault| Fault::new(place, fault))? {
            let known = self.users.contains(name)
                || self.web == Some(name)
                || self.captured.contains(name)
                || (name == "i" && self.repeats > 0);
            if !known {
                let fault = format!("`{{{{{name}}}}}` is neither a user nor captured before");
                return Err(Fault::new(place, fault));
            }
        }
        Ok(())
    }

    fn capture(&mut self, captures: &'a [(String, String)], place: &str) -> Result<(), Fault> {
        for (name, _) in captures {
            if !template::is_name(name)
                || name == "i"
                || self.web == Some(name)
                || self.users.contains(name.as_str())
            {
                return Err(Fault::new(
                    place,
                    format!("`{name}` cannot be the name of a capture"),
                ));
            }
            self.captured.insert(name);
        }
        Ok(())
    }
}
