use super::*;

fn census(limits: Limits) -> Arc<Census> {
    Arc::new(Census::new(limits))
}

const LIMITS: Limits = Limits {
    connections: 100,
    connections_per_address: 3,
    pending_per_address: 2,
    handshakes_per_address: 5,
};

fn site(text: &str) -> Site {
    Site::of(text.parse().unwrap())
}

fn sites(census: &Census) -> usize {
    census.table().sites.len()
}

#[test]
fn an_ipv4_address_is_one_client_and_an_ipv6_network_of_64_bits_is() {
    assert_eq!(site("192.0.2.1"), site("::ffff:192.0.2.1"));
    assert_ne!(site("192.0.2.1"), site("192.0.2.2"));
    assert_eq!(site("2001:db8:0:1::1"), site("2001:db8:0:1:ffff::2"));
    assert_ne!(site("2001:db8:0:1::1"), site("2001:db8:0:2::1"));
    assert_ne!(site("::1"), site("0.0.0.0"));
}

#[test]
fn one_socket_too_many_of_an_address_finds_no_place_until_another_ends() {
    let census = census(LIMITS);
    let (alice, bob) = (Some(site("192.0.2.1")), Some(site("192.0.2.2")));
    let mut places: Vec<_> = (0..3).map(|_| census.admit(alice).unwrap()).collect();
    assert_eq!(census.admit(alice).unwrap_err(), Crowded::Address);
    let _other = census.admit(bob).unwrap();
    places.pop();
    places.push(census.admit(alice).unwrap());
    assert_eq!(census.admit(alice).unwrap_err(), Crowded::Address);
}

#[test]
fn one_socket_too_many_in_all_finds_no_place_wherever_it_comes_from() {
    let census = census(Limits {
        connections: 2,
        ..LIMITS
    });
    let _first = census.admit(None).unwrap();
    let second = census.admit(Some(site("192.0.2.1"))).unwrap();
    for from in [None, Some(site("192.0.2.2"))] {
        assert_eq!(census.admit(from).unwrap_err(), Crowded::Everywhere);
    }
    drop(second);
    assert!(census.admit(None).is_ok());
}

#[test]
fn a_connection_of_no_address_has_no_limit_of_its_own() {
    let census = census(LIMITS);
    let sockets: Vec<_> = (0..10).map(|_| census.admit(None).unwrap()).collect();
    let handshakes: Vec<_> = (0..10).map(|_| census.begin(None).unwrap()).collect();
    drop((sockets, handshakes));
    assert_eq!((sites(&census), census.table().sockets), (0, 0));
}

#[test]
fn handshakes_under_way_are_bounded_for_each_address() {
    let census = census(LIMITS);
    let from = Some(site("192.0.2.1"));
    let first = census.begin(from).unwrap();
    let _second = census.begin(from).unwrap();
    assert!(census.begin(from).is_none());
    assert!(census.begin(Some(site("192.0.2.2"))).is_some());
    drop(first);
    assert!(census.begin(from).is_some());
}

#[test]
fn handshakes_per_second_are_bounded_for_each_address_after_a_burst() {
    let census = census(LIMITS);
    let (from, now) = (site("192.0.2.1"), Instant::now());
    assert!((0..10).all(|_| census.knock(from, now)));
    assert!(!census.knock(from, now));
    assert!(census.knock(site("192.0.2.2"), now));
    let later = now + Duration::from_millis(200);
    assert!(census.knock(from, later) && !census.knock(from, later));
}

#[test]
fn what_is_over_leaves_nothing_once_its_rate_is_forgiven() {
    let census = census(LIMITS);
    let now = Instant::now();
    let from = site("192.0.2.1");
    let handshake = census.begin(Some(from)).unwrap();
    assert!(census.knock(from, now));
    let socket = census.admit(Some(from)).unwrap();
    drop(handshake);
    drop(socket);
    assert_eq!(sites(&census), 1, "its handshake still counts");
    // The next one to go idle takes those along whose time has come.
    census
        .table()
        .retire(site("192.0.2.9"), now + Duration::from_secs(1));
    assert_eq!((sites(&census), census.table().idle.len()), (0, 0));
}

#[test]
fn addresses_that_only_knock_are_remembered_up_to_a_bound() {
    let census = census(LIMITS);
    let now = Instant::now();
    let network = |number: u32| Site::of(IpAddr::V6((u128::from(number) << 64 | 1).into()));
    let kept = census.admit(Some(network(0))).unwrap();
    for number in 0..50_000 {
        assert!(census.knock(network(number), now));
    }
    assert_eq!(census.table().idle.len(), MOST_IDLE);
    assert!(sites(&census) <= MOST_IDLE + 1);
    // Again and again the same: no more than that either.
    for _ in 0..50_000 {
        census.knock(network(1), now);
    }
    assert!(census.table().idle.len() <= MOST_IDLE);
    drop(kept);
}
