//! The commands of a page of the documentation, and whether they say what is written there.

/// A command, and what it must print: `...` stands for any lines, or for anything within one.
#[derive(Debug, Default)]
pub struct Step {
    pub command: String,
    pub output: Vec<String>,
}

/// The commands of all blocks of one section that are marked `console`.
pub fn steps(page: &str, section: &str) -> Vec<Step> {
    let (_, section) = page.split_once(&format!("\n## {section}\n")).unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut steps: Vec<Step> = Vec::new();
    for block in section.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => steps.push(Step {
                    command: command.to_owned(),
                    output: Vec::new(),
                }),
                None => steps.last_mut().unwrap().output.push(line.to_owned()),
            }
        }
    }
    steps
}

pub fn line_fits(pattern: &str, line: &str) -> bool {
    let mut rest = line;
    let parts: Vec<&str> = pattern.split("...").collect();
    for (place, part) in parts.iter().enumerate() {
        let found = match place {
            0 => rest.starts_with(part).then_some(0),
            _ if place + 1 == parts.len() => rest.ends_with(part).then(|| rest.len() - part.len()),
            _ => rest.find(part),
        };
        let Some(found) = found else { return false };
        rest = &rest[found + part.len()..];
    }
    parts.len() > 1 || rest.is_empty()
}

pub fn fits(pattern: &[String], output: &[&str]) -> bool {
    match pattern.split_first() {
        None => output.is_empty(),
        Some((any, rest)) if any == "..." => (0..=output.len()).any(|taken| fits(rest, &output[taken..])),
        Some((one, rest)) => output
            .split_first()
            .is_some_and(|(line, output)| line_fits(one, line) && fits(rest, output)),
    }
}
