//! What is fixed before a run: the steps one after another, and the names of the users.

use std::sync::Arc;

use crate::step::Step;

/// A step with its place in the file and the round of the repetition it stands in.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) step: Arc<Step>,
    pub(super) place: Arc<str>,
    pub(super) round: Option<u64>,
}

/// Unrolls repetitions.
pub(super) fn unroll(steps: &[Step], place: &str, round: Option<u64>, plan: &mut Vec<Planned>) {
    for (at, step) in steps.iter().enumerate() {
        let place = format!("{place}[{at}]");
        if let Step::Repeat { times, steps } = step {
            let mut one_round = Vec::new();
            unroll(steps, &format!("{place}.steps"), None, &mut one_round);
            for round in 1..=*times {
                // An inner repetition has numbered its own steps.
                plan.extend(one_round.iter().cloned().map(|step| Planned {
                    round: step.round.or(Some(round)),
                    ..step
                }));
            }
        } else {
            plan.push(Planned {
                step: Arc::new(step.clone()),
                place: place.into(),
                round,
            });
        }
    }
}

/// `alice@example.com` with the suffix `7f3a` is `alice-7f3a@example.com`, her device `alice+phone@example.com` is
/// `alice-7f3a+phone@example.com`; a bare host gets it at its end.
pub(super) fn suffixed(userid: &str, suffix: &str) -> String {
    if suffix.is_empty() {
        return userid.to_owned();
    }
    match userid.rsplit_once('@') {
        Some((user, host)) => match user.rsplit_once('+') {
            Some((user, device)) if !user.is_empty() => format!("{user}-{suffix}+{device}@{host}"),
            _ => format!("{user}-{suffix}@{host}"),
        },
        None => format!("{userid}-{suffix}"),
    }
}

pub(super) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_percent_encoded() {
        assert_eq!(
            percent_encoded("a b%\n@exämple;x"),
            "a%20b%25%0A%40ex%C3%A4mple%3Bx"
        );
    }
}
