//! A node on its threads, without a listener.

use std::sync::Arc;
use std::time::Duration;

use strowger_channel::net::{DialSettings, SocketSettings};
use strowger_node::driver::{DriverSettings, Node, WebSettings};
use strowger_node::{Config, Registry};
use strowger_service::jsip::UserId;

fn node() -> Node {
    let driver = DriverSettings {
        shards: 2,
        socket: SocketSettings::default(),
        dial: DialSettings::default(),
        web: WebSettings::default(),
        store: None,
        link_path: "/rtc".to_owned(),
        link_name: UserId::new("node@example.com").unwrap(),
        link_credentials: Default::default(),
        auth: None,
        handshakes_per_second: 1000,
        onlooker: None,
        journal: None,
        seed: 7,
    };
    let relay: Arc<dyn strowger_service::Service> = Arc::new(strowger_relay::Relay);
    let registry = Registry::new(vec![("relay".to_owned(), relay)], "relay").unwrap();
    Node::start(Config::default(), registry, &driver).unwrap()
}

async fn has_sockets(node: &Node, count: usize) {
    while node.figures().await.sockets != count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_handshake_that_breaks_off_once_it_is_announced_leaves_no_socket() {
    let node = node();
    let admission = node.admission();
    for number in 0..20 {
        let name = UserId::new(&format!("u{number}@example.com")).unwrap();
        let announced = admission.announce(&name, None);
        // The shard has answered, and nobody has read it.
        has_sockets(&node, 1).await;
        drop(announced);
        let gone = tokio::time::timeout(Duration::from_secs(60), has_sockets(&node, 0));
        gone.await.expect("the socket that never came is forgotten");
    }
    node.stop();
}
