//! Holds every dependency against `deny.toml`: licence, source, and no package twice.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::packages::{Package, Packages};
use crate::report::Finding;

/// Checks all packages, ours too.
pub(crate) fn check(packages: &Packages, policy: &str) -> Result<Vec<Finding>, String> {
    let policy = Policy::parse(policy)?;
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in packages.all.values() {
        findings.extend(licence(package, &policy));
        findings.extend(source(package, &policy));
        versions.entry(&package.name).or_default().push(package);
    }
    for (name, packages) in versions {
        let counted: Vec<_> = packages
            .iter()
            .filter(|package| !policy.is_skipped(package))
            .collect();
        if counted.len() > 1 {
            let versions: Vec<_> = counted.iter().map(|package| package.version.as_str()).collect();
            let fault = format!("is built in the versions {}", versions.join(" and "));
            findings.push(Finding::new(
                name,
                fault,
                "align them, or skip one in deny.toml with the reason",
            ));
        }
    }
    Ok(findings)
}

struct Policy {
    licences: Vec<String>,
    registries: Vec<String>,
    /// `name@version`, the version perhaps only in part.
    skipped: Vec<String>,
}

impl Policy {
    fn parse(text: &str) -> Result<Self, String> {
        let policy: Table = text.parse().map_err(|error| format!("deny.toml: {error}"))?;
        let list = |table: &str, key: &str| -> Vec<Value> {
            let list = policy.get(table).and_then(|table| table.get(key));
            list.and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let texts = |values: Vec<Value>| {
            values
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect()
        };
        let skipped = list("bans", "skip");
        let skipped = skipped
            .iter()
            .filter_map(|skip| skip.get("crate")?.as_str().map(str::to_owned));
        Ok(Self {
            licences: texts(list("licenses", "allow")),
            registries: texts(list("sources", "allow-registry")),
            skipped: skipped.collect(),
        })
    }

    fn is_skipped(&self, package: &Package) -> bool {
        self.skipped.iter().any(|skip| match skip.split_once('@') {
            None => *skip == package.name,
            Some((name, version)) => {
                let rest = package.version.strip_prefix(version);
                name == package.name && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
        })
    }
}

fn licence(package: &Package, policy: &Policy) -> Option<Finding> {
    let place = format!("{} {}", package.name, package.version);
    let Some(expression) = &package.licence else {
        return Some(Finding::new(place, "names no licence", "use another crate"));
    };
    let is_allowed = |licence: &str| policy.licences.iter().any(|allowed| allowed == licence);
    let fault = match Expression::new(expression).evaluate(is_allowed) {
        Some(true) => return None,
        Some(false) => format!("has the licence {expression}"),
        None => format!("has a licence expression that cannot be read: {expression}"),
    };
    Some(Finding::new(
        place,
        fault,
        "use another crate, or allow it in deny.toml if we may",
    ))
}

fn source(package: &Package, policy: &Policy) -> Option<Finding> {
    let source = package.source.as_ref()?;
    let url = source
        .strip_prefix("registry+")
        .or_else(|| source.strip_prefix("sparse+"));
    if url.is_some_and(|url| policy.registries.iter().any(|allowed| allowed == url)) {
        return None;
    }
    let place = format!("{} {}", package.name, package.version);
    Some(Finding::new(
        place,
        format!("comes from {source}"),
        "take it from a registry that deny.toml allows",
    ))
}

/// A licence expression as SPDX writes it, with the older `/` for OR.
struct Expression {
    /// The words in reverse, so that the next one is the last.
    words: Vec<String>,
}

impl Expression {
    fn new(text: &str) -> Self {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        Self {
            words: spaced.split_whitespace().rev().map(str::to_owned).collect(),
        }
    }

    /// Whether the licences allowed are enough; `None` if the expression is malformed.
    fn evaluate(mut self, is_allowed: impl Fn(&str) -> bool + Copy) -> Option<bool> {
        let holds = self.any(is_allowed)?;
        self.words.is_empty().then_some(holds)
    }

    fn any(&mut self, is_allowed: impl Fn(&str) -> bool + Copy) -> Option<bool> {
        let mut holds = self.all(is_allowed)?;
        while self.take("OR") {
            holds |= self.all(is_allowed)?;
        }
        Some(holds)
    }

    fn all(&mut self, is_allowed: impl Fn(&str) -> bool + Copy) -> Option<bool> {
        let mut holds = self.one(is_allowed)?;
        while self.take("AND") {
            holds &= self.one(is_allowed)?;
        }
        Some(holds)
    }

    fn one(&mut self, is_allowed: impl Fn(&str) -> bool + Copy) -> Option<bool> {
        if self.take("(") {
            let holds = self.any(is_allowed)?;
            return self.take(")").then_some(holds);
        }
        let mut licence = self
            .words
            .pop()
            .filter(|word| !["OR", "AND", "WITH", ")"].contains(&word.as_str()))?;
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.words.pop()?);
        }
        Some(is_allowed(&licence))
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.words.last().is_some_and(|next| next == word);
        if is_next {
            self.words.pop();
        }
        is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::sample;
    use crate::report::faults;

    fn evaluate(expression: &str) -> Option<bool> {
        Expression::new(expression)
            .evaluate(|licence| ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].contains(&licence))
    }

    #[test]
    fn licence_expressions_are_evaluated() {
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/Apache-2.0",
            "MIT AND Zlib",
            "(GPL-3.0 OR MIT) AND Zlib",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert_eq!(evaluate(good), Some(true), "{good}");
        }
        for bad in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "Apache-2.0",
            "GPL-3.0 OR MIT AND GPL-2.0",
        ] {
            assert_eq!(evaluate(bad), Some(false), "{bad}");
        }
        for malformed in ["", "MIT OR", "(MIT", "MIT)", "AND MIT", "MIT Zlib", "MIT WITH"] {
            assert_eq!(evaluate(malformed), None, "{malformed}");
        }
    }

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT"]
        [sources]
        allow-registry = ["https://good.example/index"]
        [bans]
        skip = [{ crate = "old@1", reason = "x" }]
    "#;

    #[test]
    fn what_the_policy_does_not_allow_is_found() {
        let mut packages = sample(&[("a", &[]), ("b", &[]), ("c", &[])]);
        for package in packages.all.values_mut() {
            package.licence = Some("MIT".to_owned());
            package.source = Some("registry+https://good.example/index".to_owned());
        }
        assert_eq!(check(&packages, POLICY).unwrap(), []);
        let change = |packages: &mut Packages, id: &str, change: fn(&mut Package)| {
            change(packages.all.get_mut(id).unwrap())
        };
        change(&mut packages, "a", |package| {
            package.licence = Some("GPL-3.0".to_owned())
        });
        change(&mut packages, "b", |package| package.licence = None);
        change(&mut packages, "c", |package| {
            package.source = Some("git+https://good.example/c".to_owned())
        });
        assert_eq!(
            faults(&check(&packages, POLICY).unwrap()),
            [
                "a 1.0.0: has the licence GPL-3.0",
                "b 1.0.0: names no licence",
                "c 1.0.0: comes from git+https://good.example/c"
            ]
        );
    }

    #[test]
    fn a_package_in_two_versions_is_found_unless_skipped() {
        for (name, found) in [("twice", 1), ("old", 0)] {
            let mut packages = sample(&[("1", &[]), ("2", &[])]);
            for (id, package) in &mut packages.all {
                package.name = name.to_owned();
                package.version = format!("{id}.0.0");
                package.licence = Some("MIT".to_owned());
            }
            assert_eq!(check(&packages, POLICY).unwrap().len(), found, "{name}");
        }
    }
}
