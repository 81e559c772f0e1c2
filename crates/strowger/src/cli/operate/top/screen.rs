//! The terminal, as far as a table needs it: drawn over itself, and a key that ends it.
//!
//! `stty`, which every system with a terminal has, reads and sets how it behaves. Without it Enter is needed behind the key.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::process::{Command, Stdio};

use tokio::sync::oneshot;

/// Where nobody says how large the terminal is.
const USUAL: (usize, usize) = (80, 24);

/// The terminal while the table is shown; as before when it is dropped.
#[derive(Debug)]
pub(super) struct Screen {
    /// How it behaved before, as `stty` says it.
    before: Option<String>,
}

impl Screen {
    /// Begins to show.
    pub(super) fn open() -> Self {
        let before = stty(&["-g"]).map(|said| said.trim().to_owned());
        let before = before.filter(|_| stty(&["-icanon", "-echo", "min", "1"]).is_some());
        // The other screen, without a cursor: what was there comes back.
        put("\x1b[?1049h\x1b[?25l").ok();
        Self { before }
    }

    /// Draws a text that is made for the width and height of the terminal.
    pub(super) fn draw(&self, text: impl FnOnce(usize, usize) -> String) -> io::Result<()> {
        let (width, height) = size();
        let text = text(width, height.saturating_sub(1)).replace('\n', "\x1b[K\r\n");
        put(&format!("\x1b[H{text}\x1b[K\r\n\x1b[Jq ends this"))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        put("\x1b[?25h\x1b[?1049l").ok();
        if let Some(before) = &self.before {
            stty(&[before]);
        }
    }
}

/// Resolves when somebody has pressed `q`; never where nobody can.
pub(super) async fn quit(screen: Option<&Screen>) {
    if screen.is_none() || !io::stdin().is_terminal() {
        return std::future::pending().await;
    }
    let (pressed, quit) = oneshot::channel();
    // Reading a key cannot be stopped; the process ends all the same.
    std::thread::spawn(move || {
        let keys = io::stdin().lock().bytes();
        for key in keys {
            if matches!(key, Ok(b'q' | b'Q') | Err(_)) {
                // Nobody is there any more where the table has ended by itself.
                let _ = pressed.send(());
                return;
            }
        }
    });
    if quit.await.is_err() {
        std::future::pending().await
    }
}

/// Width and height.
fn size() -> (usize, usize) {
    let read = || {
        let said = stty(&["size"])?;
        let (height, width) = said.trim().split_once(' ')?;
        let size: (usize, usize) = (width.parse().ok()?, height.parse().ok()?);
        (size.0 > 0 && size.1 > 0).then_some(size)
    };
    read().unwrap_or(USUAL)
}

/// What `stty` says of the terminal, or does to it.
fn stty(arguments: &[&str]) -> Option<String> {
    let output = Command::new("stty")
        .args(arguments)
        .stdin(Stdio::inherit())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
