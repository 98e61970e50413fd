//! A session outlives any web process, and a log-out reaches all of them.

use crate::site::Site;
use crate::support::Server;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_every_process_that_has_seen_it() {
    let (mut site, _postgres) = Site::several(3).await;
    let checked = tokio::task::spawn_blocking(move || {
        let begun: Vec<_> = (0..3).map(|_| site.begin(&site.user(), "")).collect();
        // Each in turn is killed; those that are left know all sessions, and the next one too.
        for n in 0..3 {
            let address = site.servers[0].address;
            site.servers.remove(0).kill();
            for session in &begun {
                assert!(site.is_alive(&session.token), "{address} was killed");
            }
            site.servers.push(Server::start(&site.node(n)));
            for session in &begun {
                assert!(site.is_alive(&session.token), "it was started again");
            }
        }
        // One that is killed right after it answered has kept what it answered.
        for _ in 0..3 {
            let last = site.begin(&site.user(), "");
            site.servers.remove(0).kill();
            assert!(site.is_alive(&last.token));
            if site.servers.len() == 1 {
                break;
            }
        }
    });
    checked.await.expect("it outlives them");
}

#[test]
fn a_session_outlives_the_only_process() {
    let mut site = Site::alone("sqlite");
    for _ in 0..3 {
        let begun = site.begin(&site.user(), "");
        site.servers.remove(0).kill();
        site.servers.push(Server::start(&site.node(0)));
        assert!(site.is_alive(&begun.token));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_everywhere_takes_effect_on_every_process_with_the_next_request() {
    let (site, _postgres) = Site::several(3).await;
    let checked = tokio::task::spawn_blocking(move || {
        let mut took = Vec::new();
        for round in 0..20 {
            let user = site.user();
            let begun: Vec<_> = (0..3).map(|_| site.begin(&user, "")).collect();
            for session in &begun {
                // Whatever a process could keep of it, it has.
                assert!(site.is_alive(&session.token));
            }
            let path = match round % 2 {
                0 => format!("/sessions/v1/users/{user}"),
                _ => "/sessions/v1?all=true".to_owned(),
            };
            assert_eq!(site.app("DELETE", &path, "", "").status, 204);
            let began = Instant::now();
            for (n, session) in begun.iter().enumerate() {
                assert_eq!(
                    site.statuses(&session.token),
                    [401, 401, 401],
                    "round {round}"
                );
                if n == 0 {
                    took.push(began.elapsed());
                }
            }
        }
        took.sort_unstable();
        let (median, most) = (took[took.len() / 2], took[took.len() - 1]);
        println!("ended, and refused by three processes within {median:?}, {most:?} at most");
        // Each time the first request was refused. How long it took is the machine's affair too.
        assert!(median < Duration::from_secs(1), "{median:?}");
    });
    checked.await.expect("it takes effect");
}
