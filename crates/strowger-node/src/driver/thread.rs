//! The thread of one shard.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use jsip::UserId;
use jsip_stack::Channel;
use strowger_channel::ConnId;
use strowger_channel::net::{Handover, Home as _, serve};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use super::backlog::Backlog;
use super::local::Local;
use super::{DriverSettings, Figures};
use crate::{Config, Mail, Registry};

/// How many letters are taken in one go.
const LETTERS: usize = 256;

/// What other threads ask of a shard's thread.
#[derive(Debug)]
pub(super) enum Letter {
    /// A socket is coming for this name, whose home this shard is; answers its connection.
    Announce(UserId, oneshot::Sender<ConnId>),
    /// The announced socket will not come.
    Gone(ConnId),
    /// A socket whose home this shard is.
    Handover(Handover),
    /// Mail of another shard, in order.
    Mail(Vec<Mail>),
    /// Begin to drain, or go on; answers the channels that own dialogs.
    Drain(oneshot::Sender<Vec<Channel>>),
    /// Answer the names of those of the channels whose home this is.
    Names(Vec<Channel>, oneshot::Sender<Vec<UserId>>),
    /// Close every socket with 1012.
    CloseAll,
    /// Answer the shard's figures.
    Figures(oneshot::Sender<Figures>),
    /// End the thread.
    Stop,
}

/// What a shard's thread is made of.
pub(super) struct Thread {
    pub(super) shard: u16,
    pub(super) shards: u16,
    pub(super) config: Arc<Config>,
    pub(super) registry: Arc<Registry>,
    pub(super) settings: DriverSettings,
    pub(super) letters: Arc<[mpsc::UnboundedSender<Letter>]>,
    pub(super) backlog: Arc<Backlog>,
}

impl Thread {
    pub(super) fn spawn(self, receiver: mpsc::UnboundedReceiver<Letter>) -> io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Builder::new()
            .name(format!("shard-{}", self.shard))
            .spawn(move || {
                LocalSet::new().block_on(&runtime, self.run(receiver));
            })
    }

    async fn run(self, mut receiver: mpsc::UnboundedReceiver<Letter>) {
        let local = Local::new(self).shared();
        let mut letters = Vec::with_capacity(LETTERS);
        loop {
            let deadline = local.next_deadline();
            tokio::select! {
                biased;
                count = receiver.recv_many(&mut letters, LETTERS) => {
                    if count == 0 {
                        return;
                    }
                    for letter in letters.drain(..) {
                        if matches!(letter, Letter::Stop) {
                            return;
                        }
                        read(&local, letter);
                    }
                    local.settle();
                }
                () = local.deadline_moved() => {}
                () = sleep_until(deadline) => local.handle_timeout(),
            }
        }
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn read(local: &Rc<Local>, letter: Letter) {
    match letter {
        // A listener that stopped waiting drops its ticket.
        Letter::Announce(name, answer) => {
            let conn = local.announce(name);
            if answer.send(conn).is_err() {
                local.closed(conn, None);
            }
        }
        Letter::Gone(conn) => local.closed(conn, None),
        Letter::Handover(handover) => {
            let home = Rc::clone(local);
            let settings = local.socket_settings();
            tokio::task::spawn_local(serve(handover, home, settings));
        }
        Letter::Mail(mail) => local.receive_mail(mail),
        // Whoever asked may have stopped waiting.
        Letter::Drain(answer) => drop(answer.send(local.drain())),
        Letter::Names(channels, answer) => drop(answer.send(local.names(&channels))),
        Letter::CloseAll => local.close_all(),
        Letter::Figures(answer) => drop(answer.send(local.figures())),
        Letter::Stop => {}
    }
}
