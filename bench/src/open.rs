//! Open loop: operations at a fixed rate, and their latency from when each was due.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hdrhistogram::Histogram;
use jsip::{CSeq, Message, Response};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_websockets::{Error, Message as Frame};

use crate::client::{Socket, connect};
use crate::closed::{Caller, Work, answer};
use crate::figures::Round;
use crate::latency;
use crate::meter::{Calls, Meter};
use crate::pace::pace;
use crate::server::Server;

/// How long the servers run warm before the measurement, at the same rate.
const WARM: Duration = Duration::from_millis(500);
/// A safety net: how long the last answers may take. Longer than the server lets a request wait.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) work: Work,
    /// Operations per second.
    pub(crate) rate: f64,
    pub(crate) pairs: u64,
    pub(crate) span: Duration,
}

/// What came of it: operations that were answered well, and how many were refused. Latency is that of what a caller waits
/// for: the 200 to a message, the 200 to an INVITE.
pub(crate) async fn drive(server: &Server, offer: Offer) -> Result<(Round, u64), String> {
    let callers = Callers::connect(server.address(), offer.work, 0..offer.pairs).await?;
    let start = Instant::now() + Duration::from_millis(20);
    let warm = callers.offer(start, WARM, offer.rate);
    let warm = warm.await.map_err(|error| error.to_string())?;
    callers.wait_for(warm).await?;
    callers.take();

    let meter = Meter::start(server.process(), Calls::Leave)?;
    let sent = callers.offer(Instant::now(), offer.span, offer.rate);
    let sent = sent.await.map_err(|error| error.to_string())?;
    callers.wait_for(warm + sent).await?;
    let spent = meter.stop()?;
    let (latency, refused) = callers.take();
    let round = Round {
        operations: sent - refused.min(sent),
        spent,
        latency,
    };
    Ok((round, refused))
}

/// Pairs of users; the first of each does what it is told, the second answers.
#[derive(Debug)]
pub(crate) struct Callers {
    /// To each caller, when the next operation is due.
    orders: Arc<Vec<mpsc::UnboundedSender<Instant>>>,
    tally: Arc<Tally>,
    /// Ended with this.
    _tasks: JoinSet<()>,
}

/// What all callers have seen.
#[derive(Debug)]
struct Tally {
    latency: Mutex<Histogram<u64>>,
    refused: AtomicU64,
    done: AtomicU64,
    /// Callers whose connection is over.
    lost: AtomicU64,
}

impl Callers {
    pub(crate) async fn connect(
        server: SocketAddr,
        work: Work,
        pairs: std::ops::Range<u64>,
    ) -> Result<Self, String> {
        let tally = Arc::new(Tally {
            latency: Mutex::new(latency::empty()),
            refused: AtomicU64::new(0),
            done: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        let (mut orders, mut tasks) = (Vec::new(), JoinSet::new());
        for pair in pairs {
            let caller = Caller::new(work, pair);
            tasks.spawn(answer(connect(server, caller.to(), 2 * pair).await?));
            let socket = connect(server, caller.from(), 2 * pair + 1).await?;
            let (sender, receiver) = mpsc::unbounded_channel();
            orders.push(sender);
            let tally = Arc::clone(&tally);
            tasks.spawn(async move {
                let mut asking = Asking::new(socket, caller, Arc::clone(&tally));
                if asking.run(receiver).await.is_err() {
                    tally.lost.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Ok(Self {
            orders: Arc::new(orders),
            tally,
            _tasks: tasks,
        })
    }

    /// Tells each caller in turn; resolves to how many operations there were.
    pub(crate) fn offer(&self, start: Instant, span: Duration, rate: f64) -> JoinHandle<u64> {
        let orders = Arc::clone(&self.orders);
        tokio::task::spawn_blocking(move || {
            pace(start, span, rate, |number, due| {
                let turn = number % orders.len().max(1) as u64;
                if let Some(caller) = orders.get(turn as usize) {
                    // One whose connection is over is counted there.
                    let _ = caller.send(due);
                }
            })
        })
    }

    /// Waits until so many operations have ended since the start.
    pub(crate) async fn wait_for(&self, operations: u64) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let done = self.tally.done.load(Ordering::Acquire);
            if done >= operations {
                return Ok(());
            }
            let lost = self.tally.lost.load(Ordering::Relaxed);
            if lost > 0 || started.elapsed() > PATIENCE {
                return Err(format!(
                    "{done} of {operations} operations ended; {lost} callers lost their connection"
                ));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The latency, and how many were refused, since the last time.
    pub(crate) fn take(&self) -> (Histogram<u64>, u64) {
        let mut latency = self.tally.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = latency.clone();
        latency.reset();
        (taken, self.tally.refused.swap(0, Ordering::AcqRel))
    }
}

/// A caller at work.
struct Asking {
    socket: Socket,
    caller: Caller,
    tally: Arc<Tally>,
    /// When each operation without an end was due; `None` once its latency is known.
    open: HashMap<String, Option<Instant>>,
    next: u64,
}

impl Asking {
    fn new(socket: Socket, caller: Caller, tally: Arc<Tally>) -> Self {
        Self {
            socket,
            caller,
            tally,
            open: HashMap::new(),
            next: 0,
        }
    }

    async fn run(&mut self, mut orders: mpsc::UnboundedReceiver<Instant>) -> Result<(), Error> {
        loop {
            tokio::select! {
                due = orders.recv() => {
                    let Some(due) = due else { return Ok(()) };
                    self.begin(due).await?;
                    // All that is due goes out at once.
                    while let Ok(due) = orders.try_recv() {
                        self.begin(due).await?;
                    }
                    self.socket.flush().await?;
                }
                frame = self.socket.next() => {
                    let frame = frame.unwrap_or(Err(Error::AlreadyClosed))?;
                    if let Some(Message::Response(response)) = frame.as_text().and_then(crate::requests::decode) {
                        self.on_response(&response).await?;
                    }
                }
            }
        }
    }

    async fn begin(&mut self, due: Instant) -> Result<(), Error> {
        self.next += 1;
        let dialog = self.caller.dialog(self.next);
        self.socket.feed(Frame::text(self.caller.first(&dialog))).await?;
        self.open.insert(dialog, Some(due));
        Ok(())
    }

    async fn on_response(&mut self, response: &Response) -> Result<(), Error> {
        let (code, dialog) = (response.code(), response.dialog_id());
        if code.is_provisional() {
            return Ok(());
        }
        let Some(due) = self.open.get_mut(dialog) else {
            return Ok(());
        };
        if let Some(due) = due.take()
            && code.is_success()
        {
            let took = due.elapsed();
            let latency = &self.tally.latency;
            let mut latency = latency.lock().unwrap_or_else(PoisonError::into_inner);
            latency::record(&mut latency, took);
        }
        if code.is_success() && response.cseq() == CSeq::FIRST && self.caller.calls() {
            for request in self.caller.acknowledge_and_end(dialog) {
                self.socket.feed(Frame::text(request)).await?;
            }
            return self.socket.flush().await;
        }
        self.open.remove(dialog);
        if !code.is_success() {
            self.tally.refused.fetch_add(1, Ordering::Relaxed);
        }
        self.tally.done.fetch_add(1, Ordering::Release);
        Ok(())
    }
}
