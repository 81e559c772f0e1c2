//! Channels on real sockets: a thin tokio driver that decides nothing.
//!
//! The rules of a channel (takeover, outbox, limits) are the state machine in the rest of this crate. This
//! module moves bytes:
//!
//! 1. A [`Listener`], on any runtime, accepts TCP, speaks HTTP up to the upgrade, and answers whatever fails
//!    one of the checks. What passes leaves it as a [`Handover`]: the bare stream, perhaps below TLS, and the name of
//!    its channel.
//! 2. The thread that owns the channel calls [`serve`] with it, inside a `LocalSet`. From then on one small
//!    local task per socket reads frames into a [`Home`] and writes what the [`Home`] has for that socket.
//! 3. [`link`] does the same for a socket we dial, with TLS or without.
//!
//! A [`Home`] never waits and is never shared between threads. It reaches the sockets of its thread through
//! the [`SocketHandle`] each of them gave it: wake up and write, close, abort.
//!
//! Not here: names, dialogs, limits on messages, timers of channels, retries of links.

mod accept_key;
mod address;
mod admission;
mod census;
mod challenges;
mod clients;
mod deflate;
mod dial;
mod frames;
pub mod fuzzing;
mod handle;
mod handshake;
mod home;
mod identity;
mod listener;
mod network;
mod pending;
mod proxies;
mod run;
mod socket;
mod stream;
mod tls;
mod watched;
mod wire;

pub use address::{AddressPolicy, is_public};
pub use admission::{Admission, Decision, Handover, Knock, Refusal, Ticket, TurnedAway};
pub use challenges::ChallengeAnswer;
pub use clients::{CertificateFault, ClientCertificate};
pub use dial::{DialSettings, Target, open};
pub use handle::SocketHandle;
pub use handshake::check_request;
pub use home::Home;
pub use identity::{Identity, IdentityError, IdentityFiles};
pub use listener::{Listener, ListenerSettings};
pub use network::{Network, NetworkError};
pub use run::{link, serve};
pub use socket::SocketSettings;
pub use tls::{Roots, Tls, TlsError};
pub use watched::WatchedFiles;
