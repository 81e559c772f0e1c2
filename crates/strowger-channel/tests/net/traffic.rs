//! What flows while a socket is open.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use strowger_channel::Frame;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;
use tokio_websockets::Message;

use crate::support::{Server, Setup, Told, close, frame, local, send, text, write_frame};

#[test]
fn a_batch_goes_out_in_order_with_its_ping_behind_it_and_the_pong_comes_back() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("a@b").await;
        server.home.until(1, &Told::Connected("a@b".to_owned())).await;
        server.home.send(
            1,
            vec![
                frame("one"),
                frame("two"),
                Frame::Ping(*b"swgr\0\0\0\0\0\0\0\x07"),
            ],
        );
        assert_eq!(text(&mut client).await, "one");
        assert_eq!(text(&mut client).await, "two");
        let ping = client.next().await.unwrap().unwrap();
        assert!(ping.is_ping());
        client.flush().await.unwrap();
        server
            .home
            .until(1, &Told::Pong(b"swgr\0\0\0\0\0\0\0\x07".to_vec()))
            .await;
        assert_eq!(
            server.home.told(1)[1..],
            [Told::Written, Told::Pong(b"swgr\0\0\0\0\0\0\0\x07".to_vec())]
        );
    });
}

#[test]
fn many_batches_are_written_one_after_the_other() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("a@b").await;
        server.home.until(1, &Told::Connected("a@b".to_owned())).await;
        for number in 0..100 {
            server.home.send(1, vec![frame(&number.to_string())]);
        }
        for number in 0..100 {
            assert_eq!(text(&mut client).await, number.to_string());
        }
        assert_eq!(
            server
                .home
                .told(1)
                .iter()
                .filter(|told| **told == Told::Written)
                .count(),
            100
        );
    });
}

#[test]
fn text_reaches_the_home_in_order_whole_or_in_fragments() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("a@b").await;
        send(&mut client, Message::text("one")).await;
        write_frame(&mut client, 0x01, "tw\u{f6}".as_bytes().split_at(3).0).await;
        write_frame(&mut client, 0x00, b"").await;
        write_frame(&mut client, 0x89, b"between").await;
        write_frame(&mut client, 0x80, "tw\u{f6}".as_bytes().split_at(3).1).await;
        write_frame(&mut client, 0x81, b"").await;
        server.home.until(1, &Told::Text(String::new())).await;
        let text = |text: &str| Told::Text(text.to_owned());
        assert_eq!(
            server.home.told(1)[1..],
            [text("one"), Told::Ping, text("tw\u{f6}"), text("")]
        );
        let pong = client.next().await.unwrap().unwrap();
        assert!(pong.is_pong());
        assert_eq!(&pong.as_payload()[..], b"between");
    });
}

#[test]
fn a_text_from_one_socket_goes_to_another_when_the_burst_settles() {
    local(async {
        let server = Server::start(Setup::default());
        let mut alice = server.user("alice@b").await;
        server.home.until(1, &Told::Connected("alice@b".to_owned())).await;
        let mut bob = server.user("bob@b").await;
        server.home.until(2, &Told::Connected("bob@b".to_owned())).await;
        server.home.forward.set(Some((1, 2)));
        for number in 0..500 {
            alice.feed(Message::text(number.to_string())).await.unwrap();
        }
        alice.flush().await.unwrap();
        for number in 0..500 {
            assert_eq!(text(&mut bob).await, number.to_string());
        }
        // To itself as well: the waking must not be lost while the task runs.
        server.home.forward.set(Some((1, 1)));
        send(&mut alice, Message::text("echo")).await;
        assert_eq!(text(&mut alice).await, "echo");
    });
}

#[test]
fn a_peer_that_does_not_read_is_read_all_the_same() {
    local(async {
        let server = Server::start(Setup::default());
        let mut slow = server.user("slow@b").await;
        server.home.until(1, &Told::Connected("slow@b".to_owned())).await;
        // More than any socket buffer takes.
        let frames = 64;
        let big = Bytes::from(vec![b'x'; 1 << 20]);
        server.home.send(1, vec![Frame::Text(big); frames]);
        for number in 0..100 {
            send(&mut slow, Message::text(number.to_string())).await;
        }
        server.home.until(1, &Told::Text("99".to_owned())).await;
        assert!(!server.home.told(1).contains(&Told::Written));
        // Nor is anybody else held up.
        let mut other = server.user("other@b").await;
        send(&mut other, Message::text("hello")).await;
        server.home.until(2, &Told::Text("hello".to_owned())).await;
        for _ in 0..frames {
            assert_eq!(text(&mut slow).await.len(), 1 << 20);
        }
        server.home.until(1, &Told::Written).await;
    });
}

#[test]
fn a_flood_of_pings_is_answered_at_the_pace_of_its_reader() {
    local(async {
        let server = Server::start(Setup::default());
        let client = server.user("a@b").await;
        let (mut sink, mut stream) = client.split();
        let writer = spawn_local(async move {
            for number in 0..20_000_u32 {
                sink.feed(Message::ping(number.to_be_bytes().to_vec()))
                    .await
                    .unwrap();
            }
            sink.flush().await.unwrap();
            sink
        });
        for number in 0..20_000_u32 {
            let pong = stream.next().await.unwrap().unwrap();
            assert!(pong.is_pong());
            assert_eq!(&pong.as_payload()[..], number.to_be_bytes());
        }
        drop(writer.await);
    });
}

#[test]
fn a_flood_of_empty_fragments_holds_nobody_up_and_is_closed_with_1009() {
    local(async {
        let server = Server::start(Setup::default());
        let mut flood = server.user("flood@b").await;
        let mut other = server.user("other@b").await;
        let many = b"\x00\x80\0\0\0\0".repeat(4000);
        write_frame(&mut flood, 0x01, b"start").await;
        flood.get_mut().write_all(&many).await.unwrap();
        write_frame(&mut flood, 0x80, b" end").await;
        send(&mut other, Message::text("hello")).await;
        server.home.until(2, &Told::Text("hello".to_owned())).await;
        server.home.until(1, &Told::Text("start end".to_owned())).await;
        write_frame(&mut flood, 0x01, b"start").await;
        for _ in 0..2 {
            flood.get_mut().write_all(&many).await.unwrap();
        }
        assert_eq!(close(&mut flood).await.0, 1009);
    });
}
