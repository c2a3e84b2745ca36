"""Which test answers for each row of the list of faults and bad inputs?

The letters: B builds of the site, D data on disk, L loaders, M models and training, C checkpoints,
W the web and archives, K the command line. Tests of B, D, L and W carry the row in their names;
for the others the table below names them.
"""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
LAST = {"B": 15, "C": 14, "D": 20, "K": 7, "L": 9, "M": 16, "W": 15}

ROWS = {
    "M1": "vit/test_config.py::test_bad_settings_are_refused_with_a_remedy",
    "M2": "vit/test_config.py::test_bad_settings_are_refused_with_a_remedy",
    "M3": """test_inputs.py::test_a_wrong_shape_is_named_with_its_remedy
             models/test_tiny_vgg.py::test_other_pictures_are_refused
             vit/test_model.py::test_other_pictures_are_refused""",
    "M4": """test_inputs.py::test_another_number_type_is_named
             vit/test_model.py::test_other_number_types_are_refused""",
    "M5": """models/test_tiny_vgg.py::test_bad_settings_are_refused_by_name
             models/test_mlp.py::test_bad_settings_are_refused
             models/test_backbone.py::test_unknown_names_and_bad_settings_are_refused
             vit/test_config.py::test_bad_settings_are_refused_with_a_remedy""",
    "M6": """test_guards.py::test_a_label_outside_is_named_with_the_range_and_the_place
             test_engine.py::test_a_label_too_large_is_refused_before_the_loss""",
    "M7": "test_engine.py::test_all_labels_ignored_is_no_number",
    "M8": """test_engine.py::test_a_loss_that_is_no_number_stops_before_the_step
             test_engine.py::test_the_last_good_state_survives_a_bad_epoch
             test_train.py::test_loss_that_is_no_number_keeps_the_last_good_epoch""",
    "M9": "test_predict.py::test_nan_is_never_the_best_class",
    "M10": """test_engine.py::test_a_single_sample_for_batch_norm_is_explained
              test_guards.py::test_batch_norm_on_a_single_sample_says_how_to_avoid_it""",
    "M11": """test_device.py::test_what_is_absent_is_refused_in_one_line_with_the_choice
              test_device.py::test_auto_falls_back_to_the_cpu_and_says_so""",
    "M12": "test_guards.py::test_out_of_memory_says_how_to_need_less",
    "M13": """test_engine.py::test_the_mode_is_as_before
              test_mode.py::test_evaluating_puts_all_back_after_an_error
              test_seed.py::test_preserve_puts_the_state_back_even_after_an_error""",
    "M14": """test_engine.py::test_two_runs_with_one_seed_are_equal
              data/test_loaders.py::test_l08_chance_is_the_same_for_any_number_of_workers
              test_train.py::test_the_same_recipe_gives_the_same_model_and_another_seed_another""",
    "M15": """test_stopping.py::test_stopped_at_any_step_and_resumed_equals_never_stopped
              test_stopping.py::test_the_second_signal_does_not_wait
              test_stopping.py::test_other_threads_leave_signals_alone
              test_train.py::test_a_program_that_is_asked_to_stop_saves_and_can_go_on""",
    "M16": """test_engine.py::test_a_bad_setting_is_refused_before_anything_is_trained
              test_optim.py::test_a_bad_learning_rate_is_refused
              test_recipe.py::test_a_value_out_of_range_is_refused_by_its_name""",
    "C1": """test_files.py::test_no_kill_at_any_moment_leaves_half_a_file
             test_files.py::test_the_rest_of_a_killed_process_is_swept_and_that_of_others_is_not""",
    "C2": """test_train.py::test_a_killed_program_goes_on_to_the_same_bits
             test_engine.py::test_broken_inside_an_epoch_and_resumed_equals_unbroken_to_the_bit""",
    "C3": """test_checkpoint.py::test_a_full_disk_leaves_the_old_file
             test_checkpoint.py::test_a_disk_that_refuses_is_named""",
    "C4": """test_checkpoint.py::test_a_folder_that_can_not_be_used_is_refused_at_the_start
             test_files.py::test_a_folder_without_permission_is_refused""",
    "C5": """test_sealed.py::test_a_file_cut_at_any_byte_is_noticed
             test_checkpoint.py::test_any_of_200_flipped_bits_and_any_cut_is_noticed""",
    "C6": """test_sealed.py::test_every_single_flipped_bit_is_noticed
             test_checkpoint.py::test_any_of_200_flipped_bits_and_any_cut_is_noticed""",
    "C7": """test_pickled.py::test_code_in_a_pickle_is_never_run
             ../house/test_forbidden_calls.py::test_no_forbidden_call""",
    "C8": """test_checkpoint.py::test_weights_of_another_configuration_are_refused_by_its_fields
             test_matching.py::test_what_differs_is_named
             test_matching.py::test_a_long_list_is_cut""",
    "C9": """test_checkpoint.py::test_files_of_each_released_format_can_be_read
             test_sealed.py::test_a_file_of_a_later_pdl_asks_for_an_update""",
    "C10": "test_pickled.py::test_what_was_saved_on_a_gpu_comes_back_on_the_cpu",
    "C11": """test_checkpoint.py::test_another_number_of_threads_is_a_warning
              test_matching.py::test_another_machine_is_a_warning""",
    "C12": """test_checkpoint.py::test_two_runs_can_not_write_one_file
              test_files.py::test_the_lock_of_a_killed_run_is_taken_over""",
    "C13": """test_sealed.py::test_what_is_something_else_is_said_to_be_damaged
              test_checkpoint.py::test_a_missing_file_and_a_folder_are_refused
              test_pickled.py::test_another_zip_file_is_refused""",
    "C14": "test_sealed.py::test_any_other_bytes_are_refused",
    "K1": "test_cli.py::test_wrong_usage_exits_with_2",
    "K2": """test_cli.py::test_files_and_folders_are_predicted_in_every_form
             test_cli.py::test_paths_come_from_stdin
             test_cli.py::test_bad_files_are_named_and_the_others_predicted
             test_cli.py::test_output_is_well_formed_when_nothing_can_be_read""",
    "K3": """test_cli.py::test_any_terminal_will_do
             test_cli.py::test_a_reader_that_goes_away_is_no_error
             test_engine.py::test_the_bar_is_shown_on_a_terminal_only""",
    "K4": "test_train.py::test_a_folder_with_a_run_is_left_alone_unless_asked",
    "K5": """test_cli.py::test_ctrl_c_exits_with_130_and_no_traceback
             test_train.py::test_a_program_that_is_asked_to_stop_saves_and_can_go_on""",
    "K6": """test_cli.py::test_help_and_version_load_no_torch
             test_recipe.py::test_help_needs_no_torch""",
    "K7": """../house/test_wheel.py::test_train_and_predict_from_another_folder_with_relative_paths
             test_train.py::test_paths_are_relative_to_where_one_stands""",
}


def named_after_rows() -> set[str]:
    """The rows in the names of tests: ``test_w10_...`` stands for W10, ``test_d07_...`` for D7."""
    found = set()
    for file in TESTS.rglob("test_*.py"):
        for match in re.finditer(r"def test_([bdlw])(\d+)_", file.read_text(encoding="utf-8")):
            found.add(f"{match[1].upper()}{int(match[2])}")
    return found


def test_every_row_has_a_test() -> None:
    wanted = {f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1)}

    assert sorted(wanted - named_after_rows() - ROWS.keys()) == []
    assert sorted(ROWS.keys() - wanted) == []


def test_the_tests_of_the_table_are_there() -> None:
    lost = []
    for row, tests in ROWS.items():
        for test in tests.split():
            name, _, function = test.partition("::")
            file = TESTS / "pdl" / name
            if not file.is_file() or f"def {function}(" not in file.read_text(encoding="utf-8"):
                lost.append(f"{row}: {test}")

    assert lost == []
