//! Who a peer is, and what it may do: tokens, static users, grants, and what an HTTP endpoint is asked.
//!
//! Nothing here has a clock or a socket. [`Policy`] is what the configuration says. For each handshake, and for each
//! renewal of a credential, its owner calls
//!
//! 1. [`token::find`], for the token that a request shows;
//! 2. [`Policy::identify`], which says what to do with it: refuse, admit a static user, ask the endpoint, or verify a JWT;
//! 3. for a JWT, [`Keyring::find`] of the issuer's [`Keyring`], which may ask for a fetch of the issuer's key set first, and
//!    [`Policy::verify`];
//! 4. for the endpoint, [`callback::question`] and [`callback::answer`].
//!
//! What comes out is a [`Credential`] or a [`Refused`]. No claim of a token is used before its signature holds; the unverified
//! `iss` chooses the keys to try and nothing else. What a token says of its algorithm chooses among those that the
//! configuration allows for the issuer *and* that fit the kind of the key.
//!
//! Not here: the order of the checks at a handshake, sockets, and what a grant is held against (`strowger-node`).
#![forbid(unsafe_code)]

pub mod callback;
mod claims;
mod credential;
mod der;
pub mod fuzzing;
mod grants;
mod issuer;
mod jwks;
mod jws;
mod key;
mod keyring;
mod object;
mod pem;
mod policy;
mod refused;
pub mod token;
mod users;

pub use credential::{Credential, Timestamp};
pub use grants::{Act, Denied, Grants, UserPattern, UserPatternError};
pub use issuer::{Issuer, IssuerSettings};
pub use key::{Algorithm, Key, KeyError};
pub use keyring::{Found, Keyring, KeyringSettings};
pub use policy::{Keys, Next, Policy, Unverified};
pub use refused::{Class, Refused};
pub use users::{Users, UsersError};
