//! The load: pairs of users, one sending, one answering, closed loop.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hdrhistogram::Histogram;
use jsip::{CSeq, Message};
use tokio::task::JoinSet;
use tokio_websockets::Message as Frame;

use crate::client::{Socket, connect};
use crate::figures::Round;
use crate::latency;
use crate::meter::{Calls, Meter};
use crate::requests;
use crate::server::Server;

/// What is done, over and over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// A MESSAGE and its 200, so many in flight per pair.
    Message(u32),
    /// A whole call.
    Call,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(in_flight) => write!(f, "message, {in_flight} in flight"),
            Self::Call => f.write_str("call"),
        }
    }
}

/// How long the servers run warm before the measurement.
const WARM: Duration = Duration::from_millis(500);

/// What all tasks of a round share.
#[derive(Debug, Default)]
struct Progress {
    /// Operations count only while this is set.
    counts: AtomicBool,
    over: AtomicBool,
    operations: AtomicU64,
}

/// A round of so many seconds, after half a second that is not counted.
pub(crate) async fn measure(
    server: &Server,
    work: Work,
    pairs: u64,
    span: Duration,
    calls: Calls,
) -> Result<Round, String> {
    let round = Arc::new(Progress::default());
    let mut callees = JoinSet::new();
    let mut callers = JoinSet::new();
    let mut sockets = Vec::new();
    for pair in 0..pairs {
        let callee = connect(server.address(), &requests::name('b', pair), 2 * pair).await?;
        callees.spawn(answer(callee));
        let caller = connect(server.address(), &requests::name('a', pair), 2 * pair + 1).await?;
        sockets.push((pair, caller));
    }
    for (pair, socket) in sockets {
        callers.spawn(ask(socket, pair, work, Arc::clone(&round)));
    }
    tokio::time::sleep(WARM).await;
    let meter = Meter::start(server.process(), calls)?;
    round.counts.store(true, Ordering::Release);
    tokio::time::sleep(span).await;
    round.counts.store(false, Ordering::Release);
    let spent = meter.stop()?;
    round.over.store(true, Ordering::Release);
    let operations = round.operations.load(Ordering::Acquire);
    let mut latency = latency::empty();
    while let Some(one) = callers.join_next().await {
        let one = one.map_err(|error| error.to_string())??;
        latency.add(&one).map_err(|error| error.to_string())?;
    }
    callees.abort_all();
    Ok(Round {
        operations,
        spent,
        latency,
    })
}

/// The callee. Answers all that is there before it flushes.
pub(crate) async fn answer(mut socket: Socket) {
    while let Some(Ok(frame)) = socket.next().await {
        let Some(Message::Request(request)) = frame.as_text().and_then(requests::decode) else {
            continue;
        };
        for answer in requests::answers(&request) {
            if socket.feed(Frame::text(answer)).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

/// The caller: keeps so many operations in flight until the round is over.
async fn ask(
    mut socket: Socket,
    pair: u64,
    work: Work,
    round: Arc<Progress>,
) -> Result<Histogram<u64>, String> {
    let mut latency = latency::empty();
    let caller = Caller::new(work, pair);
    let mut open: HashMap<String, Instant> = HashMap::new();
    let mut next = 0_u64;
    let in_flight = match work {
        Work::Message(in_flight) => in_flight as usize,
        Work::Call => 1,
    };
    loop {
        while open.len() < in_flight && !round.over.load(Ordering::Acquire) {
            next += 1;
            let dialog = caller.dialog(next);
            socket
                .feed(Frame::text(caller.first(&dialog)))
                .await
                .map_err(|error| error.to_string())?;
            open.insert(dialog, Instant::now());
        }
        socket.flush().await.map_err(|error| error.to_string())?;
        if open.is_empty() {
            return Ok(latency);
        }
        let frame = tokio::time::timeout(Duration::from_secs(10), socket.next()).await;
        let frame = frame.map_err(|_| format!("no answer; {} open", open.len()))?;
        let frame = frame
            .ok_or("the server closed")?
            .map_err(|error| error.to_string())?;
        let Some(Message::Response(response)) = frame.as_text().and_then(requests::decode) else {
            continue;
        };
        if response.code().is_provisional() {
            continue;
        }
        if !response.code().is_success() {
            return Err(format!("{} {:?}", response.code().as_u16(), response.reason()));
        }
        if caller.calls() && response.cseq() == CSeq::FIRST {
            for request in caller.acknowledge_and_end(response.dialog_id()) {
                socket
                    .feed(Frame::text(request))
                    .await
                    .map_err(|error| error.to_string())?;
            }
            continue;
        }
        if let Some(started) = open.remove(response.dialog_id())
            && round.counts.load(Ordering::Acquire)
        {
            round.operations.fetch_add(1, Ordering::AcqRel);
            latency::record(&mut latency, started.elapsed());
        }
    }
}

/// The asking side of a pair: what it says.
#[derive(Debug)]
pub(crate) struct Caller {
    work: Work,
    pair: u64,
    from: String,
    to: String,
}

impl Caller {
    pub(crate) fn new(work: Work, pair: u64) -> Self {
        Self {
            work,
            pair,
            from: requests::name('a', pair),
            to: requests::name('b', pair),
        }
    }

    pub(crate) fn from(&self) -> &str {
        &self.from
    }

    pub(crate) fn to(&self) -> &str {
        &self.to
    }

    pub(crate) const fn calls(&self) -> bool {
        matches!(self.work, Work::Call)
    }

    /// The id of the operation of this number.
    pub(crate) fn dialog(&self, number: u64) -> String {
        format!("d{}-{number}", self.pair)
    }

    pub(crate) fn first(&self, dialog: &str) -> String {
        match self.work {
            Work::Message(_) => requests::message(&self.from, &self.to, dialog, 104),
            Work::Call => requests::invite(&self.from, &self.to, dialog),
        }
    }

    pub(crate) fn acknowledge_and_end(&self, dialog: &str) -> [String; 2] {
        requests::acknowledge_and_end(&self.from, &self.to, dialog)
    }
}
