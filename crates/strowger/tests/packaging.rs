//! What is installed beside the server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use strowger::config::Config;

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
}

#[test]
fn the_configurations_that_are_installed_are_good() {
    for name in ["strowger.toml", "container.toml"] {
        let config = Config::load(&packaging().join(name)).unwrap();
        // The unit and the image give it these directories.
        assert_eq!(config.server.data, Some("/var/lib/strowger".into()), "{name}");
        assert_eq!(
            config.services.cache,
            Some("/var/cache/strowger/services".into()),
            "{name}"
        );
    }
}

#[test]
fn the_unit_leaves_room_for_the_sockets_that_may_be_open() {
    let unit = std::fs::read_to_string(packaging().join("strowger.service")).unwrap();
    let value = |key: &str| {
        unit.lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap()
            .to_owned()
    };
    let files: usize = value("LimitNOFILE=").parse().unwrap();
    let config = Config::default();
    assert_eq!(files, config.limits.connections + 1_000);
    let seconds: u64 = value("TimeoutStopSec=").parse().unwrap();
    assert!(seconds > config.drain.timeout.as_secs() + 10);
    // The exit code of a configuration that cannot be used.
    assert_eq!(value("RestartPreventExitStatus="), "78");
}

#[test]
fn the_packager_finds_the_file_of_the_user_by_its_name() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let assets = manifest["package"]["metadata"]["deb"]["assets"]
        .as_array()
        .unwrap();
    let of_users = assets.iter().find_map(|asset| {
        let [source, target] = [0, 1].map(|at| Path::new(asset[at].as_str().unwrap()));
        target
            .starts_with("usr/lib/sysusers.d")
            .then_some((source, target))
    });
    let (source, target) = of_users.unwrap();
    // Its call of systemd-sysusers names the source, and what is installed is the target.
    assert_eq!(source.file_name(), target.file_name());
}

#[test]
fn a_container_does_not_start_before_it_knows_who_users_are() {
    let config = Config::load(&packaging().join("container.toml")).unwrap();
    let error = strowger::settings::driver(&config, 0).unwrap_err().to_string();
    assert!(
        error.contains("[auth]") && error.contains("--insecure"),
        "{error}"
    );
    let config = Config::load(&packaging().join("strowger.toml")).unwrap();
    assert!(strowger::settings::driver(&config, 0).is_ok());
}
