//! The files with secrets, and who else can read them.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Config;

/// A file with a secret that every user of this machine can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFile {
    /// The key that names it.
    pub key: String,
    /// The file.
    pub file: PathBuf,
}

impl fmt::Display for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, file } = self;
        let file = file.display();
        write!(
            f,
            "{key}: every user of this machine can read the secret in {file}: chmod o-r {file}"
        )
    }
}

impl Config {
    /// The files with secrets that everybody on this machine can read. Looks at the files; what cannot be looked at is left out.
    pub fn open_files(&self) -> Vec<OpenFile> {
        let single = [
            ("tls.key", &self.tls.key),
            ("admin.tokens", &self.admin.tokens),
            ("auth.users", &self.auth.users),
        ];
        let single = single
            .into_iter()
            .filter_map(|(key, file)| Some((key.to_owned(), file.as_ref()?)));
        let issuers = self.issuers.iter();
        let issuers = issuers.filter_map(|(name, issuer)| {
            let file = issuer.secret.as_ref()?;
            Some((format!("auth.jwt.{name}.secret"), file))
        });
        let others = self.secret_files.iter().map(|(key, file)| (key.clone(), file));
        single
            .chain(issuers)
            .chain(others)
            .filter(|(_, file)| is_open(file))
            .map(|(key, file)| OpenFile {
                key,
                file: file.clone(),
            })
            .collect()
    }
}

#[cfg(unix)]
fn is_open(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir, name: &str, text: &str, mode: u32) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    #[test]
    fn a_value_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let token = file(&folder, "token", "0123456789abcdef\n", 0o600);
        let shards = file(&folder, "shards", "3\n", 0o644);
        let text = format!(
            "shards = {{ file = {shards:?} }}\n[links]\ntoken = {{ file = {token:?} }}\n\
             [services.webhook.settings]\nkey = {{ file = {token:?} }}\nlist = [{{ file = {token:?} }}, 1]\n"
        );
        let config = Config::parse(&text, "test.toml").unwrap();
        assert_eq!(config.server.shards, 3);
        assert_eq!(config.links.token.as_ref().unwrap().expose(), "0123456789abcdef");
        let settings: serde_json::Value = serde_json::from_str(&config.service_settings["webhook"]).unwrap();
        assert_eq!(
            settings,
            serde_json::json!({"key": "0123456789abcdef", "list": ["0123456789abcdef", 1]})
        );
        assert!(config.open_files().is_empty());
    }

    #[test]
    fn a_file_that_is_no_value_is_named_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let short = file(&folder, "short", "hunter2", 0o600);
        let error = |text: &str| Config::parse(text, "test.toml").unwrap_err().to_string();
        let refused = error(&format!("links.token = {{ file = {short:?} }}"));
        assert!(
            refused.starts_with("test.toml:1: `links.token` is not allowed; it must be"),
            "{refused}"
        );
        let refused = error(&format!("shards = {{ file = {short:?} }}"));
        assert!(
            refused.contains("/short") && !refused.contains("hunter2"),
            "{refused}"
        );
        let missing = error("[links]\ntoken = { file = \"/nowhere/token\" }");
        assert_eq!(
            missing,
            "test.toml:2: `links.token`: /nowhere/token: No such file or directory (os error 2)"
        );
        let large = file(&folder, "large", &"x".repeat(70_000), 0o600);
        assert!(error(&format!("links.token = {{ file = {large:?} }}")).contains("larger than 64 KiB"));
    }

    #[test]
    fn a_secret_that_everybody_can_read_is_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        let open = file(&folder, "open", "0123456789abcdef", 0o644);
        let private = file(&folder, "private", "0123456789abcdef", 0o640);
        let text = format!(
            "shards = 1\n[links]\ntoken = {{ file = {open:?} }}\n[admin]\ntokens = {private:?}\n[auth]\nusers = {open:?}\n"
        );
        let config = Config::parse(&text, "test.toml").unwrap();
        let open: Vec<_> = config.open_files().into_iter().map(|file| file.key).collect();
        assert_eq!(open, ["auth.users", "links.token"]);
        let shown = config.open_files()[0].to_string();
        assert!(
            shown.contains("chmod o-r") && !shown.contains("0123456789"),
            "{shown}"
        );
    }
}
