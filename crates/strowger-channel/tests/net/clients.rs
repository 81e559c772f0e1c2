//! Certificates that nodes show where they dial.

use http::StatusCode;
use strowger_channel::DialFailure;
use strowger_channel::net::{
    DialSettings, Identity, IdentityError, IdentityFiles, Knock, ListenerSettings, Refusal, Roots, Tls,
    TlsError,
};

use crate::authority::{Authority, NOW, Written, new_file};
use crate::support::{Server, Setup, Told, frame, local, loopback};

fn files(written: &Written) -> IdentityFiles {
    IdentityFiles {
        certificate: written.certificate.clone(),
        key: written.key.clone(),
    }
}

/// Admits who has a certificate for the host of its name.
fn with_a_certificate(knock: &Knock<'_>) -> Result<(), Refusal> {
    let Some(certificate) = knock.certificate else {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "no certificate"));
    };
    let host = knock.name.host();
    certificate
        .speaks_for(host)
        .map_err(|fault| Refusal::new(StatusCode::FORBIDDEN, fault.to_string()))
}

/// Listens with a certificate of `servers`, and asks for one of `clients`.
fn asking(servers: &Authority, clients: &Authority) -> (Identity, Setup) {
    let own = servers.write(&["localhost"], None);
    let identity = Identity::asking(files(&own), Some(clients.file.clone())).unwrap();
    let setup = Setup {
        listener: ListenerSettings {
            identity: Some(identity.clone()),
            ..ListenerSettings::default()
        },
        rule: with_a_certificate,
        ..Setup::default()
    };
    (identity, setup)
}

fn showing(servers: &Authority, own: Option<&Written>) -> DialSettings {
    let roots = Roots::File(servers.file.clone());
    DialSettings {
        tls: Some(Tls::showing(roots, own.map(files)).unwrap()),
        ..loopback()
    }
}

async fn failure(far: &Server, dialling: DialSettings) -> DialFailure {
    let near = Server::start(Setup::default());
    near.dial_host("localhost", far.address.port(), dialling);
    near.failure().await
}

#[test]
fn who_has_a_certificate_for_its_host_is_known_by_it() {
    local(async {
        let (servers, clients) = (Authority::named("servers"), Authority::named("clients"));
        let far = Server::start(asking(&servers, &clients).1);
        // Twice over the same dialling, so that the second resumes the session of the first.
        let own = clients.write(&["example.com"], None);
        let dialling = showing(&servers, Some(&own));
        let near = Server::start(Setup::default());
        for number in 1..=2 {
            near.dial_host("localhost", far.address.port(), dialling.clone());
            near.home.until(number, &Told::Dialled).await;
            near.home.send(number, vec![frame("here")]);
            far.home.until(number, &Told::Text("here".to_owned())).await;
            // What lets a session be resumed comes behind the handshake.
            far.home.send(number, vec![frame("there")]);
            near.home.until(number, &Told::Text("there".to_owned())).await;
        }
    });
}

#[test]
fn a_certificate_that_does_not_make_a_node_of_its_host_is_refused_with_the_reason() {
    let table = [
        (&["example.com"][..], (2001, 2002), "has expired"),
        (&["example.com"], (3000, 4000), "not valid yet"),
        (&["other.example.com"], NOW, "not for the host"),
        (&["*.example.com"], NOW, "not for the host"),
        (&["127.0.0.1"], NOW, "not for the host"),
    ];
    local(async move {
        let (servers, clients) = (Authority::named("servers"), Authority::named("clients"));
        let far = Server::start(asking(&servers, &clients).1);
        for (names, years, reason) in table {
            let own = clients.write_of(names, years, None);
            let failure = failure(&far, showing(&servers, Some(&own))).await;
            assert!(failure.lasting && failure.reason.contains(reason), "{failure:?}");
        }
        for other in [&servers, &Authority::named("clients")] {
            let own = other.write(&["example.com"], None);
            let unknown = failure(&far, showing(&servers, Some(&own))).await;
            assert!(
                unknown.lasting && unknown.reason.contains("nobody whom this node trusts"),
                "{unknown:?}"
            );
        }
        let none = failure(&far, showing(&servers, None)).await;
        assert!(
            none.lasting && none.reason.contains("(no certificate)"),
            "{none:?}"
        );
        assert_eq!(far.home.told(1), []);
    });
}

#[test]
fn a_certificate_of_ones_own_is_read_again_when_its_files_change_and_nobody_is_dropped() {
    local(async {
        let (servers, clients) = (Authority::named("servers"), Authority::named("clients"));
        let far = Server::start(asking(&servers, &clients).1);
        let own = clients.write(&["example.com"], None);
        let dialling = showing(&servers, Some(&own));
        let near = Server::start(Setup::default());
        let port = far.address.port();
        near.dial_host("localhost", port, dialling.clone());
        near.home.until(1, &Told::Dialled).await;

        clients.write(&["renamed.example.com"], Some(&own));
        near.home.send(1, vec![frame("still here")]);
        far.home.until(1, &Told::Text("still here".to_owned())).await;
        let other = failure(&far, dialling.clone()).await;
        assert!(other.reason.contains("not for the host"), "{other:?}");

        // What cannot be used changes nothing.
        clients.write(&["example.com"], Some(&own));
        near.dial_host("localhost", port, dialling.clone());
        near.home.until(2, &Told::Dialled).await;
        std::fs::write(&own.key, "no key").unwrap();
        near.dial_host("localhost", port, dialling);
        near.home.until(3, &Told::Dialled).await;
    });
}

#[test]
fn an_authority_that_is_taken_away_is_not_believed_any_more() {
    local(async {
        let (servers, clients) = (Authority::named("servers"), Authority::named("clients"));
        let (identity, setup) = asking(&servers, &clients);
        let far = Server::start(setup);
        let own = clients.write(&["example.com"], None);
        let dialling = showing(&servers, Some(&own));
        let near = Server::start(Setup::default());
        near.dial_host("localhost", far.address.port(), dialling.clone());
        near.home.until(1, &Told::Dialled).await;
        far.home.send(1, vec![frame("there")]);
        near.home.until(1, &Told::Text("there".to_owned())).await;

        // The client could resume its session, in which its certificate was good.
        let others = Authority::named("others");
        std::fs::copy(&others.file, &clients.file).unwrap();
        identity.reload().unwrap();
        let refused = failure(&far, dialling).await;
        assert!(
            refused.reason.contains("nobody whom this node trusts"),
            "{refused:?}"
        );
        near.home.send(1, vec![frame("still here")]);
        far.home.until(1, &Told::Text("still here".to_owned())).await;
    });
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let (own, other) = (
        authority.write(&["a.org"], None),
        authority.write(&["a.org"], None),
    );
    let nowhere = new_file();
    let roots = Identity::asking(files(&own), Some(nowhere.clone())).unwrap_err();
    let name = nowhere.display().to_string();
    assert!(matches!(roots, IdentityError::ClientRoots(_)) && roots.to_string().contains(&name));
    let mixed = IdentityFiles {
        key: other.key,
        ..files(&own)
    };
    let mixed = Tls::showing(Roots::File(authority.file.clone()), Some(mixed)).unwrap_err();
    assert!(matches!(mixed, TlsError::Identity(_)), "{mixed}");
    assert!(mixed.to_string().contains("does not go with"), "{mixed}");
}
