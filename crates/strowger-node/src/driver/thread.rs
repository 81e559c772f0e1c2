//! The thread of one shard.

use std::io;
use std::rc::Rc;
use std::thread::{Builder, JoinHandle};

use strowger_channel::net::{Home as _, serve};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::letter::Letter;
use super::local::{Local, Parts};

/// How many letters are taken in one go.
const LETTERS: usize = 256;

/// Starts the thread of a shard.
pub(super) fn spawn(parts: Parts, receiver: mpsc::UnboundedReceiver<Letter>) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Builder::new()
        .name(format!("shard-{}", parts.shard))
        .spawn(move || {
            let _watch = parts.alarm.watch();
            LocalSet::new().block_on(&runtime, run(parts, receiver));
        })
}

async fn run(parts: Parts, mut receiver: mpsc::UnboundedReceiver<Letter>) {
    let local = Local::new(parts).shared();
    let mut letters = Vec::with_capacity(LETTERS);
    loop {
        let deadline = local.next_deadline();
        tokio::select! {
            count = receiver.recv_many(&mut letters, LETTERS) => {
                if count == 0 {
                    return;
                }
                local.regard();
                for letter in letters.drain(..) {
                    if matches!(letter, Letter::Stop) {
                        return;
                    }
                    read(&local, letter);
                }
                // What is due must not wait until there is no mail.
                local.handle_timeout();
            }
            () = local.deadline_moved() => {}
            () = sleep_until(deadline) => local.handle_timeout(),
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
        // Where the listener has stopped waiting, or does before it looks, the ticket is dropped and says so.
        Letter::Announce(name, credential, answer) => {
            drop(answer.send(local.announce(name, credential.as_ref())));
        }
        Letter::Gone(conn) => local.closed(conn, None),
        Letter::Handover(handover) => {
            let home = Rc::clone(local);
            let settings = local.socket_settings();
            local.spawn(serve(handover, home, settings));
        }
        Letter::Mail(mail) => local.receive_mail(mail),
        // Whoever asked may have stopped waiting.
        Letter::Drain(within, answer) => drop(answer.send(local.drain(within))),
        Letter::Names(channels, answer) => drop(answer.send(local.names(&channels))),
        Letter::Reconfigure(config, settings, authentication) => {
            local.reconfigure(config, *settings, authentication);
        }
        Letter::Journal(journal) => local.set_journal(journal.map(|journal| *journal)),
        Letter::Registry(registry) => local.set_registry(registry),
        Letter::Versions(answer) => drop(answer.send(local.version_counts())),
        Letter::Fetched(ticket, result) => local.fetched(ticket, result),
        Letter::Renewed(ticket, result) => local.renewed(ticket, result),
        Letter::Synced(ticket, fault) => local.synced(ticket, fault),
        Letter::Http(service, request, answer) => local.http(&service, request, answer),
        Letter::Instances(filter, from, limit, answer) => {
            drop(answer.send(local.instance_page(&filter, from, limit)));
        }
        Letter::Instance(id, answer) => drop(answer.send(local.instance(id))),
        Letter::Visit(visit) => visit.pay(local),
        Letter::EndInstance(id, answer) => drop(answer.send(local.end_instance(id))),
        Letter::CloseAll => local.close_all(),
        Letter::Figures(answer) => drop(answer.send(local.figures())),
        Letter::Stop => {}
    }
}
