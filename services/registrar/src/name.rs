//! Users and their devices: `alice+phone@example.com` is a device of `alice@example.com`.

use strowger_service::jsip::{Method, Request, Uri};

/// `[user@]host` of a URI, the host in lower case; `None` where it is no URI.
pub(crate) fn name_of(uri: &str) -> Option<String> {
    Some(Uri::parse(uri).ok()?.user_with_host().into_owned())
}

/// The user to whom a name belongs: what stands behind its last `+` names a device. A number such as `+4930123` is no
/// device of nobody.
pub(crate) fn user_of(name: &str) -> String {
    let Some((user, host)) = name.rsplit_once('@') else {
        return name.to_owned();
    };
    match user.rsplit_once('+') {
        Some((user, device)) if !user.is_empty() && !device.is_empty() => format!("{user}@{host}"),
        _ => name.to_owned(),
    }
}

/// Whom a request is about: the one who registers, else the one who is asked for.
pub(crate) fn subject(request: &Request) -> Option<String> {
    name_of(match request.method() {
        Method::Register => request.to(),
        _ => request.request_uri(),
    })
}

/// The channel of whoever sent a request: `Contact`, else the asserted identity, else `From`.
pub(crate) fn contact(request: &Request) -> Option<String> {
    match request.extension_str("Contact") {
        Some(contact) => name_of(&contact),
        None => name_of(request.asserted_identity().unwrap_or_else(|| request.from())),
    }
}

/// The user who sent a request, where the server vouches for him.
pub(crate) fn asserted_user(request: &Request) -> Option<String> {
    request
        .asserted_identity()
        .and_then(name_of)
        .map(|name| user_of(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_last_plus_is_a_device() {
        let cases = [
            ("alice+phone@x.org", "alice@x.org"),
            ("alice@x.org", "alice@x.org"),
            ("+4930123@x.org", "+4930123@x.org"),
            ("+4930123+desk@x.org", "+4930123@x.org"),
            ("a+b+c@x.org", "a+b@x.org"),
            ("alice+@x.org", "alice+@x.org"),
            ("x+y.org", "x+y.org"),
        ];
        for (name, user) in cases {
            assert_eq!(user_of(name), user);
        }
    }

    #[test]
    fn the_contact_names_the_channel_before_identity_and_from() {
        let mut request = Request::new(Method::Register, "x.org", "Alice@X.org", "alice@x.org");
        assert_eq!(contact(&request).as_deref(), Some("Alice@x.org"));
        request.set_asserted_identity("alice@x.org");
        assert_eq!(contact(&request).as_deref(), Some("alice@x.org"));
        assert!(
            request
                .set_extension("Contact", "\"alice+phone@x.org;q=1\"")
                .is_ok()
        );
        assert_eq!(contact(&request).as_deref(), Some("alice+phone@x.org"));
        assert_eq!(subject(&request).as_deref(), Some("alice@x.org"));
    }
}
