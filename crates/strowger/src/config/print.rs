//! The default file and the reference, printed from the table of keys.

use std::fmt::Write as _;

use super::Config;
use super::auth_keys::JwtIssuer;
use super::key::{Change, Key};
use super::keys::{HttpGrant, HuntNumber, Loaded};
use super::link_keys::LinkNode;
use super::overrides;
use super::read::TABLES;

/// The width at which comments in the default file are broken.
const WIDTH: usize = 100;

/// A configuration file in which every key stands with its default and its meaning.
///
/// Reading it back gives [`Config::default`].
pub fn default_config() -> String {
    let mut out = String::from(
        "# The configuration of Strowger, every key with its default. Leave out what you do not change.\n\
         # Durations are written \"250ms\", \"5s\", \"2m\", \"1h\", \"1d\"; sizes \"512B\", \"64KiB\", \"4MiB\", \"1GiB\".\n",
    );
    for (about, keys) in TABLES {
        table(&mut out, "", about, keys, &Config::default());
    }
    table(
        &mut out,
        "# ",
        HuntNumber::ABOUT,
        HuntNumber::KEYS,
        &HuntNumber::default(),
    );
    table(
        &mut out,
        "# ",
        HttpGrant::ABOUT,
        HttpGrant::KEYS,
        &HttpGrant::default(),
    );
    table(
        &mut out,
        "# ",
        JwtIssuer::ABOUT,
        JwtIssuer::KEYS,
        &JwtIssuer::default(),
    );
    table(
        &mut out,
        "# ",
        LinkNode::ABOUT,
        LinkNode::KEYS,
        &LinkNode::default(),
    );
    table(&mut out, "# ", Loaded::ABOUT, Loaded::KEYS, &Loaded::default());
    out.replace("NUMBER", "sales@example.com")
        .replace("SERVICE", "rooms")
        .replace("ISSUER", "login")
        .replace("\"NODE\"", "\"far.example.com\"")
}

/// Writes one table; `mark` is put before each line that is not to take effect.
fn table<R>(out: &mut String, mark: &str, about: &str, keys: &[Key<R>], defaults: &R) {
    out.push('\n');
    comment(out, mark, about.trim());
    if !keys[0].table.is_empty() {
        line(out, mark, &format!("[{}]", keys[0].table));
    }
    for key in keys {
        out.push('\n');
        comment(out, mark, key.meaning.trim());
        comment(out, mark, &format!("{}.", sentence(&key.value.allowed())));
        match key.value.write(defaults) {
            Some(value) => line(out, mark, &format!("{} = {value}", key.name)),
            None => line(out, "# ", &format!("{} = {}", key.name, key.value.example())),
        }
    }
}

fn line(out: &mut String, mark: &str, text: &str) {
    out.push_str(mark);
    out.push_str(text);
    out.push('\n');
}

fn comment(out: &mut String, mark: &str, text: &str) {
    let mut width = 0;
    for word in text.split_whitespace() {
        if width == 0 || width + 1 + word.len() > WIDTH {
            if width > 0 {
                out.push('\n');
            }
            out.push_str(mark);
            out.push('#');
            width = mark.len() + 1;
        }
        out.push(' ');
        out.push_str(word);
        width += 1 + word.len();
    }
    out.push('\n');
}

/// `docs/configuration.md`: the reference of all keys.
///
/// Printed as `docs/configuration.md`.
pub fn reference() -> String {
    let mut out = String::from(
        "<!-- Printed from crates/strowger/src/config/keys.rs; `BLESS=1 cargo test -p strowger` prints it anew. -->\n\
         \n\
         # Configuration\n\
         \n\
         One TOML file, given with `--config`; every key has a default, so no file is needed. `strowger\n\
         default-config` prints a file with all of them and `strowger check-config` says what is wrong with yours:\n\
         the line, the key, and what would be right. A key that is not known is refused.\n\
         \n\
         Each key has an environment variable, which goes before the file: `STROWGER_` and the key's path in capitals,\n\
         with `__` for each dot. `STROWGER_LISTEN` is `listen`, `STROWGER_TIMERS__TRANSACTION` is `transaction` of\n\
         `[timers]`; the beginning stands at each table below. In the place of a NAME that you choose stands that name,\n\
         whatever its case, with `_` for `-`: `STROWGER_AUTH__JWT__LOGIN__AUDIENCE`, and behind\n\
         `STROWGER_SERVICES__WEBHOOK__SETTINGS__` any setting. The value is what the file would have, without quotation\n\
         marks if it is one text, size, number or duration (`3s`), as TOML if it is a list (`[\"a\", \"b\"]`). An empty\n\
         variable counts for none. One that begins with `STROWGER_` and is no key's is refused, but for those of the\n\
         commands (`STROWGER_CONFIG`, `STROWGER_ADMIN_TOKEN`, `STROWGER_ADMIN`, `STROWGER_URL`, `STROWGER_TOKEN`) and those\n\
         by which Kubernetes tells of a service named `strowger`.\n\
         \n\
         Each value may stand in a file of its own: `token = { file = \"/run/secrets/links\" }`, or the variable\n\
         `STROWGER_LINKS__TOKEN__FILE`; also in the settings of services, where a table with `file` alone stands for the text\n\
         in that file. Newlines at its end do not count. The log warns of files with secrets that every user of the machine\n\
         can read.\n\
         \n\
         Durations are written `\"250ms\"`, `\"5s\"`, `\"2m\"`, `\"1h\"`, `\"1d\"`; sizes `\"512B\"`, `\"64KiB\"`, `\"4MiB\"`,\n\
         `\"1GiB\"` or as a number of bytes.\n\
         \n\
         *Change* says what it takes to give a key another value. *restart*: the value shapes what is built at the\n\
         start. *reload*: a running server takes the new value on SIGHUP (`systemctl reload strowger`) and on `POST\n\
         /v1/reload` of the admin interface: for what begins from then on, while what runs goes on as it began. A\n\
         file with a fault changes nothing, and neither does one that something else is wrong with, such as a missing\n\
         file of keys; a key that needs a restart keeps its old value, and the log names it. Files that keys name are\n\
         read again, those of users, keys and secrets too; who is in stays until his token is over.\n\
         `[services.SERVICE.settings]` is taken over too, if the service finds it good; its instances are told.\n",
    );
    for (about, keys) in TABLES {
        section(&mut out, about, keys, &Config::default());
    }
    section(
        &mut out,
        HuntNumber::ABOUT,
        HuntNumber::KEYS,
        &HuntNumber::default(),
    );
    section(&mut out, HttpGrant::ABOUT, HttpGrant::KEYS, &HttpGrant::default());
    section(&mut out, JwtIssuer::ABOUT, JwtIssuer::KEYS, &JwtIssuer::default());
    section(&mut out, LinkNode::ABOUT, LinkNode::KEYS, &LinkNode::default());
    section(&mut out, Loaded::ABOUT, Loaded::KEYS, &Loaded::default());
    out
}

fn section<R>(out: &mut String, about: &str, keys: &[Key<R>], defaults: &R) {
    let title = match keys[0].table {
        "" => "Top of the file".to_owned(),
        table => format!("`[{table}]`"),
    };
    let about = about.trim();
    let variables = match keys[0].table {
        "" => overrides::variable(""),
        // Of what is chosen, the place is told.
        table => overrides::variable(&format!("{}.", table.replace('"', ""))),
    };
    let _ = write!(
        out,
        "\n## {title}\n\n{about}\n\nVariables: `{variables}...`\n\n| key | default | allowed | meaning | change |\n|---|---|---|---|---|\n"
    );
    for key in keys {
        let default = key
            .value
            .write(defaults)
            .map_or_else(|| "none".to_owned(), |value| format!("`{value}`"));
        let allowed = key.value.allowed().replace('|', "\\|");
        let meaning = key.meaning.trim();
        let change = match key.change {
            Change::Restart => "restart",
            Change::Reload => "reload",
        };
        let _ = writeln!(
            out,
            "| `{}` | {default} | {allowed} | {meaning} | {change} |",
            key.name
        );
    }
}

/// The text with its first letter as a capital.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
