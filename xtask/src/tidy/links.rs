//! Every relative link in a Markdown file leads to a file, and every `#anchor` to a heading.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::File;
use crate::report::Finding;

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let documents: BTreeMap<&str, &File> = files
        .iter()
        .filter(|file| file.extension() == "md")
        .map(|file| (file.path.as_str(), file))
        .collect();
    let mut findings = Vec::new();
    for file in documents.values() {
        for (line, target) in
            prose(&file.text).flat_map(|(line, text)| targets(&text).into_iter().map(move |t| (line, t)))
        {
            if let Some((fault, remedy)) = fault(file, &target, &paths, &documents) {
                findings.push(Finding::at(&file.path, line, fault, remedy));
            }
        }
    }
    findings
}

fn fault(
    from: &File,
    target: &str,
    paths: &BTreeSet<&str>,
    documents: &BTreeMap<&str, &File>,
) -> Option<(String, &'static str)> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target
        .split_once('#')
        .map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let path = if path.is_empty() {
        Some(from.path.clone())
    } else {
        resolve(&from.path, path)
    };
    let is_there = |path: &str| {
        path.is_empty()
            || paths.contains(path)
            || paths.iter().any(|file| file.starts_with(&format!("{path}/")))
    };
    let Some(path) = path.filter(|path| is_there(path)) else {
        return Some((
            format!("the link {target} leads nowhere"),
            "correct the path, it is relative to this file",
        ));
    };
    let anchor = anchor?;
    let document = documents.get(path.as_str())?;
    let is_known = anchors(&document.text).contains(anchor);
    (!is_known).then(|| {
        (
            format!("{path} has no heading for #{anchor}"),
            "correct the anchor or the heading",
        )
    })
}

/// A relative path from the root of the repository; `None` if it leaves it.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The lines of a document outside fenced code, with what is code within them taken out.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, None) => {
                let outside: Vec<_> = line.split('`').step_by(2).collect();
                return Some((index + 1, outside.join("")));
            }
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
        }
        None
    })
}

/// Where the links of a line lead: `](target)` and `[name]: target`.
fn targets(line: &str) -> Vec<String> {
    let inline = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    let definition = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .map(|(_, target)| target);
    let targets = inline
        .chain(definition)
        .filter_map(|target| target.split_whitespace().next());
    targets.map(str::to_owned).collect()
}

/// The anchors of a document's headings, as hosting sites make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    let mut in_fence = false;
    for line in text.lines() {
        in_fence ^= line.trim_start().starts_with("```");
        let title = line.trim_start_matches('#');
        if in_fence || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().to_lowercase();
        let kept = kept
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let count = counts.entry(anchor.clone()).or_default();
        anchors.insert(if *count == 0 {
            anchor
        } else {
            format!("{anchor}-{count}")
        });
        *count += 1;
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::faults;

    #[test]
    fn links_that_lead_somewhere_are_in_order() {
        let files = [
            File::new(
                "README.md",
                "[a](docs/a.md#two-words) [b](./docs) [c](#me) [d](https://x.example/y)\n# Me\n",
            ),
            File::new(
                "docs/a.md",
                "# A\n## `Two` words!\n[up](../README.md)\n[ref]: ../README.md#me\n",
            ),
        ];
        assert_eq!(check(&files), []);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let files = [
            File::new(
                "a.md",
                "[x](b.md)\n[y](c.md#no)\n[z](#me)\n[o](../out.md)\n[r]: gone.md\n",
            ),
            File::new("c.md", "# Yes\n"),
        ];
        assert_eq!(
            faults(&check(&files)),
            [
                "a.md:1: the link b.md leads nowhere",
                "a.md:2: c.md has no heading for #no",
                "a.md:3: a.md has no heading for #me",
                "a.md:4: the link ../out.md leads nowhere",
                "a.md:5: the link gone.md leads nowhere",
            ]
        );
    }

    #[test]
    fn code_is_not_read() {
        let files = [File::new(
            "a.md",
            "`[x](b.md)`\n```\n[x](b.md)\n# no heading\n```\n[y](#no-heading)\n",
        )];
        assert_eq!(
            faults(&check(&files)),
            ["a.md:6: a.md has no heading for #no-heading"]
        );
    }

    #[test]
    fn a_heading_that_comes_twice_gets_a_number() {
        let anchors = anchors("# A b\n# A b\n# `x_y`: z\n");
        assert_eq!(anchors.into_iter().collect::<Vec<_>>(), ["a-b", "a-b-1", "x_y-z"]);
    }
}
