//! Values that stand in files of their own: `{ file = "/run/secrets/links" }` in the place of a value.

use std::io::Read as _;
use std::path::Path;

use toml::de::DeValue;

/// The key of such a value.
pub(super) const FILE: &str = "file";
/// The largest file that holds a value.
const MOST: u64 = 64 << 10;

/// The file that stands for a value.
pub(super) fn named<'a>(value: &'a DeValue<'_>) -> Option<&'a str> {
    let entries = value.as_table().filter(|entries| entries.len() == 1)?;
    entries.get(FILE)?.get_ref().as_str()
}

/// What is in it, less the newlines at its end.
///
/// # Errors
///
/// The file, and what the operating system says of it.
pub(super) fn read(file: &str) -> Result<String, String> {
    let fault = |why: String| format!("{file}: {why}");
    let mut text = String::new();
    let opened = std::fs::File::open(Path::new(file)).map_err(|error| fault(error.to_string()))?;
    let read = opened.take(MOST + 1).read_to_string(&mut text);
    let length = read.map_err(|error| fault(error.to_string()))?;
    if length as u64 > MOST {
        return Err(fault(format!("it is larger than {} KiB", MOST >> 10)));
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}
