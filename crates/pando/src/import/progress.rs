//! How far an import is: a bar with rate and time left on a terminal, else a line
//! now and then.

use super::source::Sources;
use crate::report::{Report, grouped};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often a line is written where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Tells how far an import is.
pub struct Progress {
    sources: Sources,
    bar: Option<ProgressBar>,
    report: Report,
    began: Instant,
    told: Instant,
}

impl Progress {
    /// Begins to tell.
    pub fn start(sources: &Sources, report: Report) -> Progress {
        let now = Instant::now();
        let watched = !report.is_json() && std::io::stderr().is_terminal();
        let bar = watched.then(|| {
            let bar = ProgressBar::with_draw_target(
                Some(sources.bytes().1),
                ProgressDrawTarget::stderr_with_hz(10),
            );
            let style = "{wide_bar} {percent:>3} %  {msg}  {eta} left";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar
        });
        Progress {
            sources: sources.clone(),
            bar,
            report,
            began: now,
            told: now,
        }
    }

    /// So many rows are stored.
    pub fn advance(&mut self, rows: u64) {
        let (read, total) = self.sources.bytes();
        // A zip file's list of members is read twice.
        let read = read.min(total);
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let rate = rows as f64 / seconds;
        if let Some(bar) = &self.bar {
            bar.set_position(read);
            bar.set_message(format!(
                "{} rows  {}/s",
                grouped(rows),
                grouped(rate as u64)
            ));
            return;
        }
        if self.told.elapsed() < LINE_EVERY {
            return;
        }
        self.told = Instant::now();
        let share = read as f64 / total.max(1) as f64;
        let left = seconds / share.max(0.001) - seconds;
        self.report.remark(&format!(
            "{} rows, {:.0} %, {}/s, {left:.0} s left",
            grouped(rows),
            share * 100.0,
            grouped(rate as u64),
        ));
    }

    /// Takes the bar away, and says how long it took.
    pub fn finish(self) -> Duration {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        self.began.elapsed()
    }
}
