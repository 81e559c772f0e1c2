//! What happens to a connection, drawn from the seed, the user and how often that user has connected before.
//!
//! Faults come after so many bytes rather than after so long: the same seed breaks the same place of the stream
//! however fast the machine is.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Longer than a server with the harness's `ping_interval` leaves a silent socket alive.
const UNTIL_DEAD: Duration = Duration::from_millis(3_500);
/// One in so many connections ends within its handshake or just behind it.
const EARLY: u32 = 12;
/// The longest request head of our clients and a few frames.
const EARLY_BYTES: u64 = 1_500;

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// How the proxy ends a connection. What it had taken from either side and not passed on is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// FIN to both.
    Cut,
    /// RST to both.
    Reset,
    /// FIN to one; the other direction goes on for a while.
    HalfClose(Side, Duration),
    /// RST to the client, silence to the server, which does not learn that its peer is gone.
    HalfOpen,
}

/// What comes when a stretch is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    End(End),
    /// Nothing passes in the directions from these sides.
    Stall {
        from_client: bool,
        from_server: bool,
        span: Duration,
    },
    /// The next stretch at once.
    GoOn,
}

/// How the bytes are cut into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pieces {
    AsTheyCome,
    UpTo(usize),
}

/// So many bytes of a connection, both directions together, and what follows.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) bytes: u64,
    pub(super) pieces: Pieces,
    /// Waited behind each write.
    pub(super) delay: Option<Duration>,
    pub(super) then: Then,
}

/// The fate of one connection.
#[derive(Debug)]
pub(super) struct Fate {
    chance: StdRng,
    /// The mean length of a stretch.
    mean_bytes: u64,
    first: bool,
}

impl Fate {
    /// Of the connection that this user makes as his `ordinal`-th.
    pub(super) fn new(seed: u64, user: &str, ordinal: u64, mean_bytes: u64) -> Self {
        // FNV-1a: any hash does that is the same on every machine.
        let start = 0xcbf2_9ce4_8422_2325 ^ seed;
        let hash = user
            .bytes()
            .chain(ordinal.to_le_bytes())
            .fold(start, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self {
            chance: StdRng::seed_from_u64(hash),
            mean_bytes,
            first: true,
        }
    }

    /// The next stretch; the last is the one that ends the connection.
    pub(super) fn next(&mut self) -> Stretch {
        let first = std::mem::replace(&mut self.first, false);
        if first && self.chance.random_ratio(1, EARLY) {
            return Stretch {
                bytes: self.chance.random_range(1..EARLY_BYTES),
                pieces: Pieces::UpTo(40),
                delay: None,
                then: Then::End(self.end()),
            };
        }
        match self.chance.random_range(0..10) {
            0 => self.small_pieces(),
            1 => self.slow(),
            2 | 3 => {
                let then = self.stall();
                self.stretch(then)
            }
            _ => {
                let then = Then::End(self.end());
                self.stretch(then)
            }
        }
    }

    /// How large the next write may be.
    pub(super) fn piece(&mut self, pieces: Pieces) -> usize {
        match pieces {
            Pieces::AsTheyCome => usize::MAX,
            Pieces::UpTo(most) => self.chance.random_range(1..=most),
        }
    }

    fn stretch(&mut self, then: Then) -> Stretch {
        // Exponential, so that the place of the next fault does not depend on that of the last.
        let length = -(1.0 - self.chance.random::<f64>()).ln() * self.mean_bytes as f64;
        let pieces = if self.chance.random_ratio(1, 3) {
            Pieces::UpTo(1_400)
        } else {
            Pieces::AsTheyCome
        };
        Stretch {
            bytes: length as u64 + 1,
            pieces,
            delay: None,
            then,
        }
    }

    /// Every boundary there is: within the length of a frame, its mask, a UTF-8 character, a Ping.
    fn small_pieces(&mut self) -> Stretch {
        Stretch {
            bytes: self.chance.random_range(200..3_000),
            pieces: Pieces::UpTo(7),
            delay: None,
            then: Then::GoOn,
        }
    }

    fn slow(&mut self) -> Stretch {
        Stretch {
            bytes: self.chance.random_range(1_000..20_000),
            pieces: Pieces::UpTo(4_096),
            delay: Some(Duration::from_millis(self.chance.random_range(1..15))),
            then: Then::GoOn,
        }
    }

    fn stall(&mut self) -> Then {
        let (from_client, from_server) = match self.chance.random_range(0..4) {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        let span = if self.chance.random_ratio(1, 8) {
            UNTIL_DEAD
        } else {
            Duration::from_millis(self.chance.random_range(20..600))
        };
        Then::Stall {
            from_client,
            from_server,
            span,
        }
    }

    fn end(&mut self) -> End {
        match self.chance.random_range(0..10) {
            0..3 => End::Cut,
            3..6 => End::Reset,
            6..8 => {
                let side = if self.chance.random() {
                    Side::Client
                } else {
                    Side::Server
                };
                End::HalfClose(side, Duration::from_millis(self.chance.random_range(10..200)))
            }
            _ => End::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, user: &str, ordinal: u64) -> String {
        let mut fate = Fate::new(seed, user, ordinal, 10_000);
        format!("{:?}", [(); 20].map(|()| fate.next()))
    }

    #[test]
    fn a_seed_draws_the_same_fate_again_and_another_for_another_connection() {
        assert_eq!(drawn(1, "ann", 0), drawn(1, "ann", 0));
        assert_ne!(drawn(1, "ann", 0), drawn(2, "ann", 0));
        assert_ne!(drawn(1, "ann", 0), drawn(1, "bob", 0));
        assert_ne!(drawn(1, "ann", 0), drawn(1, "ann", 1));
    }

    #[test]
    fn every_kind_of_fault_is_drawn() {
        let all: String = (0..100).map(|ordinal| drawn(1, "ann", ordinal)).collect();
        for kind in [
            "Cut",
            "Reset",
            "HalfClose(Client",
            "HalfClose(Server",
            "HalfOpen",
            "Stall",
            "3.5s",
        ] {
            assert!(all.contains(kind), "{kind}");
        }
    }
}
