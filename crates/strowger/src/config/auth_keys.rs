//! The keys that say who users are: `[auth]`, `[auth.callback]`, `[auth.jwt.ISSUER]`.

use std::path::PathBuf;
use std::time::Duration;

use strowger_auth::Algorithm;
use strowger_channel::net::Network;

use super::key::{Change, Field, Key, table};
use super::keys::{FILE, HOST, NETWORK};
use super::kind::{Choice, Counts, Durations, List, Optional, Sizes, Text};
use super::{Config, rules};

const KIB: usize = 1 << 10;
const MILLISECOND: Duration = Duration::from_millis(1);

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

table! {
    /// Who users are, and how they prove it. Without `auth.users`, `[auth.callback]` and `[auth.jwt.ISSUER]` nobody is
    /// asked, and the server listens only where no other machine can reach it.
    struct Auth, "auth", Config(auth) {
        /// Whether the server may listen where other machines can reach it although it asks nobody who they are:
        /// whoever comes can take any name. As the option `--insecure`.
        insecure: bool = false, &Choice(&[("on", true), ("off", false)]), Reload;
        /// The file with users for development, one a line: `alice@example.com`, a blank, a token of at least 16 letters,
        /// digits or any of `-._~`, and perhaps a blank and grants as JSON.
        users: Option<PathBuf> = None, &Optional(&USERS), Reload;
        /// How old the published keys of an issuer are when they are fetched again.
        key_refresh: Duration = secs(3600), &Durations(secs(1), secs(86_400)), Reload;
        /// The least time between two fetches of the keys of an issuer, whatever keys tokens name.
        key_retry: Duration = secs(30), &Durations(secs(1), secs(3600)), Reload;
        /// How old published keys may become that cannot be fetched again; then tokens of their issuer are refused with 503.
        key_max_age: Duration = secs(86_400), &Durations(secs(1), secs(7 * 86_400)), Reload;
        /// How long a fetch of the keys of an issuer may take.
        key_timeout: Duration = secs(5), &Durations(MILLISECOND, secs(60)), Reload;
        /// The largest key set or answer of the endpoint that is read.
        answer_bytes: usize = 256 * KIB, &Sizes(KIB, 16 << 20), Reload;
        /// The PEM file with the certificates of the authorities that vouch for `https` URLs of `auth`; without it, those
        /// that the operating system trusts do.
        roots: Option<PathBuf> = None, &Optional(&FILE), Reload;
        /// The networks beside the public Internet in which the names in URLs of `auth` may be. An address that stands in
        /// such a URL itself is asked anyway.
        networks: Vec<Network> = Vec::new(), &List { of: &NETWORK, may_be_empty: true }, Reload;
    }
}

table! {
    /// An HTTP endpoint that is asked about users about whom nothing else decides.
    struct Callback, "auth.callback", Config(auth_callback) {
        /// Its URL. It gets a POST with the request's URL, address and headers as JSON; 200 admits, 401 and 403 refuse,
        /// and whatever else becomes of the question refuses with 503.
        url: Option<String> = None, &Optional(&URL), Reload;
        /// How long an answer may take, waiting for a turn included.
        timeout: Duration = secs(3), &Durations(MILLISECOND, secs(60)), Reload;
        /// How many questions may be open at a time; more wait.
        concurrent: usize = 64, &Counts(1, 10_000), Reload;
    }
}

table! {
    /// One issuer of tokens (JWT), under any name in the table's header. Its keys are `secret`, `keys` or `jwks`.
    struct JwtIssuer, "auth.jwt.ISSUER", JwtIssuer() {
        /// The `iss` of its tokens. Needed.
        issuer: Option<String> = None, &Optional(&ISSUER), Reload;
        /// The `aud` of which a token must have one. Needed.
        audience: Vec<String> = Vec::new(), &List { of: &AUDIENCE, may_be_empty: false }, Reload;
        /// The algorithms that its tokens may be signed with, as many as it uses: a token does not choose. Needed.
        algorithms: Vec<Algorithm> = Vec::new(), &List { of: &ALGORITHM, may_be_empty: false }, Reload;
        /// The file with the secret that it shares with this server, for HS256, HS384 and HS512. A newline at its end does
        /// not count.
        secret: Option<PathBuf> = None, &Optional(&SECRET), Reload;
        /// The PEM files with its public keys. While one replaces the other, both stand here.
        keys: Vec<PathBuf> = Vec::new(), &List { of: &KEY, may_be_empty: false }, Reload;
        /// The URL of its published keys (JWKS).
        jwks: Option<String> = None, &Optional(&JWKS), Reload;
        /// By how much its clock and this server's may differ.
        leeway: Duration = secs(30), &Durations(Duration::ZERO, secs(300)), Reload;
        /// The claim that says who the user is: `alice@example.com`, or `alice` where `hosts` says of which host.
        identity: String = "sub".to_owned(), &CLAIM, Reload;
        /// The claim with the user's grants.
        grants: String = "strowger".to_owned(), &CLAIM, Reload;
        /// The hosts of its users; it can speak for no others. A user without a host is of the first. An empty list allows all.
        hosts: Vec<String> = Vec::new(), &List { of: &HOST, may_be_empty: true }, Reload;
    }
}

static USERS: Text<PathBuf> = super::keys::path("the path of a file", "files", "\"/etc/strowger/users\"");

static SECRET: Text<PathBuf> =
    super::keys::path("the path of a file", "files", "\"/etc/strowger/jwt.secret\"");

static KEY: Text<PathBuf> =
    super::keys::path("the path of a file", "files", "[\"/etc/strowger/issuer.pem\"]");

static URL: Text<String> = Text {
    parse: rules::url,
    show: String::clone,
    what: "an https URL, or an http URL with an IP address for its host",
    many: "such URLs",
    example: "\"https://app.example.com/strowger/admit\"",
};

static JWKS: Text<String> = Text {
    parse: rules::url,
    show: String::clone,
    what: "an https URL, or an http URL with an IP address for its host",
    many: "such URLs",
    example: "\"https://login.example.com/.well-known/jwks.json\"",
};

static ISSUER: Text<String> = Text {
    parse: rules::line,
    show: String::clone,
    what: "a text such as \"https://login.example.com\"",
    many: "such texts",
    example: "\"https://login.example.com\"",
};

static AUDIENCE: Text<String> = Text {
    parse: rules::line,
    show: String::clone,
    what: "a text such as \"strowger\"",
    many: "such texts",
    example: "[\"strowger\"]",
};

static CLAIM: Text<String> = Text {
    parse: rules::line,
    show: String::clone,
    what: "the name of a claim such as \"sub\"",
    many: "names of claims",
    example: "\"sub\"",
};

static ALGORITHM: Text<Algorithm> = Text {
    parse: Algorithm::named,
    show: |algorithm| algorithm.as_str().to_owned(),
    what: "one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
    many: "such names",
    example: "[\"RS256\"]",
};

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "[auth.jwt.login]\nissuer = \"https://login.example\"\naudience = \"strowger\"\nalgorithms = [\"ES256\", \"EdDSA\"]\n";

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = Config::parse(text, "test.toml").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn an_issuer_is_read_with_its_defaults() {
        let text = format!("{ISSUER}jwks = \"https://login.example/keys\"\nhosts = \"Example.com\"\n");
        let config = Config::parse(&text, "test.toml").unwrap();
        let issuer = &config.issuers["login"];
        assert_eq!(issuer.algorithms, [Algorithm::Es256, Algorithm::EdDsa]);
        assert_eq!(issuer.audience, ["strowger"]);
        assert_eq!(issuer.hosts, ["example.com"]);
        assert_eq!((issuer.identity.as_str(), issuer.leeway), ("sub", secs(30)));
    }

    #[test]
    fn an_issuer_that_would_be_unsafe_or_useless_is_refused() {
        refused("[auth.jwt.a]\nissuer = \"a\"", "`auth.jwt.a` has no `audience`");
        refused("[auth.jwt.a]\naudience = \"a\"", "`auth.jwt.a` has no `issuer`");
        refused(
            "[auth.jwt.a]\nissuer = \"a\"\naudience = \"a\"",
            "has no `algorithms`",
        );
        refused(ISSUER, "needs one of `secret`, `keys` and `jwks`");
        refused(
            &format!("{ISSUER}secret = \"s\"\njwks = \"https://a/\""),
            "needs one of",
        );
        refused(&format!("{ISSUER}secret = \"s\""), "which only HS256");
        let both = ISSUER.replace("EdDSA", "HS256");
        refused(
            &format!("{both}keys = \"k.pem\""),
            "would let everybody make tokens",
        );
        refused(&ISSUER.replace("EdDSA", "none"), "must be one of HS256");
        refused(
            &format!("{ISSUER}jwks = \"http://login.example/keys\""),
            "an https URL",
        );
        refused(
            &format!("{ISSUER}leeway = \"1h\"\nkeys = \"k\""),
            "a duration from",
        );
        let other = ISSUER.replace("jwt.login", "jwt.other");
        let twice = format!("{ISSUER}keys = \"k\"\n{other}keys = \"k\"");
        refused(&twice, "has the same `issuer` as another table");
        refused("[auth.jwt]\nlogin = 1", "is a table");
        refused("[auth.jwt.login]\nissuers = \"a\"", "did you mean `issuer`?");
        refused("[auth]\nuser = \"u\"", "did you mean `auth.users`?");
        refused("[auth.callback]\nurl = \"http://app.example/\"", "an https URL");
    }
}
