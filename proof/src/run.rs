//! One run: server, proxy and clients together, from the first connect to the comparison of the ledgers.

use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, timeout_at};

use crate::clients::{ClientProcess, LANGUAGES, Language};
use crate::ledger::{Verdict, compare};
use crate::plan::{Line, Plan, UserReport};
use crate::proxy::Proxy;
use crate::server::Server;
use crate::summary::Summary;

/// About how many bytes a message with its answers moves through the proxy, at both its ends.
const BYTES_PER_MESSAGE: u64 = 2_700;
/// How many of its stretches end a connection: two in five do something else.
const ENDS: f64 = 0.6;
/// So many more cuts are aimed at than are asked for: chance decides.
const MARGIN: f64 = 1.5;
/// A run in which nobody gets an answer for so long is given up: what is missing then is lost.
const STUCK: Duration = Duration::from_secs(60);
/// How long the clients may take to write their reports.
const REPORTS: Duration = Duration::from_secs(60);

/// What a run consists of.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    /// Messages in all, at least.
    pub(crate) messages: usize,
    /// Calls in all, at least.
    pub(crate) calls: usize,
    /// Connections ended by the proxy, at least.
    pub(crate) cuts: usize,
    /// Users per language.
    pub(crate) users: usize,
    pub(crate) resend: bool,
    pub(crate) absorb: bool,
}

impl Run {
    /// Plays the run.
    pub(crate) async fn play(&self) -> Result<(Verdict, Summary), String> {
        let started = Instant::now();
        let server = Server::start()?;
        let mean_bytes = self.messages as u64 * BYTES_PER_MESSAGE;
        let mean_bytes = (mean_bytes as f64 / (self.cuts.max(1) as f64 * MARGIN) * ENDS) as u64;
        let proxy = Proxy::start(server.address(), self.seed, mean_bytes);
        let proxy = proxy.await.map_err(|error| format!("no proxy: {error}"))?;
        let (lines, mut said) = unbounded_channel();
        let mut clients = Vec::new();
        for language in LANGUAGES {
            clients.push(ClientProcess::start(
                language,
                &self.plan(language, &proxy),
                lines.clone(),
            )?);
        }
        drop(lines);
        let is_ready = |line: &Line| matches!(line, Line::Ready(_));
        if until(is_ready, &mut said).await? {
            return Err("the users do not get connected".to_owned());
        }
        clients.iter_mut().for_each(ClientProcess::go);
        let stuck = until(|line| matches!(line, Line::Done(_)), &mut said).await?;
        let (busy, cpu) = (started.elapsed(), server.cpu());
        // One more socket for everybody: what the server takes for undone would come again now.
        proxy.cut_all_and_calm().await;
        clients.iter_mut().for_each(ClientProcess::stop);
        let reports = reports(&mut said).await?;
        let mut verdict = compare(&reports);
        verdict.stuck = stuck;
        verdict.left_over = server.leftovers().await.err();
        let summary = Summary::new(self.seed, &reports, proxy.tally(), busy, cpu);
        server.stop().await?;
        Ok((verdict, summary))
    }

    fn plan(&self, language: Language, proxy: &Proxy) -> Plan {
        let everybody: Vec<String> = LANGUAGES
            .iter()
            .flat_map(|language| language.users(self.users))
            .collect();
        Plan {
            url: format!("ws://{}/rtc", proxy.address()),
            users: language.users(self.users).collect(),
            messages: self.messages.div_ceil(everybody.len()),
            calls: self.calls.div_ceil(everybody.len()),
            everybody,
            window: 24,
            move_every: 1_000,
            seed: self.seed,
            resend: self.resend,
            absorb: self.absorb,
        }
    }
}

/// Waits for this line of every client; `true` if nothing moved for too long before that.
async fn until(
    wanted: impl Fn(&Line) -> bool,
    said: &mut UnboundedReceiver<(Language, Option<Line>)>,
) -> Result<bool, String> {
    let mut answered = [0; LANGUAGES.len()];
    let mut came = [false; LANGUAGES.len()];
    let mut moved = Instant::now();
    while came != [true; LANGUAGES.len()] {
        let Ok(line) = timeout_at(moved + STUCK, said.recv()).await else {
            return Ok(true);
        };
        let Some((language, line)) = line else {
            return Err("the clients ended".to_owned());
        };
        match line {
            Some(line) if wanted(&line) => came[language as usize] = true,
            Some(Line::Answered(count)) => {
                let before = std::mem::replace(&mut answered[language as usize], count);
                if before != count {
                    moved = Instant::now();
                }
            }
            Some(Line::Ready(_) | Line::Done(_)) => {}
            Some(Line::Report(_)) | None => return Err(format!("the {} client ended", language.name())),
        }
    }
    Ok(false)
}

async fn reports(said: &mut UnboundedReceiver<(Language, Option<Line>)>) -> Result<Vec<UserReport>, String> {
    let mut reports = Vec::new();
    let mut reported = [false; LANGUAGES.len()];
    let end = Instant::now() + REPORTS;
    while reported != [true; LANGUAGES.len()] {
        let line = timeout_at(end, said.recv()).await;
        match line.map_err(|_| "a client writes no report".to_owned())? {
            Some((language, Some(Line::Report(users)))) => {
                reported[language as usize] = true;
                reports.extend(users);
            }
            Some((language, None)) if !reported[language as usize] => {
                return Err(format!("the {} client ended without a report", language.name()));
            }
            Some(_) => {}
            None => return Err("the clients ended without a report".to_owned()),
        }
    }
    Ok(reports)
}
