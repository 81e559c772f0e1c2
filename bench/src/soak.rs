//! Mixed load for long: whether memory, descriptors and tables stay, and others wait as short in the last minute as in the first.

mod figures;
mod room;

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::bars::{Verdict, judge};
use crate::churn::Churn;
use crate::closed::Work;
use crate::latency;
use crate::open::Callers;
use crate::plot::{Axis, Panel, Plot, Scale, Series};
use crate::report::{Column, Table, column, median};
use crate::server::{Kind, Server, Settings};
use room::Room;

const PAIRS: u64 = 50;
/// Who comes and goes, each with a pause between two cycles.
const VISITORS: u64 = 10;
const PAUSE: Duration = Duration::from_millis(200);
const VISITOR_NAMES: u64 = 1_000_000;
const MEMBERS: u64 = 20;
/// So many dialogs and instances may be at work when somebody looks: two where there was one are no growth.
const AT_WORK: f64 = 16.0;
/// Between two messages to the room.
const SPEECH: Duration = Duration::from_millis(500);
/// Samples per minute.
const SAMPLES: u32 = 6;
const MINUTE: Duration = Duration::from_secs(60);

const COLUMNS: [Column; 13] = [
    column("minute", "minute", 0),
    column("message_p50_us", "p50 us", 0),
    column("message_p99_us", "p99 us", 0),
    column("message_p999_us", "p99.9 us", 0),
    column("call_p99_us", "call p99 us", 0),
    column("cpu_percent", "CPU %", 1),
    column("resident_kb", "resident KB", 0),
    column("descriptors", "descriptors", 0),
    column("channels", "channels", 0),
    column("sockets", "sockets", 0),
    column("dialogs", "dialogs", 0),
    column("records", "records", 0),
    column("instances", "instances", 0),
];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) minutes: u64,
    /// Messages per second; calls are a tenth of them.
    pub(crate) rate: u64,
    pub(crate) shards: usize,
}

/// One minute: latency, and the middle of its samples.
struct Minute {
    messages: Histogram<u64>,
    calls: Histogram<u64>,
    cpu: f64,
    resident: f64,
    descriptors: f64,
    tables: [f64; 5],
}

pub(crate) async fn run(extent: Extent) -> Result<Table, String> {
    let server = Kind::Strowger.start(Settings {
        members: MEMBERS + 1,
        shows_figures: true,
        ..Settings::shards(extent.shards)
    });
    let server = server.await?;
    let messages = Callers::connect(server.address(), Work::Message(1), 0..PAIRS).await?;
    let calls = Callers::connect(server.address(), Work::Call, PAIRS..2 * PAIRS).await?;
    let churn = Churn::start(&server, VISITORS, VISITOR_NAMES, PAUSE);
    let room = Room::open(&server, MEMBERS, SPEECH).await?;

    let mut minutes = Vec::new();
    let (mut refused, mut sent) = (0, [0, 0]);
    for number in 0..extent.minutes {
        let rate = extent.rate as f64;
        let offered = [
            messages.offer(Instant::now(), MINUTE, rate),
            calls.offer(Instant::now(), MINUTE, rate / 10.0),
        ];
        let minute = watch(&server).await;
        for (sent, offered) in sent.iter_mut().zip(offered) {
            *sent += offered.await.map_err(|error| error.to_string())?;
        }
        let mut minute = minute?;
        messages.wait_for(sent[0]).await?;
        calls.wait_for(sent[1]).await?;
        let [(message_latency, more), (call_latency, of_calls)] = [messages.take(), calls.take()];
        (minute.messages, minute.calls) = (message_latency, call_latency);
        refused += more + of_calls;
        eprintln!(
            "minute {} of {}: p99 {} us, {:.0} KB",
            number + 1,
            extent.minutes,
            minute.messages.value_at_quantile(0.99),
            minute.resident
        );
        minutes.push(minute);
    }
    let cycles = churn.cycles();
    churn.stop().await?;
    let reached = room.close().await?;
    let mut table = table(extent, &minutes);
    table.notes.push(format!(
        "{} messages, {} calls, {cycles} users who came and left, {reached} messages in rooms; {refused} requests were refused",
        sent[0], sent[1]
    ));
    Ok(table)
}

/// Looks at the server for a minute.
async fn watch(server: &Server) -> Result<Minute, String> {
    let admin = server.admin().ok_or("the server shows no figures")?;
    let process = server.process();
    let (cpu, started) = (process.cpu()?, Instant::now());
    let (mut resident, mut descriptors) = (Vec::new(), Vec::new());
    let mut tables: [Vec<f64>; 5] = Default::default();
    for sample in 1..=SAMPLES {
        let due = started + MINUTE / SAMPLES * sample;
        tokio::time::sleep(due.saturating_duration_since(Instant::now())).await;
        resident.push(process.resident()? as f64);
        descriptors.push(process.descriptors()? as f64);
        for (values, value) in tables.iter_mut().zip(figures::tables(admin).await?) {
            values.push(value);
        }
    }
    Ok(Minute {
        messages: latency::empty(),
        calls: latency::empty(),
        cpu: (process.cpu()? - cpu).as_secs_f64() / started.elapsed().as_secs_f64(),
        resident: median(resident),
        descriptors: median(descriptors),
        tables: tables.map(median),
    })
}

fn table(extent: Extent, minutes: &[Minute]) -> Table {
    let about = format!(
        "{} minutes of {} messages/s and {} calls/s by {PAIRS} pairs each, open loop; {VISITORS} users who come and go; a message every \
         {} ms to a room of {MEMBERS}; medians of {SAMPLES} samples per minute, latency from when a message or call was due",
        extent.minutes,
        extent.rate,
        extent.rate / 10,
        SPEECH.as_millis()
    );
    let mut table = Table::new("soak", about, &COLUMNS);
    for (number, minute) in (1_u64..).zip(minutes) {
        let at = |quantile| minute.messages.value_at_quantile(quantile).into();
        let mut row = vec![number.into(), at(0.5), at(0.99), at(0.999)];
        row.push(minute.calls.value_at_quantile(0.99).into());
        row.extend([minute.cpu * 100.0, minute.resident, minute.descriptors].map(Into::into));
        row.extend(minute.tables.map(Into::into));
        table.rows.push(row);
    }
    table.verdicts = verdicts(extent, minutes);
    table.plot = Some(plot(minutes));
    table
}

/// Latency against the first minute, sizes against the second: the first begins with nothing.
fn verdicts(extent: Extent, minutes: &[Minute]) -> Vec<Verdict> {
    let (Some(first), Some(last)) = (minutes.first(), minutes.last()) else {
        return Vec::new();
    };
    let second = minutes.get(1).unwrap_or(first);
    let p99 = |minute: &Minute| minute.messages.value_at_quantile(0.99) as f64;
    let grown = |of: &dyn Fn(&Minute) -> f64| of(last) / of(second).max(1.0);
    let tables = (0..figures::TABLES.len()).map(|at| grown(&|minute| minute.tables[at].max(AT_WORK)));
    [
        ("soak_p99", p99(last) / p99(first).max(1.0)),
        ("soak_memory", grown(&|minute| minute.resident)),
        ("soak_descriptors", grown(&|minute| minute.descriptors)),
        ("soak_tables", tables.fold(0.0, f64::max)),
    ]
    .map(|(bar, value)| judge(bar, value).unless(extent.minutes < 30, "less than 30 minutes"))
    .into()
}

fn plot(minutes: &[Minute]) -> Plot {
    let series = |name: &str, colour, of: &dyn Fn(&Minute) -> f64| Series {
        name: name.to_owned(),
        colour,
        dashed: false,
        points: (1..).map(f64::from).zip(minutes.iter().map(of)).collect(),
    };
    let time = || Axis::new("minute", Scale::Linear);
    Plot {
        title: "mixed load: latency and memory over time".to_owned(),
        panels: vec![
            Panel {
                x: time(),
                y: Axis::new("latency, us", Scale::Logarithmic),
                series: vec![
                    series("message, p50", 0, &|minute| {
                        minute.messages.value_at_quantile(0.5) as f64
                    }),
                    series("message, p99", 1, &|minute| {
                        minute.messages.value_at_quantile(0.99) as f64
                    }),
                ],
            },
            Panel {
                x: time(),
                y: Axis::new("resident, MB", Scale::Linear),
                series: vec![series("Strowger", 1, &|minute| minute.resident / 1024.0)],
            },
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(records: f64, instances: f64) -> Minute {
        Minute {
            messages: latency::empty(),
            calls: latency::empty(),
            cpu: 0.1,
            resident: 20_000.0,
            descriptors: 246.0,
            tables: [221.0, 221.0, 0.0, records, instances],
        }
    }

    #[test]
    fn who_is_at_work_when_somebody_looks_is_no_growth_and_more_records_are() {
        let extent = Extent {
            minutes: 30,
            rate: 500,
            shards: 0,
        };
        let tables = |last| {
            let minutes = [minute(3000.0, 1.0), minute(3000.0, 1.0), last];
            verdicts(extent, &minutes).pop().map(|verdict| verdict.json())
        };
        let met = |last: Minute| tables(last).map(|verdict| verdict["met"] == true);
        assert_eq!(met(minute(3010.0, 2.0)), Some(true));
        assert_eq!(met(minute(3400.0, 1.0)), Some(false));
        assert_eq!(met(minute(3000.0, 40.0)), Some(false));
    }
}
