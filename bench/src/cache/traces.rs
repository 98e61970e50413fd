//! Hit ratios on recorded traces, as a share of the optimum, and beside a simulation of the same
//! policy. `PANDO_TRACES` names the folder; without it `../shared/data/traces`.

use super::simulate;
use crate::report::Report;
use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use pando_cache::Eviction;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// None of them is a mere loop.
const TRACES: [&str; 4] = [
    "web12.bin.gz",
    "sprite.txt.gz",
    "multi3.txt.gz",
    "2_pools.txt.gz",
];
/// The sizes, in percent of a trace's distinct keys.
const SIZES: [usize; 3] = [5, 10, 20];
/// What is wanted of `s3fifo`, on average, and how far any policy may be from its simulation.
const GOAL: f64 = 0.80;
const DISTANCE: f64 = 0.02;

/// One policy on one trace at one size: hit ratios.
struct Figure {
    ours: f64,
    simulated: f64,
    optimum: f64,
}

pub fn run() -> Result<Vec<Report>> {
    let folder = std::env::var_os("PANDO_TRACES")
        .map_or_else(|| PathBuf::from("../shared/data/traces"), PathBuf::from);
    let mut traces = Vec::new();
    for name in TRACES {
        let path = folder.join(name);
        if path.exists() {
            traces.push((name, read(&path)?));
        } else {
            eprintln!(
                "   SKIPPED {name}: there is no {}; PANDO_TRACES names the folder",
                path.display()
            );
        }
    }
    if traces.is_empty() {
        return Ok(Vec::new());
    }
    let optima = optima(&traces);
    eprintln!(
        "   {:<16} {:>3} {:<7} {:>6} {:>9} {:>7}",
        "trace", "%", "policy", "hits", "simulated", "optimum"
    );
    let reports = Eviction::ALL.map(|eviction| report(eviction, &traces, &optima));
    reports.into_iter().collect()
}

/// The hits of the optimum, by trace and size.
fn optima(traces: &[(&str, Vec<u32>)]) -> Vec<u64> {
    let all = traces.iter().flat_map(|(_, trace)| {
        SIZES.map(|percent| simulate::belady(trace, entries(trace, percent)))
    });
    all.collect()
}

fn report(eviction: Eviction, traces: &[(&str, Vec<u32>)], optima: &[u64]) -> Result<Report> {
    let mut figures = Vec::new();
    let mut optima = optima.iter();
    for (name, trace) in traces {
        for percent in SIZES {
            let (entries, requests) = (entries(trace, percent), trace.len() as f64);
            let optimum = optima.next().copied().unwrap_or(0);
            let figure = Figure {
                ours: super::hits(eviction, trace, entries)? as f64 / requests,
                simulated: simulate::hits(eviction, trace, entries) as f64 / requests,
                optimum: optimum as f64 / requests,
            };
            eprintln!(
                "   {:<16} {percent:>3} {eviction:<7} {:>6.3} {:>9.3} {:>7.3}",
                name, figure.ours, figure.simulated, figure.optimum
            );
            figures.push(figure);
        }
    }
    let pairs: Vec<(f64, f64)> = figures
        .iter()
        .map(|figure| (figure.ours * 100.0, figure.optimum * 100.0))
        .collect();
    let goal = if eviction == Eviction::S3Fifo {
        GOAL
    } else {
        0.0
    };
    let mut report = Report::of_pairs(format!("cache-traces-{eviction}"), "% hits", goal, &pairs);
    let shares = figures.iter().map(|figure| figure.ours / figure.optimum);
    let mean = shares.sum::<f64>() / figures.len() as f64;
    let distances = figures
        .iter()
        .map(|figure| (figure.ours - figure.simulated).abs());
    let distance = distances.fold(0.0, f64::max);
    report
        .peers
        .insert("mean, % of the optimum".to_owned(), mean * 100.0);
    report.peers.insert(
        "furthest from its simulation, points".to_owned(),
        distance * 100.0,
    );
    eprintln!(
        "   {eviction}: {mean:.3} of the optimum on average; at most {distance:.4} from its simulation{}",
        if distance > DISTANCE {
            ", MORE than 0.02"
        } else {
            ""
        }
    );
    Ok(report)
}

fn entries(trace: &[u32], percent: usize) -> usize {
    // Keys are numbered from 0, so the greatest tells how many there are.
    let distinct = trace
        .iter()
        .max()
        .map_or(0, |greatest| *greatest as usize + 1);
    distinct * percent / 100
}

/// A trace, with its keys numbered in the order of their first requests.
fn read(path: &Path) -> Result<Vec<u32>> {
    let context = || format!("read {}", path.display());
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path).with_context(context)?)
        .read_to_end(&mut bytes)
        .with_context(context)?;
    let keys: Vec<u64> = if path.to_string_lossy().contains(".bin") {
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            bail!("{} does not end with a whole number", path.display());
        }
        numbers
            .iter()
            .map(|number| u32::from_be_bytes(*number).into())
            .collect()
    } else {
        let text = std::str::from_utf8(&bytes).with_context(context)?;
        // The LIRS traces begin and end with a star here and there.
        let words = text.split_whitespace().filter(|word| *word != "*");
        words
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(context)?
    };
    Ok(numbered(&keys))
}

fn numbered(keys: &[u64]) -> Vec<u32> {
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    let number = |key: &u64| {
        let next = numbers.len() as u32;
        *numbers.entry(*key).or_insert(next)
    };
    keys.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::simulate::Tie;

    /// Popular keys and scans through what comes once: what caches meet, in short. With `looped`
    /// keys that come again and again in the same order besides.
    fn made(seed: u64, looped: u32) -> Vec<u32> {
        let mut state = seed;
        let mut random = || {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let mut keys = Vec::new();
        for round in 0..10_u64 {
            for _ in 0..2_000 {
                let unit = (random() >> 11) as f64 / (1_u64 << 53) as f64;
                // Log-uniform, which is Zipf with exponent 1.
                keys.push(2_000_f64.powf(unit) as u64);
            }
            keys.extend((0..200).map(|n| 10_000 + round * 200 + n));
            keys.extend((0..looped).map(|n| 100_000 + u64::from(n)));
        }
        numbered(&keys)
    }

    /// How far each policy is from its simulation, on made traces of all sizes.
    fn check(looped: u32, simulated: impl Fn(Eviction, &[u32], usize) -> u64) {
        for seed in [1, 2] {
            let trace = made(seed, looped);
            for percent in SIZES {
                let entries = entries(&trace, percent);
                let optimum = simulate::belady(&trace, entries);
                for eviction in Eviction::ALL {
                    let ours = crate::cache::hits(eviction, &trace, entries).unwrap();
                    let simulated = simulated(eviction, &trace, entries);
                    let distance = ours.abs_diff(simulated) as f64 / trace.len() as f64;
                    assert!(
                        distance <= DISTANCE && ours <= optimum,
                        "seed {seed}, {percent} %, {eviction}: {ours} hits, \
                         {simulated} simulated, {optimum} at best"
                    );
                }
            }
        }
    }

    #[test]
    fn the_cache_hits_as_often_as_an_independent_simulation_of_each_policy() {
        check(0, simulate::hits);
    }

    /// Where a loop would just fit, foyer's `lfu` is further from its paper, because of its rule
    /// for ties and of nothing else.
    #[test]
    fn with_loops_too_once_the_simulation_of_lfu_has_the_librarys_rule_for_ties() {
        check(300, |eviction, trace, entries| match eviction {
            Eviction::Lfu => simulate::w_tiny_lfu(trace, entries, Tie::Leaves),
            other => simulate::hits(other, trace, entries),
        });
    }
}
