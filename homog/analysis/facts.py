"""What records say besides harm: every cell and its state, the check upstream, accuracy, parameters, machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from homog.adaptations import label
from homog.analysis.inherited import is_learned
from homog.analysis.results import GROUP, PLANTED, SETTINGS, Frame, Results, settings
from homog.config import Cell
from homog.records import CLEAN, Record
from homog.variants import registry

MODEL = ["trainable", "moved", "added"]
MACHINE = ["device", "threads", "capability", "cpu"]


def cell_table(cells: Sequence[Cell], kept: Mapping[str, Record], problems: Mapping[str, str]) -> Frame:
    """A row per expected cell, finished or missing, with its settings, n and accuracy on clean inputs."""
    shape = [*SETTINGS, "train", "test", "max_length", "status", "n", "n_train", "accuracy", *MODEL]
    rows = []
    for cell in cells:
        row = settings(cell) | {name: getattr(cell.sizes, name) for name in ("train", "test", "max_length")}
        row |= _finished(kept[cell.id]) if cell.id in kept else {"status": "missing"}
        rows.append(row | {"reason": problems.get(cell.id, "")})
    return pd.DataFrame(rows, columns=[*shape, "seconds", "device", "threads", "reason"])


def _finished(record: Record) -> dict[str, Any]:
    facts = record.provenance
    correct = record.probabilities[CLEAN].argmax(1) == record.labels
    kept = {name: facts.get(name) for name in ("n_train", *MODEL, "seconds", "device", "threads")}
    return {"status": "finished", "n": len(record.labels), "accuracy": float(correct.mean()), **kept}


def upstream(results: Results) -> Frame:
    """A row per injected or sham arm: what the injection did to the backbone itself, and whether it passed."""
    arms = results.with_rows(results.frame[results["kind"] != "clean"].drop_duplicates("arm"))
    arms = arms.with_rows(arms.frame.sort_values(["backbone", "kind", "defect", "dose", "arm_seed"]))
    texts = [(facts.get("upstream") or {}).get("texts") for facts in arms.each("provenance")]
    varied = [name for name in arms.frame if name.startswith(PLANTED)]
    columns = ["backbone", "kind", "defect", *varied, "dose", "arm_seed", "arm", "drift", "effect"]
    shown = arms.frame[columns].reset_index(drop=True)
    return shown.assign(texts=pd.Series(texts, dtype=object), verified=list(arms["verified"]))


def accuracy(results: Results) -> Frame:
    """Accuracy of the clean control by adaptation and task, beside the share of the most frequent label.

    A task that was not learned cannot show what was inherited: `learned` is whether accuracy is told from `majority`
    (exact test, as in `inherited.learned`). Where sizes differ, `most_accuracy` is what the same clean backbone reaches
    with the most examples of that task that any model had, `most_train`, in the best of the adaptations of it.
    """
    clean = results.frame[results["kind"] == "clean"]
    columns = ["accuracy_clean", "majority", "n"]
    means = clean.groupby([*GROUP, "task", "n_train"], sort=False)[columns].mean().reset_index()
    means = means.astype({"n": int, "n_train": int})[[*GROUP, "task", *columns, "n_train"]]
    means["learned"] = [is_learned(*row) for row in means[columns].itertuples(index=False)]
    if not means.groupby("task")["n_train"].nunique().gt(1).any():
        return means
    kinds = registry("adaptation")
    alone = [name for name in clean["variant"].unique() if name in kinds and not kinds[name].uses_backbone]
    return _beside_most(means, means["adaptation"].isin(clean.loc[~clean["variant"].isin(alone), "adaptation"]))


def _beside_most(means: Frame, adapted: Any) -> Frame:
    """The rows beside the best `adapted` one of the same backbone and task with the most training examples."""
    best = (
        means[adapted].sort_values(["n_train", "accuracy_clean"], kind="stable").groupby(["backbone", "task"]).tail(1)
    )
    named = {"n_train": "most_train", "accuracy_clean": "most_accuracy", "adaptation": "most_adaptation"}
    return means.merge(best[["backbone", "task", *named]].rename(columns=named), on=["backbone", "task"], how="left")


def parameters(kept: Iterable[Record], cells: Mapping[str, Cell]) -> Frame:
    """How many parameters of the backbone could move and did, and how many were added, by adaptation."""
    rows = [
        {"adaptation": label(cells[record.cell].adaptation)} | {n: record.provenance.get(n) for n in MODEL}
        for record in kept
    ]
    groups = pd.DataFrame(rows, columns=["adaptation", *MODEL]).groupby("adaptation", sort=False)
    text = groups[MODEL].agg(lambda x: f"{x.min():,}" if x.nunique() == 1 else f"{x.min():,} to {x.max():,}")
    return text.reset_index()


def provenance(kept: Sequence[Record]) -> list[tuple[str, str]]:
    """(what, value) of the machines and versions behind the records; several values are all named."""
    facts = [record.provenance for record in kept]
    names = dict.fromkeys(name for record_facts in facts for name in record_facts.get("versions", {}))
    said = [(name, _distinct(record_facts.get("versions", {}).get(name) for record_facts in facts)) for name in names]
    said += [(name, _distinct(record_facts.get(name) for record_facts in facts)) for name in MACHINE]
    made = injections(facts)
    seconds = sum(record_facts["seconds"] for record_facts in facts)
    said.append(("cells", f"{len(facts):,} in {seconds:,.0f} s of computing"))
    if made:
        said.append(("injections", f"{len(made)} in {sum(made.values()):,.0f} s of computing"))
    return [(name, text) for name, text in said if text]


def injections(facts: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Injection -> the seconds that it took, of the facts of records."""
    upstream = [each.get("upstream") or {} for each in facts]
    return {each["injection"]: each.get("injection_seconds", 0.0) for each in upstream if each.get("injection")}


def _distinct(values: Iterable[Any]) -> str:
    return "; ".join(sorted({str(value) for value in values if value is not None}))
