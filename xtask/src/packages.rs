//! What `cargo metadata` says: the packages, and who depends on whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use crate::run;

/// One package, ours or not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its licence expression, if it has one.
    pub(crate) licence: Option<String>,
    /// Where it comes from; `None` for ours.
    pub(crate) source: Option<String>,
    /// Where its `Cargo.toml` is.
    pub(crate) manifest: String,
    /// Ids of what it needs to be built and run, without what only its tests need.
    pub(crate) needs: Vec<String>,
}

/// All packages that are built for this machine, by their ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packages {
    pub(crate) all: BTreeMap<String, Package>,
    /// The ids of the packages of this workspace.
    pub(crate) ours: BTreeSet<String>,
}

impl Packages {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self, String> {
        let host = run::host()?;
        let text = run::output(&mut run::cargo(&[
            "metadata",
            "--format-version=1",
            "--filter-platform",
            &host,
        ]))?;
        let value = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
        Self::from_metadata(&value).ok_or_else(|| "cargo metadata has another form than expected".to_owned())
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let mut described = BTreeMap::new();
        for package in metadata["packages"].as_array()? {
            described.insert(package["id"].as_str()?, package);
        }
        let mut all = BTreeMap::new();
        for node in metadata["resolve"]["nodes"].as_array()? {
            let id = node["id"].as_str()?;
            let needs = node["deps"].as_array()?.iter().filter(|need| is_shipped(need));
            let package = described.get(id)?;
            let text = |name: &str| package[name].as_str().map(str::to_owned);
            let package = Package {
                name: text("name")?,
                version: text("version")?,
                licence: text("license"),
                source: text("source"),
                manifest: text("manifest_path")?,
                needs: needs
                    .filter_map(|need| need["pkg"].as_str().map(str::to_owned))
                    .collect(),
            };
            all.insert(id.to_owned(), package);
        }
        let members = metadata["workspace_members"].as_array()?.iter();
        let ours = members.filter_map(|id| id.as_str().map(str::to_owned)).collect();
        Some(Self { all, ours })
    }

    /// The packages of this workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&String, &Package)> {
        self.ours.iter().filter_map(|id| self.all.get_key_value(id))
    }

    /// The shortest way from a package to one whose name `is_wanted`, as names.
    pub(crate) fn way(&self, from: &str, is_wanted: impl Fn(&str) -> bool) -> Option<Vec<&str>> {
        let mut ways = VecDeque::from([vec![from]]);
        let mut seen = BTreeSet::from([from]);
        while let Some(way) = ways.pop_front() {
            let last = self.all.get(*way.last()?)?;
            if way.len() > 1 && is_wanted(&last.name) {
                return Some(
                    way.iter()
                        .filter_map(|id| self.all.get(*id))
                        .map(|p| p.name.as_str())
                        .collect(),
                );
            }
            for need in &last.needs {
                if seen.insert(need) {
                    ways.push_back(way.iter().copied().chain([need.as_str()]).collect());
                }
            }
        }
        None
    }
}

fn is_shipped(need: &Value) -> bool {
    let kinds = need["dep_kinds"].as_array();
    kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind["kind"].as_str() != Some("dev")))
}

/// Packages by name, with the names of what they need; all of them ours.
#[cfg(test)]
pub(crate) fn sample(needs: &[(&str, &[&str])]) -> Packages {
    let mut packages = Packages::default();
    for (name, needs) in needs {
        let package = Package {
            name: (*name).to_owned(),
            version: "1.0.0".to_owned(),
            manifest: format!("/repo/crates/{name}/Cargo.toml"),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            ..Package::default()
        };
        packages.all.insert((*name).to_owned(), package);
        packages.ours.insert((*name).to_owned());
    }
    packages
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_read_without_what_only_tests_need() {
        let package = |name: &str| {
            json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT", "source": null,
                   "manifest_path": "Cargo.toml"})
        };
        let need = |name: &str, kinds: Value| json!({"pkg": name, "dep_kinds": kinds});
        let metadata = json!({
            "packages": [package("a"), package("b"), package("c")],
            "workspace_members": ["a"],
            "resolve": {"nodes": [
                {"id": "a", "deps": [need("b", json!([{"kind": null}])), need("c", json!([{"kind": "dev"}]))]},
                {"id": "b", "deps": []},
                {"id": "c", "deps": []},
            ]},
        });
        let packages = Packages::from_metadata(&metadata).unwrap();
        assert_eq!(packages.all["a"].needs, ["b"]);
        assert_eq!(packages.members().count(), 1);
    }

    #[test]
    fn the_way_to_a_package_is_the_shortest() {
        let packages = sample(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &["d", "a"]), ("d", &[])]);
        assert_eq!(packages.way("a", |name| name == "d"), Some(vec!["a", "c", "d"]));
        assert_eq!(packages.way("d", |name| name == "a"), None);
    }
}
