//! Status codes of responses.

use std::fmt;

/// The code of a response, 100 to 699. Wire: `Code`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

/// The class of a status code: its first digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusClass {
    /// 1xx: work goes on.
    Provisional,
    /// 2xx: done.
    Success,
    /// 3xx: try elsewhere.
    Redirection,
    /// 4xx: the request cannot be fulfilled here as it is.
    ClientError,
    /// 5xx: this side failed.
    ServerError,
    /// 6xx: it cannot be fulfilled anywhere.
    GlobalFailure,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $phrase:literal,)*) => {
        impl StatusCode {
            $($(#[$doc])* #[doc = concat!($phrase, ".")] pub const $name: Self = Self($code);)*

            /// Returns the phrase that goes with the code, or that of its class where the code has none of its own.
            /// Wire: `Desc`.
            #[must_use]
            pub const fn reason_phrase(self) -> &'static str {
                match self.0 {
                    $($code => $phrase,)*
                    _ => match self.class() {
                        StatusClass::Provisional => "Session Progress",
                        StatusClass::Success => "OK",
                        StatusClass::Redirection => "Redirection",
                        StatusClass::ClientError => "Request Failure",
                        StatusClass::ServerError => "Server Failure",
                        StatusClass::GlobalFailure => "Global Failure",
                    },
                }
            }
        }
    };
}

codes! {
    /// 100
    TRYING = 100 "Trying",
    /// 180
    RINGING = 180 "Ringing",
    /// 181
    CALL_IS_BEING_FORWARDED = 181 "Call Is Being Forwarded",
    /// 182
    QUEUED = 182 "Queued",
    /// 183
    SESSION_PROGRESS = 183 "Session Progress",
    /// 200
    OK = 200 "OK",
    /// 202
    ACCEPTED = 202 "Accepted",
    /// 300
    MULTIPLE_CHOICES = 300 "Multiple Choices",
    /// 301
    MOVED_PERMANENTLY = 301 "Moved Permanently",
    /// 302
    MOVED_TEMPORARILY = 302 "Moved Temporarily",
    /// 400
    BAD_REQUEST = 400 "Bad Request",
    /// 401
    UNAUTHORIZED = 401 "Unauthorized",
    /// 403
    FORBIDDEN = 403 "Forbidden",
    /// 404
    NOT_FOUND = 404 "Not Found",
    /// 405
    METHOD_NOT_ALLOWED = 405 "Method Not Allowed",
    /// 406
    NOT_ACCEPTABLE = 406 "Not Acceptable",
    /// 408
    REQUEST_TIMEOUT = 408 "Request Timeout",
    /// 410
    GONE = 410 "Gone",
    /// 413
    REQUEST_ENTITY_TOO_LARGE = 413 "Request Entity Too Large",
    /// 415
    UNSUPPORTED_MEDIA_TYPE = 415 "Unsupported Media Type",
    /// 420
    BAD_EXTENSION = 420 "Bad Extension",
    /// 480
    TEMPORARILY_UNAVAILABLE = 480 "Temporarily Unavailable",
    /// 481
    NO_SUCH_SESSION = 481 "Call/Transaction Does Not Exist",
    /// 482
    LOOP_DETECTED = 482 "Loop Detected",
    /// 483
    TOO_MANY_HOPS = 483 "Too Many Hops",
    /// 484
    ADDRESS_INCOMPLETE = 484 "Address Incomplete",
    /// 486
    BUSY_HERE = 486 "Busy Here",
    /// 487
    REQUEST_TERMINATED = 487 "Request Terminated",
    /// 488
    NOT_ACCEPTABLE_HERE = 488 "Not Acceptable Here",
    /// 489
    BAD_EVENT = 489 "Bad Event",
    /// 491
    REQUEST_PENDING = 491 "Request Pending",
    /// 500
    SERVER_INTERNAL_ERROR = 500 "Server Internal Error",
    /// 501
    NOT_IMPLEMENTED = 501 "Not Implemented",
    /// 502
    BAD_GATEWAY = 502 "Bad Gateway",
    /// 503
    SERVICE_UNAVAILABLE = 503 "Service Unavailable",
    /// 504
    SERVER_TIMEOUT = 504 "Server Time-out",
    /// 513
    MESSAGE_TOO_LARGE = 513 "Message Too Large",
    /// 600
    BUSY_EVERYWHERE = 600 "Busy Everywhere",
    /// 603
    DECLINE = 603 "Decline",
    /// 604
    DOES_NOT_EXIST_ANYWHERE = 604 "Does Not Exist Anywhere",
    /// 606
    NOT_ACCEPTABLE_ANYWHERE = 606 "Not Acceptable",
}

impl StatusCode {
    /// Makes a status code; `None` outside 100 to 699.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 100 && code <= 699 {
            Some(Self(code))
        } else {
            None
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Returns the class.
    #[must_use]
    pub const fn class(self) -> StatusClass {
        match self.0 / 100 {
            1 => StatusClass::Provisional,
            2 => StatusClass::Success,
            3 => StatusClass::Redirection,
            4 => StatusClass::ClientError,
            5 => StatusClass::ServerError,
            _ => StatusClass::GlobalFailure,
        }
    }

    /// Tells whether this is a 1xx: the request has no answer yet.
    #[must_use]
    pub const fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// Tells whether this is a 2xx.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self.class(), StatusClass::Success)
    }

    /// Tells whether this ends a transaction: anything but a 1xx.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !self.is_provisional()
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusCode({} {})", self.0, self.reason_phrase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_run_from_100_to_699() {
        assert_eq!(StatusCode::new(99), None);
        assert_eq!(StatusCode::new(100), Some(StatusCode::TRYING));
        assert!(StatusCode::new(699).is_some());
        assert_eq!(StatusCode::new(700), None);
    }

    #[test]
    fn classes_follow_the_first_digit() {
        assert!(StatusCode::SESSION_PROGRESS.is_provisional());
        assert!(!StatusCode::SESSION_PROGRESS.is_final());
        assert!(StatusCode::ACCEPTED.is_success());
        assert_eq!(StatusCode::MOVED_TEMPORARILY.class(), StatusClass::Redirection);
        assert_eq!(StatusCode::BUSY_HERE.class(), StatusClass::ClientError);
        assert_eq!(StatusCode::NOT_IMPLEMENTED.class(), StatusClass::ServerError);
        assert_eq!(StatusCode::DECLINE.class(), StatusClass::GlobalFailure);
    }

    #[test]
    fn unlisted_codes_take_the_phrase_of_their_class() {
        assert_eq!(
            StatusCode::NO_SUCH_SESSION.reason_phrase(),
            "Call/Transaction Does Not Exist"
        );
        assert_eq!(StatusCode(499).reason_phrase(), "Request Failure");
        assert_eq!(StatusCode(299).reason_phrase(), "OK");
    }
}
