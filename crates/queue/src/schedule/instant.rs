//! From wall-clock times that match to instants; the rule is in [`super`].

use croner::Cron;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// Wall-clock times that fall into a gap occur at its end, and those that come twice the first time.
pub(super) fn by_wall_clock(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    // Later wall-clock times are never earlier instants here, so the first that is late enough
    // is the first. Those that come twice are passed again behind the clocks' change.
    let mut civil = zone.to_datetime(after);
    loop {
        civil = cron.find_next_occurrence(&civil, false).ok()?;
        let instant = instant_of(civil, zone)?;
        if instant > after {
            return Some(instant);
        }
    }
}

/// Between two changes of the clocks wall-clock time is real time; so each such stretch is
/// searched by itself, what is skipped is in none of them, and what comes twice is in two.
pub(super) fn by_real_time(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut begins = after;
    let mut is_first = true;
    loop {
        let offset = zone.to_offset(begins);
        let civil = offset.to_datetime(begins);
        let found = cron.find_next_occurrence(&civil, !is_first).ok()?;
        let instant = offset.to_timestamp(found).ok()?;
        let change = zone.following(begins).next();
        match change.map(|change| change.timestamp()) {
            Some(change) if change <= instant => begins = change,
            _ => return Some(instant),
        }
        is_first = false;
    }
}

fn instant_of(civil: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // By the offset behind the gap the time lies before the change, by less than the gap.
            let early = after.to_timestamp(civil).ok()?;
            zone.following(early)
                .next()
                .map(|change| change.timestamp())
        }
    }
}
