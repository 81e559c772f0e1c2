//! What a shard asks of the world, done: mail, sockets, links, HTTP requests, tokens, log lines.

use std::rc::Rc;
use std::time::SystemTime;

use jsip::UserId;
use strowger_auth::Refused;
use strowger_channel::ChannelId;
use strowger_channel::net::{Target, link};
use strowger_service::{HttpRequest, LogLevel};

use super::Local;
use crate::driver::disk::Wish;
use crate::driver::letter::Letter;
use crate::driver::web::Job;
use crate::{Effect, FetchTicket, LogLine, RenewalTicket, Subject, SyncTicket, Token};

impl Local {
    pub(super) fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Mail { to, mail } => {
                if let Some(letters) = self.outgoing.borrow_mut().get_mut(usize::from(to)) {
                    letters.push(mail);
                }
            }
            Effect::Wake(conn) => {
                if let Some(socket) = self.sockets.borrow().get(&conn) {
                    socket.wake();
                }
            }
            Effect::Close { conn, code, reason } => {
                if let Some(socket) = self.sockets.borrow().get(&conn) {
                    socket.close(code, reason);
                }
            }
            Effect::Dial { channel, host, port } => self.dial(channel, host, port),
            Effect::Fetch { ticket, request } => self.fetch(ticket, request),
            Effect::GiveUp(ticket) => {
                // The thread ends with the node only.
                let _ = self.jobs.send(Job::GiveUp(self.number, ticket));
            }
            Effect::Renew { ticket, name, token } => self.renew(ticket, name, token),
            Effect::Sync(ticket) => self.sync(ticket),
            Effect::HttpRespond { ticket, response } => {
                let asked = self.http_asked.borrow_mut().remove(&ticket);
                // Who asked may have stopped waiting.
                drop(asked.map(|asked| asked.send(response)));
            }
            Effect::MessageAnswered { ticket, answer } => {
                let asked = self.messages.borrow_mut().remove(&ticket);
                // Who asked may have stopped waiting.
                drop(asked.map(|asked| asked.send(answer)));
            }
            Effect::Log(line) => {
                if let Subject::Service(service) = &line.subject {
                    self.logs.push(service, line.level, &line.text, SystemTime::now());
                }
                write_log(&line);
            }
        }
    }

    /// Sends the mail for other shards whenever there is some.
    ///
    /// This is a task behind those of the sockets that were ready together: their mail goes in one letter for each shard, which
    /// wakes its thread once. Where one socket alone has something, nothing waits.
    pub(super) async fn deliver(self: Rc<Self>) {
        loop {
            self.posting.notified().await;
            self.post();
        }
    }

    /// Sends the mail that has gathered for other shards, one letter for each.
    pub(super) fn post(&self) {
        for (to, mail) in self.outgoing.borrow_mut().iter_mut().enumerate() {
            if !mail.is_empty() {
                self.backlog.sent(to, mail.len());
                // A shard that is gone is gone with the whole node.
                let _ = self.letters[to].send(Letter::Mail(std::mem::take(mail)));
            }
        }
    }

    fn dial(&self, channel: ChannelId, host: String, port: u16) {
        let Some(this) = self.this.borrow().upgrade() else {
            return;
        };
        let settings = self.settings.borrow();
        let bearer = settings.link_credentials.token(&host).map(str::to_owned);
        let target = Target {
            host,
            port,
            path: settings.link_path.clone(),
            user: settings.link_name.clone(),
            bearer,
        };
        let (dial, socket) = (Rc::clone(&self.dialling.borrow()), settings.socket);
        drop(settings);
        self.spawn(async move { link(channel, target, this, dial, socket).await });
    }

    fn fetch(&self, ticket: FetchTicket, request: HttpRequest) {
        let letters = self.letters[usize::from(self.number)].clone();
        let job = Job::Make {
            shard: self.number,
            ticket,
            request,
            letters,
        };
        // The thread ends with the node only.
        let _ = self.jobs.send(job);
    }

    /// Has a token looked at that a user shows to go on.
    fn renew(&self, ticket: RenewalTicket, name: UserId, token: Token) {
        let letters = self.letters[usize::from(self.number)].clone();
        let authentication = self.authentication.borrow().clone();
        self.spawn(async move {
            let result = match authentication {
                Some(authentication) => authentication.renew(&name, &token.0).await,
                None => Err(Refused::Unknown),
            };
            // A shard that is gone is gone with the whole node.
            let _ = letters.send(Letter::Renewed(ticket, result));
        });
    }

    /// Shards ask only where stores are durable, and the thread that writes them ends after they do.
    fn sync(&self, ticket: SyncTicket) {
        if let Some(wishes) = &self.wishes {
            let letters = self.letters[usize::from(self.number)].clone();
            let _ = wishes.send(Wish { ticket, letters });
        }
    }
}

fn write_log(line: &LogLine) {
    let LogLine { level, subject, text } = line;
    match subject {
        Subject::Service(service) => match level {
            LogLevel::Error => tracing::error!(target: "service", service, "{text}"),
            LogLevel::Warn => tracing::warn!(target: "service", service, "{text}"),
            LogLevel::Info => tracing::info!(target: "service", service, "{text}"),
            LogLevel::Debug => tracing::debug!(target: "service", service, "{text}"),
        },
        Subject::Link { host, port, reason } => match level {
            LogLevel::Error => tracing::error!(target: "link", host, port, reason, "{text}"),
            LogLevel::Warn => tracing::warn!(target: "link", host, port, reason, "{text}"),
            LogLevel::Info | LogLevel::Debug => tracing::info!(target: "link", host, port, "{text}"),
        },
    }
}
