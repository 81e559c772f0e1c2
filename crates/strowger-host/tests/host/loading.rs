//! What can be loaded, and what is said of the rest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use strowger_host::{Digest, Host, HostError, LoadError, Settings, Signer};
use strowger_service::Service as _;

use crate::guests::{Guest, host, limits};

#[track_caller]
fn refused(bytes: &[u8]) -> LoadError {
    host().load(bytes, limits()).unwrap_err()
}

#[test]
fn a_component_is_named_by_its_digest() {
    let bytes = Guest::default().bytes();
    let service = host().load(&bytes, limits()).unwrap();
    assert_eq!(service.digest(), Digest::of(&bytes));
    assert_eq!(service.figures().instances, 0);
}

#[test]
fn what_is_no_component_is_refused_by_name() {
    assert!(matches!(refused(b""), LoadError::NotWebAssembly));
    assert!(matches!(refused(b"#!/bin/sh"), LoadError::NotWebAssembly));
    assert!(matches!(refused(b"\0asm"), LoadError::Module(_)));
    assert!(matches!(
        refused(&wat::parse_str("(module)").unwrap()),
        LoadError::OtherWorld(_) | LoadError::Missing(_)
    ));
    let wants = r#"(module (import "env" "read_file" (func)))"#;
    let error = refused(&wat::parse_str(wants).unwrap());
    assert!(
        matches!(&error, LoadError::Module(why) if why.contains("env")),
        "{error}"
    );
    let mut cut = Guest::default().bytes();
    // Within its first section.
    cut.truncate(20);
    assert!(matches!(refused(&cut), LoadError::Invalid(_)));
}

#[test]
fn no_stretch_of_noise_in_a_component_brings_the_host_down() {
    let bytes = Guest::default().bytes();
    let host = host();
    for at in (8..bytes.len()).step_by(97) {
        let mut noisy = bytes.clone();
        noisy[at] ^= 0x5a;
        // Refused or, where the byte meant nothing, loaded.
        let _ = host.load(&noisy, limits());
    }
}

#[test]
fn a_component_of_another_world_is_told_what_it_lacks() {
    let error = refused(&wat::parse_str("(component)").unwrap());
    assert_eq!(
        error.to_string(),
        "is of another world: `strowger:service/service@0.1.0` is missing"
    );
    let without_key = r#"(component
        (instance $empty)
        (export "strowger:service/service@0.1.0" (instance $empty)))"#;
    let error = refused(&wat::parse_str(without_key).unwrap());
    assert_eq!(
        error.to_string(),
        "is of another world: `strowger:service/service@0.1.0#[constructor]instance` is missing"
    );
}

#[test]
fn a_component_that_wants_files_or_sockets_is_told_so() {
    let wants = r#"(component (import "wasi:filesystem/types@0.2.0" (instance)))"#;
    let error = refused(&wat::parse_str(wants).unwrap());
    assert!(
        matches!(&error, LoadError::Import(name) if name == "wasi:filesystem/types@0.2.0"),
        "{error}"
    );
    let newer = r#"(component (import "strowger:service/host@9.0.0" (instance (export "log" (func)))))"#;
    let error = refused(&wat::parse_str(newer).unwrap());
    assert!(
        matches!(&error, LoadError::OtherWorld(why) if why.contains("host@9.0.0")),
        "{error}"
    );
}

#[test]
fn a_component_that_is_too_large_is_not_even_read() {
    let settings = Settings {
        component_bytes: 100,
        ..Settings::default()
    };
    let host = Host::new(settings).unwrap();
    let error = host.load(&[0; 101], limits()).unwrap_err();
    assert_eq!(error.to_string(), "has 101 bytes; at most 100 are allowed");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.wasm");
    fs::write(&path, [0; 1000]).unwrap();
    assert!(matches!(
        host.load_file(&path, limits()),
        Err(LoadError::TooLarge { .. })
    ));
    let error = host
        .load_file(&directory.path().join("none"), limits())
        .unwrap_err();
    assert!(error.to_string().starts_with("cannot be read: "), "{error}");
}

#[test]
fn a_component_that_cannot_start_is_refused() {
    let traps = Guest {
        make: "unreachable",
        ..Guest::default()
    };
    assert!(matches!(refused(&traps.bytes()), LoadError::StartCheck(_)));
    let hungry = Guest {
        pages: 1000,
        ..Guest::default()
    }
    .bytes();
    let error = refused(&hungry);
    assert!(error.to_string().contains("bytes of memory"), "{error}");
}

#[test]
fn no_more_instances_run_than_there_is_room_for() {
    let service = Guest::default().load_with(strowger_host::Limits {
        instances: 2,
        ..limits()
    });
    let first = service.start();
    assert!(service.has_room());
    let second = service.start();
    assert!(!service.has_room());
    drop(first);
    assert!(service.has_room());
    drop(second);
}

fn cached(directory: &std::path::Path) -> Result<Host, HostError> {
    Host::new(Settings {
        cache: Some(directory.to_owned()),
        ..Settings::default()
    })
}

fn files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn what_was_compiled_is_kept_and_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let bytes = Guest::default().bytes();
    let load = || cached(&cache).unwrap().load(&bytes, limits()).unwrap();
    load();
    let [kept] = files(&cache).try_into().unwrap();
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let written = fs::metadata(&kept).unwrap().modified().unwrap();
    load();
    assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), written);
}

#[test]
fn a_damaged_file_of_the_cache_is_compiled_anew() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let bytes = Guest::default().bytes();
    cached(&cache).unwrap().load(&bytes, limits()).unwrap();
    let [kept] = files(&cache).try_into().unwrap();
    let good = fs::read(&kept).unwrap();
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    for bad in [&good[..10], &good[..good.len() / 2], &changed] {
        fs::write(&kept, bad).unwrap();
        cached(&cache).unwrap().load(&bytes, limits()).unwrap();
        assert_eq!(fs::read(&kept).unwrap().len(), good.len());
        assert_ne!(fs::read(&kept).unwrap(), bad);
    }
}

#[test]
fn a_directory_that_others_may_write_to_is_no_cache() {
    let directory = tempfile::tempdir().unwrap();
    let open = directory.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let error = cached(&open).unwrap_err();
    assert!(error.to_string().contains("permissions 700"), "{error}");
    let link = directory.path().join("link");
    let real = directory.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    assert!(cached(&link).is_err());
    assert!(cached(&real).is_ok());
}

#[test]
fn where_signatures_are_demanded_only_what_a_signer_has_signed_is_loaded() {
    let keys: [Ed25519KeyPair; 2] =
        [1, 2].map(|seed| Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap());
    let signer = |key: &Ed25519KeyPair| -> Signer {
        let prefix = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
        let text = [&prefix[..], key.public_key().as_ref()].concat();
        base64::engine::general_purpose::STANDARD
            .encode(text)
            .parse()
            .unwrap()
    };
    let host = Host::new(Settings {
        signers: vec![signer(&keys[0])],
        ..Settings::default()
    })
    .unwrap();
    let bytes = Guest::default().bytes();
    let (good, foreign) = (keys[0].sign(&bytes), keys[1].sign(&bytes));
    let load = |bytes: &[u8], signature: Option<&[u8]>| {
        let loaded = host.load_signed(bytes, signature, limits());
        loaded.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(load(&bytes, Some(good.as_ref())), Ok(()));
    let unsigned = load(&bytes, None).unwrap_err();
    assert!(unsigned.starts_with("is not signed"), "{unsigned}");
    let other = Guest {
        key: "unreachable",
        ..Guest::default()
    };
    for (bytes, signature) in [
        (&bytes, foreign.as_ref()),
        (&other.bytes(), good.as_ref()),
        (&bytes, &good.as_ref()[1..]),
        (&bytes, b""),
    ] {
        let refused = load(bytes, Some(signature)).unwrap_err();
        assert!(refused.contains("by none of `services.signers`"), "{refused}");
    }
    // In a file the signature stands beside it.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rooms.wasm");
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(
        host.load_file(&path, limits()),
        Err(LoadError::Unsigned)
    ));
    fs::write(directory.path().join("rooms.wasm.sig"), good.as_ref()).unwrap();
    assert!(host.load_file(&path, limits()).is_ok());
}
