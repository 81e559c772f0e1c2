//! Request methods.

use std::fmt;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $wire:literal,)*) => {
        /// What a request asks for. Wire: `Type`, where `RESPONSE` marks a response and is no method.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method {
            $($(#[$doc])* $name,)*
        }

        impl Method {
            /// Every method, in the order of the specification.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the spelling on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }

            /// Reads the spelling on the wire, which is exact in case; `None` where it is no method of this protocol.
            #[must_use]
            pub fn from_wire(text: &str) -> Option<Self> {
                match text { $($wire => Some(Self::$name),)* _ => None }
            }
        }
    };
}

methods! {
    /// Begins a session, or changes one.
    Invite = "INVITE",
    /// Confirms the final response of an INVITE; never answered.
    Ack = "ACK",
    /// Ends a session.
    Bye = "BYE",
    /// Gives up an INVITE that has no final response.
    Cancel = "CANCEL",
    /// Registers a user.
    Register = "REGISTER",
    /// Asks what the peer can do.
    Options = "OPTIONS",
    /// Carries something within a session without changing it.
    Info = "INFO",
    /// Changes or refreshes a session.
    Update = "UPDATE",
    /// Confirms a provisional response.
    Prack = "PRACK",
    /// Asks for notifications.
    Subscribe = "SUBSCRIBE",
    /// Notifies a subscriber.
    Notify = "NOTIFY",
    /// Carries a message.
    Message = "MESSAGE",
    /// Asks the peer to call someone else.
    Refer = "REFER",
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_spellings_are_frozen() {
        let spelled: Vec<&str> = Method::ALL.iter().map(|method| method.as_str()).collect();
        assert_eq!(
            spelled,
            [
                "INVITE",
                "ACK",
                "BYE",
                "CANCEL",
                "REGISTER",
                "OPTIONS",
                "INFO",
                "UPDATE",
                "PRACK",
                "SUBSCRIBE",
                "NOTIFY",
                "MESSAGE",
                "REFER"
            ]
        );
        for &method in Method::ALL {
            assert_eq!(Method::from_wire(method.as_str()), Some(method));
        }
    }

    #[test]
    fn other_words_are_no_methods() {
        for word in ["", "invite", "INVITE ", "RESPONSE", "TERM"] {
            assert_eq!(Method::from_wire(word), None, "{word:?}");
        }
    }
}
