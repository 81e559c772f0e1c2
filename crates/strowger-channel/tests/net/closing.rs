//! How sockets end, and what either side gets to know.

use futures_util::StreamExt;
use strowger_channel::net::SocketSettings;
use tokio::io::AsyncWriteExt;
use tokio_websockets::{CloseCode, Message};

use crate::support::{Server, Setup, Told, close, frame, local, send, text, write_frame};

const LIMIT: usize = 65536;

#[test]
fn a_binary_message_is_closed_with_1003() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("a@b").await;
        send(&mut client, Message::binary(vec![1, 2, 3])).await;
        assert_eq!(close(&mut client).await, (1003, "text only".to_owned()));
        server.home.until(1, &Told::Closed(None)).await;
        assert_eq!(server.home.told(1)[1..], [Told::Binary, Told::Closed(None)]);
    });
}

#[test]
fn a_message_of_the_limit_passes_and_one_byte_more_is_closed_with_1009() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("a@b").await;
        write_frame(&mut client, 0x81, &[b'x'; LIMIT]).await;
        write_frame(&mut client, 0x81, &[b'x'; LIMIT + 1]).await;
        assert_eq!(close(&mut client).await.0, 1009);
        let full = Told::Text("x".repeat(LIMIT));
        assert_eq!(
            server.home.told(1)[1..],
            [full, Told::Oversize, Told::Closed(None)]
        );
    });
}

#[test]
fn fragments_that_are_too_long_together_are_closed_with_1009() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("a@b").await;
        write_frame(&mut client, 0x01, &[b'x'; LIMIT / 2]).await;
        write_frame(&mut client, 0x00, &[b'x'; LIMIT / 2]).await;
        write_frame(&mut client, 0x00, b"x").await;
        assert_eq!(close(&mut client).await, (1009, "message too big".to_owned()));
        server.home.until(1, &Told::Closed(None)).await;
        assert_eq!(server.home.told(1)[1..], [Told::Oversize, Told::Closed(None)]);
    });
}

#[test]
fn the_sender_of_a_huge_frame_sees_the_1009_though_its_frame_was_never_read() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("a@b").await;
        write_frame(&mut client, 0x81, &vec![b'x'; 1 << 20]).await;
        assert_eq!(close(&mut client).await.0, 1009);
    });
}

#[test]
fn text_that_is_no_utf_8_is_closed_with_1007_however_it_is_cut() {
    local(async {
        let server = Server::start(Setup::default());
        let whole: &[&[u8]] = &[b"a\xff"];
        let cut: &[&[u8]] = &[b"a\xe2\x82", b"x"];
        let unfinished: &[&[u8]] = &[b"a\xe2\x82", b""];
        for (number, fragments) in [whole, cut, unfinished].into_iter().enumerate() {
            let mut client = server.user(&format!("user{number}@b")).await;
            for (index, fragment) in fragments.iter().enumerate() {
                let last = if index + 1 == fragments.len() { 0x80 } else { 0 };
                let opcode = u8::from(index == 0);
                write_frame(&mut client, last | opcode, fragment).await;
            }
            assert_eq!(close(&mut client).await.0, 1007, "{fragments:?}");
            let conn = number as u64 + 1;
            server.home.until(conn, &Told::Closed(None)).await;
            assert_eq!(server.home.told(conn).len(), 2, "{fragments:?}");
        }
    });
}

#[test]
fn a_breach_of_the_websocket_protocol_is_closed_with_1002() {
    local(async {
        let server = Server::start(Setup::default());
        let breaches: [&[u8]; 6] = [
            b"\x81\x02hi",               // not masked
            b"\xc1\x80\0\0\0\0",         // a reserved bit
            b"\x83\x80\0\0\0\0",         // a reserved opcode
            b"\x80\x80\0\0\0\0",         // continues nothing
            b"\x09\x80\0\0\0\0",         // a fragmented Ping
            b"\x88\x82\0\0\0\0\x03\xed", // a Close with 1005
        ];
        for (number, breach) in breaches.into_iter().enumerate() {
            let mut client = server.user(&format!("user{number}@b")).await;
            client.get_mut().write_all(breach).await.unwrap();
            assert_eq!(close(&mut client).await.0, 1002, "{breach:?}");
            server.home.until(number as u64 + 1, &Told::Closed(None)).await;
        }
    });
}

#[test]
fn the_code_of_the_peers_close_reaches_the_home_and_is_echoed() {
    local(async {
        let server = Server::start(Setup::default());
        let closes = [
            (Message::close(Some(CloseCode::NORMAL_CLOSURE), "bye"), 1000),
            (Message::close(Some(CloseCode::GOING_AWAY), ""), 1001),
            (Message::close(None, ""), 1005),
        ];
        for (number, (message, code)) in closes.into_iter().enumerate() {
            let mut client = server.user(&format!("user{number}@b")).await;
            send(&mut client, message).await;
            assert_eq!(close(&mut client).await, (code, String::new()));
            assert!(client.next().await.is_none());
            server
                .home
                .until(number as u64 + 1, &Told::Closed(Some(code)))
                .await;
        }
    });
}

#[test]
fn a_connection_that_just_ends_has_no_code() {
    local(async {
        let server = Server::start(Setup::default());
        drop(server.user("a@b").await);
        server.home.until(1, &Told::Closed(None)).await;
        let mut client = server.user("b@b").await;
        client.get_mut().write_all(b"\x81\x85\0\0").await.unwrap();
        drop(client);
        server.home.until(2, &Told::Closed(None)).await;
    });
}

#[test]
fn a_replaced_socket_is_closed_with_4001_and_the_new_one_works() {
    local(async {
        let server = Server::start(Setup::default());
        let mut old = server.user("a@b").await;
        server.home.until(1, &Told::Connected("a@b".to_owned())).await;
        let mut new = server.user("a@b").await;
        assert_eq!(close(&mut old).await, (4001, "replaced".to_owned()));
        server.home.until(1, &Told::Closed(None)).await;
        server.home.send(2, vec![frame("hello")]);
        assert_eq!(text(&mut new).await, "hello");
    });
}

#[test]
fn what_was_queued_goes_out_before_an_ordered_close() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("a@b").await;
        server.home.until(1, &Told::Connected("a@b".to_owned())).await;
        server.home.send(1, vec![frame("last words")]);
        server.home.until(1, &Told::Written).await;
        server.home.socket(1).close(1012, "service restart");
        assert_eq!(text(&mut client).await, "last words");
        assert_eq!(close(&mut client).await, (1012, "service restart".to_owned()));
        assert!(client.next().await.is_none());
    });
}

#[test]
fn the_answers_to_a_burst_go_out_before_the_close_it_caused() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("a@b").await;
        server.home.until(1, &Told::Connected("a@b".to_owned())).await;
        server.home.forward.set(Some((1, 1)));
        let burst = b"\x81\x82\0\0\0\0hi\x82\x81\0\0\0\0x\x81\x84\0\0\0\0late";
        client.get_mut().write_all(burst).await.unwrap();
        assert_eq!(text(&mut client).await, "hi");
        assert_eq!(close(&mut client).await.0, 1003);
        server.home.until(1, &Told::Closed(None)).await;
        let told = [Told::Text("hi".to_owned()), Told::Binary, Told::Closed(None)];
        assert_eq!(server.home.told(1)[1..], told);
    });
}

#[test]
fn what_came_before_a_breach_of_the_protocol_is_answered_before_the_close() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("a@b").await;
        server.home.forward.set(Some((1, 1)));
        // A whole text and a reserved opcode, in one write.
        let bytes = b"\x81\x85\0\0\0\0hello\x83\x80\0\0\0\0";
        client.get_mut().write_all(bytes).await.unwrap();
        assert_eq!(text(&mut client).await, "hello");
        assert_eq!(close(&mut client).await.0, 1002);
    });
}

#[test]
fn a_peer_that_never_answers_a_close_is_dropped() {
    local(async {
        let close_timeout = std::time::Duration::from_millis(50);
        let socket = SocketSettings {
            close_timeout,
            ..SocketSettings::default()
        };
        let server = Server::start(Setup {
            socket,
            ..Setup::default()
        });
        let client = server.user("a@b").await;
        server.home.until(1, &Told::Connected("a@b".to_owned())).await;
        server.home.socket(1).close(4001, "replaced");
        // Reads past the Close to the end of the connection, and answers nothing.
        let mut bytes = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut client.into_inner(), &mut bytes)
            .await
            .unwrap();
        assert_eq!(bytes, b"\x88\x0a\x0f\xa1replaced");
    });
}

#[test]
fn an_aborted_socket_is_dropped_without_a_close() {
    local(async {
        let server = Server::start(Setup::default());
        let client = server.user("a@b").await;
        server.home.until(1, &Told::Connected("a@b".to_owned())).await;
        server.home.socket(1).abort();
        let mut bytes = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut client.into_inner(), &mut bytes)
            .await
            .unwrap();
        assert_eq!(bytes, b"");
        server.home.until(1, &Told::Closed(None)).await;
    });
}
