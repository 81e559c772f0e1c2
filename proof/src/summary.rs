//! What a run printed for people.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clients::LANGUAGES;
use crate::plan::UserReport;
use crate::proxy::Tally;

/// The figures of a run.
#[derive(Debug)]
pub(crate) struct Summary {
    seed: u64,
    /// Connections that the proxy ended.
    pub(crate) ended: usize,
    network: String,
    languages: Vec<Language>,
    busy: Duration,
    cpu: Duration,
}

/// What the users of one language did.
#[derive(Debug, Default)]
struct Language {
    name: &'static str,
    sent: usize,
    applied: usize,
    reconnects: usize,
    resent: usize,
    absorbed: usize,
    replaced: usize,
}

impl Summary {
    pub(crate) fn new(
        seed: u64,
        reports: &[UserReport],
        tally: &Tally,
        busy: Duration,
        cpu: Duration,
    ) -> Self {
        let languages = LANGUAGES.iter().map(|language| {
            let users = reports
                .iter()
                .filter(|user| user.name.starts_with(language.name()));
            users.fold(
                Language {
                    name: language.name(),
                    ..Language::default()
                },
                Language::with,
            )
        });
        Self {
            seed,
            ended: tally.ended(),
            network: network(tally),
            languages: languages.collect(),
            busy,
            cpu,
        }
    }
}

impl Language {
    fn with(self, user: &UserReport) -> Self {
        Self {
            name: self.name,
            sent: self.sent + user.sent.len(),
            applied: self.applied + user.applied.len(),
            reconnects: self.reconnects + user.reconnects,
            resent: self.resent + user.resent,
            absorbed: self.absorbed + user.absorbed,
            replaced: self.replaced + user.replaced,
        }
    }
}

fn network(tally: &Tally) -> String {
    let of = |count: &std::sync::atomic::AtomicUsize| count.load(Ordering::Relaxed);
    format!(
        "{} connections, {} ended by the proxy: {} cut, {} reset, {} half-closed, {} left half-open (of these {} \
         closed with 4001 by the user's next socket, {} never closed); {} stalls, {} stretches in tiny pieces or delayed",
        of(&tally.connections),
        tally.ended(),
        of(&tally.cuts),
        of(&tally.resets),
        of(&tally.half_closes),
        of(&tally.half_opens),
        of(&tally.taken_over),
        of(&tally.forgotten),
        of(&tally.stalls),
        of(&tally.disturbed),
    )
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {:.1} s, of which the server computed {:.1} s",
            self.seed,
            self.busy.as_secs_f64(),
            self.cpu.as_secs_f64()
        )?;
        writeln!(f, "{}", self.network)?;
        writeln!(
            f,
            "{:8} {:>9} {:>9} {:>11} {:>9} {:>9} {:>6}",
            "client", "sent", "applied", "reconnects", "sent again", "absorbed", "4001"
        )?;
        for language in &self.languages {
            writeln!(
                f,
                "{:8} {:>9} {:>9} {:>11} {:>10} {:>9} {:>6}",
                language.name,
                language.sent,
                language.applied,
                language.reconnects,
                language.resent,
                language.absorbed,
                language.replaced
            )?;
        }
        Ok(())
    }
}
