//! The crates and their arrows, as the table in ARCHITECTURE.md has them, against what cargo sees.

use std::collections::BTreeMap;

use crate::files::File;
use crate::packages::Packages;
use crate::report::Finding;

const PATH: &str = "ARCHITECTURE.md";

/// Crates a pure crate must not reach: they bring clocks, sockets, threads or chance.
const IMPURE: [&str; 10] = [
    "tokio",
    "mio",
    "socket2",
    "hyper",
    "async-std",
    "smol",
    "rand",
    "getrandom",
    "chrono",
    "polling",
];

/// Crates that have to be pure, whatever the table says; and all services.
const PURE: [&str; 4] = ["jsip", "jsip-stack", "strowger-service", "strowger-time"];

pub(super) fn check(files: &[File], packages: &Packages) -> Vec<Finding> {
    let Some(file) = files.iter().find(|file| file.path == PATH) else {
        return vec![Finding::new(
            PATH,
            "is missing",
            "write it, with the table of crates",
        )];
    };
    let rows = rows(file);
    let mut findings = table(&rows, packages);
    for (id, package) in packages.members() {
        let Some((rank, row)) = rows.iter().enumerate().find(|(_, row)| row.name == package.name) else {
            let fault = format!("has no row for {}", package.name);
            findings.push(Finding::new(
                PATH,
                fault,
                "add it to the table of crates, with its arrows",
            ));
            continue;
        };
        for need in package.needs.iter().filter(|need| packages.ours.contains(*need)) {
            let need = &packages.all[need].name;
            if !row.allowed.contains(need) {
                let fault = format!("{} uses {need}, which its row does not allow", package.name);
                findings.push(Finding::at(
                    PATH,
                    row.line,
                    fault,
                    "take the arrow out, or argue for it in the table",
                ));
            }
        }
        for allowed in &row.allowed {
            if rows[..=rank].iter().any(|above| above.name == *allowed) {
                let fault = format!("the arrow from {} to {allowed} does not point down", package.name);
                findings.push(Finding::at(
                    PATH,
                    row.line,
                    fault,
                    "order the rows so that every arrow points down",
                ));
            }
        }
        let has_to_be_pure = PURE.contains(&package.name.as_str()) || package.manifest.contains("/services/");
        if has_to_be_pure && !row.is_pure {
            let fault = format!("{} has to be pure", package.name);
            findings.push(Finding::at(
                PATH,
                row.line,
                fault,
                "write `yes` in its column \"pure\"",
            ));
        }
        if let Some(way) = row
            .is_pure
            .then(|| packages.way(id, |name| IMPURE.contains(&name)))
            .flatten()
        {
            let fault = format!("a pure crate reaches the outside world: {}", way.join(" -> "));
            findings.push(Finding::new(
                &package.name,
                fault,
                "take time, chance and I/O as arguments instead",
            ));
        }
    }
    findings
}

/// What is wrong with the table by itself.
fn table(rows: &[Row], packages: &Packages) -> Vec<Finding> {
    let names: Vec<_> = packages.members().map(|(_, package)| &package.name).collect();
    let mut findings = Vec::new();
    let mut seen = BTreeMap::new();
    for row in rows {
        if !names.contains(&&row.name) {
            let fault = format!("{} is no crate of this workspace", row.name);
            findings.push(Finding::at(PATH, row.line, fault, "take the row out"));
        }
        if seen.insert(&row.name, row.line).is_some() {
            let fault = format!("{} has two rows", row.name);
            findings.push(Finding::at(PATH, row.line, fault, "take one out"));
        }
        for allowed in row.allowed.iter().filter(|allowed| !names.contains(allowed)) {
            let fault = format!(
                "{} may use {allowed}, which is no crate of this workspace",
                row.name
            );
            findings.push(Finding::at(PATH, row.line, fault, "take the arrow out"));
        }
    }
    findings
}

struct Row {
    line: usize,
    name: String,
    is_pure: bool,
    allowed: Vec<String>,
}

/// The rows of the table whose columns are `crate`, what it is, `pure`, `may use`.
fn rows(file: &File) -> Vec<Row> {
    let cells = |line: &str| -> Vec<String> {
        line.trim()
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let header = file.lines().find(|(_, line)| {
        let cells = cells(line);
        cells.len() == 4 && cells[0] == "crate" && cells[2] == "pure" && cells[3] == "may use"
    });
    let Some((header, _)) = header else {
        return Vec::new();
    };
    let table = file
        .lines()
        .skip(header + 1)
        .take_while(|(_, line)| line.trim_start().starts_with('|'));
    let row = |(line, text): (usize, &str)| {
        let cells = cells(text);
        let name = names(cells.first()?).into_iter().next()?;
        Some(Row {
            line,
            name,
            is_pure: cells.get(2)? == "yes",
            allowed: names(cells.get(3)?),
        })
    };
    table.filter_map(row).collect()
}

/// What stands between backticks.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::sample;
    use crate::report::faults;

    fn architecture(rows: &str) -> Vec<File> {
        vec![File::new(
            PATH,
            &format!("# A\n| crate | what | pure | may use |\n|---|---|---|---|\n{rows}\nprose\n"),
        )]
    }

    #[test]
    fn a_table_that_agrees_is_in_order() {
        let packages = sample(&[("app", &["lib"]), ("lib", &[])]);
        let files = architecture("| `app` | x | | `lib` |\n| `lib` | y | yes | |");
        assert_eq!(check(&files, &packages), []);
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_found() {
        let packages = sample(&[("app", &["lib"]), ("lib", &[])]);
        let files = architecture("| `app` | x | | |\n| `lib` | y | | |");
        assert_eq!(
            faults(&check(&files, &packages)),
            ["ARCHITECTURE.md:4: app uses lib, which its row does not allow"]
        );
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        let packages = sample(&[("app", &["lib"]), ("lib", &[])]);
        let files = architecture("| `lib` | y | | |\n| `app` | x | | `lib` |");
        assert_eq!(
            faults(&check(&files, &packages)),
            ["ARCHITECTURE.md:5: the arrow from app to lib does not point down"]
        );
    }

    #[test]
    fn rows_and_crates_that_do_not_match_are_found() {
        let packages = sample(&[("app", &[])]);
        let files = architecture("| `gone` | x | | `lost` |");
        assert_eq!(
            faults(&check(&files, &packages)),
            [
                "ARCHITECTURE.md:4: gone is no crate of this workspace",
                "ARCHITECTURE.md:4: gone may use lost, which is no crate of this workspace",
                "ARCHITECTURE.md: has no row for app",
            ]
        );
        assert_eq!(faults(&check(&[], &packages)), ["ARCHITECTURE.md: is missing"]);
    }

    #[test]
    fn a_pure_crate_that_reaches_a_runtime_is_found() {
        let mut packages = sample(&[("jsip", &["middle"]), ("middle", &["tokio"]), ("tokio", &[])]);
        packages.ours.retain(|id| id == "jsip");
        assert_eq!(
            faults(&check(&architecture("| `jsip` | x | yes | |"), &packages)),
            ["jsip: a pure crate reaches the outside world: jsip -> middle -> tokio"]
        );
        assert_eq!(
            faults(&check(&architecture("| `jsip` | x | | |"), &packages)),
            ["ARCHITECTURE.md:4: jsip has to be pure"]
        );
    }
}
