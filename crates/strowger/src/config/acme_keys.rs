//! The keys of certificates that an authority issues: `[tls.acme]`.

use std::net::IpAddr;
use std::path::PathBuf;

use super::key::{Change, Field, Key, table};
use super::keys::{FILE, path};
use super::kind::{List, Optional, Text};
use super::{Config, rules};

table! {
    /// Has the certificate of `tls.listen` issued by an authority that speaks ACME, and issued anew in time. It looks at port 443 of
    /// each domain to see that it leads here (tls-alpn-01), so `tls.listen` must be reached there.
    struct Acme, "tls.acme", Config(acme) {
        /// The names of the certificate, each a host that leads here; an empty list orders none. Whoever names some agrees to the
        /// terms of service of the authority.
        domains: Vec<String> = Vec::new(), &List { of: &DOMAIN, may_be_empty: true }, Restart;
        /// The URL of the authority's directory.
        directory: String = "https://acme-v02.api.letsencrypt.org/directory".to_owned(), &DIRECTORY, Restart;
        /// Whom the authority may tell of trouble.
        contact: Option<String> = None, &Optional(&CONTACT), Restart;
        /// The directory in which the account at the authority, the certificate and its key are kept; without it, `acme` below `data`.
        cache: Option<PathBuf> = None, &Optional(&CACHE), Restart;
        /// The PEM file with the certificates of the authorities that vouch for the directory's own server; without it, those that
        /// the operating system trusts do.
        roots: Option<PathBuf> = None, &Optional(&FILE), Restart;
    }
}

static DOMAIN: Text<String> = Text {
    parse: |text| {
        let host = rules::host(text)?;
        let is_name = host.parse::<IpAddr>().is_err() && !host.starts_with('[');
        is_name.then_some(host)
    },
    show: String::clone,
    what: "a host name such as \"calls.example.com\", without a `*`",
    many: "host names",
    example: "[\"calls.example.com\"]",
};

static DIRECTORY: Text<String> = Text {
    parse: |text| rules::url(text).filter(|url| url.starts_with("https://")),
    show: String::clone,
    what: "an https URL",
    many: "URLs",
    example: "\"https://ca.example.com/acme/directory\"",
};

static CONTACT: Text<String> = Text {
    parse: |text| rules::line(text).filter(|text| text.starts_with("mailto:")),
    show: String::clone,
    what: "a URL such as \"mailto:ops@example.com\"",
    many: "URLs",
    example: "\"mailto:ops@example.com\"",
};

static CACHE: Text<PathBuf> = path("the path of a directory", "paths", "\"/var/lib/strowger/acme\"");

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const LISTEN: &str = "[tls]\nlisten = \"127.0.0.1:0\"\n";

    #[test]
    fn a_certificate_is_ordered_with_little_said() {
        let text = format!("data = \"d\"\n{LISTEN}[tls.acme]\ndomains = \"Calls.example.com\"");
        let config = Config::parse(&text, "test.toml").unwrap();
        assert_eq!(config.acme.domains, ["calls.example.com"]);
        assert!(config.acme.directory.starts_with("https://"));
    }

    #[test]
    fn what_cannot_be_ordered_is_refused() {
        let refused = |text: &str, part: &str| {
            let error = Config::parse(text, "test.toml").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        for domain in ["*.example.com", "10.0.0.7", "[::1]", "a b", "a:443"] {
            let text = format!("[tls.acme]\ndomains = {domain:?}");
            refused(&text, "a host name such as");
        }
        refused("[tls.acme]\ndirectory = \"http://127.0.0.1/d\"", "an https URL");
        refused("[tls.acme]\ncontact = \"ops@example.com\"", "mailto:");
        refused("data = \"d\"\n[tls.acme]\ndomains = \"a.b\"", "`tls.listen`");
        refused(
            &format!("{LISTEN}[tls.acme]\ndomains = \"a.b\""),
            "`tls.acme.cache` or `data`",
        );
        let both = LISTEN.to_owned()
            + "certificate = \"c\"\nkey = \"k\"\n[tls.acme]\ndomains = \"a.b\"\ncache = \"d\"";
        refused(&both, "exclude each other");
    }
}
