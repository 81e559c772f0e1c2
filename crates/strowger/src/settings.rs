//! From the configuration file to what each part of the server takes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jsip::UserId;
use strowger_admin::access::Tokens;
use strowger_auth::{Issuer, IssuerSettings, Key, KeyringSettings, Policy, Users};
use strowger_channel::net::{
    AddressPolicy, DialSettings, Identity, IdentityFiles, ListenerSettings, Roots, SocketSettings, Tls,
};
use strowger_channel::{LinkSettings, Settings as ChannelSettings};
use strowger_node::driver::{AuthSettings, CallbackSettings, DriverSettings, WebSettings};
use strowger_node::{Limits, LinkCredentials, LinkPattern, LinkPolicy, Registry, StoreLimits, WebLimits};

use crate::config::{Config, JwtIssuer, LinkTls, Secret, StorePlace};
use crate::loading;

/// Below `data`, the stores of services.
const STORE: &str = "store";

/// Why a configuration that reads well cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A host pattern of `links.allow` is none.
    #[error("links.allow: {0}")]
    Pattern(#[from] strowger_node::PatternError),
    /// There are no certificates to know other nodes by, or none to show them.
    #[error("links: {0}")]
    Roots(#[from] strowger_channel::net::TlsError),
    /// No certificate can be ordered.
    #[error("tls.acme: {0}")]
    Acme(#[from] crate::acme::AcmeError),
    /// There is no certificate to show.
    #[error("tls: {0}")]
    Identity(#[from] strowger_channel::net::IdentityError),
    /// The services do not fit together.
    #[error("services: {0}")]
    Services(#[from] strowger_admin::services::RestoreError),
    /// A service cannot run with its settings.
    #[error("services.{service}.settings: {why}")]
    Service {
        /// The service.
        service: String,
        /// Why not.
        why: String,
    },
    /// The host of loaded services cannot be made.
    #[error("services: {0}")]
    Host(#[from] strowger_host::HostError),
    /// A service cannot be loaded.
    #[error("services.{service}: {} {error}", .file.display())]
    Load {
        /// The service.
        service: String,
        /// Its file.
        file: PathBuf,
        /// Why not.
        error: strowger_host::LoadError,
    },
    /// The tokens of the admin interface cannot be read.
    #[error("admin.tokens: {}: {why}", .file.display())]
    Tokens {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// `STROWGER_ADMIN_TOKEN` is no token.
    #[error("{TOKEN_VARIABLE} has at least 16 printable ASCII characters and no blanks")]
    TokenVariable,
    /// The admin interface would be open to others.
    #[error(
        "admin.listen: {0} can be reached from other machines, so `admin.tokens` or {TOKEN_VARIABLE} is needed"
    )]
    Open(SocketAddr),
    /// A file with users, secrets or keys cannot be used.
    #[error("{key}: {}: {why}", .file.display())]
    Auth {
        /// The key that names the file.
        key: String,
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// There are no certificates to know the endpoints of `auth` by.
    #[error("auth.roots: {0}")]
    AuthRoots(strowger_channel::net::TlsError),
    /// Users could come from other machines and would not have to prove who they are.
    #[error(
        "listen: {0} can be reached from other machines, where anybody could take any name: configure authentication \
         (`[auth]`, see docs/authentication.md), listen on 127.0.0.1, or say `--insecure`"
    )]
    Exposed(SocketAddr),
    /// The node's name on its links is none.
    #[error("links.name or realm: {0}")]
    Name(#[from] jsip::UserIdError),
}

/// The settings of a node's shards.
///
/// # Errors
///
/// [`SettingsError::Pattern`].
pub fn node(config: &Config) -> Result<strowger_node::Config, SettingsError> {
    let (timers, limits) = (&config.timers, &config.limits);
    let patterns: Result<Vec<LinkPattern>, _> =
        config.links.allow.iter().map(|pattern| pattern.parse()).collect();
    Ok(strowger_node::Config {
        stack: jsip_stack::Config {
            transaction: timers.transaction,
            provisional: timers.provisional,
            invite_max: timers.invite_max,
            session: timers.session,
            linger: timers.linger,
            session_min: limits.session_min,
            dialogs_per_channel: limits.dialogs_per_channel,
            lingering_per_channel: limits.lingering_per_channel,
            dialogs_per_link: limits.dialogs_per_link,
            lingering_per_link: limits.lingering_per_link,
            messages_per_dialog: config.admin.dialog_messages,
        },
        channel: channel(config),
        realm: config.server.realm.clone(),
        links: LinkPolicy::new(patterns?),
        link_port: match config.links.tls {
            LinkTls::On => 443,
            LinkTls::Off => 8080,
        },
        limits: Limits {
            instances: limits.instances,
            legs_per_instance: limits.legs_per_instance,
            timers_per_instance: limits.timers_per_instance,
            relations_per_instance: limits.relations_per_instance,
            commands_per_event: limits.commands_per_event,
            links: limits.links_per_shard,
            dialogs_per_answer: limits.dialogs_per_answer,
        },
        settings: config
            .service_settings
            .iter()
            .map(|(service, settings)| (service.clone(), settings.as_str().into()))
            .collect(),
        store: StoreLimits {
            entries: config.services.store_entries,
            bytes: config.services.store_bytes,
            value_bytes: config.services.store_value_bytes,
        },
        in_memory: config
            .loaded
            .iter()
            .filter(|(_, loaded)| loaded.store == StorePlace::Memory)
            .map(|(service, _)| service.clone())
            .collect(),
        web: WebLimits {
            grants: config
                .http_grants
                .iter()
                .map(|(service, grant)| (service.clone(), grant.urls.clone()))
                .collect(),
            fetches: config.http.requests,
            request_bytes: config.http.bytes,
            waiting: config.http.waiting,
            answer_within: config.http.answer_within,
        },
        room_services: strowger_node::Config::default().room_services,
        drain_timeout: config.drain.timeout,
    })
}

fn channel(config: &Config) -> ChannelSettings {
    ChannelSettings {
        retention: config.channel.retention,
        ping_interval: config.channel.ping_interval,
        ack_interval: config.channel.ack_interval,
        outbox_messages: config.channel.outbox_messages,
        outbox_bytes: config.channel.outbox_bytes,
        outbox_bytes_in_all: config.limits.outbox_bytes_per_shard,
        malformed: config.limits.malformed,
        messages_per_second: config.limits.messages_per_second,
        burst: config.limits.messages_burst,
        frames_per_second: config.limits.frames_per_second,
        limits: messages(config),
        link: LinkSettings {
            connect_timeout: config.link.connect_timeout,
            retries: config.link.retries,
            ..LinkSettings::default()
        },
    }
}

/// The settings of the driver; `seed` must be random. Reads the files with certificates, keys and users.
///
/// # Errors
///
/// [`SettingsError::Name`], [`SettingsError::Roots`], and what is wrong with `[auth]`.
pub fn driver(config: &Config, seed: u64) -> Result<DriverSettings, SettingsError> {
    let realm = config.server.realm.first().map_or("localhost", String::as_str);
    let name = config
        .links
        .name
        .clone()
        .unwrap_or_else(|| format!("node-{:08x}", seed >> 32));
    Ok(DriverSettings {
        shards: config.server.shards as u16,
        socket: SocketSettings {
            message_bytes: config.limits.message_bytes,
            ..SocketSettings::default()
        },
        dial: DialSettings {
            connect_timeout: config.link.connect_timeout,
            addresses: AddressPolicy::new(config.links.networks.clone()),
            tls: tls(config)?,
        },
        web: WebSettings {
            dial: DialSettings {
                connect_timeout: config.http.connect_timeout,
                addresses: AddressPolicy::new(config.http.networks.clone()),
                tls: http_tls(config)?,
            },
            response_bytes: config.http.bytes,
        },
        store: config.server.data.as_ref().map(|data| data.join(STORE)),
        link_path: config.server.path.clone(),
        link_name: UserId::new(&format!("{name}@{realm}"))?,
        link_credentials: link_credentials(config),
        auth: auth(config)?,
        handshakes_per_second: config.limits.handshakes_per_second,
        onlooker: None,
        journal: None,
        seed,
    })
}

/// What is kept of calls to be shown.
pub fn ladders(config: &Config) -> strowger_feed::Settings {
    let calls = &config.calls;
    strowger_feed::Settings {
        bounds: strowger_feed::Bounds {
            calls: calls.kept,
            bytes: calls.bytes,
            events: calls.events,
        },
        always: calls.seen,
        bodies: calls.bodies,
    }
}

/// How users prove who they are; `None`: not at all. Reads the files with users and keys.
///
/// # Errors
///
/// [`SettingsError::Auth`], [`SettingsError::AuthRoots`]; [`SettingsError::Exposed`] where users need not prove it although
/// they could come from other machines.
fn auth(config: &Config) -> Result<Option<AuthSettings>, SettingsError> {
    let auth = &config.auth;
    let users = match &auth.users {
        Some(file) => {
            let text = auth_file("auth.users", file)?;
            Users::parse(&text).map_err(|error| auth_fault("auth.users", file, error.to_string()))?
        }
        None => Users::default(),
    };
    let issuers: Result<_, _> = config
        .issuers
        .iter()
        .map(|(name, issuer)| self::issuer(name, issuer))
        .collect();
    let callback = &config.auth_callback;
    let policy = Policy {
        issuers: issuers?,
        users,
        has_callback: callback.url.is_some(),
    };
    // A file that names no user admits nobody, which is something else than asking nobody.
    if policy.is_empty() && auth.users.is_none() {
        let mut addresses = config.server.listen.iter().chain(&config.tls.listen);
        let exposed = addresses.find(|address| !address.ip().is_loopback());
        return match exposed {
            Some(address) if !auth.insecure => Err(SettingsError::Exposed(*address)),
            Some(_) | None => Ok(None),
        };
    }
    let urls = config.issuers.values().filter_map(|issuer| issuer.jwks.as_ref());
    let mut urls = urls.chain(&callback.url);
    let tls = if urls.any(|url| url.starts_with("https")) {
        let roots = auth.roots.clone().map_or(Roots::System, Roots::File);
        Some(Tls::new(roots).map_err(SettingsError::AuthRoots)?)
    } else {
        None
    };
    Ok(Some(AuthSettings {
        policy,
        keyring: KeyringSettings {
            refresh: auth.key_refresh,
            retry: auth.key_retry,
            max_age: auth.key_max_age,
        },
        key_set_timeout: auth.key_timeout,
        callback: callback.url.clone().map(|url| CallbackSettings {
            url,
            timeout: callback.timeout,
            concurrent: callback.concurrent,
        }),
        web: WebSettings {
            dial: DialSettings {
                connect_timeout: auth.key_timeout.max(callback.timeout),
                addresses: AddressPolicy::new(auth.networks.clone()),
                tls,
            },
            response_bytes: auth.answer_bytes,
        },
    }))
}

fn issuer(name: &str, issuer: &JwtIssuer) -> Result<Issuer, SettingsError> {
    let settings = IssuerSettings {
        // The configuration was refused if it has none.
        issuer: issuer.issuer.clone().unwrap_or_default(),
        audience: issuer.audience.clone(),
        algorithms: issuer.algorithms.clone(),
        leeway: issuer.leeway,
        identity_claim: issuer.identity.clone(),
        grants_claim: issuer.grants.clone(),
        hosts: issuer.hosts.clone(),
    };
    if let Some(url) = &issuer.jwks {
        return Ok(Issuer::with_key_set(settings, url.clone()));
    }
    let allowed = &issuer.algorithms;
    let mut keys = Vec::new();
    if let Some(file) = &issuer.secret {
        let key = format!("auth.jwt.{name}.secret");
        let bytes = std::fs::read(file).map_err(|error| auth_fault(&key, file, error.to_string()))?;
        let secret = Key::secret(&bytes, allowed);
        keys.push(secret.map_err(|error| auth_fault(&key, file, error.to_string()))?);
    }
    for file in &issuer.keys {
        let key = format!("auth.jwt.{name}.keys");
        let text = auth_file(&key, file)?;
        let found = Key::pem(&text, allowed);
        keys.extend(found.map_err(|error| auth_fault(&key, file, error.to_string()))?);
    }
    Ok(Issuer::with_keys(settings, keys))
}

fn auth_file(key: &str, file: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(file).map_err(|error| auth_fault(key, file, error.to_string()))
}

fn auth_fault(key: &str, file: &Path, why: String) -> SettingsError {
    SettingsError::Auth {
        key: key.to_owned(),
        file: file.to_owned(),
        why,
    }
}

/// What nodes prove to each other.
fn link_credentials(config: &Config) -> LinkCredentials {
    let text = |token: &Secret| token.expose().to_owned();
    let nodes = config.link_nodes.iter();
    LinkCredentials {
        token: config.links.token.as_ref().map(text),
        tokens: nodes
            .filter_map(|(host, node)| Some((host.clone(), text(node.token.as_ref()?))))
            .collect(),
        certificates: config.tls.client_roots.is_some(),
    }
}

/// A certificate, where both of its files are named.
fn files(certificate: Option<&PathBuf>, key: Option<&PathBuf>) -> Option<IdentityFiles> {
    Some(IdentityFiles {
        certificate: certificate?.clone(),
        key: key?.clone(),
    })
}

/// A node without links needs no certificates, and may run where there are none.
fn tls(config: &Config) -> Result<Option<Tls>, SettingsError> {
    let links = &config.links;
    if links.allow.is_empty() || links.tls == LinkTls::Off {
        return Ok(None);
    }
    let roots = links.roots.clone().map_or(Roots::System, Roots::File);
    let own = files(links.certificate.as_ref(), links.key.as_ref());
    Ok(Some(Tls::showing(roots, own)?))
}

/// A node whose services may ask nobody needs no certificates.
fn http_tls(config: &Config) -> Result<Option<Tls>, SettingsError> {
    if config.http_grants.is_empty() {
        return Ok(None);
    }
    let roots = config.http.roots.clone().map_or(Roots::System, Roots::File);
    Ok(Some(Tls::new(roots)?))
}

/// The settings of a listener.
pub fn listener(config: &Config) -> ListenerSettings {
    let origins = &config.server.origins;
    ListenerSettings {
        path: config.server.path.clone(),
        origins: (!origins.iter().any(|origin| origin == "*")).then(|| origins.clone()),
        compression: config.server.compression,
        header_timeout: config.limits.header_timeout,
        header_bytes: config.limits.header_bytes,
        handshakes: config.limits.handshakes,
        connections: config.limits.connections,
        connections_per_address: config.limits.connections_per_address,
        handshakes_per_address: config.limits.handshakes_per_address,
        proxies: config.server.trusted_proxies.clone(),
        ..ListenerSettings::default()
    }
}

/// What the listener with TLS shows; `None` if there is none. Where `ordered` is a file, certificate and key are in that one.
///
/// # Errors
///
/// [`SettingsError::Identity`].
pub fn identity(config: &Config, ordered: Option<&PathBuf>) -> Result<Option<Identity>, SettingsError> {
    let tls = &config.tls;
    let files = files(ordered.or(tls.certificate.as_ref()), ordered.or(tls.key.as_ref()));
    let Some(files) = files.filter(|_| !tls.listen.is_empty()) else {
        return Ok(None);
    };
    Ok(Some(Identity::asking(files, tls.client_roots.clone())?))
}

/// Where a token of the admin interface may stand, for the server and for `strowger service`.
pub const TOKEN_VARIABLE: &str = "STROWGER_ADMIN_TOKEN";

/// Who may use the admin interface at this address: whoever shows a token of the file or the one of the environment; where there are
/// none, everybody on this machine.
///
/// # Errors
///
/// [`SettingsError::Tokens`], [`SettingsError::TokenVariable`], [`SettingsError::Open`].
pub fn tokens(config: &Config, address: SocketAddr, variable: Option<&str>) -> Result<Tokens, SettingsError> {
    let mut tokens = match &config.admin.tokens {
        Some(file) => token_file(file)?,
        None => Tokens::default(),
    };
    if let Some(token) = variable {
        tokens.extend(Tokens::single(token).ok_or(SettingsError::TokenVariable)?);
    }
    if tokens.is_empty() && !address.ip().is_loopback() {
        return Err(SettingsError::Open(address));
    }
    Ok(tokens)
}

fn token_file(file: &Path) -> Result<Tokens, SettingsError> {
    let fault = |why: String| SettingsError::Tokens {
        file: file.to_owned(),
        why,
    };
    let text = std::fs::read_to_string(file).map_err(|error| fault(error.to_string()))?;
    Tokens::parse(&text).map_err(|error| fault(error.to_string()))
}

/// The services that a node without a past would start with: built in, and from files. Loading takes up to some seconds for each.
///
/// # Errors
///
/// [`SettingsError::Services`] if `services.default` names none of them, [`SettingsError::Host`] and
/// [`SettingsError::Load`] if one cannot be loaded.
pub fn registry(config: &Config) -> Result<Registry, SettingsError> {
    Ok(loading::start(config)?.registry)
}

/// Limits of messages.
pub(crate) fn messages(config: &Config) -> jsip::Limits {
    jsip::Limits {
        message_bytes: config.limits.message_bytes,
        depth: config.limits.json_depth,
        headers: config.limits.headers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Loaded;

    #[test]
    fn a_service_that_cannot_be_loaded_is_named_with_its_file() {
        let read = |text: &str| registry(&Config::parse(text, "test.toml").unwrap());
        let missing = read("[services.rooms]\nfile = \"/nowhere/rooms.wasm\"").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "services.rooms: /nowhere/rooms.wasm cannot be read: No such file or directory (os error 2)"
        );
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let other = read(&format!("[services.echo]\nfile = \"{manifest}\"")).unwrap_err();
        assert_eq!(
            other.to_string(),
            format!("services.echo: {manifest} is no WebAssembly")
        );
    }

    #[test]
    fn settings_of_a_service_are_checked_by_it() {
        let read = |text: &str| registry(&Config::parse(text, "test.toml").unwrap());
        let nobody = read("[services.nobody.settings]\na = 1").unwrap_err().to_string();
        assert_eq!(nobody, "services.nobody.settings: there is no such service");
        let wrong = read("[services.webhook.settings]\nurls = 1")
            .unwrap_err()
            .to_string();
        assert!(wrong.starts_with("services.webhook.settings: "), "{wrong}");
    }

    #[test]
    fn loaded_services_have_the_same_defaults_in_the_file_and_in_the_code() {
        let (file, code) = (Loaded::default(), strowger_host::Limits::default());
        assert_eq!(
            (file.isolation, file.memory, file.budget, file.instances),
            (code.isolation, code.memory, code.budget, code.instances)
        );
        let bytes = Config::default().services.component_bytes as u64;
        assert_eq!(bytes, strowger_host::Settings::default().component_bytes);
    }

    #[test]
    fn a_service_may_keep_its_store_in_memory() {
        let text = "[services.Click2Call]\nstore = \"memory\"\n[services.registrar]\nstore = \"disk\"";
        let config = Config::parse(text, "test.toml").unwrap();
        assert_eq!(node(&config).unwrap().in_memory, ["click2call".to_owned()].into());
        assert!(
            registry(&config).is_ok(),
            "a built-in service needs no file for it"
        );
    }

    #[test]
    fn the_file_and_the_code_have_the_same_defaults() {
        let expected = strowger_node::Config {
            // A node knows nothing of TLS.
            link_port: 443,
            ..strowger_node::Config::default()
        };
        assert_eq!(node(&Config::default()).unwrap(), expected);
    }
}
