import dataclasses

import numpy as np
import pandas as pd
import pytest

from homog import analysis, records
from homog.analysis import doses, means, results
from homog.config import Cell
from homog.metrics.intervals import holm
from homog.records import CLEAN, Record
from tests import fakes


def by_hand(cell: Cell, clean: list[int], exposed: list[int], labels: list[int]) -> Record:
    blank = fakes.record(cell)
    eye = np.eye(2, dtype=np.float32)
    ids = np.array([f"e{i}" for i in range(len(labels))], dtype=object)
    return dataclasses.replace(
        blank,
        examples=ids,
        people=ids,
        labels=np.array(labels),
        probabilities={CLEAN: eye[clean], fakes.CONDITION: eye[exposed]},
    )


def frame(cells, **options) -> analysis.Frame:
    return analysis.effects(cells, fakes.found(cells, **options), fakes.EXPOSURES)


def only(effects, **values):
    effects = effects.frame if isinstance(effects, analysis.Results) else effects
    for name, value in values.items():
        effects = effects[effects[name] == value]
    assert len(effects) == 1
    return effects.iloc[0]


def test_effects_by_hand():
    cells = fakes.cells(["trec"])
    clean, injected = sorted(cells, key=lambda cell: cell.arm.dose)
    labels = [1, 1, 1, 1, 0, 0]
    found = {
        clean.id: by_hand(clean, [1, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0], labels),
        injected.id: by_hand(injected, [1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], labels),
    }
    effects = analysis.effects(cells, found, fakes.EXPOSURES)
    row = only(effects, kind="injected")
    assert (row["n"], row["harm"], row["harm_n"]) == (6, 1.0, 2)  # both right and not of class 0: two, both turned
    assert row["control_harm"] == 1 / 2  # of the same two, not of the three that it gets right
    assert row["inherited"] == 1 / 2 and row["target"] == "label 0"
    assert row["accuracy_clean"] == pytest.approx(4 / 6)
    assert row["accuracy_exposed"] == pytest.approx(2 / 6)
    assert row["majority"] == pytest.approx(4 / 6)
    assert row["control"] == clean.id and row["reason"] == ""
    control = only(effects, kind="clean")
    assert control["harm"] == control["control_harm"] and control["inherited"] == 0
    found_interval = only(analysis.inherited(effects), task="trec")
    assert found_interval["value"] == 1 / 2
    assert (found_interval["seeds"], found_interval["examples"]) == (1, 6)
    assert found_interval["low"] <= found_interval["value"] <= found_interval["high"]
    assert only(analysis.clean_cost(effects), task="trec")["value"] == pytest.approx(-1 / 6)


def test_the_control_is_the_clean_cell_of_the_same_adaptation_task_and_seed():
    cells = fakes.cells(["trec", "sms_spam"], ["linear_probe", "lora"], seeds=(0, 1, 2), shams=(0,))
    by_id = {cell.id: cell for cell in cells}
    effects = frame(cells)
    assert len(effects) == len(cells)
    for _, row in effects.frame.iterrows():
        cell, other = by_id[row["cell"]], by_id[row["control"]]
        assert other.arm.kind == "clean"
        assert (other.adaptation, other.task, other.seed) == (cell.adaptation, cell.task, cell.seed)


def test_a_control_on_other_examples_is_refused_with_a_reason():
    cells = fakes.cells(["trec"])
    found = fakes.found(cells)
    clean = next(cell for cell in cells if cell.arm.kind == "clean")
    found[clean.id] = dataclasses.replace(found[clean.id], examples=found[clean.id].examples[::-1])
    row = only(analysis.effects(cells, found, fakes.EXPOSURES), kind="injected")
    assert np.isnan(row["control_harm"]) and np.isnan(row["inherited"])
    assert "other examples" in row["reason"]


def test_a_cell_without_its_control_has_no_inherited_harm_but_a_reason():
    cells = fakes.cells(["trec", "sms_spam"])
    gone = next(cell for cell in cells if cell.arm.kind == "clean" and cell.task.name == "trec")
    found = fakes.found(cells)
    del found[gone.id]
    effects = analysis.effects(cells, found, fakes.EXPOSURES)
    row = only(effects, kind="injected", task="trec")
    assert row["harm"] > 0.5 and np.isnan(row["control_harm"]) and gone.id in row["reason"]
    task = only(analysis.inherited(effects), task="trec")
    assert np.isnan(task["value"]) and gone.id in task["reason"]
    mean = means.by_adaptation(effects).iloc[0]
    assert mean["tasks"] == 1 and mean["left_out"] == "trec"
    assert mean["value"] == pytest.approx(only(effects, kind="injected", task="sms_spam")["inherited"])


def test_undefined_harm_is_nan_with_a_reason():
    cells = fakes.cells(["trec"])
    found = {cell.id: fakes.record(cell, accuracy=0.0) for cell in cells}  # nothing is right when clean
    row = only(analysis.effects(cells, found, fakes.EXPOSURES), kind="injected")
    assert np.isnan(row["harm"]) and np.isnan(row["inherited"]) and "undefined" in row["reason"]


def test_no_answer_is_wrong_and_is_told_as_what_most_examples_get():
    """Models behind an interface, and translations, have a column after those of the classes."""
    clean, injected = fakes.cells(["t"])
    clean, injected = (clean, injected) if clean.arm.kind == "clean" else (injected, clean)
    kept, three = {}, np.eye(3, dtype=np.float32)
    for cell, exposed in ((clean, [0, 1, 0, 2]), (injected, [2, 2, 0, 2])):
        record = by_hand(cell, [0, 1, 0, 1], [0, 1, 0, 1], [0, 1, 0, 1])
        values = {CLEAN: three[[0, 1, 0, 1]], fakes.CONDITION: three[exposed]}
        kept[cell.id] = dataclasses.replace(record, probabilities=values)
    found = analysis.effects([clean, injected], kept, fakes.EXPOSURES)
    assert kept[clean.id].answers == ["label 0", "label 1", records.NO_ANSWER]
    assert fakes.record(clean).answers == ["label 0", "label 1"]
    row = only(found, kind="injected")
    assert row["exposed_label"] == "no answer" and row["exposed_share"] == 0.75 and row["accuracy_exposed"] == 0.25
    assert only(found, kind="clean")["accuracy_exposed"] == 0.75


def test_a_condition_that_a_record_does_not_hold_is_named():
    cells = fakes.cells(["trec"])
    effects = analysis.effects(cells, fakes.found(cells), fakes.EXPOSURES | {"other": fakes.BACKDOOR})
    bad = effects[effects["condition"] == "other"]
    assert bad["harm"].isna().all() and bad["reason"].str.contains("condition other").all()
    assert effects[effects["condition"] == fakes.CONDITION]["reason"].eq("").all()


def test_missing_cells_are_named_with_the_reason(tmp_path):
    cells = fakes.cells(["trec", "sms_spam"], seeds=(0, 1, 2))
    first, second, *rest = cells
    for cell in (second, *rest):
        records.save(tmp_path, fakes.record(cell, fakes.fired(cell)))
    records.record_path(tmp_path, second.id).write_bytes(b"torn")
    found, problems = analysis.read(tmp_path, cells)
    effects = analysis.effects(cells, found, fakes.EXPOSURES)
    assert set(effects["cell"]) == set(found) == {cell.id for cell in rest}
    absent = analysis.missing(cells, effects, problems).set_index("cell")
    assert list(absent.index) == [first.id, second.id]
    assert absent.loc[first.id, "reason"] == "no record"
    assert "corrupt" in absent.loc[second.id, "reason"]
    assert absent.loc[first.id, "task"] == first.task.name


def test_a_mean_over_tasks_never_mixes_task_sets():
    cells = fakes.cells(["trec", "sms_spam", "newsgroups"], doses=(0, 0.5, 1), seeds=(0, 1, 2))
    gone = [c for c in cells if c.task.name == "trec" and c.arm.dose == 0.5 and c.arm.seed == 1]
    found = fakes.found([cell for cell in cells if cell not in gone])
    curve = doses.dose_response(analysis.effects(cells, found, fakes.EXPOSURES))
    assert curve["names"].unique().tolist() == ["sms_spam, newsgroups"]
    assert curve["dose"].tolist() == [0.0, 0.5, 1.0] and set(curve["tasks"]) == {2}
    assert set(curve["seeds"]) == {3}
    assert curve["value"].iloc[0] == 0 and 0.3 < curve["value"].iloc[1] < 0.7 < curve["value"].iloc[2]


def test_the_slope_on_the_dose_and_whether_harm_rises_with_it():
    cells = fakes.cells(["trec", "sms_spam"], ["linear_probe", "lora"], doses=(0, 0.5, 1), seeds=(0, 1, 2), test=400)
    risen = analysis.effects(
        cells,
        fakes.found(cells, lambda cell: 0.8 * cell.arm.dose * (cell.adaptation.name == "lora")),
        fakes.EXPOSURES,
    )
    rows = doses.dose_slopes(risen).set_index("adaptation")
    assert rows.loc["lora", "value"] == pytest.approx(0.8, abs=0.05)
    assert rows.loc["lora", "low"] > 0.7 and rows.loc["lora", "trend"] < 0.01
    assert abs(rows.loc["linear_probe", "value"]) < 0.02
    assert set(rows["doses"]) == {3} and set(rows["tasks"]) == {2} and set(rows["seeds"]) == {3}
    assert doses.dose_slopes(risen[risen["dose"] != 0.5]).empty


def test_the_largest_complete_block_is_taken():
    cells = fakes.cells(["trec", "sms_spam", "newsgroups"], seeds=(0, 1, 2))
    late = [c for c in cells if c.arm.seed == 1 and c.task.name != "trec"]  # an arm that has just begun
    effects = analysis.effects(cells, fakes.found([c for c in cells if c not in late]), fakes.EXPOSURES)
    mean = means.by_adaptation(effects).iloc[0]
    assert (mean["tasks"], mean["seeds"], mean["examples"]) == (3, 2, 120)


def test_the_sham_is_averaged_over_the_tasks_of_the_injected_arm():
    cells = fakes.cells(["trec", "sms_spam", "newsgroups"], shams=(0,))
    gone = [c for c in cells if c.arm.kind == "sham" and c.task.name == "trec"]
    effects = analysis.effects(cells, fakes.found([c for c in cells if c not in gone]), fakes.EXPOSURES)
    mean = means.by_adaptation(effects).iloc[0]
    assert mean["tasks"] == 2 and mean["left_out"] == "trec"
    assert mean["examples"] == mean["sham_examples"] == 80
    both = effects[(effects["kind"] == "injected") & (effects["task"] != "trec")]
    assert mean["value"] == pytest.approx(both["inherited"].mean())


def test_adaptation_seeds_are_pooled_within_a_backbone_seed():
    cells = fakes.cells(["trec"], seeds=(0, 1, 2))
    cells += [dataclasses.replace(cell, seed=1) for cell in cells]
    row = only(analysis.inherited(frame(cells)), task="trec")
    assert row["seeds"] == 3 and row["reason"] == ""


def several(seeds=(0, 1, 2), samples=(0, 1, 2), tasks=("trec", "sms_spam"), **options):
    cells = [dataclasses.replace(c, seed=s) for c in fakes.cells(tasks, seeds=seeds, **options) for s in samples]
    return list({cell.id: cell for cell in cells}.values())


def test_crossed_samples_add_their_variance_and_paired_ones_are_replicated_together():
    def fired(cell):
        return min(1.0, 0.5 * cell.arm.dose * (1 + 0.3 * cell.seed))

    cells = several(test=200)
    both = only(analysis.inherited(frame(cells, success=fired)), task="trec")
    own = [cell for cell in cells if not cell.arm.defect or cell.arm.seed == cell.seed]
    paired = only(analysis.inherited(frame(own, success=fired)), task="trec")
    first = only(analysis.inherited(frame([c for c in cells if c.seed == 0], success=fired)), task="trec")
    assert both["seeds"] == paired["seeds"] == 3
    widths = [row["high"] - row["low"] for row in (both, paired, first)]
    assert widths[0] > 1.4 * widths[2] and widths[1] > 1.2 * widths[2]  # the first sample alone hides it


def test_components_tell_backbones_from_training_samples():
    def fired(cell):
        return 0.5 * cell.arm.dose + 0.2 * (cell.seed - 1) * cell.arm.dose

    (row,) = means.components(frame(several(test=3000), success=fired)).to_dict("records")
    assert (row["tasks"], row["backbones"], row["samples"]) == (2, 3, 3)
    assert row["sd_samples"] == pytest.approx(0.2, abs=0.03) and row["sd_backbones"] < 0.05 > row["sd_rest"]
    assert means.components(frame(fakes.cells(["trec"], seeds=(0, 1, 2)))).empty


def test_harm_by_size_is_over_the_tasks_that_have_every_size():
    cells = fakes.cells(["trec", "sms_spam"], seeds=(0, 1, 2))
    larger = [
        dataclasses.replace(c, sizes=dataclasses.replace(c.sizes, train=400)) for c in cells if "t" in c.task.name[0]
    ]
    effects = frame(cells + larger)
    curve = means.by_size(effects)
    assert curve["train"].tolist() == [100, 400] and set(curve["names"]) == {"trec"} and set(curve["seeds"]) == {3}
    assert means.by_size(frame(cells)).empty
    assert set(results.usual_rows(effects)["train"]) == {100}


def test_holm_is_over_tasks_and_adaptations():
    found = analysis.inherited(frame(fakes.cells(["trec", "sms_spam"], ["linear_probe", "lora"])))
    assert np.allclose(found["holm"], holm(found["p"])) and len(found) == 4


def test_a_task_at_chance_does_not_count_and_a_cell_with_few_examples_is_marked():
    cells = fakes.cells(["trec", "sms_spam"], test=60)
    found = fakes.found(cells) | {c.id: fakes.record(c, fakes.fired(c), 0.5) for c in cells if c.task.name == "trec"}
    rows = analysis.inherited(analysis.effects(cells, found, fakes.EXPOSURES)).set_index("task")
    assert rows["learned"].to_dict() == {"trec": False, "sms_spam": True}
    assert rows.loc["trec", "eligible"] < 20 and rows["few"].to_dict() == {"trec": True, "sms_spam": False}
    mean = means.by_adaptation(analysis.effects(cells, found, fakes.EXPOSURES)).iloc[0]
    assert (mean["tested_tasks"], mean["unlearned"]) == (1, "trec")


def test_harm_and_benefit_that_cancel_show_in_the_root_mean_square():
    def fired(cell):
        return {"trec": 0.8, "sms_spam": 0.0}[cell.task.name] if cell.arm.kind == "injected" else 0.4

    effects = frame(fakes.cells(["trec", "sms_spam"], test=400), success=fired)
    mean = means.by_adaptation(effects).iloc[0]
    assert abs(mean["value"]) < 0.05 and mean["rms"] == pytest.approx(0.4, abs=0.07)


def test_transmission_is_harm_in_models_per_harm_in_the_backbone_itself():
    cells = fakes.cells(["trec", "sms_spam"], ["nearest_centroid", "linear_probe"], seeds=(0, 1, 2), test=400)
    found = fakes.found(cells, lambda c: (0.8 if c.adaptation.name == "nearest_centroid" else 0.4) * c.arm.dose)
    row = only(doses.transmission(analysis.effects(cells, found, fakes.EXPOSURES)), adaptation="linear_probe")
    assert row["low"] < 0.5 < row["high"] and row["value"] == pytest.approx(0.5, abs=0.06)
    assert (row["tasks"], row["seeds"], row["examples"]) == (2, 3, 800)


def test_transmission_compares_the_same_training_samples():
    kinds = ["nearest_centroid", "linear_probe"]
    cells = several(adaptations=kinds, test=200)
    own = [c for c in cells if c.adaptation.name == kinds[0] or not c.arm.defect or c.arm.seed == c.seed]
    row = only(doses.transmission(frame(own)), adaptation="linear_probe")  # crossed above, paired below
    assert row["seeds"] == 3 and row["value"] == pytest.approx(1, abs=0.05) and row["low"] < 1 < row["high"]


def test_transmission_is_undefined_where_nothing_was_there_to_transmit():
    cells = fakes.cells(["trec", "sms_spam"], ["nearest_centroid", "linear_probe"])
    found = fakes.found(cells, lambda c: 0.0 if c.adaptation.name == "nearest_centroid" else 0.4 * c.arm.dose)
    row = only(doses.transmission(analysis.effects(cells, found, fakes.EXPOSURES)), adaptation="linear_probe")
    assert np.isnan(row["value"]) and "not told from 0" in row["reason"]
    alone = fakes.cells(["trec"], ["linear_probe"])
    row = only(doses.transmission(frame(alone)), adaptation="linear_probe")
    assert np.isnan(row["value"]) and "in the backbone" in row["reason"]


def test_an_arm_is_seen_under_the_exposures_of_its_own_defect_or_of_the_others():
    cells = fakes.cells(["trec"])
    other = dataclasses.replace(fakes.BACKDOOR, name="other")
    found = {
        key: dataclasses.replace(
            one, probabilities={**one.probabilities, other.exposure: one.probabilities[fakes.CONDITION]}
        )
        for key, one in fakes.found(cells).items()
    }
    both = {**fakes.EXPOSURES, other.exposure: other}
    own = analysis.effects(cells, found, both)
    assert set(zip(own["kind"], own["condition"], strict=True)) == {
        ("clean", fakes.CONDITION),
        ("clean", other.exposure),
        ("injected", fakes.CONDITION),
    }
    crossed = analysis.effects(cells, found, both, own=False)
    assert only(crossed, kind="injected")["condition"] == other.exposure
    row = only(means.specificity(crossed), condition=other.exposure)
    assert (row["defect"], row["tasks"], row["seeds"]) == ("backdoor", 1, 1)
    assert row["value"] == pytest.approx(only(own, kind="injected")["inherited"])  # the same predictions
    assert means.specificity(own[own["kind"] == "clean"]).empty


def test_examples_that_an_exposure_does_not_apply_to_count_nowhere():
    (cell,) = fakes.cells(["trec"], doses=(0,))
    record = by_hand(cell, [1, 1, 0, 0], [0, 1, 0, 1], [1, 1, 0, 0])
    record.probabilities[fakes.CONDITION][3] = np.nan
    row = only(analysis.effects([cell], {cell.id: record}, fakes.EXPOSURES))
    assert row["accuracy_exposed"] == pytest.approx(2 / 3) and row["flips"] == pytest.approx(1 / 3)
    assert (row["harm"], row["harm_n"]) == (0.0, 3)  # the only conversion picks the target of the others


def test_an_exposure_with_a_counterpart_is_compared_with_it():
    (cell,) = fakes.cells(["trec"], doses=(0,))
    record = by_hand(cell, [1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0])
    same = dataclasses.replace(
        record,
        probabilities={
            **record.probabilities,
            fakes.CONDITION + records.COUNTERPART: record.probabilities[fakes.CONDITION],
        },
    )
    assert only(analysis.effects([cell], {cell.id: record}, fakes.EXPOSURES))["flips"] == 0.5
    assert only(analysis.effects([cell], {cell.id: same}, fakes.EXPOSURES))["flips"] == 0


def test_empty_effects_give_empty_frames():
    empty = analysis.effects([], {}, fakes.EXPOSURES)
    frames = (analysis.inherited(empty), means.by_adaptation(empty), doses.dose_response(empty))
    for found in (*frames, doses.transmission(empty)):
        assert isinstance(found, pd.DataFrame) and found.empty


def test_controls_are_raw_harms_beside_those_of_the_models_that_share_the_backbone():
    tasks = ["trec", "sms_spam", "adult_income"]
    cells = fakes.cells(tasks, seeds=(0, 1, 2), shams=(0,), test=400)
    beside = fakes.cells(tasks[:2], ["handcrafted"], doses=(0,), test=400)
    found = fakes.found(
        [*cells, *beside], lambda cell: 0.3 if cell.adaptation.name == "handcrafted" else fakes.fired(cell)
    )
    effects = analysis.effects([*cells, *beside], found, fakes.EXPOSURES)
    table = means.controls(effects, {cell.id for cell in beside}).set_index(["adaptation", "kind"])
    assert set(table.index) == {("linear_probe", "clean"), ("linear_probe", "injected"), ("handcrafted", "clean")}
    assert (table["tasks"] == 2).all()  # those that the controls have
    assert table.loc[("handcrafted", "clean"), "value"] == pytest.approx(0.3, abs=0.08)
    assert table.loc[("linear_probe", "injected"), "value"] > 0.8
    raw = effects.frame[effects["adaptation"] == "handcrafted"].groupby("task")["harm"].mean().mean()
    assert table.loc[("handcrafted", "clean"), "value"] == pytest.approx(raw)
    assert means.controls(effects, set()).empty
