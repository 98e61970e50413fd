//! OWASP ASVS 5.0, chapter V7. What it asks of an application, this asks of the calls that an
//! application does it by.

use crate::site::{
    CURRENT, PER_USER_MAX, ROOT, ROTATE, Site, cookies_set, default_of, manual, until,
};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Microseconds since 1970 of a time as it is shown.
fn us(shown: &serde_json::Value) -> i64 {
    let text = shown.as_str().expect("a time");
    pando_model::datetime::parse_timestamptz(text).expect("RFC 3339")
}

const HOUR: i64 = 3_600_000_000;

/// The part of the manual about a requirement.
fn documented(number: &str) -> String {
    let manual = manual();
    let lines: Vec<&str> = manual
        .lines()
        .filter(|line| line.contains(number))
        .collect();
    assert!(
        !lines.is_empty(),
        "docs/sessions.md says nothing of {number}"
    );
    lines.join("\n")
}

pub fn v7_1_1_inactivity_and_lifetime_are_documented_and_are_what_is_done(site: &Site) {
    let told = documented("7.1.1");
    for (setting, value) in [("idle", "1h"), ("absolute", "1d"), ("max_absolute", "30d")] {
        assert_eq!(default_of(setting), value);
        let line = format!("`{setting} = \"{value}\"`");
        assert!(told.contains(&line), "{line} in {told}");
    }
    assert!(told.contains("NIST SP 800-63B"));
    let begun = site.begin(&site.user(), "");
    let shown = site.shown(&begun.token);
    assert_eq!(us(&shown["expires_at"]) - us(&shown["last_seen_at"]), HOUR);
    assert_eq!(
        us(&shown["absolute_expires_at"]) - us(&shown["created_at"]),
        24 * HOUR
    );
}

pub fn v7_1_2_how_many_sessions_and_what_then_is_documented_and_done(site: &Site) {
    let told = documented("7.1.2");
    let line = format!("`max_per_user = {}`", default_of("max_per_user"));
    assert!(told.contains(&line), "{line} in {told}");
    let user = site.user();
    let begun: Vec<_> = (0..=PER_USER_MAX).map(|_| site.begin(&user, "")).collect();
    assert!(
        !site.is_alive(&begun[0].token),
        "the one not used for longest"
    );
    for kept in &begun[1..] {
        assert!(site.is_alive(&kept.token));
    }
    assert_eq!(site.ids(&user).len(), PER_USER_MAX);
}

pub fn v7_1_3_federation_is_documented(_: &Site) {
    documented("7.1.3");
}

pub fn v7_2_1_tokens_are_verified_by_the_backend_alone(site: &Site) {
    let begun = site.begin(&site.user(), "");
    assert!(site.is_alive(&begun.token));
    // Nothing that is changed in a token leaves it one.
    for at in (0..begun.token.len()).step_by(5) {
        let mut bent = begun.token.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        let bent = String::from_utf8(bent).expect("ASCII");
        assert!(bent == begun.token || !site.is_alive(&bent), "byte {at}");
    }
    // No process remembers what another has ended.
    let ended = site.app("DELETE", CURRENT, &begun.header(), "");
    assert_eq!(ended.status, 204);
    assert!(!site.is_alive(&begun.token));
}

pub fn v7_2_2_tokens_are_made_for_each_session_and_keys_are_none(site: &Site) {
    let user = site.user();
    let tokens = [site.begin(&user, "").token, site.begin(&user, "").token];
    assert_ne!(tokens[0], tokens[1]);
    let made = site.app("POST", "/admin/v1/keys", "", r#"{"scopes": "*"}"#);
    let key = made.json()["key"].as_str().expect("a key").to_owned();
    assert!(!site.is_alive(&key), "a key is no session");
    let as_key = format!("Authorization: Bearer {}\r\n", tokens[0]);
    let refused = site.browser("GET", "/kv/v1/s", &as_key, "");
    assert_eq!(refused.status, 401, "a session is no key");
}

pub fn v7_2_3_tokens_are_unique_random_and_kept_as_hashes(site: &Site) {
    let mut tokens = HashSet::new();
    for n in 0..40 {
        let keyed = format!("Idempotency-Key: {}-{n}\r\n", site.user());
        let user = site.user();
        let body = format!("{{\"user\": \"{user}\"}}");
        let made = site.app("POST", ROOT, &keyed, &body).json();
        tokens.insert(made["token"].as_str().expect("a token").to_owned());
    }
    assert_eq!(tokens.len(), 40);
    let stored = site.stored();
    for token in &tokens {
        // `pandos_`, a place of 8 bytes, and 256 bits.
        assert_eq!(token.len(), 7 + (8 + 32) * 8 / 6 + 1);
        let secret = &token.as_bytes()[token.len() - 42..];
        let found = stored.windows(secret.len()).any(|bytes| bytes == secret);
        assert!(!found, "a token lies in the store");
    }
}

pub fn v7_2_4_authentication_makes_a_new_token_and_ends_the_old(site: &Site) {
    // Somebody who was nobody yet logs in.
    let nobody = site
        .app("POST", ROOT, "", r#"{"data": {"cart": 1}}"#)
        .json();
    let old = nobody["token"].as_str().expect("a token");
    let user = site.user();
    let login = format!("{{\"user\": \"{user}\"}}");
    let held = format!("Pando-Session: {old}\r\n");
    let known = site.app("POST", ROTATE, &held, &login);
    assert_eq!(known.status, 200, "{known:?}");
    let known = known.json();
    let new = known["token"].as_str().expect("a token");
    assert_eq!(known["data"]["cart"], 1);
    assert!(!site.is_alive(old) && site.is_alive(new));
    // Again, by a rotation; and by a new session in the old one's place.
    let held = format!("Pando-Session: {new}\r\n");
    let again = site.app("POST", ROTATE, &held, &login).json();
    let newer = again["token"].as_str().expect("a token");
    assert!(!site.is_alive(new) && site.is_alive(newer));
    let held = format!("Cookie: __Host-pando-session={newer}\r\n");
    let anew = site.app("POST", ROOT, &held, &login).json();
    let newest = anew["token"].as_str().expect("a token");
    assert!(!site.is_alive(newer) && site.is_alive(newest));
    assert_eq!(site.ids(&user).len(), 1);
}

pub fn v7_3_1_a_session_that_is_not_used_ends(site: &Site) {
    let user = site.user();
    let unused = site.begin(&user, ", \"idle\": \"1s\", \"absolute\": \"1h\"");
    // Patient enough for a machine that has much else to do.
    let used = site.begin(&user, ", \"idle\": \"25s\", \"absolute\": \"1h\"");
    let first = us(&site.shown(&used.token)["expires_at"]);
    let began = Instant::now();
    until("it is there as long as it likes", || {
        !site.ids(&user).contains(&unused.id)
    });
    assert!(began.elapsed() >= Duration::from_millis(500));
    assert!(!site.is_alive(&unused.token));
    until("use gives no time", || {
        us(&site.shown(&used.token)["expires_at"]) > first
    });
}

pub fn v7_3_2_a_session_ends_however_much_it_is_used(site: &Site) {
    let begun = site.begin(&site.user(), ", \"idle\": \"1h\", \"absolute\": \"1s\"");
    let began = Instant::now();
    until("it is there as long as it is used", || {
        site.browser("GET", CURRENT, &begun.header(), "").status == 401
    });
    assert!(began.elapsed() >= Duration::from_millis(500));
    assert!(!site.is_alive(&begun.token));
    // Nor does a holder get time by rotating.
    let begun = site.begin(&site.user(), ", \"absolute\": \"1h\"");
    let before = site.shown(&begun.token);
    let rotated = site.browser("POST", ROTATE, &begun.header(), "").json();
    assert_eq!(
        rotated["absolute_expires_at"],
        before["absolute_expires_at"]
    );
}

pub fn v7_4_1_logout_and_expiration_end_it_for_good(site: &Site) {
    let begun = site.begin(&site.user(), "");
    let shown = site.browser("GET", CURRENT, &begun.cookie(), "");
    assert_eq!(
        shown.header("cache-control"),
        Some("no-store"),
        "the back button"
    );
    let out = site.browser("DELETE", CURRENT, &begun.cookie(), "");
    assert_eq!(out.status, 204);
    let set = cookies_set(&out);
    assert!(
        set[0].starts_with("__Host-pando-session=; Max-Age=0"),
        "{set:?}"
    );
    for _ in 0..3 {
        assert!(!site.is_alive(&begun.token));
        assert_eq!(
            site.browser("POST", ROTATE, &begun.cookie(), "").status,
            401
        );
        let patch = r#"{"data": {}}"#;
        assert_eq!(
            site.app("PATCH", CURRENT, &begun.cookie(), patch).status,
            401
        );
    }
    let short = site.begin(&site.user(), ", \"idle\": \"300ms\"");
    until("it expires", || site.ids(&short.user).is_empty());
    assert_eq!(
        site.browser("POST", ROTATE, &short.cookie(), "").status,
        401
    );
}

pub fn v7_4_2_all_sessions_of_a_user_who_is_disabled_end(site: &Site) {
    let (user, other) = (site.user(), site.begin(&site.user(), ""));
    let begun = [0, 1, 2].map(|_| site.begin(&user, ""));
    let ended = site.app("DELETE", &format!("{ROOT}/users/{user}"), "", "");
    assert_eq!(ended.status, 204);
    for session in &begun {
        assert!(!site.is_alive(&session.token), "on every process, at once");
    }
    assert!(site.ids(&user).is_empty());
    assert!(site.is_alive(&other.token));
}

pub fn v7_4_3_all_other_sessions_can_be_ended(site: &Site) {
    let user = site.user();
    let begun = [0, 1, 2].map(|_| site.begin(&user, ""));
    let others = format!("{ROOT}/users/{user}?except={}", begun[1].id);
    assert_eq!(site.app("DELETE", &others, "", "").status, 204);
    let alive = begun
        .each_ref()
        .map(|session| site.is_alive(&session.token));
    assert_eq!(alive, [false, true, false]);
}

pub fn v7_4_4_logging_out_takes_the_cookie_and_nothing_else(site: &Site) {
    let begun = site.begin(&site.user(), "");
    let page = "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n";
    let headers = format!("{}{page}", begun.cookie());
    assert_eq!(site.browser("DELETE", CURRENT, &headers, "").status, 204);
    assert!(!site.is_alive(&begun.token));
}

pub fn v7_4_5_administrators_end_sessions_of_one_user_or_of_all(site: &Site) {
    let begun = [0, 1, 2].map(|_| site.begin(&site.user(), ""));
    let one = format!("{ROOT}/users/{}", begun[0].user);
    let all = format!("{ROOT}?all=true");
    for path in [&one, &all] {
        // Holding a session makes nobody an administrator.
        for headers in [begun[0].header(), begun[0].cookie(), String::new()] {
            assert_eq!(site.browser("DELETE", path, &headers, "").status, 401);
        }
    }
    assert_eq!(site.app("DELETE", &one, "", "").status, 204);
    let alive = || {
        begun
            .each_ref()
            .map(|session| site.is_alive(&session.token))
    };
    assert_eq!(alive(), [false, true, true]);
    assert_eq!(
        site.app("DELETE", ROOT, "", "").status,
        400,
        "not by accident"
    );
    assert_eq!(alive(), [false, true, true]);
    assert_eq!(site.app("DELETE", &all, "", "").status, 204);
    assert_eq!(alive(), [false, false, false]);
    let after = site.begin(&site.user(), "");
    assert!(site.is_alive(&after.token));
}

pub fn v7_5_1_it_is_known_when_a_user_was_last_authenticated_and_only_the_application_says_so(
    site: &Site,
) {
    let nobody = site.app("POST", ROOT, "", "{}").json();
    assert!(nobody["authenticated_at"].is_null());
    let user = site.user();
    let begun = site.begin(&user, "");
    let first = site.shown(&begun.token);
    assert_eq!(first["authenticated_at"], first["created_at"]);
    let login = format!("{{\"user\": \"{user}\"}}");
    for headers in [begun.header(), begun.cookie()] {
        let refused = site.browser("POST", ROTATE, &headers, &login);
        assert_eq!(refused.status, 401, "{refused:?}");
        let by_body = site.browser("PATCH", CURRENT, &headers, "{\"authenticated_at\": 1}");
        assert_eq!(by_body.status, 403, "{by_body:?}");
    }
    let rotated = site.browser("POST", ROTATE, &begun.header(), "").json();
    assert_eq!(rotated["authenticated_at"], first["authenticated_at"]);
    let held = format!(
        "Pando-Session: {}\r\n",
        rotated["token"].as_str().expect("a token")
    );
    let again = site.app("POST", ROTATE, &held, &login).json();
    assert!(us(&again["authenticated_at"]) > us(&first["authenticated_at"]));
}

pub fn v7_5_2_users_see_and_end_each_of_their_sessions(site: &Site) {
    let user = site.user();
    let begun = [0, 1, 2].map(|n| site.begin(&user, &format!(", \"data\": {{\"agent\": {n}}}")));
    let list = site.app("GET", &format!("{ROOT}/users/{user}"), "", "");
    for session in &begun {
        assert!(!list.body.contains(&session.token), "tokens are shown once");
    }
    let list = list.json();
    for (n, session) in begun.iter().enumerate() {
        let shown = &list["sessions"][n];
        assert_eq!(shown["id"].as_i64(), Some(session.id));
        assert_eq!(shown["data"]["agent"].as_u64(), Some(n as u64));
        assert!(shown["last_seen_at"].is_string() && shown["created_at"].is_string());
    }
    let one = format!("{ROOT}/users/{user}/{}", begun[1].id);
    assert_eq!(site.app("DELETE", &one, "", "").status, 204);
    let alive = begun
        .each_ref()
        .map(|session| site.is_alive(&session.token));
    assert_eq!(alive, [true, false, true]);
    // By another user's name it is not found.
    let other = format!("{ROOT}/users/{}/{}", site.user(), begun[0].id);
    assert_eq!(site.app("DELETE", &other, "", "").status, 404);
    assert!(site.is_alive(&begun[0].token));
}

pub fn v7_5_3_an_operation_can_ask_for_authentication_just_now(site: &Site) {
    documented("7.5.3");
    let user = site.user();
    let begun = site.begin(&user, "");
    let is_recent =
        |shown: &serde_json::Value, since_us: i64| us(&shown["authenticated_at"]) >= since_us;
    let before = us(&site.shown(&begun.token)["authenticated_at"]) + 1;
    assert!(!is_recent(&site.shown(&begun.token), before));
    let login = format!("{{\"user\": \"{user}\"}}");
    let again = site.app("POST", ROTATE, &begun.header(), &login).json();
    let token = again["token"].as_str().expect("a token");
    assert!(is_recent(&site.shown(token), before));
}

pub fn v7_6_1_a_session_lives_no_longer_than_its_identity_provider_says(site: &Site) {
    documented("7.6.1");
    let user = site.user();
    let begun = site.begin(&user, ", \"absolute\": \"10m\"");
    let shown = site.shown(&begun.token);
    let lives = |shown: &serde_json::Value| {
        us(&shown["absolute_expires_at"]) - us(&shown["authenticated_at"])
    };
    assert_eq!(lives(&shown), HOUR / 6);
    for body in ["{\"absolute\": \"1h\"}", "{\"idle\": \"1d\"}"] {
        let longer = site.browser("POST", ROTATE, &begun.header(), body);
        assert!([400, 401].contains(&longer.status), "{longer:?}");
    }
    let most = format!("{{\"user\": \"{user}\", \"absolute\": \"31d\"}}");
    assert_eq!(site.app("POST", ROOT, "", &most).status, 422);
    // Authenticated by the provider again, it may live as long again, or shorter.
    let again = format!("{{\"user\": \"{user}\", \"absolute\": \"5m\"}}");
    let again = site.app("POST", ROTATE, &begun.header(), &again).json();
    assert_eq!(lives(&again), HOUR / 12);
    // What the provider ends, the application ends by user and id.
    let one = format!("{ROOT}/users/{user}/{}", begun.id);
    assert_eq!(site.app("DELETE", &one, "", "").status, 204);
    assert!(!site.is_alive(again["token"].as_str().expect("a token")));
}

pub fn v7_6_2_nothing_but_an_explicit_call_begins_a_session(site: &Site) {
    let user = site.user();
    let chosen = site.begin(&user, "").token;
    assert_eq!(
        site.app("DELETE", &format!("{ROOT}/users/{user}"), "", "")
            .status,
        204
    );
    // Neither a look, nor a token that somebody chose, nor one that was one.
    for headers in [
        String::new(),
        format!("Cookie: __Host-pando-session={chosen}\r\n"),
        format!("Cookie: __Host-pando-session={}\r\n", "x".repeat(61)),
    ] {
        for (method, path, body) in [
            ("GET", CURRENT, ""),
            ("HEAD", CURRENT, ""),
            ("POST", ROTATE, ""),
            ("DELETE", CURRENT, ""),
            ("POST", ROOT, "{}"),
            ("GET", "/kv/v1/s", ""),
        ] {
            let answer = site.browser(method, path, &headers, body);
            assert_eq!(answer.status, 401, "{method} {path}");
            let given = cookies_set(&answer);
            let gives = given.iter().any(|cookie| !cookie.contains("Max-Age=0"));
            assert!(!gives, "{given:?}");
        }
    }
    assert!(site.ids(&user).is_empty());
}
