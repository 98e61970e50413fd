//! OWASP ASVS 5.0, chapter V3, as far as sessions go: how the cookie is set, and what a page
//! elsewhere can do with it.

use crate::site::{CURRENT, ROOT, ROTATE, Site, cookies_set};

pub fn v3_3_1_to_v3_3_5_the_cookie_has_its_prefix_and_attributes_and_is_small(site: &Site) {
    let body = format!("{{\"user\": \"{}\"}}", "u".repeat(255));
    let made = site.app("POST", ROOT, "", &body);
    let token = made.json()["token"].as_str().expect("a token").to_owned();
    let rotated = site.app("POST", ROTATE, &format!("Pando-Session: {token}\r\n"), "");
    let new = rotated.json()["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let page = "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n";
    let held = format!("Cookie: __Host-pando-session={new}\r\n{page}");
    let ended = site.browser("DELETE", CURRENT, &held, "");
    for (answer, value, age) in [
        (&made, &*token, 86_400),
        (&rotated, &*new, 86_400),
        (&ended, "", 0),
    ] {
        let set = cookies_set(answer);
        let [cookie] = set.as_slice() else {
            panic!("one cookie: {set:?}");
        };
        let mut parts = cookie.split("; ");
        let pair = parts.next().expect("a pair");
        assert_eq!(pair, format!("__Host-pando-session={value}"), "3.3.3");
        assert!(pair.len() < 4_096, "3.3.5");
        let mut attributes: Vec<&str> = parts.collect();
        attributes.sort_unstable();
        let lives = attributes
            .iter()
            .find_map(|one| one.strip_prefix("Max-Age="));
        let lives: i64 = lives.and_then(|age| age.parse().ok()).expect("Max-Age");
        assert!((age - 30..=age).contains(&lives), "{cookie}");
        attributes.retain(|one| !one.starts_with("Max-Age="));
        // 3.3.1, 3.3.2, 3.3.4; and no `Domain`, which the prefix forbids.
        assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    }
    // 3.3.4: what came as a cookie is given as a cookie alone.
    let begun = site.begin(&site.user(), "");
    let held = format!("{}{page}", begun.cookie());
    let rotated = site.browser("POST", ROTATE, &held, "");
    assert_eq!(rotated.status, 200, "{rotated:?}");
    assert!(!rotated.body.contains("pandos_"));
    assert_eq!(cookies_set(&rotated).len(), 1);
}

pub fn v3_5_1_and_v3_5_3_pages_elsewhere_change_nothing(site: &Site) {
    let begun = site.begin(&site.user(), "");
    for page in [
        "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.example\r\n",
        "Sec-Fetch-Site: same-site\r\nOrigin: https://other.example\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        let simple = "Content-Type: text/plain\r\n";
        for (method, path) in [("POST", ROTATE), ("DELETE", CURRENT), ("PATCH", CURRENT)] {
            let headers = format!("{}{page}", begun.cookie());
            let refused = site.browser(method, path, &headers, "");
            assert_eq!(refused.status, 403, "{method} {page}: {refused:?}");
            assert!(refused.body.contains("foreign_page"));
        }
        let headers = format!("{}{page}{simple}", begun.cookie());
        assert_ne!(site.browser("POST", ROTATE, &headers, "").status, 200);
        assert!(site.is_alive(&begun.token));
    }
    // What reads changes nothing.
    for method in ["GET", "HEAD", "OPTIONS"] {
        site.browser(method, CURRENT, &begun.cookie(), "");
        assert!(site.is_alive(&begun.token));
    }
}
