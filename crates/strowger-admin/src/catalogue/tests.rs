use proptest::prelude::*;

use super::*;

const LIMITS: CatalogueLimits = CatalogueLimits {
    services: 3,
    versions: 4,
};

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

fn by(text: &str) -> Selector {
    text.parse().unwrap()
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn record(label: &str) -> Record {
    Record {
        digest: digest(label),
        label: label.parse().unwrap(),
        bytes: 9,
        loaded_at: 7,
    }
}

fn empty() -> Catalogue {
    Catalogue::new([name("relay")], LIMITS)
}

fn with(labels: &[&str]) -> Catalogue {
    let mut catalogue = empty();
    for label in labels {
        catalogue
            .load(&name("rooms"), record(label), true, |_| false)
            .unwrap();
    }
    catalogue
}

fn default(catalogue: &Catalogue, service: &str) -> Option<String> {
    let entry = catalogue.service(&name(service)).unwrap();
    entry.default_choice().map(|choice| match choice {
        Choice::Base => "built-in".to_owned(),
        Choice::Version(digest) => entry.version(digest).unwrap().label.to_string(),
    })
}

#[test]
fn the_version_loaded_last_is_the_default_unless_it_need_not_be() {
    let mut catalogue = with(&["1", "2"]);
    assert_eq!(default(&catalogue, "rooms").as_deref(), Some("2"));
    catalogue
        .load(&name("rooms"), record("3"), false, |_| false)
        .unwrap();
    assert_eq!(default(&catalogue, "rooms").as_deref(), Some("2"));
    catalogue
        .load(&name("new"), record("1"), false, |_| false)
        .unwrap();
    assert_eq!(default(&catalogue, "new"), None);
}

#[test]
fn a_roll_back_goes_back_change_by_change() {
    let mut catalogue = with(&["1", "2", "3"]);
    catalogue.set_default(&name("rooms"), &by("1")).unwrap();
    for expected in ["3", "2", "1"] {
        catalogue.roll_back(&name("rooms")).unwrap();
        assert_eq!(default(&catalogue, "rooms").as_deref(), Some(expected));
    }
    let error = catalogue.roll_back(&name("rooms")).unwrap_err();
    assert_eq!(error, CatalogueError::NoHistory(name("rooms")));
}

#[test]
fn what_is_built_in_is_under_the_loaded_versions_and_can_be_had_again() {
    let mut catalogue = empty();
    let relay = name("relay");
    catalogue.load(&relay, record("1"), true, |_| false).unwrap();
    catalogue.roll_back(&relay).unwrap();
    assert_eq!(default(&catalogue, "relay").as_deref(), Some("built-in"));
    catalogue.set_default(&relay, &by("1")).unwrap();
    assert_eq!(catalogue.withdraw(&relay), Ok(Some(Choice::Base)));
    catalogue.roll_back(&relay).unwrap();
    assert_eq!(default(&catalogue, "relay").as_deref(), Some("1"));
    assert_eq!(catalogue.forget(&relay).unwrap(), [record("1")]);
    assert_eq!(default(&catalogue, "relay").as_deref(), Some("built-in"));
    assert_eq!(catalogue.withdraw(&relay), Err(CatalogueError::NotLoaded(relay)));
}

#[test]
fn a_withdrawn_service_has_no_new_instances_and_keeps_its_versions() {
    let mut catalogue = with(&["1"]);
    assert_eq!(catalogue.withdraw(&name("rooms")), Ok(None));
    assert_eq!(default(&catalogue, "rooms"), None);
    catalogue.set_default(&name("rooms"), &by("1")).unwrap();
    assert_eq!(default(&catalogue, "rooms").as_deref(), Some("1"));
    catalogue.forget(&name("rooms")).unwrap();
    assert_eq!(
        catalogue.withdraw(&name("rooms")),
        Err(CatalogueError::NoService(name("rooms")))
    );
}

#[test]
fn a_version_is_found_by_label_digest_and_the_beginning_of_it() {
    let catalogue = with(&["1", "2"]);
    let rooms = name("rooms");
    let one = digest("1");
    for text in ["1", &one.to_string(), &one.to_string()[..6]] {
        assert_eq!(
            catalogue.find(&rooms, &by(text)),
            Ok(Choice::Version(one)),
            "{text}"
        );
    }
    for text in ["3", "000000", "built-in"] {
        let found = catalogue.find(&rooms, &by(text));
        assert!(
            matches!(found, Err(CatalogueError::NoVersion(..))),
            "{text}: {found:?}"
        );
    }
    let unknown = catalogue.find(&name("x"), &by("1"));
    assert_eq!(unknown, Err(CatalogueError::NoService(name("x"))));
}

#[test]
fn a_label_means_one_version_for_ever_and_a_version_has_one_label() {
    let catalogue = with(&["1"]);
    let rooms = name("rooms");
    let (one, two): (Label, Label) = ("1".parse().unwrap(), "2".parse().unwrap());
    let check = |bytes: &str, label: &Label| catalogue.check_label(&rooms, digest(bytes), Some(label));
    assert_eq!(check("1", &one), Ok(()));
    assert_eq!(check("other", &two), Ok(()));
    assert_eq!(
        check("other", &one),
        Err(CatalogueError::LabelTaken(
            rooms.clone(),
            one.clone(),
            digest("1")
        ))
    );
    assert_eq!(
        check("1", &two),
        Err(CatalogueError::OtherLabel(rooms.clone(), one))
    );
    assert_eq!(catalogue.check_label(&rooms, digest("1"), None), Ok(()));
}

#[test]
fn the_same_bytes_once_more_are_no_new_version() {
    let mut catalogue = with(&["1", "2"]);
    let load = catalogue
        .load(&name("rooms"), record("1"), true, |_| false)
        .unwrap();
    assert!(load.was_known);
    assert_eq!(catalogue.service(&name("rooms")).unwrap().versions().len(), 2);
    assert_eq!(default(&catalogue, "rooms").as_deref(), Some("1"));
}

#[test]
fn the_oldest_version_that_nothing_needs_makes_room() {
    let mut catalogue = with(&["1", "2", "3", "4"]);
    let rooms = name("rooms");
    let runs = |one| move |digest| digest == self::digest(one);
    let load = catalogue.load(&rooms, record("5"), true, runs("1")).unwrap();
    assert_eq!(load.forgotten, [record("2")]);
    let load = catalogue.load(&rooms, record("6"), true, |_| false).unwrap();
    assert_eq!(load.forgotten, [record("1")]);
    assert_eq!(catalogue.find(&rooms, &by("5")), Ok(Choice::Version(digest("5"))));
    let before = catalogue.clone();
    let error = catalogue
        .clone()
        .load(&rooms, record("7"), true, |_| true)
        .unwrap_err();
    assert_eq!(error, CatalogueError::TooManyVersions(rooms, 4));
    assert_eq!(catalogue, before);
}

#[test]
fn services_are_bounded() {
    let mut catalogue = empty();
    for service in ["a", "b", "relay"] {
        catalogue
            .load(&name(service), record("1"), true, |_| false)
            .unwrap();
    }
    let error = catalogue
        .load(&name("c"), record("1"), true, |_| false)
        .unwrap_err();
    assert_eq!(error, CatalogueError::TooManyServices(3));
    catalogue.load(&name("a"), record("2"), true, |_| false).unwrap();
}

#[test]
fn a_version_that_is_the_default_is_not_forgotten() {
    let mut catalogue = with(&["1", "2"]);
    let rooms = name("rooms");
    let error = catalogue.forget_version(&rooms, digest("2")).unwrap_err();
    assert_eq!(
        error,
        CatalogueError::IsDefault(rooms.clone(), "2".parse().unwrap())
    );
    catalogue.forget_version(&rooms, digest("1")).unwrap();
    assert_eq!(
        catalogue.roll_back(&rooms),
        Err(CatalogueError::NoHistory(rooms.clone()))
    );
    assert!(!catalogue.holds(digest("1")) && catalogue.holds(digest("2")));
}

#[test]
fn a_service_starts_as_its_default_else_as_what_it_was_before() {
    let mut catalogue = with(&["1", "2", "3"]);
    let rooms = name("rooms");
    catalogue.set_default(&rooms, &by("1")).unwrap();
    let all = ["1", "3", "2"].map(|label| Choice::Version(digest(label)));
    assert_eq!(catalogue.candidates(&rooms), all);
    catalogue.started_as(&rooms, Some(all[1]));
    assert_eq!(default(&catalogue, "rooms").as_deref(), Some("3"));
    catalogue.withdraw(&rooms).unwrap();
    assert_eq!(catalogue.candidates(&rooms), []);
}

#[test]
fn a_manifest_that_is_damaged_says_so() {
    let read = |text: &str| empty().read_manifest(text.as_bytes()).unwrap_err().to_string();
    assert!(read("").starts_with("is damaged"));
    assert_eq!(
        read(r#"{"format":2,"services":[]}"#),
        "is of format 2, and this server reads format 1"
    );
    let service = r#"{"format":1,"services":[{"name":"NAME","default":DEFAULT,"history":[],"versions":[]}]}"#;
    let bad_name = read(&service.replace("NAME", "../x").replace("DEFAULT", "null"));
    assert!(bad_name.starts_with(r#"is damaged: "../x""#), "{bad_name}");
    let dangling = format!("\"{}\"", digest("1"));
    let dangling = read(&service.replace("NAME", "rooms").replace("DEFAULT", &dangling));
    assert_eq!(
        dangling,
        "is damaged: `rooms` refers to a version that it does not have"
    );
}

#[test]
fn a_service_whose_last_version_is_forgotten_is_as_it_was_at_first() {
    let mut catalogue = empty();
    let relay = name("relay");
    catalogue.load(&relay, record("1"), true, |_| false).unwrap();
    catalogue.withdraw(&relay).unwrap();
    catalogue.forget_version(&relay, digest("1")).unwrap();
    assert_eq!(catalogue, empty());
}

#[derive(Clone, Debug)]
enum Step {
    Load(u8, u8, bool),
    Default(u8, u8),
    RollBack(u8),
    Withdraw(u8),
    ForgetVersion(u8, u8),
    Forget(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let (service, version) = (0_u8..4, 0_u8..7);
    prop_oneof![
        (service.clone(), version.clone(), any::<bool>()).prop_map(|(s, v, d)| Step::Load(s, v, d)),
        (service.clone(), version.clone()).prop_map(|(s, v)| Step::Default(s, v)),
        service.clone().prop_map(Step::RollBack),
        service.clone().prop_map(Step::Withdraw),
        (service.clone(), version).prop_map(|(s, v)| Step::ForgetVersion(s, v)),
        service.prop_map(Step::Forget),
    ]
}

fn take(catalogue: &mut Catalogue, step: &Step) {
    let service = |number: &u8| name(["relay", "rooms", "a", "b"][usize::from(*number)]);
    // A step that is refused is a step.
    let _ = match step {
        Step::Load(s, v, default) => {
            let load = catalogue.load(&service(s), record(&v.to_string()), *default, |_| false);
            load.map(drop)
        }
        Step::Default(s, v) => catalogue.set_default(&service(s), &by(&v.to_string())).map(drop),
        Step::RollBack(s) => catalogue.roll_back(&service(s)).map(drop),
        Step::Withdraw(s) => catalogue.withdraw(&service(s)).map(drop),
        Step::ForgetVersion(s, v) => catalogue
            .forget_version(&service(s), digest(&v.to_string()))
            .map(drop),
        Step::Forget(s) => catalogue.forget(&service(s)).map(drop),
    };
}

proptest! {
    #[test]
    fn whatever_is_done_nothing_refers_to_what_is_not_there(steps in prop::collection::vec(step(), 0..60)) {
        let mut catalogue = empty();
        for step in &steps {
            take(&mut catalogue, step);
            for (service, entry) in catalogue.services() {
                prop_assert!(entry.versions().len() <= LIMITS.versions);
                for choice in entry.default_choice().iter().chain(entry.history()) {
                    let is_there = match choice {
                        Choice::Base => entry.has_base(),
                        Choice::Version(digest) => entry.version(*digest).is_some(),
                    };
                    prop_assert!(is_there, "{service}: {choice:?}");
                }
            }
        }
    }

    #[test]
    fn a_catalogue_comes_back_from_its_manifest(steps in prop::collection::vec(step(), 0..60)) {
        let mut catalogue = empty();
        for step in &steps {
            take(&mut catalogue, step);
        }
        let mut read = empty();
        read.read_manifest(&catalogue.to_manifest()).unwrap();
        prop_assert_eq!(&read.to_manifest(), &catalogue.to_manifest());
        for (service, entry) in read.services() {
            prop_assert_eq!(Ok(entry), catalogue.service(service));
        }
    }
}
