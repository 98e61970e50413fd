//! The table of all cases.

mod aggregates;
mod atomic;
mod bounds;
mod children;
mod conflicts;
mod contents;
mod feed;
mod filters;
mod indexes;
mod lifecycle;
mod order;
mod receipts;
mod reference_actions;
mod references;
mod refusals;
mod related;
mod reshape;
mod stamps;
mod steps;
mod values;
mod writes;

pub(crate) use self::values::ascending;
use crate::Case;

/// The function that lists a case for each function named: `module::claim`.
macro_rules! cases {
    ($($module:ident :: { $($claim:ident),* $(,)? }),* $(,)?) => {
        /// All cases, by module.
        pub(crate) fn all() -> Vec<Case> {
            vec![$($(Case {
                name: concat!(stringify!($module), "::", stringify!($claim)),
                run: |bench| Box::pin($module::$claim(bench)),
            }),*),*]
        }
    };
}

cases! {
    values::{
        every_value_comes_back_as_it_was_stored,
        every_type_is_ordered_as_in_postgresql,
        every_type_that_has_an_order_can_be_a_primary_key,
        equal_values_of_different_writing_are_one_key,
        generated_columns_are_computed_when_a_row_is_written,
    },
    filters::{
        each_comparison_holds_for_its_rows_and_null_is_in_none,
        each_comparison_holds_for_the_edge_values_of_each_type,
        and_or_and_not_follow_three_valued_logic,
        is_distinct_takes_null_for_a_value,
        in_follows_sql_with_nulls_and_without_values,
        is_asks_for_null_true_false_and_unknown,
        keys_find_tuples,
        after_goes_on_behind_a_tuple,
        constants_pass_all_rows_or_none,
    },
    contents::{
        like_and_regular_expressions_match_text,
        full_text_search_matches_words,
        arrays_contain_and_overlap,
        jsonb_contains_by_meaning,
        json_paths_lead_to_values_and_text,
        casts_change_what_is_compared,
    },
    order::{
        nulls_are_put_where_they_were_asked_for,
        ties_are_left_in_the_order_of_the_primary_key,
        several_terms_and_directions_nest,
        limit_and_offset_cut_and_the_total_does_not_notice,
        a_related_row_s_value_orders_and_is_null_where_there_is_none,
        a_composite_key_orders_by_its_columns_not_by_slots,
        a_json_path_orders,
        a_related_jsonb_value_orders_by_meaning,
    },
    aggregates::{
        each_aggregate_passes_over_nulls,
        groups_are_formed_by_the_other_outputs_and_null_is_one,
        without_rows_there_is_one_total_and_no_group,
        sums_widen_and_averages_are_exact,
        groups_are_ordered_and_cut_by_their_outputs,
        groups_are_counted_past_their_limit,
        equal_means_are_a_tie_however_they_are_written,
    },
    children::{
        a_to_many_child_comes_with_its_key_in_the_order_asked_for,
        a_to_one_child_comes_once_for_many_parents,
        limit_and_offset_apply_to_each_key,
        a_key_that_holds_a_null_has_no_children,
        a_junction_leads_to_many_and_is_not_deduplicated,
        children_nest_and_mix,
        a_composite_key_matches_as_a_whole,
        twenty_thousand_composite_keys_match_as_a_whole,
        aggregates_are_formed_for_each_key,
        a_filter_applies_within_each_key,
        a_parent_without_outputs_for_its_key_columns_can_be_cut_first,
    },
    related::{
        exists_asks_the_related_row,
        exists_goes_through_a_junction,
        exists_nests_and_can_be_denied,
    },
    writes::{
        a_row_holds_the_position_of_the_transaction_that_stored_it,
        inserted_rows_are_returned_in_the_order_given,
        an_update_returns_rows_as_they_are_and_a_delete_as_they_were,
        returned_rows_carry_children,
        a_returned_tree_is_filtered_ordered_and_cut,
        affected_counts_rows_whatever_is_returned,
        max_affected_refuses_before_anything_changes,
        later_changes_see_earlier_ones,
        an_update_can_change_the_primary_key,
        a_thousand_rows_go_in_as_one_change,
        thousands_of_rows_are_changed_as_one,
        nothing_to_do_is_done,
    },
    steps::{
        a_read_sees_what_the_steps_before_it_did,
        a_decision_sees_the_outcomes_so_far_and_its_steps_come_next,
        a_group_s_outcomes_lie_by_themselves,
        a_decision_that_refuses_takes_everything_back,
    },
    bounds::{
        the_rows_of_a_read_are_bounded_by_their_bytes,
        children_share_the_bytes_of_their_parents,
        the_reads_of_one_request_share_their_bytes,
        a_write_that_reads_too_much_is_taken_back,
        what_a_change_answers_is_counted_once,
        reads_that_follow_from_each_other_see_one_state,
        large_rows_are_changed_a_few_at_a_time,
    },
    conflicts::{
        merge_overwrites_the_named_columns,
        ignore_keeps_the_old_row_and_does_not_return_it,
        a_conflict_elsewhere_than_the_target_is_refused,
        a_row_merged_twice_is_refused_and_ignored_twice_is_not,
        a_proposed_row_has_to_be_sound_before_it_is_merged,
        nulls_in_a_unique_target_never_conflict,
        a_merge_computes_generated_columns_anew,
    },
    refusals::{
        not_null_is_refused_in_postgresql_s_words,
        a_check_that_is_false_is_refused_and_unknown_passes,
        a_duplicate_primary_key_is_refused_in_postgresql_s_words,
        a_duplicate_unique_key_is_refused_and_nulls_are_distinct,
        a_unique_key_holds_across_slots,
        the_first_fault_of_a_row_decides,
        the_first_row_with_a_fault_decides,
        an_update_breaks_keys_row_by_row,
        a_cast_that_cannot_be_is_refused,
        a_generated_value_out_of_range_is_refused,
    },
    references::{
        a_reference_to_nothing_is_refused_in_postgresql_s_words,
        a_null_in_a_reference_refers_to_nothing,
        a_reference_that_is_not_enforced_is_not,
        rows_of_one_statement_may_refer_to_each_other,
        a_referenced_row_is_kept,
        a_referenced_unique_key_counts_as_a_primary_key_does,
        an_update_that_leaves_a_referenced_key_alone_passes,
    },
    reference_actions::{
        cascade_deletes_referring_rows_all_the_way_down,
        set_null_clears_the_reference,
        set_null_is_refused_where_null_is_not_allowed,
        an_updated_key_cascades_into_references,
        a_cascaded_key_moves_rows_to_another_slot,
        no_action_looks_when_the_statement_ends,
        a_cascade_that_meets_a_refusal_undoes_everything,
        a_returned_row_shows_what_cascaded_into_it,
    },
    atomic::{
        a_second_change_that_fails_takes_the_first_back,
        a_refusal_of_finish_takes_everything_back,
        a_finish_that_panics_takes_nobody_else_down,
        a_failed_row_takes_its_statement_back,
        failed_writes_leave_no_trace_in_feed_receipts_and_positions,
        writers_at_the_same_time_lose_nothing,
    },
    receipts::{
        a_known_key_gives_the_first_answer_again,
        a_key_for_another_request_is_refused,
        keys_differ_by_scope_and_are_found_in_any_slot,
        a_key_that_has_run_out_is_forgotten,
        receipts_that_have_run_out_are_swept_in_batches,
        a_refused_write_leaves_its_key_free,
        a_replay_needs_no_current_schema,
        the_same_key_at_the_same_time_is_done_once,
        receipts_outlive_the_engine,
    },
    reshape::{
        tables_come_and_go,
        plans_for_another_schema_are_turned_away,
        who_reads_while_the_schema_changes_is_told_only_of_newer_ones,
        a_column_is_added_with_its_default,
        columns_are_dropped_and_renamed,
        a_table_is_renamed_with_its_rows,
        a_new_constraint_is_refused_while_rows_break_it,
        the_record_is_written_in_the_same_transaction,
        a_failing_step_undoes_all_steps,
        the_schema_outlives_the_engine,
    },
    indexes::{
        a_unique_index_is_refused_while_rows_break_it,
        an_index_on_paths_of_some_rows_changes_no_answer,
        an_index_changes_no_answer,
    },
    feed::{
        nothing_is_recorded_while_nobody_follows,
        changes_come_in_commit_order_with_their_keys,
        a_slot_s_events_are_counted_without_gaps,
        cascades_are_in_the_feed,
        a_changed_key_is_a_delete_and_an_insert,
        rows_that_go_by_their_keys_are_told_each_once_and_the_missing_are_not,
        an_ignored_row_is_no_event_and_a_merged_one_an_update,
        pages_join_up_and_tell_how_far_they_reach,
        what_all_have_dealt_with_is_removed_and_asking_for_it_is_a_gap,
        followers_stand_on_their_own,
        a_cursor_of_another_timeline_is_a_gap,
        the_feed_outlives_the_engine,
    },
    stamps::{
        positions_rise_with_every_write,
        a_read_covers_the_write_before_it_and_promises_no_more_than_it_shows,
        progress_follows_the_writes,
        a_read_sees_one_snapshot,
        positions_go_on_after_a_restart,
    },
    lifecycle::{
        it_says_who_it_is,
        a_new_engine_has_schema_version_zero,
        a_sound_engine_verifies,
        statistics_count,
        a_closed_engine_turns_writes_away,
        a_backup_is_written_or_clearly_refused,
    },
}
