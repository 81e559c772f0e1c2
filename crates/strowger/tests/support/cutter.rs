//! A TCP relay that can do to its connections what networks do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What all connections made so far have to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Carry,
    /// Reset both ends, with whatever is on its way.
    Cut,
    /// Stay open and carry nothing.
    Freeze,
}

/// A relay on a port of its own, running until the runtime ends.
pub struct Cutter {
    pub address: SocketAddr,
    order: Arc<Mutex<watch::Sender<Order>>>,
    connections: Arc<AtomicUsize>,
}

impl Cutter {
    /// Relays to these addresses in turn.
    pub async fn start(targets: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let order = Arc::new(Mutex::new(watch::Sender::new(Order::Carry)));
        let connections = Arc::new(AtomicUsize::new(0));
        let (orders, counter) = (Arc::clone(&order), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let target = targets[counter.fetch_add(1, Ordering::Relaxed) % targets.len()];
                let order = orders.lock().expect("nothing panics with it").subscribe();
                tokio::spawn(carry(near, target, order));
            }
        });
        Self {
            address,
            order,
            connections,
        }
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Resets every connection; later ones are carried.
    pub fn cut(&self) {
        self.order_all(Order::Cut);
    }

    /// Carries nothing more on any connection, and leaves it open; later ones are carried.
    pub fn freeze(&self) {
        self.order_all(Order::Freeze);
    }

    fn order_all(&self, order: Order) {
        let mut sender = self.order.lock().expect("nothing panics with it");
        let all = std::mem::replace(&mut *sender, watch::Sender::new(Order::Carry));
        all.send_replace(order);
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut order: watch::Receiver<Order>) {
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    // An order can be missed only by a sender that is gone, which still shows its last value.
    let ordered = async {
        while order.changed().await.is_ok() && *order.borrow() == Order::Carry {}
        *order.borrow()
    };
    let order = tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => return,
        order = ordered => order,
    };
    match order {
        Order::Freeze => {
            // Held, neither read nor closed, until the test is over.
            std::future::pending::<()>().await;
        }
        Order::Cut | Order::Carry => {
            for tcp in [&near, &far] {
                tcp.set_zero_linger().expect("it is a TCP socket");
            }
        }
    }
}
