//! Does a piece of the server's work so many times, for `valgrind` to count its instructions.
//!
//! `strowger-counts WORK TIMES` does it a few hundred times to begin with, in which tables grow to their size, and then so many
//! times in calls of [`counted`], which are all that is counted. `cargo xtask counts` runs it and compares.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks by printing"
)]

mod messages;
mod node;
mod stack;

use std::hint::black_box;
use std::process::ExitCode;

use jsip::{Limits, Message};

use crate::node::Node;
use crate::stack::Transactions;

/// How often each work is done before it is counted.
const BEFORE: usize = 300;

/// Everything that is counted runs in here; by this name `valgrind` knows it.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, times] = arguments.as_slice() else {
        eprintln!("usage: strowger-counts decode|transaction|message|journal|call TIMES");
        return ExitCode::from(64);
    };
    let Ok(times) = times.parse::<usize>() else {
        eprintln!("{times:?} is no number");
        return ExitCode::from(64);
    };
    match work.as_str() {
        "decode" => decode(times),
        "transaction" => {
            let mut transactions = Transactions::new();
            (0..BEFORE).for_each(|_| transactions.one(&mut |work| work()));
            (0..times).for_each(|_| transactions.one(&mut |work| counted(work)));
        }
        "message" => {
            let mut node = Node::new();
            (0..BEFORE).for_each(|_| node.message(&mut |work| work()));
            (0..times).for_each(|_| node.message(&mut |work| counted(work)));
        }
        "journal" => {
            let mut node = Node::with_journal();
            (0..BEFORE).for_each(|_| node.message(&mut |work| work()));
            (0..times).for_each(|_| node.message(&mut |work| counted(work)));
        }
        "call" => {
            let mut node = Node::new();
            (0..BEFORE).for_each(|_| node.call(&mut |work| work()));
            (0..times).for_each(|_| node.call(&mut |work| counted(work)));
        }
        other => {
            eprintln!("there is no work {other:?}");
            return ExitCode::from(64);
        }
    }
    println!("{times}");
    ExitCode::SUCCESS
}

fn decode(times: usize) {
    let text = messages::invite("d-0", 1);
    let limits = Limits::default();
    for _ in 0..times {
        let decoded = counted(|| Message::decode(black_box(&text), &limits).is_ok());
        assert!(decoded, "an INVITE of ours is one");
    }
}
