//! Collects each page and the modules that it imports for embedding; of TypeScript it takes the types away.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo by printing")]

mod strip;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// A page and what it is made of.
struct Set {
    name: &'static str,
    /// The path of the page; what it is made of is below it.
    place: &'static str,
    page: &'static str,
    /// The folders that are served, under their paths in the repository: so a module finds another one in either place.
    folders: &'static [&'static str],
}

const SETS: [Set; 2] = [
    Set {
        name: "demo",
        place: "/",
        page: "apps/demo/index.html",
        folders: &["apps/demo", "apps/shared", "sdk/js/src"],
    },
    Set {
        name: "console",
        place: "/console",
        page: "apps/console/index.html",
        folders: &["apps/console", "apps/shared"],
    },
];

/// Where the page wants its modules named, so that a browser fetches them all at once.
const PRELOADS: &str = "<!-- modules -->";

/// What is served under one path.
struct Asset {
    /// In the repository.
    path: String,
    media_type: &'static str,
    bytes: Vec<u8>,
}

fn main() -> Result<(), String> {
    let root = manifest_folder()?.join("../..");
    SETS.iter().try_for_each(|set| {
        let assets = set.collect(&root)?;
        set.write_table(&assets)
    })
}

impl Set {
    /// What is served of it.
    fn collect(&self, root: &Path) -> Result<Vec<Asset>, String> {
        let mut files = Vec::new();
        for folder in self.folders {
            println!("cargo::rerun-if-changed={}", root.join(folder).display());
            collect(root, folder, &mut files).map_err(|error| format!("{folder}: {error}"))?;
        }
        files.sort();
        let assets: Result<Vec<_>, _> = files
            .iter()
            .filter_map(|path| asset(root, path).transpose())
            .collect();
        let mut assets = assets?;
        self.name_modules(&mut assets)?;
        Ok(assets)
    }

    /// Where a file is served.
    fn place_of(&self, path: &str) -> String {
        if path == self.page {
            self.place.to_owned()
        } else {
            format!("{}/{path}", self.place.trim_end_matches('/'))
        }
    }

    /// Tells in the page which modules there are.
    fn name_modules(&self, assets: &mut [Asset]) -> Result<(), String> {
        let mut links = String::new();
        for module in assets.iter().filter(|asset| asset.path.ends_with(".js")) {
            let place = self.place_of(&module.path);
            // Writing to a text does not fail.
            let _ = writeln!(links, "<link rel=\"modulepreload\" href=\"{place}\">");
        }
        let page = assets.iter_mut().find(|asset| asset.path == self.page);
        let page = page.ok_or_else(|| format!("{} is missing", self.page))?;
        let text = String::from_utf8_lossy(&page.bytes);
        if !text.contains(PRELOADS) {
            return Err(format!("{} does not say {PRELOADS}", self.page));
        }
        page.bytes = text.replace(PRELOADS, links.trim_end()).into_bytes();
        Ok(())
    }

    /// Writes the files and the table that the library includes.
    fn write_table(&self, assets: &[Asset]) -> Result<(), String> {
        let out = env::var_os("OUT_DIR")
            .map(PathBuf::from)
            .ok_or("OUT_DIR is not set")?;
        let write = |name: &str, bytes: &[u8]| {
            fs::write(out.join(name), bytes).map_err(|error| format!("{name}: {error}"))
        };
        let mut table = String::from("&[\n");
        for (index, asset) in assets.iter().enumerate() {
            let name = format!("{}-{index}", self.name);
            write(&name, &asset.bytes)?;
            let digest = sha1_smol::Sha1::from(&asset.bytes).digest().to_string();
            let _ = writeln!(
                table,
                "    Asset {{ path: \"{}\", media_type: \"{}\", tag: \"\\\"{}\\\"\", \
                 bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\")) }},",
                self.place_of(&asset.path),
                asset.media_type,
                &digest[..20],
            );
        }
        table.push(']');
        write(&format!("{}.rs", self.name), table.as_bytes())
    }
}

fn manifest_folder() -> Result<PathBuf, String> {
    env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| "CARGO_MANIFEST_DIR is not set".to_owned())
}

/// Every file below a folder, with its path from the root of the repository.
fn collect(root: &Path, folder: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        match name.as_str() {
            "test" | "node_modules" => {}
            _ if entry.file_type()?.is_dir() => collect(root, &path, files)?,
            _ => files.push(path),
        }
    }
    Ok(())
}

/// What is served for a file; nothing for one that only developers need.
fn asset(root: &Path, path: &str) -> Result<Option<Asset>, String> {
    let file = root.join(path);
    let read = |error: io::Error| format!("{path}: {error}");
    let (stem, extension) = path.rsplit_once('.').unwrap_or((path, ""));
    let media_type = match extension {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "js" => "text/javascript; charset=utf-8",
        "ts" => {
            let source = fs::read_to_string(&file).map_err(read)?;
            let script = strip::types(&source).map_err(|fault| format!("{path}:{fault}"))?;
            return Ok(Some(Asset {
                path: format!("{stem}.js"),
                media_type: "text/javascript; charset=utf-8",
                bytes: script.into_bytes(),
            }));
        }
        _ => return Ok(None),
    };
    Ok(Some(Asset {
        path: path.to_owned(),
        media_type,
        bytes: fs::read(&file).map_err(read)?,
    }))
}
