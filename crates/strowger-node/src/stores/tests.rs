use super::*;

const fn at(secs: u64) -> Instant {
    Instant::from_micros(secs * 1_000_000)
}

fn stores() -> Stores {
    Stores::new(StoreLimits {
        entries: 3,
        bytes: 1000,
        value_bytes: 400,
    })
}

fn shelf(stores: &Stores, secs: u64) -> ShelfAt<'static> {
    ShelfAt {
        shelf: Held::Kept(stores.of(&"rooms".into())),
        now: at(secs),
        maker: None,
    }
}

fn put(shelf: &ShelfAt<'_>, key: &str, value: &[u8]) -> Result<u64, StoreError> {
    shelf.set(key, Expected::Anything, value, None)
}

#[test]
fn what_one_puts_another_gets_and_other_services_do_not() {
    let stores = stores();
    put(&shelf(&stores, 0), "a", b"1").unwrap();
    assert_eq!(&*shelf(&stores, 1).get("a").unwrap().value, b"1");
    assert_eq!(stores.of(&"other".into()).lent(at(1)).get("a"), None);
}

#[test]
fn a_change_is_made_only_if_what_is_expected_is_there() {
    let stores = stores();
    let shelf = shelf(&stores, 0);
    let first = shelf.set("a", Expected::Nothing, b"1", None).unwrap();
    let changed = StoreError::Changed { version: Some(first) };
    assert_eq!(shelf.set("a", Expected::Nothing, b"2", None), Err(changed));
    let second = shelf.set("a", Expected::Version(first), b"2", None).unwrap();
    assert!(second > first);
    let changed = StoreError::Changed {
        version: Some(second),
    };
    assert_eq!(shelf.delete("a", Expected::Version(first)), Err(changed));
    assert_eq!(shelf.delete("a", Expected::Version(second)), Ok(()));
    let third = shelf.set("a", Expected::Nothing, b"3", None).unwrap();
    assert!(third > second, "no two changes have the same version");
}

#[test]
fn what_is_kept_for_a_while_goes_by_itself_and_makes_room() {
    let stores = stores();
    let keep = Some(Duration::from_secs(10));
    for key in ["a", "b", "c"] {
        shelf(&stores, 0).set(key, Expected::Nothing, b"1", keep).unwrap();
    }
    assert_eq!(put(&shelf(&stores, 9), "d", b"1"), Err(StoreError::Full));
    assert_eq!(shelf(&stores, 9).keys("", 9).len(), 3);
    assert_eq!(shelf(&stores, 10).keys("", 9), [""; 0]);
    assert_eq!(shelf(&stores, 10).get("a"), None);
    put(&shelf(&stores, 10), "d", b"1").unwrap();
}

#[test]
fn bounds_hold() {
    let stores = stores();
    let shelf = shelf(&stores, 0);
    assert_eq!(put(&shelf, &"k".repeat(513), b""), Err(StoreError::KeyTooLong));
    assert_eq!(put(&shelf, "a", &[0; 401]), Err(StoreError::ValueTooLarge));
    put(&shelf, "a", &[0; 400]).unwrap();
    put(&shelf, "b", &[0; 400]).unwrap();
    assert_eq!(put(&shelf, "c", &[0; 100]), Err(StoreError::Full));
    put(&shelf, "b", &[0; 10]).unwrap();
    put(&shelf, "c", &[0; 100]).unwrap();
    assert_eq!(put(&shelf, "d", b""), Err(StoreError::Full));
}

fn durable(saved: Vec<Saved>) -> Stores {
    Stores::durable(stores().limits, ["brief".to_owned()].into(), saved)
}

fn changed(stores: &Stores) -> Vec<(String, bool)> {
    let changes = stores.take_changes();
    changes
        .into_iter()
        .map(|change| (change.key, change.value.is_some()))
        .collect()
}

#[test]
fn what_changed_is_told_once_and_what_was_saved_is_there_again() {
    let stores = durable(Vec::new());
    put(&shelf(&stores, 0), "a", b"1").unwrap();
    let version = put(&shelf(&stores, 0), "a", b"2").unwrap();
    put(&shelf(&stores, 0), "b", b"1").unwrap();
    shelf(&stores, 0).delete("b", Expected::Anything).unwrap();
    let changes = stores.take_changes();
    assert_eq!(changes.len(), 2);
    assert_eq!(changed(&stores), []);
    let saved = changes.into_iter().filter_map(|change| {
        let Change { service, key, value } = change;
        value.map(|value| Saved { service, key, value })
    });
    let again = durable(saved.collect());
    assert_eq!(changed(&again), []);
    let entry = shelf(&again, 0).get("a").unwrap();
    assert_eq!((&*entry.value, entry.version), (&b"2"[..], version));
    assert_eq!(shelf(&again, 0).get("b"), None);
    assert!(put(&shelf(&again, 0), "c", b"1").unwrap() > version);
    assert_eq!(stores_in_memory_change(), []);
}

fn stores_in_memory_change() -> Vec<(String, bool)> {
    let stores = stores();
    put(&shelf(&stores, 0), "a", b"1").unwrap();
    changed(&stores)
}

#[test]
fn what_could_not_be_written_is_told_again_unless_it_is_old() {
    let stores = durable(Vec::new());
    put(&shelf(&stores, 0), "a", b"old").unwrap();
    put(&shelf(&stores, 0), "b", b"1").unwrap();
    let changes = stores.take_changes();
    shelf(&stores, 0).delete("a", Expected::Anything).unwrap();
    stores.put_back(changes);
    assert_eq!(
        changed(&stores),
        [("a".to_owned(), false), ("b".to_owned(), true)]
    );
}

#[test]
fn what_is_over_goes_from_the_disk_when_it_is_swept() {
    let stores = durable(Vec::new());
    let keep = Some(Duration::from_secs(10));
    for key in ["a", "b", "c"] {
        shelf(&stores, 0).set(key, Expected::Nothing, b"1", keep).unwrap();
    }
    stores.take_changes();
    put(&shelf(&stores, 10), "d", b"1").unwrap();
    let names = ["a", "b", "c"].map(|key| (key.to_owned(), false));
    assert_eq!(changed(&stores), [&names[..], &[("d".to_owned(), true)]].concat());
}

#[test]
fn no_more_changes_wait_for_a_slow_disk_than_twice_what_may_be_there() {
    let stores = durable(Vec::new());
    for key in ["a", "b", "c", "d", "e", "f"] {
        put(&shelf(&stores, 0), key, b"1").unwrap();
        shelf(&stores, 0).delete(key, Expected::Anything).unwrap();
    }
    assert_eq!(put(&shelf(&stores, 0), "g", b"1"), Err(StoreError::Full));
    put(&shelf(&stores, 0), "a", b"1").unwrap();
    stores.take_changes();
    put(&shelf(&stores, 0), "g", b"1").unwrap();
}

#[test]
fn keys_come_in_their_order() {
    let stores = stores();
    let shelf = shelf(&stores, 0);
    for key in ["m/2", "m/1", "n"] {
        put(&shelf, key, b"").unwrap();
    }
    assert_eq!(shelf.keys("m/", 9), ["m/1", "m/2"]);
    assert_eq!(shelf.keys("m/", 1), ["m/1"]);
}

#[test]
fn a_service_that_keeps_its_store_in_memory_writes_nothing_and_is_given_nothing() {
    let value = Value {
        bytes: Arc::from(*b"1"),
        version: 1,
        until: None,
    };
    let saved = |service: &str| Saved {
        service: service.into(),
        key: "a".to_owned(),
        value: value.clone(),
    };
    let stores = durable(vec![saved("rooms"), saved("Brief")]);
    let brief = stores.of(&"Brief".into());
    let brief = brief.lent(at(0));
    assert_eq!(brief.get("a"), None);
    put(&brief, "b", b"2").unwrap();
    assert_eq!(stores.take_changes(), []);
    assert!(shelf(&stores, 0).get("a").is_some());
    assert!(stores.is_durable("rooms") && !stores.is_durable("BRIEF"));
}
