use strowger_auth::Credential;

use super::*;
use crate::NameTaken;

fn credential(identity: &str, secs: Option<u64>) -> Credential {
    Credential {
        identity: UserId::new(identity).unwrap(),
        valid_for: secs.map(Duration::from_secs),
        grants: None,
    }
}

impl Bed {
    fn admit(&mut self, conn: ConnId, credential: &Credential) -> Result<ChannelId, NameTaken> {
        let name = UserId::new("bob@example.com").unwrap();
        self.channels.admit(self.now, name, conn, credential)
    }

    fn has_expired(&mut self) -> bool {
        self.events().iter().any(|event| event.contains("4003"))
    }
}

#[test]
fn a_channel_is_taken_over_by_the_identity_that_has_it_and_by_no_other() {
    let mut bed = Bed::new();
    let (bob, eve) = (
        credential("bob@example.com", None),
        credential("eve@example.com", None),
    );
    let id = bed.admit(A, &bob).unwrap();
    assert_eq!(bed.events(), ["Opened"]);
    assert_eq!(bed.admit(B, &eve), Err(NameTaken));
    assert_eq!(bed.events(), [""; 0], "nothing has changed");
    assert_eq!(bed.admit(C, &bob), Ok(id));
    assert_eq!(bed.events(), ["Close 1 4001 replaced", "Resumed"]);
    // Retained, it is still his.
    bed.channels.closed(bed.now, C, None);
    assert_eq!(bed.admit(B, &eve), Err(NameTaken));
    bed.pass(secs(120));
    assert_eq!(bed.events(), ["Dropped", "Lost RetentionOver"]);
    assert!(bed.admit(B, &eve).is_ok());
}

#[test]
fn a_channel_that_is_held_and_one_that_is_not_never_become_each_other() {
    let mut bed = Bed::new();
    let bob = credential("bob@example.com", None);
    let id = bed.admit(A, &bob).unwrap();
    bed.events();
    assert_eq!(bed.connect("bob@example.com", B), id);
    bed.channels.receive_text(bed.now, B, "{}");
    bed.channels.closed(bed.now, B, Some(1000));
    assert_eq!(bed.events(), [""; 0], "a socket without proof changes nothing");
    let (mut bed, _) = Bed::bob();
    assert_eq!(bed.admit(B, &bob), Err(NameTaken));
}

#[test]
fn a_socket_whose_credential_is_over_is_closed_with_4003_and_its_channel_waits() {
    let mut bed = Bed::new();
    let id = bed.admit(A, &credential("bob@example.com", Some(10))).unwrap();
    bed.events();
    bed.pass(secs(9));
    assert_eq!(bed.events(), [""; 0]);
    bed.pass(secs(1));
    assert_eq!(bed.events(), ["Close 1 4003 credential expired", "Dropped"]);
    assert_eq!(bed.channels.counters().expired, 1);
    assert_eq!(bed.admit(B, &credential("bob@example.com", Some(1000))), Ok(id));
    assert_eq!(bed.events(), ["Resumed"]);
    bed.channels.closed(bed.now, B, Some(1000));
    assert_eq!(bed.events(), ["Lost EndedByUser"]);
    assert_eq!(bed.channels.poll_timeout(), None, "no timer is left");
}

#[test]
fn the_credential_of_the_present_socket_counts() {
    let mut bed = Bed::new();
    bed.admit(A, &credential("bob@example.com", Some(10))).unwrap();
    bed.admit(B, &credential("bob@example.com", Some(20))).unwrap();
    bed.events();
    bed.pass(secs(19));
    assert!(!bed.has_expired());
    bed.admit(C, &credential("bob@example.com", None)).unwrap();
    bed.events();
    bed.pass(secs(5));
    assert!(!bed.has_expired());
}

#[test]
fn a_credential_is_renewed_by_its_holder_and_by_no_other() {
    let mut bed = Bed::new();
    let id = bed.admit(A, &credential("bob@example.com", Some(10))).unwrap();
    bed.events();
    let eve = credential("eve@example.com", Some(1000));
    assert!(!bed.channels.renew(bed.now, id, &eve));
    assert!(
        bed.channels
            .renew(bed.now, id, &credential("bob@example.com", Some(15)))
    );
    bed.pass(secs(14));
    assert_eq!(bed.events(), [""; 0]);
    bed.pass(secs(1));
    assert_eq!(bed.events(), ["Close 1 4003 credential expired", "Dropped"]);
    // Too late: the next socket brings its own.
    assert!(
        bed.channels
            .renew(bed.now, id, &credential("bob@example.com", Some(15)))
    );
    assert!(!bed.channels.is_up(id));
}
