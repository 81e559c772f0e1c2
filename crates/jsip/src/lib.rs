//! JSIP: SIP carried as JSON objects.
//!
//! This crate is the message model that every other part shares: requests and responses with their headers, methods,
//! status codes, URIs, user and dialog ids, the limits of a message, and the JSON codec. It does no I/O, keeps no
//! time and knows nothing of transactions or dialogs.
//!
//! A decoded message keeps the text it came from. Headers that nobody changes, `Body` and headers this crate does not
//! know are never parsed into a tree: they leave as they came, byte for byte and in their order.
//!
//! ```
//! use jsip::{Limits, Message, Response, StatusCode};
//!
//! let text = r#"{"Type":"MESSAGE","Request-URI":"bob@example.com","From":"alice@example.com",
//!     "To":"bob@example.com","DialogueID":"d1","CSeq":1,"X-Ticket":12345678901234567890,"Body":"hi"}"#;
//! let Message::Request(mut request) = Message::decode(text, &Limits::default())? else { panic!("a request") };
//! assert_eq!(request.from(), "alice@example.com");
//! assert_eq!(request.extension("X-Ticket"), Some("12345678901234567890"));
//!
//! request.set_request_uri("bob@example.org");
//! request.set_dialog_id("d2");
//! assert!(request.encode().contains(r#""X-Ticket":12345678901234567890,"Body":"hi"}"#));
//!
//! let answer = Response::to(&request, StatusCode::OK);
//! assert_eq!(answer.dialog_id(), "d2");
//!
//! let error = Message::decode(r#"{"Type":"BYE","CSeq":0}"#, &Limits::default()).unwrap_err();
//! assert_eq!(error.to_string(), "CSeq: out of range, expected an integer from 1 to 9007199254740991");
//! # Ok::<(), jsip::DecodeError>(())
//! ```
#![forbid(unsafe_code)]

mod cseq;
mod decode;
mod dialog_id;
mod encode;
mod error;
mod escape;
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod headers;
mod limits;
mod message;
mod method;
mod request;
mod response;
mod rules;
mod salvage;
mod scan;
mod status;
mod uri;
mod user_id;

pub use cseq::CSeq;
pub use dialog_id::DialogId;
pub use error::{DecodeError, Fault, HeaderError, ValueError};
pub use escape::json_string;
pub use header::Header;
pub use headers::Headers;
pub use limits::Limits;
pub use message::Message;
pub use method::Method;
pub use request::Request;
pub use response::Response;
pub use status::{StatusClass, StatusCode};
pub use uri::{Uri, UriError};
pub use user_id::{UserId, UserIdError};
