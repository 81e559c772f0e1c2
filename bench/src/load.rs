//! The load: pairs of users, one sending, one answering, closed loop.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hdrhistogram::Histogram;
use jsip::{CSeq, Limits, Message, Method, Request, Response, StatusCode};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_websockets::{ClientBuilder, Message as Frame, WebSocketStream};

use crate::process::Server;
use crate::report::Measured;

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

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// How long the servers run warm before the measurement.
const WARM: Duration = Duration::from_millis(500);

/// What all tasks of a round share.
#[derive(Debug, Default)]
struct Round {
    /// Operations count only while this is set.
    counts: AtomicBool,
    over: AtomicBool,
    operations: AtomicU64,
}

pub(crate) async fn drive(
    server: &Server,
    work: Work,
    pairs: u64,
    span: Duration,
) -> Result<Measured, String> {
    let round = Arc::new(Round::default());
    let mut callees = JoinSet::new();
    let mut callers = JoinSet::new();
    let mut sockets = Vec::new();
    for pair in 0..pairs {
        let callee = connect(server, &format!("b{pair}@bench.example")).await?;
        callees.spawn(answer(callee));
        sockets.push((pair, connect(server, &format!("a{pair}@bench.example")).await?));
    }
    for (pair, socket) in sockets {
        callers.spawn(ask(socket, pair, work, Arc::clone(&round)));
    }
    tokio::time::sleep(WARM).await;
    let (cpu, started) = (server.cpu()?, Instant::now());
    round.counts.store(true, Ordering::Release);
    tokio::time::sleep(span).await;
    round.counts.store(false, Ordering::Release);
    let (cpu, span) = (server.cpu()? - cpu, started.elapsed());
    round.over.store(true, Ordering::Release);
    let operations = round.operations.load(Ordering::Acquire);
    let mut latency = Histogram::new(3).map_err(|error| error.to_string())?;
    while let Some(one) = callers.join_next().await {
        let one = one.map_err(|error| error.to_string())??;
        latency.add(&one).map_err(|error| error.to_string())?;
    }
    callees.abort_all();
    Ok(Measured {
        operations,
        span,
        cpu,
        latency,
    })
}

async fn connect(server: &Server, name: &str) -> Result<Socket, String> {
    let uri = format!("ws://{}/rtc?userid={name}", server.address());
    let uri = uri.parse().map_err(|_| "bad URI".to_owned())?;
    let failed = |error: &dyn fmt::Display| format!("{name}: {error}");
    let tcp = TcpStream::connect(server.address())
        .await
        .map_err(|error| failed(&error))?;
    // Without it a Pong that waits for its TCP acknowledgement holds the next request back for 40 ms.
    tcp.set_nodelay(true).map_err(|error| failed(&error))?;
    let connected = ClientBuilder::from_uri(uri).connect_on(tcp).await;
    connected
        .map(|(socket, _)| socket)
        .map_err(|error| failed(&error))
}

/// Connects many users; each asks the echo service once, so that its buffers have been used, and then does nothing.
pub(crate) async fn connect_idle(server: &Server, channels: u64) -> Result<Vec<Socket>, String> {
    let mut sockets = Vec::new();
    for channel in 0..channels {
        let name = format!("a{channel}@idle.example");
        let mut socket = connect(server, &name).await?;
        let mut request = Request::new(
            Method::Options,
            "x@echo.idle.example",
            &name,
            "x@echo.idle.example",
        );
        request.set_dialog_id("once");
        let sent = socket.send(Frame::text(Message::Request(request).encode())).await;
        sent.map_err(|error| error.to_string())?;
        sockets.push(socket);
    }
    tokio::time::sleep(WARM).await;
    Ok(sockets)
}

/// Closes them in form and waits until the server has forgotten them.
pub(crate) async fn leave(sockets: Vec<Socket>) {
    for mut socket in sockets {
        // The server may have closed already.
        let _ = socket.close().await;
    }
    tokio::time::sleep(WARM * 4).await;
}

/// The callee: 200 to whatever comes, 180 first to an INVITE. Answers all that is there before it flushes.
async fn answer(mut socket: Socket) {
    while let Some(Ok(frame)) = socket.next().await {
        let Some(text) = frame.as_text() else { continue };
        let Ok(Message::Request(request)) = Message::decode(text, &Limits::default()) else {
            continue;
        };
        if request.method() == Method::Ack {
            continue;
        }
        if request.method() == Method::Invite {
            let ringing = Message::Response(Response::to(&request, StatusCode::RINGING)).encode();
            if socket.feed(Frame::text(ringing)).await.is_err() {
                return;
            }
        }
        let mut ok = Response::to(&request, StatusCode::OK);
        if request.method() == Method::Invite {
            ok.copy_body_from(&request);
        }
        if socket
            .send(Frame::text(Message::Response(ok).encode()))
            .await
            .is_err()
        {
            return;
        }
    }
}

/// The caller: keeps so many operations in flight until the round is over.
async fn ask(mut socket: Socket, pair: u64, work: Work, round: Arc<Round>) -> Result<Histogram<u64>, String> {
    let mut latency = Histogram::new(3).map_err(|error| error.to_string())?;
    let caller = Caller {
        from: format!("a{pair}@bench.example"),
        to: format!("b{pair}@bench.example"),
    };
    let mut open: HashMap<String, Instant> = HashMap::new();
    let mut next = 0_u64;
    let in_flight = match work {
        Work::Message(in_flight) => in_flight as usize,
        Work::Call => 1,
    };
    loop {
        while open.len() < in_flight && !round.over.load(Ordering::Acquire) {
            next += 1;
            let dialog = format!("d{pair}-{next}");
            socket
                .feed(Frame::text(caller.first(work, &dialog)))
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
        let Some(text) = frame.as_text() else { continue };
        let Ok(Message::Response(response)) = Message::decode(text, &Limits::default()) else {
            continue;
        };
        if response.code().is_provisional() {
            continue;
        }
        if !response.code().is_success() {
            return Err(format!("{} {:?}", response.code().as_u16(), response.reason()));
        }
        if matches!(work, Work::Call) && response.cseq() == CSeq::FIRST {
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
            latency
                .record(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX))
                .map_err(|error| error.to_string())?;
        }
    }
}

#[derive(Debug)]
struct Caller {
    from: String,
    to: String,
}

impl Caller {
    fn request(&self, method: Method, dialog: &str, cseq: u64) -> Request {
        let mut request = Request::new(method, &self.to, &self.from, &self.to);
        request.set_dialog_id(dialog);
        request.set_cseq(CSeq::new(cseq).unwrap_or(CSeq::FIRST));
        request
    }

    fn first(&self, work: Work, dialog: &str) -> String {
        let mut request = match work {
            Work::Message(_) => self.request(Method::Message, dialog, 1),
            Work::Call => self.request(Method::Invite, dialog, 1),
        };
        match work {
            Work::Message(_) => request.set_body_str(&"hello, world ".repeat(8)),
            Work::Call => request
                .set_body_str(&"a=candidate:1 1 udp 2122260223 192.0.2.1 56143 typ host\r\n".repeat(36)),
        }
        Message::Request(request).encode()
    }

    fn acknowledge_and_end(&self, dialog: &str) -> [String; 2] {
        let mut ack = self.request(Method::Ack, dialog, 2);
        ack.set_related_cseq(Some(CSeq::FIRST));
        [
            Message::Request(ack).encode(),
            Message::Request(self.request(Method::Bye, dialog, 3)).encode(),
        ]
    }
}
