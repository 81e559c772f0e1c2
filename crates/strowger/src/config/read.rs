//! From the text of a file to a [`Config`], or to everything that is wrong with it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::acme_keys::Acme;
use super::auth_keys::{Auth, Callback, JwtIssuer};
use super::calls_keys::Calls;
use super::journal_keys::Journal;
use super::key::{Key, join};
use super::keys::{
    Admin, Channel, Chatroom, Conference, Drain, Http, HttpGrant, HuntNumber, Limits, Link, Links, Loaded,
    Log, Server, Services, Timers, Tls,
};
use super::link_keys::LinkNode;
use super::nearest::nearest;
use super::observe_keys::{Records, Traces};
use super::overrides::{self, Overrides};
use super::relations::issuer_fault;
use super::{Config, Fault, Place, files, rules};

/// The table that has a table for each number of the hunt service.
pub(super) const HUNT_NUMBERS: &str = "services.hunt.numbers";
/// The table that has a table for each service that may ask URLs.
pub(super) const GRANTS: &str = "http.grants";
/// The table that has a table for each issuer of tokens.
pub(super) const ISSUERS: &str = "auth.jwt";
/// The table that has a table for each node with a credential of its own.
pub(super) const LINK_NODES: &str = "links.nodes";
/// The table of a service's own settings, in that of the service.
pub(super) const SETTINGS: &str = "settings";
/// The key that makes a service one that is loaded.
const FILE: &str = "file";
/// The table that has a table for each loaded service.
pub(super) const SERVICES: &str = "services";

/// What each table is for, and its keys; in the order in which they are printed.
pub(super) const TABLES: [(&str, &[Key<Config>]); 21] = [
    (Server::ABOUT, Server::KEYS),
    (Tls::ABOUT, Tls::KEYS),
    (Acme::ABOUT, Acme::KEYS),
    (Timers::ABOUT, Timers::KEYS),
    (Channel::ABOUT, Channel::KEYS),
    (Link::ABOUT, Link::KEYS),
    (Links::ABOUT, Links::KEYS),
    (Limits::ABOUT, Limits::KEYS),
    (Http::ABOUT, Http::KEYS),
    (Auth::ABOUT, Auth::KEYS),
    (Callback::ABOUT, Callback::KEYS),
    (Admin::ABOUT, Admin::KEYS),
    (Calls::ABOUT, Calls::KEYS),
    (Drain::ABOUT, Drain::KEYS),
    (Log::ABOUT, Log::KEYS),
    (Records::ABOUT, Records::KEYS),
    (Traces::ABOUT, Traces::KEYS),
    (Journal::ABOUT, Journal::KEYS),
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

/// Reads the text of a file, and then what is otherwise. Faults come in the order of the file, those of variables behind.
pub(super) fn read(text: &str, overrides: &Overrides) -> Result<Config, Vec<Fault>> {
    // The values of variables stand behind the file, so that each fault has a place in one text.
    let mut whole = text.to_owned();
    whole.push('\n');
    let mut variables = Vec::new();
    for (name, value) in overrides.iter() {
        variables.push((whole.len(), name));
        whole.push_str(value.lines().next().unwrap_or_default());
        whole.push('\n');
    }
    let mut reader = Reader {
        text: &whole,
        variables: &variables,
        config: Config::default(),
        seen: BTreeMap::new(),
        faults: Vec::new(),
    };
    let (mut document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reader.fault(
            error.span().map_or(0, |span| span.start),
            error.message().replace('\n', ", "),
        );
    }
    for (variable, (start, _)) in overrides.iter().zip(&variables) {
        if let Err(why) = overrides::put(document.get_mut(), variable, &(*start..*start)) {
            reader.fault(*start, why);
        }
    }
    if errors.is_empty() {
        reader.table("", document.get_ref());
        reader.relations();
    }
    if reader.faults.is_empty() {
        return Ok(reader.config);
    }
    reader.faults.sort_by(|one, other| one.place.cmp(&other.place));
    Err(reader.faults)
}

/// The file that stands for a value cannot be read.
struct Unreadable;

pub(super) struct Reader<'t> {
    text: &'t str,
    /// Where in the text the values of variables begin.
    variables: &'t [(usize, &'t str)],
    pub(super) config: Config,
    /// Where in the text each key was set that was read without a fault.
    pub(super) seen: BTreeMap<String, usize>,
    pub(super) faults: Vec<Fault>,
}

impl Reader<'_> {
    fn table(&mut self, table: &str, entries: &DeTable<'_>) {
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let path = join(table, name.get_ref());
            if let Some(key) = keys().find(|key| key.table == table && key.name == name.get_ref()) {
                if let Ok(content) = self.content(&path, value, key.value.is_secret()) {
                    let read = take(key, &mut self.config, value, content.as_deref());
                    self.settle(&path, key, read, name.span().start);
                }
            } else if path == HUNT_NUMBERS {
                self.each_table(&path, value, Self::hunt_number);
            } else if path == GRANTS {
                self.each_table(&path, value, Self::http_grant);
            } else if path == ISSUERS {
                self.each_table(&path, value, Self::issuer);
            } else if path == LINK_NODES {
                self.each_table(&path, value, Self::link_node);
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

    /// What is in the file that stands for a value; `None`: none does.
    ///
    /// # Errors
    ///
    /// It cannot be read, which is noted as a fault.
    fn content(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        is_secret: bool,
    ) -> Result<Option<String>, Unreadable> {
        let Some(file) = files::named(value.get_ref()) else {
            return Ok(None);
        };
        match files::read(file) {
            Ok(text) => {
                if is_secret {
                    self.config.secret_files.insert(path.to_owned(), file.into());
                }
                Ok(Some(text))
            }
            Err(why) => {
                self.fault(value.span().start, format!("`{path}`: {why}"));
                Err(Unreadable)
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
        // What a variable has was parsed by itself, so places in it are no places in the text.
        let is_variable = self.variable_at(at).is_some();
        let at = if is_variable { at } else { span.start };
        let shown = if key.value.is_secret() {
            "not allowed"
        } else if is_variable {
            &self.text[at..]
        } else {
            &self.text[span]
        };
        let text = format!("`{path}` is {}; it must be {allowed}", first_line(shown));
        self.fault(at, text);
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

    fn link_node(&mut self, name: &str, at: usize, entries: &DeTable<'_>) {
        let table = format!("{LINK_NODES}.\"{name}\"");
        let mut node = LinkNode::default();
        let faults = self.faults.len();
        self.record(&table, LinkNode::KEYS, &mut node, entries);
        if node.token.is_none() && self.faults.len() == faults {
            self.fault(at, format!("`{table}` has no `token`"));
        }
        match rules::host(name) {
            None => self.fault(
                at,
                format!("`{name}` is no host; it must be like \"far.example.com\""),
            ),
            Some(host) => {
                if self.config.link_nodes.insert(host, node).is_some() {
                    self.fault(at, format!("`{table}` names the same node as another table"));
                }
            }
        }
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
        match self.as_json(&path, settings) {
            Some(json) => {
                let name = name.to_ascii_lowercase();
                self.config.service_settings.insert(name, json.to_string());
            }
            None if self.faults.is_empty() => self.fault(
                settings.span().start,
                format!("`{path}` has a number that JSON does not have"),
            ),
            None => {}
        }
    }

    /// A value as JSON; `None` where it has a number that is none there, or a file in it cannot be read.
    fn as_json(&mut self, path: &str, value: &Spanned<DeValue<'_>>) -> Option<serde_json::Value> {
        use serde_json::Value;
        if let Some(content) = self.content(path, value, true).ok()? {
            return Some(Value::String(content));
        }
        Some(match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok()?.into(),
            DeValue::Float(number) => {
                let number = number.as_str().parse::<f64>().ok()?;
                serde_json::Number::from_f64(number)?.into()
            }
            DeValue::Boolean(truth) => Value::Bool(*truth),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Array(values) => {
                let values = values.iter().map(|value| self.as_json(path, value));
                Value::Array(values.collect::<Option<_>>()?)
            }
            DeValue::Table(entries) => {
                let entries = entries.iter().map(|(name, value)| {
                    let value = self.as_json(&join(path, name.get_ref()), value)?;
                    Some((name.get_ref().to_string(), value))
                });
                Value::Object(entries.collect::<Option<_>>()?)
            }
        })
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
    fn record<R: Default>(&mut self, table: &str, keys: &[Key<R>], record: &mut R, entries: &DeTable<'_>) {
        for (name, value) in entries {
            let path = join(table, name.get_ref());
            if table.starts_with(SERVICES) && name.get_ref() == SETTINGS {
                continue;
            }
            if let Some(key) = keys.iter().find(|key| key.name == name.get_ref()) {
                if let Ok(content) = self.content(&path, value, key.value.is_secret()) {
                    let read = take(key, record, value, content.as_deref());
                    self.settle(&path, key, read, name.span().start);
                }
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

    /// The variable whose value is at a place in the text.
    fn variable_at(&self, at: usize) -> Option<&str> {
        let variables = self.variables.iter().rev();
        variables
            .into_iter()
            .find(|(start, _)| *start <= at)
            .map(|(_, name)| *name)
    }

    pub(super) fn fault(&mut self, at: usize, text: String) {
        let place = match self.variable_at(at) {
            Some(name) => Place::Variable(name.to_owned()),
            None => Place::Line(1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()),
        };
        self.faults.push(Fault { place, text });
    }
}

/// Reads a value, or what is in the file that stands for it.
fn take<R: Default>(
    key: &Key<R>,
    root: &mut R,
    value: &Spanned<DeValue<'_>>,
    content: Option<&str>,
) -> Result<(), Range<usize>> {
    let Some(text) = content else {
        return key.value.read(root, value);
    };
    let takes = |value: &Spanned<DeValue<'_>>| key.value.read(&mut R::default(), value).is_ok();
    let read = Spanned::new(value.span(), overrides::fitting(text, takes));
    // What is refused of it is shown as the file that it is in.
    key.value.read(root, &read).map_err(|_| value.span())
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
