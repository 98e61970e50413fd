//! How Patroni is set up.

use crate::config::PostgresConfig;
use crate::topology::Patroni;
use pando_model::inspection::{Shortfall, Weight};
use serde_json::Value;

/// What in its settings does not do.
pub(super) async fn look_at_patroni(config: &PostgresConfig) -> Vec<Shortfall> {
    let patroni = Patroni::new();
    let mut settings = None;
    for rest in &config.patroni {
        settings = patroni.settings(rest.trim_end_matches('/')).await;
        if settings.is_some() {
            break;
        }
    }
    match settings {
        Some(settings) => judge_patroni(&settings).into_iter().collect(),
        None => vec![Shortfall {
            setting: "patroni",
            server: None,
            weight: Weight::Warning,
            message: format!("none of {} answers", config.patroni.join(", ")),
            mend: "see that Patroni runs, and that store.postgres.patroni names its REST addresses"
                .to_owned(),
        }],
    }
}

fn judge_patroni(settings: &Value) -> Option<Shortfall> {
    // What is on may be written as a word or a number, as in YAML.
    let is_on = |name: &str| match &settings[name] {
        Value::Bool(on) => *on,
        Value::String(word) => !matches!(word.as_str(), "" | "off" | "false" | "no"),
        Value::Number(number) => number.as_i64() != Some(0),
        _ => false,
    };
    let (setting, message) = if !is_on("synchronous_mode") {
        (
            "synchronous_mode",
            "Patroni's synchronous_mode is off: it promotes a standby that has not got all that \
             was answered",
        )
    } else if !is_on("synchronous_mode_strict") {
        (
            "synchronous_mode_strict",
            "Patroni's synchronous_mode is not strict: without a standby the primary answers alone, \
             and a failover then loses that",
        )
    } else {
        return None;
    };
    Some(Shortfall {
        setting,
        server: None,
        weight: Weight::Warning,
        message: message.to_owned(),
        mend: format!("patronictl edit-config -s {setting}=true"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patroni_has_to_be_synchronous_and_strict() {
        for (settings, expected) in [
            (json!({}), Some("synchronous_mode")),
            (
                json!({ "synchronous_mode": false }),
                Some("synchronous_mode"),
            ),
            (
                json!({ "synchronous_mode": "off" }),
                Some("synchronous_mode"),
            ),
            (
                json!({ "synchronous_mode": true }),
                Some("synchronous_mode_strict"),
            ),
            (
                json!({ "synchronous_mode": "quorum" }),
                Some("synchronous_mode_strict"),
            ),
            (
                json!({ "synchronous_mode": true, "synchronous_mode_strict": true }),
                None,
            ),
        ] {
            let found = judge_patroni(&settings).map(|found| found.setting);
            assert_eq!(found, expected, "{settings}");
        }
    }
}
