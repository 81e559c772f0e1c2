//! The codec beside `serde_json::Value`: decode, change `Request-URI` and `DialogueID`, encode.
//!
//! The last line printed is how many times faster the codec is, from the medians of interleaved rounds.

use divan::{Bencher, black_box};
use jsip::{Limits, Message};
use serde_json::Value;

#[path = "../tests/samples/mod.rs"]
mod samples;

fn main() {
    divan::main();
    ratios();
}

/// The two messages by name.
const SAMPLES: [&str; 2] = ["MESSAGE 300 B", "INVITE 3 KB"];

fn sample(name: &str) -> String {
    if name == SAMPLES[0] {
        samples::message()
    } else {
        samples::invite()
    }
}

fn with_jsip(text: &str) -> String {
    let Ok(Message::Request(mut request)) = Message::decode(text, &Limits::default()) else {
        unreachable!("the samples are requests")
    };
    request.set_request_uri("bob@node-7.example.net");
    request.set_dialog_id("n7-3-0000000000004f2a");
    request.encode()
}

fn with_value(text: &str) -> String {
    let mut value: Value = serde_json::from_str(text).expect("the samples are JSON");
    value["Request-URI"] = "bob@node-7.example.net".into();
    value["DialogueID"] = "n7-3-0000000000004f2a".into();
    value.to_string()
}

#[divan::bench(args = SAMPLES)]
fn jsip(bencher: Bencher<'_, '_>, name: &str) {
    let text = sample(name);
    bencher.bench(|| with_jsip(black_box(&text)));
}

#[divan::bench(args = SAMPLES)]
fn serde_json_value(bencher: Bencher<'_, '_>, name: &str) {
    let text = sample(name);
    bencher.bench(|| with_value(black_box(&text)));
}

#[divan::bench(args = SAMPLES)]
fn decode_only(bencher: Bencher<'_, '_>, name: &str) {
    let text = sample(name);
    bencher.bench(|| Message::decode(black_box(&text), &Limits::default()));
}

/// Nanoseconds per call, the median of many short rounds.
#[allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn medians(text: &str) -> [f64; 2] {
    const ROUNDS: usize = 201;
    const CALLS: u32 = 500;
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for (times, run) in times
            .iter_mut()
            .zip([with_jsip as fn(&str) -> String, with_value])
        {
            let start = std::time::Instant::now();
            for _ in 0..CALLS {
                black_box(run(black_box(text)));
            }
            times.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    })
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its result")]
fn ratios() {
    let mut line = Vec::new();
    for name in SAMPLES {
        let text = sample(name);
        let [ours, theirs] = medians(&text);
        println!(
            "{name} ({} bytes): jsip {ours:.0} ns, serde_json::Value {theirs:.0} ns",
            text.len()
        );
        line.push(format!("{name}: {:.1} times faster", theirs / ours));
    }
    println!("{}", line.join(", "));
}
