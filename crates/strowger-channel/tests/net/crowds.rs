//! Too many of something: sockets, handshakes, bytes that come too slowly.

use std::time::Duration;

use strowger_channel::net::ListenerSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, Server, Setup, Told, local, read_head, upgrade};

fn server(listener: ListenerSettings) -> Server {
    Server::start(Setup {
        listener,
        ..Setup::default()
    })
}

fn from(number: u8) -> String {
    format!("X-Forwarded-For: 203.0.113.99, 203.0.113.{number}\r\n")
}

#[test]
fn one_socket_too_many_of_an_address_is_told_to_come_again_until_another_ends() {
    local(async {
        let server = server(ListenerSettings {
            connections_per_address: 2,
            ..ListenerSettings::default()
        });
        let _first = server.user("a@b").await;
        let second = server.user("b@b").await;
        let third = server.exchange(&upgrade("/rtc?userid=c@b", "")).await;
        assert_eq!(
            (third.status(), third.body()),
            (503, "too many connections of this address")
        );
        assert!((5..=10).contains(&third.retry_after()), "{third:?}");
        drop(second);
        server.home.until(2, &Told::Closed(None)).await;
        server.user("c@b").await;
    });
}

#[test]
fn behind_a_trusted_proxy_it_is_the_clients_address_that_counts() {
    local(async {
        let server = server(ListenerSettings {
            connections_per_address: 1,
            proxies: vec!["127.0.0.0/8".parse().unwrap()],
            ..ListenerSettings::default()
        });
        let connect = async |name: &str, header: &str| -> (u16, TcpStream) {
            let mut tcp = TcpStream::connect(server.address).await.unwrap();
            let request = upgrade(&format!("/rtc?userid={name}"), header);
            tcp.write_all(request.as_bytes()).await.unwrap();
            (read_head(&mut tcp).await.status(), tcp)
        };
        let first = connect("a@b", &from(1)).await;
        let second = connect("b@b", &from(2)).await;
        assert_eq!((first.0, second.0), (101, 101));
        assert_eq!(connect("c@b", &from(1)).await.0, 503);
        // What the proxy does for itself counts for nobody.
        let own = [connect("d@b", "").await, connect("e@b", "").await];
        assert_eq!(own.map(|(status, _)| status), [101, 101]);
    });
}

#[test]
fn who_is_no_trusted_proxy_cannot_speak_for_others() {
    local(async {
        let server = server(ListenerSettings {
            connections_per_address: 1,
            ..ListenerSettings::default()
        });
        let _first = server.user("a@b").await;
        let second = server.exchange(&upgrade("/rtc?userid=b@b", &from(1))).await;
        assert_eq!(second.status(), 503);
    });
}

#[test]
fn an_address_that_shakes_hands_too_often_is_told_to_come_again() {
    local(async {
        let server = server(ListenerSettings {
            handshakes_per_address: 2,
            proxies: vec!["127.0.0.1".parse().unwrap()],
            ..ListenerSettings::default()
        });
        let target = "/rtc?userid=early@b";
        loop {
            let mut tcp = TcpStream::connect(server.address).await.unwrap();
            tcp.write_all(upgrade(target, &from(1)).as_bytes()).await.unwrap();
            let answer = read_head(&mut tcp).await;
            if answer.status() == 503 {
                assert!((1..=2).contains(&answer.retry_after()), "{answer:?}");
                break;
            }
        }
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        tcp.write_all(upgrade(target, &from(2)).as_bytes()).await.unwrap();
        assert_eq!(read_head(&mut tcp).await.status(), 101);
    });
}

#[test]
fn a_request_that_comes_byte_by_byte_has_no_more_time_than_any() {
    local(async {
        let server = server(ListenerSettings {
            header_timeout: Duration::from_millis(200),
            ..ListenerSettings::default()
        });
        let (mut read, mut write) = TcpStream::connect(server.address).await.unwrap().into_split();
        let writer = tokio::task::spawn_local(async move {
            let request = upgrade("/rtc?userid=a@b", "");
            for byte in request.bytes().chain(std::iter::repeat(b'x')) {
                if write.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let mut answer = Vec::new();
        let _ = read.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 101"));
        writer.abort();
    });
}

#[test]
fn an_address_may_have_a_quarter_of_the_handshakes_under_way() {
    local(async {
        let server = server(ListenerSettings {
            handshakes: 8,
            ..ListenerSettings::default()
        });
        let silent = [
            TcpStream::connect(server.address).await.unwrap(),
            TcpStream::connect(server.address).await.unwrap(),
        ];
        let mut third = TcpStream::connect(server.address).await.unwrap();
        assert_eq!(third.read(&mut [0]).await.unwrap_or(0), 0, "dropped unread");
        drop(silent);
        // The server learns of it in its own time.
        loop {
            let mut tcp = TcpStream::connect(server.address).await.unwrap();
            let request = upgrade("/rtc?userid=a@b", "");
            let sent = tcp.write_all(request.as_bytes()).await;
            let mut byte = [0];
            if sent.is_ok() && tcp.read(&mut byte).await.is_ok_and(|count| count == 1) {
                return;
            }
        }
    });
}

#[test]
fn silent_connections_make_room_for_one_that_speaks() {
    local(async {
        let server = server(ListenerSettings {
            handshakes: 4,
            header_timeout: Duration::from_secs(600),
            // Proxies may have all of them.
            proxies: vec!["127.0.0.1".parse().unwrap()],
            ..ListenerSettings::default()
        });
        let mut silent = Vec::new();
        for _ in 0..8 {
            silent.push(TcpStream::connect(server.address).await.unwrap());
        }
        let client: Client = server.user("a@b").await;
        drop(client);
        let mut dropped = 0;
        for mut tcp in silent {
            let mut byte = [0];
            let read = tokio::time::timeout(Duration::from_millis(1), tcp.read(&mut byte)).await;
            dropped += usize::from(read.is_ok());
        }
        assert!(dropped >= 4, "{dropped}");
    });
}
