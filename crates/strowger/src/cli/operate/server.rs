//! Which server a command is for, and who asks.

use std::path::{Path, PathBuf};

use clap::Args;
use strowger::operator::Operator;

/// Which server, and who asks.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// The server's admin interface.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "STROWGER_ADMIN",
        default_value = "http://127.0.0.1:2539"
    )]
    admin: String,
    /// The file with the token, where the server asks for one; else it is taken from `STROWGER_ADMIN_TOKEN`.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Server {
    /// The server's admin interface.
    ///
    /// # Errors
    ///
    /// What is wrong with the URL, or with the file of the token.
    pub(super) fn operator(&self) -> Result<Operator, String> {
        let token = match &self.token_file {
            Some(file) => Some(first_token(file)?),
            None => crate::cli::token(),
        };
        Operator::new(&self.admin, token).map_err(|error| error.to_string())
    }
}

/// The file may be the server's own, with a role before each token, or have the token alone.
fn first_token(file: &Path) -> Result<String, String> {
    let fault = |why: &str| format!("{}: {why}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| fault(&error.to_string()))?;
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let token = lines.next().and_then(|line| line.split_whitespace().last());
    token
        .map(str::to_owned)
        .ok_or_else(|| fault("there is no token in it"))
}
