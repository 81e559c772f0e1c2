//! A listener with TLS.

use std::time::Duration;

use strowger_channel::net::{
    DialSettings, Identity, IdentityError, IdentityFiles, ListenerSettings, Roots, Tls,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::authority::{Authority, Written};
use crate::support::{Server, Setup, Told, frame, local, loopback};

fn files(written: &Written) -> IdentityFiles {
    IdentityFiles {
        certificate: written.certificate.clone(),
        key: written.key.clone(),
    }
}

fn showing(identity: &Identity) -> Setup {
    Setup {
        listener: ListenerSettings {
            identity: Some(identity.clone()),
            header_timeout: Duration::from_millis(300),
            ..ListenerSettings::default()
        },
        ..Setup::default()
    }
}

fn trusting(authority: &Authority) -> DialSettings {
    DialSettings {
        tls: Some(Tls::new(Roots::File(authority.file.clone())).unwrap()),
        ..loopback()
    }
}

#[test]
fn a_listener_with_tls_carries_text_both_ways_and_closes_in_form() {
    // Two runtimes, as in a server: the connection goes from one to the other in the middle of its TLS.
    let accepting = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let handle = accepting.handle().clone();
    local(async move {
        let authority = Authority::new();
        let identity = Identity::new(files(&authority.write(&["localhost"], None))).unwrap();
        let far = Server::start_with_listener_on(&handle, showing(&identity));
        let near = Server::start(Setup::default());
        near.dial_host("localhost", far.address.port(), trusting(&authority));
        near.home.until(1, &Told::Dialled).await;
        // More than a TLS record, and more than one batch.
        let long = "x".repeat(50_000);
        near.home.send(1, vec![frame(&long), frame(&long)]);
        far.home.until(1, &Told::Text(long.clone())).await;
        far.home.send(1, vec![frame(&long), frame(&long)]);
        near.home.until(1, &Told::Text(long.clone())).await;
        far.home.socket(1).close(1012, "service restart");
        near.home.until(1, &Told::Closed(Some(1012))).await;
    });
    accepting.shutdown_background();
}

#[test]
fn a_new_certificate_is_shown_to_who_comes_and_nobody_is_dropped() {
    local(async {
        let (first, second) = (Authority::named("first"), Authority::named("second"));
        let written = first.write(&["localhost"], None);
        let identity = Identity::new(files(&written)).unwrap();
        let far = Server::start(showing(&identity));
        let near = Server::start(Setup::default());
        near.dial_host("localhost", far.address.port(), trusting(&first));
        near.home.until(1, &Told::Dialled).await;
        assert!(!identity.reload().unwrap(), "the same files");

        second.write(&["localhost"], Some(&written));
        assert!(identity.reload().unwrap());
        near.home.send(1, vec![frame("still here")]);
        far.home.until(1, &Told::Text("still here".to_owned())).await;
        near.dial_host("localhost", far.address.port(), trusting(&second));
        near.home.until(2, &Told::Dialled).await;
        let other = Server::start(Setup::default());
        other.dial_host("localhost", far.address.port(), trusting(&first));
        assert!(other.failure().await.reason.contains("nobody we trust"));
    });
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_and_the_old_one_stays() {
    let authority = Authority::new();
    let (written, other) = (
        authority.write(&["localhost"], None),
        authority.write(&["localhost"], None),
    );
    let identity = Identity::new(files(&written)).unwrap();
    let certificate = std::fs::read(&written.certificate).unwrap();
    let refused = |text: &[u8], part: &str| {
        std::fs::write(&written.certificate, text).unwrap();
        let error = identity.reload().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        let name = written.certificate.display().to_string();
        assert!(error.contains(&name), "{error}");
    };
    refused(b"", "holds no certificate");
    refused(
        b"-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n",
        "cannot read",
    );
    refused(&std::fs::read(&other.certificate).unwrap(), "does not go with");
    std::fs::write(&written.certificate, certificate).unwrap();
    std::fs::write(&written.key, b"no key").unwrap();
    assert!(matches!(identity.reload(), Err(IdentityError::File { .. })));
    std::fs::remove_file(&written.key).unwrap();
    assert!(matches!(identity.reload(), Err(IdentityError::File { .. })));
    assert!(Identity::new(files(&written)).is_err());
    assert_eq!(identity.files(), [written.certificate, written.key]);
}

#[test]
fn who_does_not_speak_tls_or_speaks_it_slowly_is_dropped() {
    local(async {
        let authority = Authority::new();
        let identity = Identity::new(files(&authority.write(&["localhost"], None))).unwrap();
        let far = Server::start(showing(&identity));
        // Plain HTTP, nothing at all, and the first bytes of a ClientHello.
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"",
            b"\x16\x03\x01\x02\x00\x01",
        ] {
            let mut tcp = TcpStream::connect(far.address).await.unwrap();
            tcp.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            // Ends because the listener gives up.
            tcp.read_to_end(&mut answer).await.ok();
            assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
        }
        let near = Server::start(Setup::default());
        near.dial_host("localhost", far.address.port(), trusting(&authority));
        near.home.until(1, &Told::Dialled).await;
    });
}
