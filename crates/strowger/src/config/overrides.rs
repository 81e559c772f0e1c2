//! What the environment says otherwise than the file: one variable for each key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::auth_keys::JwtIssuer;
use super::files::{self, FILE};
use super::key::{Access, Key};
use super::keys::{HttpGrant, HuntNumber, Loaded};
use super::nearest::nearest;
use super::read::{GRANTS, HUNT_NUMBERS, ISSUERS, SERVICES, SETTINGS, keys};

/// How the variables begin.
const PREFIX: &str = "STROWGER_";
/// What stands between tables and keys.
const STEP: &str = "__";
/// Variables that begin so and are no keys: those of the command line, and of this repository's tests.
const OTHERS: [&str; 9] = [
    "ADMIN",
    "ADMIN_TOKEN",
    "CONFIG",
    "GUESTS",
    "NODE_MODULES",
    "PYTHON",
    "SERVER",
    "TOKEN",
    "URL",
];

/// The variables that set keys, by name. One without a value counts for none.
///
/// `STROWGER_TIMERS__TRANSACTION` is `timers.transaction`: the path in capitals, with `__` for each dot. The name in the header of a
/// table of which there may be many is found whatever its case, with `_` for `-`. The value is a text as it stands, or TOML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<String, Value>);

/// Hides what may be a secret.
#[derive(Clone, PartialEq, Eq)]
struct Value(String);

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl Overrides {
    /// Those of the environment of this process.
    pub fn of_environment() -> Self {
        let variables = std::env::vars_os();
        // What is no UTF-8 is refused by the key: no value has the character that stands for it.
        Self::new(variables.map(|(name, value)| {
            let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
            (text(name), text(value))
        }))
    }

    /// Those of some variables that set keys, or try to.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = variables.into_iter().filter(|(name, value)| {
            let rest = name.strip_prefix(PREFIX);
            rest.is_some_and(|rest| {
                !value.is_empty() && !OTHERS.contains(&rest) && !is_of_kubernetes(rest, value)
            })
        });
        Self(ours.map(|(name, value)| (name, Value(value))).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.0.as_str()))
    }
}

/// Whether it tells where a service named `strowger` is, which Kubernetes does unasked.
fn is_of_kubernetes(rest: &str, value: &str) -> bool {
    let is_address = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    rest == "SERVICE_HOST"
        || rest == "SERVICE_PORT"
        || rest.starts_with("SERVICE_PORT_")
        || rest.starts_with("PORT_")
        || (rest == "PORT" && is_address)
}

/// The variable of a key.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', STEP).to_ascii_uppercase())
}

/// Whether a key, of whatever table, takes a value.
type Takes = Box<dyn Fn(&Spanned<DeValue<'_>>) -> bool>;

/// Puts the value of a variable into a document, or says why there is no such variable. `span` is where faults in it are shown.
pub(super) fn put<'i>(
    document: &mut DeTable<'i>,
    (variable, text): (&str, &'i str),
    span: &Range<usize>,
) -> Result<(), String> {
    let name = variable.strip_prefix(PREFIX).unwrap_or(variable);
    let path: Vec<String> = name.split(STEP).map(str::to_ascii_lowercase).collect();
    let of_key = takes_of(&path);
    let (takes, is_file) = match (of_key, path.split_last()) {
        (Some(takes), _) => (Some(takes), false),
        (None, Some((last, table))) if last == FILE => (takes_of(table), true),
        (None, _) => (None, false),
    };
    let Some(takes) = takes else {
        return Err(unknown(variable, &path));
    };
    let value = if is_file {
        DeValue::String(Cow::Borrowed(text))
    } else {
        fitting(text, takes)
    };
    insert(document, &path, value, span);
    Ok(())
}

/// A text as the value that a key takes: as it stands, or as TOML. What is neither stays a text, for the key to refuse.
pub(super) fn fitting<'i>(text: &'i str, takes: impl Fn(&Spanned<DeValue<'_>>) -> bool) -> DeValue<'i> {
    let as_text = || Spanned::new(0..0, DeValue::String(Cow::Borrowed(text)));
    let as_toml = || {
        let value = DeValue::parse(text).ok()?;
        let fits = takes(&value) || files::named(value.get_ref()).is_some();
        fits.then(|| value.into_inner())
    };
    // Some keys take any text, and would take a list for one.
    let is_toml_first = text.starts_with(['[', '{', '"', '\'']);
    if !is_toml_first && takes(&as_text()) {
        return as_text().into_inner();
    }
    as_toml().unwrap_or_else(|| as_text().into_inner())
}

/// What the key at a path takes; `None`: there is none.
fn takes_of(path: &[String]) -> Option<Takes> {
    let joined = path.join(".");
    if let Some(key) = keys().find(|key| key.path() == joined) {
        return Some(of_key(key));
    }
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match (Many::of(&parts)?, parts.as_slice()) {
        // The service says what it takes: whatever is no TOML is a text.
        (Many::Services, [_, _, SETTINGS, _, ..]) => Some(Box::new(|value| !value.get_ref().is_str())),
        (many, parts) if parts.len() == many.depth() + 2 => many.takes(parts.last()?),
        _ => None,
    }
}

fn of_key<R: Default>(key: &'static Key<R>) -> Takes {
    let value: &'static dyn Access<R> = key.value;
    Box::new(move |given| value.read(&mut R::default(), given).is_ok())
}

/// The tables of which there may be many.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Many {
    Numbers,
    Grants,
    Issuers,
    Services,
}

impl Many {
    /// The longest path first: the first is below the last.
    const ALL: [(&'static str, Self); 4] = [
        (HUNT_NUMBERS, Self::Numbers),
        (GRANTS, Self::Grants),
        (ISSUERS, Self::Issuers),
        (SERVICES, Self::Services),
    ];

    /// Those that a path leads into.
    fn of(path: &[&str]) -> Option<Self> {
        let leads = |table: &str| {
            let mut steps = path.iter().copied();
            table.split('.').all(|step| steps.next() == Some(step))
        };
        Self::ALL
            .iter()
            .find(|(table, _)| leads(table))
            .map(|(_, many)| *many)
    }

    /// How many steps lead to them.
    fn depth(self) -> usize {
        let table = Self::ALL.iter().find(|(_, many)| *many == self);
        table.map_or(0, |(table, _)| table.split('.').count())
    }

    fn takes(self, name: &str) -> Option<Takes> {
        fn of<R: Default>(keys: &'static [Key<R>], name: &str) -> Option<Takes> {
            keys.iter().find(|key| key.name == name).map(of_key)
        }
        match self {
            Self::Numbers => of(HuntNumber::KEYS, name),
            Self::Grants => of(HttpGrant::KEYS, name),
            Self::Issuers => of(JwtIssuer::KEYS, name),
            Self::Services => of(Loaded::KEYS, name),
        }
    }

    fn names(self) -> Vec<&'static str> {
        fn of<R>(keys: &'static [Key<R>]) -> Vec<&'static str> {
            keys.iter().map(|key| key.name).collect()
        }
        match self {
            Self::Numbers => of(HuntNumber::KEYS),
            Self::Grants => of(HttpGrant::KEYS),
            Self::Issuers => of(JwtIssuer::KEYS),
            Self::Services => of(Loaded::KEYS),
        }
    }
}

fn unknown(variable: &str, path: &[String]) -> String {
    let mut candidates: Vec<String> = keys().map(|key| self::variable(&key.path())).collect();
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    if let Some(many) = Many::of(&parts)
        && parts.len() == many.depth() + 2
    {
        let table = path[..path.len() - 1].join(".");
        let names = many.names().into_iter();
        candidates.extend(names.map(|name| self::variable(&format!("{table}.{name}"))));
    }
    let hint = match nearest(variable, candidates.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "variables that begin with `STROWGER_` set keys of the configuration".to_owned(),
    };
    format!("no key has this variable; {hint}")
}

/// Puts a value into a document, in the place of what stands there.
fn insert<'i>(document: &mut DeTable<'i>, path: &[String], value: DeValue<'i>, span: &Range<usize>) {
    let Some((last, tables)) = path.split_last() else {
        return;
    };
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let depth = Many::of(&parts).map(Many::depth);
    let mut table = document;
    for (step, name) in tables.iter().enumerate() {
        let is_free = Some(step) == depth;
        let known = table.keys().map(Spanned::get_ref).find(|known| {
            if is_free {
                plain(known) == plain(name)
            } else {
                *known == name
            }
        });
        let name = match known {
            Some(known) => known.to_string(),
            None if is_free => plain(name),
            None => name.clone(),
        };
        let is_table = table
            .get(name.as_str())
            .is_some_and(|value| value.get_ref().is_table());
        if !is_table {
            replace(table, name.clone(), DeValue::Table(DeTable::new()), span);
        }
        let Some(DeValue::Table(next)) = table.get_mut(name.as_str()).map(Spanned::get_mut) else {
            return;
        };
        table = next;
    }
    replace(table, last.clone(), value, span);
}

fn replace<'i>(table: &mut DeTable<'i>, name: String, value: DeValue<'i>, span: &Range<usize>) {
    // A key that is there would keep its own span.
    table.remove(name.as_str());
    table.insert(
        Spanned::new(span.clone(), Cow::Owned(name)),
        Spanned::new(span.clone(), value),
    );
}

/// A name in a header as variables can have it.
fn plain(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    // The number of a hunt may have either.
    if name.contains('@') {
        name
    } else {
        name.replace('_', "-")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn read(file: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables
            .iter()
            .map(|(name, value)| (format!("STROWGER_{name}"), (*value).to_owned()));
        Config::parse_with(file, "test.toml", &Overrides::new(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_has_a_variable_of_its_own_and_no_other_has_it() {
        let mut names: Vec<String> = keys().map(|key| variable(&key.path())).collect();
        names.extend(OTHERS.iter().map(|other| format!("{PREFIX}{other}")));
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
        assert_eq!(
            variable("services.chatroom.queue_bytes"),
            "STROWGER_SERVICES__CHATROOM__QUEUE_BYTES"
        );
    }

    #[test]
    fn every_key_with_a_default_takes_it_from_its_variable() {
        let defaults = Config::default();
        for key in keys() {
            let Some(value) = key.value.write(&defaults) else {
                continue;
            };
            let path = key.path();
            let name = variable(&path);
            let read = read("", &[(&name[PREFIX.len()..], &value)]);
            // Where the key demands another one, that is said.
            assert!(read.is_ok_and(|config| config == defaults), "{name}");
        }
    }

    #[test]
    fn a_variable_goes_before_the_file() {
        let file =
            "listen = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\nrealm = \"a.example\"\n[timers]\nlinger = \"1s\"\n";
        let variables = [
            ("LISTEN", "0.0.0.0:9000"),
            ("REALM", "[\"b.example\", \"c.example\"]"),
            ("SHARDS", "3"),
            ("LIMITS__MESSAGE_BYTES", "32KiB"),
            ("LIMITS__HEADER_BYTES", "16384"),
            ("TIMERS__TRANSACTION", "3s"),
            ("LINKS__TOKEN", "0123456789012345"),
            ("SERVICES__CHATROOM__MEMBERS", "7"),
            ("DATA", ""),
        ];
        let config = read(file, &variables).unwrap();
        let expected = "listen = \"0.0.0.0:9000\"\nrealm = [\"b.example\", \"c.example\"]\nshards = 3\n[timers]\nlinger = \"1s\"\n\
                        transaction = \"3s\"\n[limits]\nmessage_bytes = \"32KiB\"\nheader_bytes = 16384\n[links]\n\
                        token = \"0123456789012345\"\n[services.chatroom]\nmembers = 7";
        assert_eq!(config, Config::parse(expected, "test").unwrap());
        assert!(
            !format!(
                "{:?}",
                Overrides::new([("STROWGER_A".to_owned(), "secret".to_owned())])
            )
            .contains("secret")
        );
    }

    #[test]
    fn tables_of_which_there_are_many_have_variables_too() {
        let file = "[auth.jwt.My-Login]\nissuer = \"a\"\naudience = \"a\"\nalgorithms = \"EdDSA\"\nkeys = \"k.pem\"\n";
        let config = read(
            file,
            &[
                ("AUTH__JWT__MY_LOGIN__AUDIENCE", "[\"b\", \"c\"]"),
                ("SERVICES__ROOMS__MEMORY", "4MiB"),
                ("SERVICES__WEBHOOK__SETTINGS__RETRIES", "3"),
                ("SERVICES__WEBHOOK__SETTINGS__DEEP__TEXT", "x y"),
                (
                    "SERVICES__HUNT__NUMBERS__Sales@Example.com__AGENTS",
                    "ann@example.com",
                ),
                ("HTTP__GRANTS__WEBHOOK__URLS", "https://hooks.example.com/*"),
            ],
        );
        let config = config.unwrap();
        assert_eq!(config.issuers["My-Login"].audience, ["b", "c"]);
        assert_eq!(config.loaded["rooms"].memory, 4 << 20);
        let settings: serde_json::Value = serde_json::from_str(&config.service_settings["webhook"]).unwrap();
        assert_eq!(
            settings,
            serde_json::json!({"retries": 3, "deep": {"text": "x y"}})
        );
        assert_eq!(
            config.hunt_numbers["sales@example.com"].agents,
            [["ann@example.com"]]
        );
        assert_eq!(config.http_grants["webhook"].urls.len(), 1);
    }

    #[test]
    fn a_fault_names_the_variable_and_what_would_be_right() {
        for (variable, value, expected) in [
            (
                "TIMERS__TRANSCTION",
                "5s",
                "STROWGER_TIMERS__TRANSCTION: no key has this variable; did you mean `STROWGER_TIMERS__TRANSACTION`?",
            ),
            (
                "TIMERS_TRANSACTION",
                "5s",
                "STROWGER_TIMERS_TRANSACTION: no key has this variable; did you mean `STROWGER_TIMERS__TRANSACTION`?",
            ),
            (
                "AUTH__JWT__LOGIN__AUDIENC",
                "a",
                "STROWGER_AUTH__JWT__LOGIN__AUDIENC: no key has this variable; did you mean `STROWGER_AUTH__JWT__LOGIN__AUDIENCE`?",
            ),
            (
                "WHOLLY_DIFFERENT_THING",
                "1",
                "STROWGER_WHOLLY_DIFFERENT_THING: no key has this variable; variables that begin with `STROWGER_` set keys of the configuration",
            ),
            (
                "SHARDS",
                "many",
                "STROWGER_SHARDS: `shards` is many; it must be a whole number from 0 to 256",
            ),
            (
                "REALM",
                "[\"a b\"]",
                "STROWGER_REALM: `realm` is [\"a b\"]; it must be a host name such as \"example.com\", without a port, or a list of host names",
            ),
            (
                "LINKS__TOKEN",
                "hunter2",
                "STROWGER_LINKS__TOKEN: `links.token` is not allowed; it must be a text of at least 16 printable ASCII characters without blanks",
            ),
            (
                "LINKS__ALLOW",
                "a.example",
                "STROWGER_LINKS__ALLOW: `links.allow` names hosts, so `links.token` or `links.certificate` is needed: nodes refuse links without",
            ),
            (
                "PORT",
                "8080",
                "STROWGER_PORT: no key has this variable; did you mean `STROWGER_PATH`?",
            ),
        ] {
            assert_eq!(read("shards = 1\n", &[(variable, value)]).unwrap_err(), expected);
        }
        let both = read("shards = \"x\"\n", &[("LISTNE", ":1")]).unwrap_err();
        assert!(
            both.starts_with("test.toml:1: ") && both.contains("\nSTROWGER_LISTNE: "),
            "{both}"
        );
    }

    #[test]
    fn what_kubernetes_says_of_a_service_named_alike_is_left_out() {
        let variables = [
            ("SERVICE_HOST", "10.0.0.1"),
            ("SERVICE_PORT", "8080"),
            ("SERVICE_PORT_RTC", "8080"),
            ("PORT", "tcp://10.0.0.1:8080"),
            ("PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("ADMIN_TOKEN", "0123456789abcdef"),
        ];
        assert_eq!(read("", &variables), Ok(Config::default()));
    }
}
