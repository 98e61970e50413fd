//! Sessions of real processes: each requirement of OWASP ASVS 5.0 that is about them, by its
//! number; over SQLite, over memory, and over one PostgreSQL with three web processes.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod asvs;
mod cookies;
mod killed;
mod site;
#[path = "../support/mod.rs"]
mod support;

use site::Site;

/// Makes a test of each requirement, over SQLite and memory, and a list of them.
macro_rules! requirements {
    ($($module:ident :: $name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                for engine in ["sqlite", "memory"] {
                    println!("over {engine}");
                    $module::$name(&Site::alone(engine));
                }
            }
        )*

        const ALL: &[(&str, fn(&Site))] = &[$((stringify!($name), $module::$name)),*];
    };
}

requirements! {
    asvs::v7_1_1_inactivity_and_lifetime_are_documented_and_are_what_is_done,
    asvs::v7_1_2_how_many_sessions_and_what_then_is_documented_and_done,
    asvs::v7_1_3_federation_is_documented,
    asvs::v7_2_1_tokens_are_verified_by_the_backend_alone,
    asvs::v7_2_2_tokens_are_made_for_each_session_and_keys_are_none,
    asvs::v7_2_3_tokens_are_unique_random_and_kept_as_hashes,
    asvs::v7_2_4_authentication_makes_a_new_token_and_ends_the_old,
    asvs::v7_3_1_a_session_that_is_not_used_ends,
    asvs::v7_3_2_a_session_ends_however_much_it_is_used,
    asvs::v7_4_1_logout_and_expiration_end_it_for_good,
    asvs::v7_4_2_all_sessions_of_a_user_who_is_disabled_end,
    asvs::v7_4_3_all_other_sessions_can_be_ended,
    asvs::v7_4_4_logging_out_takes_the_cookie_and_nothing_else,
    asvs::v7_4_5_administrators_end_sessions_of_one_user_or_of_all,
    asvs::v7_5_1_it_is_known_when_a_user_was_last_authenticated_and_only_the_application_says_so,
    asvs::v7_5_2_users_see_and_end_each_of_their_sessions,
    asvs::v7_5_3_an_operation_can_ask_for_authentication_just_now,
    asvs::v7_6_1_a_session_lives_no_longer_than_its_identity_provider_says,
    asvs::v7_6_2_nothing_but_an_explicit_call_begins_a_session,
    cookies::v3_3_1_to_v3_3_5_the_cookie_has_its_prefix_and_attributes_and_is_small,
    cookies::v3_5_1_and_v3_5_3_pages_elsewhere_change_nothing,
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_them_hold_over_postgresql_with_three_web_processes() {
    let (site, _postgres) = Site::several(3).await;
    let checked = tokio::task::spawn_blocking(move || {
        for (name, requirement) in ALL {
            println!("{name}");
            requirement(&site);
        }
    });
    checked.await.expect("each of them");
}
