//! What members are told by NOTIFY.

use strowger_service::jsip::{Method, Request, json_string};

/// Something that happened in a room; its Body is a JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Somebody came, left, let his subscription run out or was removed.
    Member {
        /// `joined`, `left`, `expired` or `removed`.
        state: &'static str,
        /// Who.
        user: String,
        /// How many members the room has since.
        members: usize,
    },
    /// The member it goes to was so far behind that he lost so many messages and notices.
    Lost(u64),
}

impl Notice {
    /// The NOTIFY for a member who subscribed to this event.
    pub(crate) fn to(&self, room: &str, user: &str, event: &str) -> Request {
        let body = match self {
            Self::Member { state, user, members } => {
                format!(
                    r#"{{"state":"{state}","user":{},"members":{members}}}"#,
                    json_string(user)
                )
            }
            Self::Lost(count) => format!(r#"{{"state":"lost","count":{count}}}"#),
        };
        notify(room, user, event, &body)
    }
}

/// The NOTIFY of a message that was said before the member came: `from`, `user`, `content_type` and `body` of it.
pub(crate) fn history(message: &Request, room: &str, user: &str, event: &str) -> Request {
    let mut body = format!(r#"{{"state":"history","from":{}"#, json_string(message.from()));
    let texts = [
        ("user", message.asserted_identity()),
        ("content_type", message.content_type()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            body.push_str(&format!(r#","{name}":{}"#, json_string(text)));
        }
    }
    let start = body.len();
    body.push_str(&format!(r#","body":{}}}"#, message.body().unwrap_or("null")));
    let mut notify = notify(room, user, event, &body);
    if notify.body().is_none() {
        // Nested as deep as a message may be, it has no room for one level more.
        body.truncate(start);
        body.push('}');
        notify = self::notify(room, user, event, &body);
    }
    notify
}

fn notify(room: &str, user: &str, event: &str, body: &str) -> Request {
    let mut notify = Request::new(Method::Notify, user, room, user);
    notify.set_event(event);
    notify.set_content_type("application/json");
    // It fails only where the body is nested too deep; the caller looks whether it is there.
    let _ = notify.set_body(body);
    notify
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_json() {
        let notice = Notice::Member {
            state: "joined",
            user: "\"x\"@b".to_owned(),
            members: 2,
        };
        let notify = notice.to("room@b", "ann@b", "chat");
        assert_eq!(
            notify.body(),
            Some(r#"{"state":"joined","user":"\"x\"@b","members":2}"#)
        );
        assert_eq!(
            (notify.request_uri(), notify.from(), notify.event()),
            ("ann@b", "room@b", Some("chat"))
        );
    }

    #[test]
    fn what_was_said_before_keeps_its_body_unless_it_is_nested_too_deep() {
        let mut message = Request::new(Method::Message, "room@b", "ann@b", "room@b");
        message.set_body("[1.50]").unwrap();
        let notify = history(&message, "room@b", "ben@b", "chat");
        assert_eq!(
            notify.body(),
            Some(r#"{"state":"history","from":"ann@b","body":[1.50]}"#)
        );
        let deep = "[".repeat(127) + &"]".repeat(127);
        message.set_body(&deep).unwrap();
        let notify = history(&message, "room@b", "ben@b", "chat");
        assert_eq!(notify.body(), Some(r#"{"state":"history","from":"ann@b"}"#));
    }
}
