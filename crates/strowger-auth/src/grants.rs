//! What a credential allows.

use std::fmt;
use std::str::FromStr;

use jsip::UserId;
use serde::Deserialize;
use serde::de::{self, Deserializer};
use thiserror::Error;

use crate::object::Object;

/// The most entries of one list.
const MOST: usize = 256;

/// What the first request of a dialog is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// An INVITE.
    Call,
    /// A MESSAGE.
    Message,
    /// Any request to a service that has rooms.
    Room,
}

impl Act {
    /// Its name, as grants write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Message => "message",
            Self::Room => "room",
        }
    }
}

/// Why a request is not allowed. The text is for the `Reason` of its 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// The kind of the request.
    #[error("`{}` is not granted", .0.as_str())]
    Act(Act),
    /// The service.
    #[error("this service is not granted")]
    Service,
    /// The host of Request-URI or Router.
    #[error("this realm is not granted")]
    Realm,
}

/// What a credential allows beyond, or short of, its own name. As JSON:
///
/// ```json
/// {"userids": ["sales-*@example.com"], "services": ["relay"], "may": ["call", "message", "room"], "realms": ["example.com"]}
/// ```
///
/// A list that is not there does not restrict (`userids`: grants no other name); an empty one allows nothing. A member that is
/// not known is refused with the whole: it may have been meant to restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// The names under which channels may be opened, beside that of the identity.
    userids: Option<Vec<UserPattern>>,
    /// The services that requests may begin a dialog with.
    services: Option<Vec<String>>,
    /// What requests may begin a dialog for.
    may: Option<Vec<Act>>,
    /// The hosts, each with those below it, that requests may be addressed to.
    realms: Option<Vec<String>>,
}

/// The members of [`Grants`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(default, deserialize_with = "few")]
    userids: Option<Vec<UserPattern>>,
    #[serde(default, deserialize_with = "few")]
    services: Option<Vec<String>>,
    #[serde(default, deserialize_with = "few")]
    may: Option<Vec<Act>>,
    #[serde(default, deserialize_with = "few")]
    realms: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for Grants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(members) = Object::<Members>::deserialize(deserializer)?;
        let Members {
            userids,
            services,
            may,
            realms,
        } = members;
        Ok(Self {
            userids,
            services,
            may,
            realms,
        })
    }
}

impl Grants {
    /// Whether a channel may be opened under this name, whatever the identity is.
    pub fn names(&self, name: &UserId) -> bool {
        self.userids.iter().flatten().any(|pattern| pattern.matches(name))
    }

    /// Whether a dialog may be begun: with this service, for this, and addressed to these hosts. `act` is `None` for what
    /// is neither call nor message nor room.
    ///
    /// # Errors
    ///
    /// [`Denied`].
    pub fn permit<'a>(
        &self,
        service: &str,
        act: Option<Act>,
        mut hosts: impl Iterator<Item = &'a str>,
    ) -> Result<(), Denied> {
        let is_service = |name: &String| name.eq_ignore_ascii_case(service);
        if !self
            .services
            .as_ref()
            .is_none_or(|services| services.iter().any(is_service))
        {
            return Err(Denied::Service);
        }
        self.permit_act(act)?;
        hosts.try_for_each(|host| self.permit_host(host))
    }

    /// Whether somebody at this host may be called, whatever the service.
    ///
    /// # Errors
    ///
    /// [`Denied`].
    pub fn permit_call_to(&self, host: &str) -> Result<(), Denied> {
        self.permit_act(Some(Act::Call))?;
        self.permit_host(host)
    }

    fn permit_act(&self, act: Option<Act>) -> Result<(), Denied> {
        match (&self.may, act) {
            (Some(may), Some(act)) if !may.contains(&act) => Err(Denied::Act(act)),
            _ => Ok(()),
        }
    }

    fn permit_host(&self, host: &str) -> Result<(), Denied> {
        match &self.realms {
            Some(realms) if !realms.iter().any(|realm| is_within(host, realm)) => Err(Denied::Realm),
            _ => Ok(()),
        }
    }
}

/// Whether a host is this one or below it.
fn is_within(host: &str, realm: &str) -> bool {
    let (host, realm) = (host.as_bytes(), realm.as_bytes());
    let Some(at) = host.len().checked_sub(realm.len()) else {
        return false;
    };
    let is_end = host[at..].eq_ignore_ascii_case(realm) && !realm.is_empty();
    is_end && (at == 0 || at > 1 && host[at - 1] == b'.')
}

fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    if list.len() > MOST {
        return Err(de::Error::custom(format_args!("more than {MOST} entries")));
    }
    Ok(Some(list))
}

/// A name, or with one `*` all names in which it stands for any characters but `@`: `*@example.com`, `sales-*@example.com`;
/// `*` alone stands for every user.
#[derive(Clone, PartialEq, Eq)]
pub struct UserPattern {
    front: String,
    /// What follows the star; `None`: there is none.
    back: Option<String>,
}

/// A text that is no [`UserPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a pattern is like \"alice@example.com\" or \"sales-*@example.com\"")]
pub struct UserPatternError;

impl FromStr for UserPattern {
    type Err = UserPatternError;

    fn from_str(text: &str) -> Result<Self, UserPatternError> {
        if text == "*" {
            return Ok(Self {
                front: String::new(),
                back: Some(String::new()),
            });
        }
        // As a name it has its host in lower case; a star in the host would be a wish that nobody can check.
        let name = UserId::new(text).map_err(|_| UserPatternError)?;
        if name.host().contains('*') {
            return Err(UserPatternError);
        }
        let name = name.as_str();
        match name.split_once('*') {
            None => Ok(Self {
                front: name.to_owned(),
                back: None,
            }),
            Some((_, back)) if back.contains('*') => Err(UserPatternError),
            Some((front, back)) => Ok(Self {
                front: front.to_owned(),
                back: Some(back.to_owned()),
            }),
        }
    }
}

impl<'de> Deserialize<'de> for UserPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl UserPattern {
    /// Whether a name is one of these.
    pub fn matches(&self, name: &UserId) -> bool {
        let name = name.as_str();
        match &self.back {
            None => name == self.front,
            Some(back) if back.is_empty() && self.front.is_empty() => true,
            Some(back) => {
                let rest = name.strip_prefix(self.front.as_str());
                rest.and_then(|rest| rest.strip_suffix(back.as_str()))
                    .is_some_and(|middle| !middle.contains('@'))
            }
        }
    }
}

impl fmt::Debug for UserPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.back {
            None => f.write_str(&self.front),
            Some(back) => write!(f, "{}*{back}", self.front),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(json: &str) -> Grants {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_pattern_matches_the_names_it_says() {
        let table = [
            ("alice@example.com", "alice@EXAMPLE.com", true),
            ("alice@example.com", "Alice@example.com", false),
            ("*@example.com", "bob@example.com", true),
            ("*@example.com", "bob@evil.com", false),
            ("*@example.com", "bob@sub.example.com", false),
            ("sales-*@Example.com", "sales-7@example.com", true),
            ("sales-*@example.com", "sales@example.com", false),
            ("*-x@a.b", "7-x@a.b", true),
            ("a*a@b", "a@b", false),
            ("*", "anybody@any.where", true),
        ];
        for (pattern, name, expected) in table {
            let pattern: UserPattern = pattern.parse().unwrap();
            assert_eq!(
                pattern.matches(&UserId::new(name).unwrap()),
                expected,
                "{pattern:?} {name}"
            );
        }
    }

    #[test]
    fn what_could_mean_more_than_it_seems_is_no_pattern() {
        for text in [
            "",
            "**",
            "*@*",
            "a@*.com",
            "*.example.com",
            "a*b*@c",
            "a b@c",
            "a@b;c",
        ] {
            assert_eq!(text.parse::<UserPattern>(), Err(UserPatternError), "{text}");
        }
    }

    #[test]
    fn a_list_that_is_missing_does_not_restrict_and_an_empty_one_allows_nothing() {
        let all = grants("{}");
        assert_eq!(all.permit("relay", Some(Act::Call), ["a.b"].into_iter()), Ok(()));
        assert!(!all.names(&UserId::new("a@b").unwrap()));
        let none = grants(r#"{"services":[]}"#);
        assert_eq!(
            none.permit("relay", None, std::iter::empty()),
            Err(Denied::Service)
        );
    }

    #[test]
    fn each_list_is_held_against_its_part_of_a_request() {
        let some = grants(r#"{"services":["Relay"],"may":["message"],"realms":["example.com"]}"#);
        let permit = |service, act, host: &'static str| some.permit(service, act, [host].into_iter());
        assert_eq!(permit("relay", Some(Act::Message), "Example.com"), Ok(()));
        assert_eq!(permit("relay", None, "sub.example.com"), Ok(()));
        assert_eq!(
            permit("echo", Some(Act::Message), "example.com"),
            Err(Denied::Service)
        );
        assert_eq!(
            permit("relay", Some(Act::Call), "example.com"),
            Err(Denied::Act(Act::Call))
        );
        for host in ["badexample.com", "example.com.evil", ".example.com", "com", ""] {
            assert_eq!(permit("relay", None, host), Err(Denied::Realm), "{host}");
        }
    }

    #[test]
    fn grants_that_are_not_understood_are_refused_as_a_whole() {
        for json in [
            r#"{"service":["relay"]}"#,
            r#"{"may":["fly"]}"#,
            r#"{"userids":["a@*"]}"#,
            r#"{"realms":"example.com"}"#,
            r#"{"services":["a"],"services":["b"]}"#,
            "[]",
        ] {
            assert!(serde_json::from_str::<Grants>(json).is_err(), "{json}");
        }
        let many = format!(r#"{{"services":[{}"x"]}}"#, r#""x","#.repeat(MOST));
        assert!(serde_json::from_str::<Grants>(&many).is_err());
    }
}
