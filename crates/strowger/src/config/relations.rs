//! What keys demand of each other.

use super::auth_keys::JwtIssuer;
use super::read::{HUNT_NUMBERS, Reader};
use super::{Config, LinkTls};

/// What the instance of a room or a number needs beside one leg and one command for each of its users.
const SPARE: usize = 16;

impl Reader<'_> {
    /// What keys demand of each other; said at the key that the file sets.
    pub(super) fn relations(&mut self) {
        let Config {
            server,
            tls,
            acme,
            timers,
            channel,
            links,
            link_nodes,
            limits,
            log,
            chatroom,
            conference,
            ..
        } = &self.config;
        let broken = [
            (
                server.listen.is_empty() && tls.listen.is_empty(),
                "`listen` or `tls.listen` must name an address",
                ["listen", "tls.listen"],
            ),
            (
                !tls.listen.is_empty()
                    && (tls.certificate.is_none() || tls.key.is_none())
                    && acme.domains.is_empty(),
                "`tls.listen` needs `tls.certificate` and `tls.key`, or `tls.acme.domains`",
                ["tls.listen", "tls.certificate"],
            ),
            (
                !acme.domains.is_empty() && tls.listen.is_empty(),
                "`tls.acme.domains` is for `tls.listen`, which names no address",
                ["tls.acme.domains", "tls.listen"],
            ),
            (
                !acme.domains.is_empty() && (tls.certificate.is_some() || tls.key.is_some()),
                "`tls.acme.domains` and `tls.certificate` exclude each other",
                ["tls.acme.domains", "tls.certificate"],
            ),
            (
                !acme.domains.is_empty() && acme.cache.is_none() && server.data.is_none(),
                "`tls.acme.domains` needs `tls.acme.cache` or `data`, to keep what was issued",
                ["tls.acme.domains", "data"],
            ),
            (
                timers.provisional > timers.invite_max,
                "`timers.provisional` must not be longer than `timers.invite_max`",
                ["timers.provisional", "timers.invite_max"],
            ),
            (
                limits.session_min > timers.session,
                "`limits.session_min` must not be longer than `timers.session`",
                ["limits.session_min", "timers.session"],
            ),
            (
                limits.messages_burst < limits.messages_per_second,
                "`limits.messages_burst` must not be below `limits.messages_per_second`",
                ["limits.messages_per_second", "limits.messages_burst"],
            ),
            (
                channel.outbox_bytes < limits.message_bytes,
                "`channel.outbox_bytes` must have room for one message of `limits.message_bytes`",
                ["channel.outbox_bytes", "limits.message_bytes"],
            ),
            (
                !links.allow.is_empty()
                    && links.token.is_none()
                    && link_nodes.is_empty()
                    && links.certificate.is_none(),
                "`links.allow` names hosts, so `links.token` or `links.certificate` is needed: nodes refuse links without",
                ["links.allow", "links.token"],
            ),
            (
                links.certificate.is_some() != links.key.is_some(),
                "`links.certificate` and `links.key` go together",
                ["links.certificate", "links.key"],
            ),
            (
                links.certificate.is_some() && links.tls == LinkTls::Off,
                "`links.certificate` is for TLS, and `links.tls` is \"off\"",
                ["links.certificate", "links.tls"],
            ),
            (
                tls.client_roots.is_some() && tls.listen.is_empty(),
                "`tls.client_roots` is for `tls.listen`, which names no address",
                ["tls.client_roots", "tls.listen"],
            ),
            (
                chatroom.members + SPARE > limits.legs_per_instance,
                "`services.chatroom.members` must leave 16 legs of `limits.legs_per_instance`",
                ["services.chatroom.members", "limits.legs_per_instance"],
            ),
            (
                chatroom.members + SPARE > limits.commands_per_event,
                "`services.chatroom.members` must leave 16 commands of `limits.commands_per_event`",
                ["services.chatroom.members", "limits.commands_per_event"],
            ),
            (
                conference.members + SPARE > limits.legs_per_instance.min(limits.commands_per_event),
                "`services.conference.members` must leave 16 of `limits.legs_per_instance` and `limits.commands_per_event`",
                ["services.conference.members", "limits.legs_per_instance"],
            ),
            (
                chatroom.message_bytes > chatroom.queue_bytes,
                "`services.chatroom.queue_bytes` must have room for one message of `services.chatroom.message_bytes`",
                ["services.chatroom.queue_bytes", "services.chatroom.message_bytes"],
            ),
            (
                links.roots.is_some() && links.tls == LinkTls::Off,
                "`links.roots` is for TLS, and `links.tls` is \"off\"",
                ["links.roots", "links.tls"],
            ),
            (
                log.bodies && !log.states,
                "`log.bodies` adds to the lines of `log.states`, which is \"off\"",
                ["log.bodies", "log.states"],
            ),
        ];
        for (is_broken, text, keys) in broken {
            // Where a key was refused its default stands in for it, and a second complaint would mislead.
            let at = keys.iter().find_map(|key| self.seen.get(*key)).copied();
            if let (true, Some(at), true) = (is_broken, at, self.faults.is_empty()) {
                self.fault(at, text.to_owned());
            }
        }
        self.hunt_relations();
    }

    fn hunt_relations(&mut self) {
        let mut broken = Vec::new();
        for (name, number) in &self.config.hunt_numbers {
            let path = |key: &str| format!("{HUNT_NUMBERS}.\"{name}\".{key}");
            let at = |keys: [String; 2]| keys.iter().find_map(|key| self.seen.get(key)).copied();
            let agents: usize = number.agents.iter().map(Vec::len).sum();
            let legs = number.queue + 2 * agents + SPARE;
            if legs > self.config.limits.legs_per_instance {
                let text = format!(
                    "`{}` and the agents need {legs} of `limits.legs_per_instance`",
                    path("queue")
                );
                broken.push((at([path("queue"), path("agents")]), text));
            }
            if number.ring.len() > number.agents.len() {
                let text = format!(
                    "`{}` must be one span for all steps, or one for each",
                    path("ring")
                );
                broken.push((at([path("ring"), path("agents")]), text));
            }
            if number.queue > 0 && number.wait > self.config.timers.invite_max {
                let text = format!("`{}` must not be longer than `timers.invite_max`", path("wait"));
                broken.push((at([path("wait"), "timers.invite_max".to_owned()]), text));
            }
        }
        if self.faults.is_empty() {
            for (at, text) in broken {
                self.fault(at.unwrap_or(0), text);
            }
        }
    }
}

/// What the keys of an issuer demand of each other.
pub(super) fn issuer_fault(issuer: &JwtIssuer) -> Option<&'static str> {
    let JwtIssuer {
        algorithms,
        secret,
        keys,
        jwks,
        ..
    } = issuer;
    let sources = [secret.is_some(), !keys.is_empty(), jwks.is_some()];
    let is_secret = |is_secret: bool| algorithms.iter().any(|one| one.is_symmetric() == is_secret);
    if issuer.issuer.is_none() {
        Some("has no `issuer`")
    } else if issuer.audience.is_empty() {
        Some("has no `audience`: tokens for other servers would be good here")
    } else if algorithms.is_empty() {
        Some("has no `algorithms`")
    } else if sources.into_iter().filter(|has| *has).count() != 1 {
        Some("needs one of `secret`, `keys` and `jwks`")
    } else if secret.is_some() && is_secret(false) {
        Some("has a `secret`, which only HS256, HS384 and HS512 take")
    } else if secret.is_none() && is_secret(true) {
        Some("has public keys, with which HS256, HS384 and HS512 would let everybody make tokens")
    } else {
        None
    }
}
