//! From the text of a file to a [`Config`], or to everything that is wrong with it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::auth_keys::{Auth, Callback, JwtIssuer};
use super::key::{Key, join};
use super::keys::{
    Admin, Channel, Chatroom, Conference, Drain, Http, HttpGrant, HuntNumber, Limits, Link, Links, Loaded,
    Log, Server, Services, Timers, Tls,
};
use super::nearest::nearest;
use super::{Config, Fault, LinkTls, rules};

/// What the instance of a room or a number needs beside one leg and one command for each of its users.
const SPARE: usize = 16;

/// The table that has a table for each number of the hunt service.
pub(super) const HUNT_NUMBERS: &str = "services.hunt.numbers";
/// The table that has a table for each service that may ask URLs.
pub(super) const GRANTS: &str = "http.grants";
/// The table that has a table for each issuer of tokens.
pub(super) const ISSUERS: &str = "auth.jwt";
/// The table of a service's own settings, in that of the service.
pub(super) const SETTINGS: &str = "settings";
/// The key that makes a service one that is loaded.
const FILE: &str = "file";
/// The table that has a table for each loaded service.
pub(super) const SERVICES: &str = "services";

/// What each table is for, and its keys; in the order in which they are printed.
pub(super) const TABLES: [(&str, &[Key<Config>]); 16] = [
    (Server::ABOUT, Server::KEYS),
    (Tls::ABOUT, Tls::KEYS),
    (Timers::ABOUT, Timers::KEYS),
    (Channel::ABOUT, Channel::KEYS),
    (Link::ABOUT, Link::KEYS),
    (Links::ABOUT, Links::KEYS),
    (Limits::ABOUT, Limits::KEYS),
    (Http::ABOUT, Http::KEYS),
    (Auth::ABOUT, Auth::KEYS),
    (Callback::ABOUT, Callback::KEYS),
    (Admin::ABOUT, Admin::KEYS),
    (Drain::ABOUT, Drain::KEYS),
    (Log::ABOUT, Log::KEYS),
    (Services::ABOUT, Services::KEYS),
    (Chatroom::ABOUT, Chatroom::KEYS),
    (Conference::ABOUT, Conference::KEYS),
];

pub(super) fn keys() -> impl Iterator<Item = &'static Key<Config>> {
    TABLES.into_iter().flat_map(|(_, keys)| keys)
}

/// What stands in the table of a service that is loaded from a file.
fn is_loaded<'a, 'i>(table: &str, value: &'a Spanned<DeValue<'i>>) -> Option<&'a DeTable<'i>> {
    let entries = value.get_ref().as_table().filter(|_| table == SERVICES);
    entries.filter(|entries| entries.contains_key(FILE))
}

/// The service of which a table is.
fn of_service(table: &str) -> Option<&str> {
    table.strip_prefix(SERVICES)?.strip_prefix('.')
}

/// Reads the text of a file. Faults come in the order of the file.
pub(super) fn read(text: &str) -> Result<Config, Vec<Fault>> {
    let mut reader = Reader {
        text,
        config: Config::default(),
        seen: BTreeMap::new(),
        faults: Vec::new(),
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reader.fault(
            error.span().map_or(0, |span| span.start),
            error.message().replace('\n', ", "),
        );
    }
    if errors.is_empty() {
        reader.table("", document.get_ref());
        reader.relations();
    }
    if reader.faults.is_empty() {
        return Ok(reader.config);
    }
    reader.faults.sort_by_key(|fault| fault.line);
    Err(reader.faults)
}

struct Reader<'t> {
    text: &'t str,
    config: Config,
    /// Where in the file each key was set that was read without a fault.
    seen: BTreeMap<String, usize>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn table(&mut self, table: &str, entries: &DeTable<'_>) {
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let path = join(table, name.get_ref());
            if let Some(key) = keys().find(|key| key.table == table && key.name == name.get_ref()) {
                let read = key.value.read(&mut self.config, value);
                self.settle(&path, key, read, name.span().start);
            } else if path == HUNT_NUMBERS {
                self.each_table(&path, value, Self::hunt_number);
            } else if path == GRANTS {
                self.each_table(&path, value, Self::http_grant);
            } else if path == ISSUERS {
                self.each_table(&path, value, Self::issuer);
            } else if let Some(entries) = is_loaded(table, value) {
                // It may have the name of one that is built in, whose tables mean nothing to it.
                self.service(name.get_ref(), name.span().start, entries);
            } else if is_table(&path) {
                if let Some(entries) = self.entries(&path, value) {
                    self.table(&path, entries);
                }
            } else if let (Some(service), SETTINGS) = (of_service(table), name.get_ref().as_ref()) {
                self.settings(service, value);
            } else if let (SERVICES, Some(entries)) = (table, value.get_ref().as_table()) {
                self.service(name.get_ref(), name.span().start, entries);
            } else {
                self.unknown(table, name.get_ref(), name.span().start);
            }
        }
    }

    /// Notes that a key was set, or what is wrong with its value.
    fn settle<R>(&mut self, path: &str, key: &Key<R>, read: Result<(), Range<usize>>, at: usize) {
        let Err(span) = read else {
            self.seen.insert(path.to_owned(), at);
            return;
        };
        let allowed = key.value.allowed();
        let shown = if key.value.is_secret() {
            "not allowed"
        } else {
            &self.text[span.clone()]
        };
        self.fault(
            span.start,
            format!("`{path}` is {}; it must be {allowed}", first_line(shown)),
        );
    }

    fn each_table(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        read: fn(&mut Self, &str, usize, &DeTable<'_>),
    ) {
        let mut entries: Vec<_> = self.entries(path, value).into_iter().flatten().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            if let Some(entries) = self.entries(&format!("{path}.\"{}\"", name.get_ref()), value) {
                read(self, name.get_ref(), name.span().start, entries);
            }
        }
    }

    fn hunt_number(&mut self, name: &str, at: usize, entries: &DeTable<'_>) {
        let table = format!("{HUNT_NUMBERS}.\"{name}\"");
        let mut number = HuntNumber::default();
        let faults = self.faults.len();
        self.record(&table, HuntNumber::KEYS, &mut number, entries);
        if number.agents.is_empty() && self.faults.len() == faults {
            self.fault(at, format!("`{table}` has no `agents`"));
        }
        match rules::user(name) {
            None => self.fault(
                at,
                format!("`{name}` is no number; it must be like \"sales@example.com\""),
            ),
            Some(name) => {
                if self.config.hunt_numbers.insert(name, number).is_some() {
                    self.fault(at, format!("`{table}` names the same number as another table"));
                }
            }
        }
    }

    fn http_grant(&mut self, name: &str, at: usize, entries: &DeTable<'_>) {
        let mut grant = HttpGrant::default();
        self.record(&join(GRANTS, name), HttpGrant::KEYS, &mut grant, entries);
        match rules::label(&name.to_ascii_lowercase()) {
            None => self.fault(at, format!("`{name}` cannot be the name of a service")),
            Some(name) => {
                if self.config.http_grants.insert(name, grant).is_some() {
                    let table = join(GRANTS, "SERVICE");
                    self.fault(at, format!("two tables `{table}` are of the same service"));
                }
            }
        }
    }

    fn issuer(&mut self, name: &str, at: usize, entries: &DeTable<'_>) {
        let table = join(ISSUERS, name);
        let mut issuer = JwtIssuer::default();
        let faults = self.faults.len();
        self.record(&table, JwtIssuer::KEYS, &mut issuer, entries);
        if self.faults.len() == faults
            && let Some(fault) = issuer_fault(&issuer)
        {
            self.fault(at, format!("`{table}` {fault}"));
        }
        let is_same = |other: &JwtIssuer| other.issuer.is_some() && other.issuer == issuer.issuer;
        if self.config.issuers.values().any(is_same) {
            self.fault(at, format!("`{table}` has the same `issuer` as another table"));
        }
        self.config.issuers.insert(name.to_owned(), issuer);
    }

    fn service(&mut self, name: &str, at: usize, entries: &DeTable<'_>) {
        let settings = entries.iter().find(|(key, _)| key.get_ref() == SETTINGS);
        if let Some((_, settings)) = settings {
            self.settings(name, settings);
        }
        // One without anything else is built in.
        if settings.is_none() || entries.len() > 1 {
            self.loaded(name, at, entries);
        }
    }

    /// Settings are the service's own: it says what is wrong with them.
    fn settings(&mut self, name: &str, settings: &Spanned<DeValue<'_>>) {
        let path = format!("{SERVICES}.{name}.{SETTINGS}");
        if self.entries(&path, settings).is_none() {
            return;
        }
        match as_json(settings.get_ref()) {
            Some(json) => {
                let name = name.to_ascii_lowercase();
                self.config.service_settings.insert(name, json.to_string());
            }
            None => self.fault(
                settings.span().start,
                format!("`{path}` has a number that JSON does not have"),
            ),
        }
    }

    fn loaded(&mut self, name: &str, at: usize, entries: &DeTable<'_>) {
        let table = join(SERVICES, name);
        let mut loaded = Loaded::default();
        self.record(&table, Loaded::KEYS, &mut loaded, entries);
        // As a label of a host name, in whatever case, it leads requests to the service.
        match rules::label(&name.to_ascii_lowercase()).filter(|name| name != "default") {
            None => self.fault(at, format!("`{name}` cannot be the name of a service")),
            Some(name) => {
                if self.config.loaded.insert(name, loaded).is_some() {
                    self.fault(at, format!("`{table}` names the same service as another table"));
                }
            }
        }
    }

    /// Reads a table of which there may be many, with a record for each.
    fn record<R>(&mut self, table: &str, keys: &[Key<R>], record: &mut R, entries: &DeTable<'_>) {
        for (name, value) in entries {
            let path = join(table, name.get_ref());
            if table.starts_with(SERVICES) && name.get_ref() == SETTINGS {
                continue;
            }
            if let Some(key) = keys.iter().find(|key| key.name == name.get_ref()) {
                let read = key.value.read(record, value);
                self.settle(&path, key, read, name.span().start);
            } else {
                let known = keys.iter().map(|key| key.name);
                let hint = match nearest(name.get_ref(), known.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known there: {}", known.collect::<Vec<_>>().join(", ")),
                };
                self.fault(name.span().start, format!("unknown key `{path}`; {hint}"));
            }
        }
    }

    /// The entries of what must be a table.
    fn entries<'a, 'i>(&mut self, path: &str, value: &'a Spanned<DeValue<'i>>) -> Option<&'a DeTable<'i>> {
        let entries = value.get_ref().as_table();
        if entries.is_none() {
            self.fault(
                value.span().start,
                format!("`{path}` is a table: write it as `[{path}]`"),
            );
        }
        entries
    }

    fn unknown(&mut self, table: &str, name: &str, at: usize) {
        let path = join(table, name);
        let here: Vec<_> = keys()
            .filter(|key| key.table == table)
            .map(|key| key.name)
            .collect();
        let everywhere: Vec<_> = keys().map(Key::path).collect();
        let tables = TABLES.iter().map(|(_, keys)| keys[0].table);
        let same_name = || keys().find(|key| key.name == name).map(Key::path);
        let near = nearest(name, here.iter().copied()).map(|near| join(table, near));
        let near = near.or_else(same_name);
        let near = near.or_else(|| {
            let candidates = everywhere
                .iter()
                .map(String::as_str)
                .chain(tables)
                .chain([HUNT_NUMBERS]);
            nearest(&path, candidates.filter(|name| !name.is_empty())).map(str::to_owned)
        });
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if here.is_empty() => format!("known there: {HUNT_NUMBERS}"),
            None => format!("known there: {}", here.join(", ")),
        };
        self.fault(at, format!("unknown key `{path}`; {hint}"));
    }

    /// What keys demand of each other; said at the key that the file sets.
    fn relations(&mut self) {
        let Config {
            server,
            tls,
            timers,
            channel,
            links,
            limits,
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
                !tls.listen.is_empty() && (tls.certificate.is_none() || tls.key.is_none()),
                "`tls.listen` needs `tls.certificate` and `tls.key`",
                ["tls.listen", "tls.certificate"],
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
                !links.allow.is_empty() && links.token.is_none(),
                "`links.allow` names hosts, so `links.token` is needed: nodes refuse links without it",
                ["links.allow", "links.token"],
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

    fn fault(&mut self, at: usize, text: String) {
        let line = 1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        self.faults.push(Fault { line, text });
    }
}

/// A value as JSON; `None` where it has a number that is none there.
fn as_json(value: &DeValue<'_>) -> Option<serde_json::Value> {
    use serde_json::Value;
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok()?.into(),
        DeValue::Float(number) => {
            let number = number.as_str().parse::<f64>().ok()?;
            serde_json::Number::from_f64(number)?.into()
        }
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(values) => {
            let values = values.iter().map(|value| as_json(value.get_ref()));
            Value::Array(values.collect::<Option<_>>()?)
        }
        DeValue::Table(entries) => {
            let entries = entries
                .iter()
                .map(|(name, value)| Some((name.get_ref().to_string(), as_json(value.get_ref())?)));
            Value::Object(entries.collect::<Option<_>>()?)
        }
    })
}

/// What the keys of an issuer demand of each other.
fn issuer_fault(issuer: &JwtIssuer) -> Option<&'static str> {
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

/// Whether `path` names a table, or stands above one.
fn is_table(path: &str) -> bool {
    let is_above =
        |table: &str| table == path || table.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    !path.is_empty() && (keys().any(|key| is_above(key.table)) || is_above(HUNT_NUMBERS))
}

/// The first line of a value, cut where it is long.
fn first_line(value: &str) -> String {
    let line = value.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(60).collect();
    if short.len() < value.trim_end().len() {
        short.push_str("...");
    }
    short
}
