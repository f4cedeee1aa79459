"""The long table -> an ensemble per task, checked; nothing is left out without a note."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from homog.analysis.ensembles import DEPLOYERS, Ensemble
from homog.audit.choices import CHOICES, EXCLUDED, MOST_GROUPS, AuditError, Settings, note
from homog.audit.columns import Rows
from homog.audit.placing import Grid, differing, grid_of, kinds, per_key
from homog.audit.spelling import no_answer
from homog.wording import counted, some

ABSENT = "(missing)"  # the group of examples that have no value in a group column


def ensembles(rows: Rows, settings: Settings, table: dict[str, dict[str, str]], notes: list) -> list[Ensemble]:
    """An ensemble per task. `table`: attribute -> model -> value, from a file of attributes. Adds to `notes`."""
    groups, attributes = kinds(rows, notes)
    names = rows.columns["task"].names if "task" in rows.columns else [""]
    built = []
    for number, task in enumerate(names):
        grid = grid_of(rows, task, number)
        ensemble = _ensemble(grid, settings, groups, notes)
        known = {name: _of_models(grid, name) for name in attributes}
        known |= {name: np.array([values[model] for model in ensemble.models]) for name, values in table.items()}
        built.append(replace(ensemble, attributes=known))
    return built


def _ensemble(grid: Grid, settings: Settings, groups: list[str], notes: list) -> Ensemble:
    names = grid.rows.columns["label"].names
    labels, predictions = _labels(grid), _predictions(grid)
    repeated = _duplicates(grid, predictions, notes)
    answers = [_used(labels, len(names)), _used(grid.values("prediction"), len(names))]
    options = [name for name in grid.rows.options if not np.isnan(grid.rows.probability(name)[grid.chosen]).all()]
    used = np.union1d(*answers)
    classes = [*options, *(name for name in names[used] if name not in options)]
    _unseen(grid, [set(names[part].tolist()) for part in answers], options, notes)
    lookup = np.full(len(names) + 1, -1, dtype=np.min_scalar_type(-max(2, len(classes))))  # the last for no answer
    number = {name: place for place, name in enumerate(classes)}
    lookup[used] = [number[name] for name in names[used]]
    labels, predictions = lookup[labels], lookup[predictions]
    probabilities = _probabilities(grid, options, repeated) if options else None
    if probabilities is not None:
        _argmax(grid, probabilities, predictions, notes)
    extra = _extra(grid, groups, notes)
    ensemble = Ensemble(
        DEPLOYERS,
        grid.task,
        (predictions != labels)[None],
        models=tuple(grid.rows.columns["model"].names[grid.models].tolist()),
        tasks=(grid.task,),
        examples=grid.rows.columns["example"].names[grid.examples],
        people=_per_example(grid, "person") if "person" in grid.rows.columns else None,
        labels=labels.astype(np.int64),
        classes=tuple(classes),
        options=_options(grid, settings, classes, options, names[answers[0]].tolist()),
        predictions=predictions[None],
        probabilities=None if probabilities is None else probabilities[None],
        groups={name: values for name, (few, values) in extra.items() if few},
        details={name: values for name, (few, values) in extra.items() if not few},
    )
    return without_gaps(ensemble, settings, notes)


def _used(codes: np.ndarray, size: int) -> np.ndarray:
    there = np.zeros(size, dtype=bool)
    there[codes] = True
    return np.flatnonzero(there)


def _options(grid: Grid, settings: Settings, classes: list[str], options: list[str], labels: list[str]) -> int:
    """How many answers there are to choose from; what stands for no answer is none of them."""
    if settings.options is not None and settings.options < len(labels):
        raise AuditError(
            f"{grid.prefix}options = {settings.options}, but there are {len(labels)} labels ({some(labels)})"
        )
    answers = [name for name in classes if name in labels or not no_answer(name)]
    return settings.options or max(2, len(options or answers))


def _labels(grid: Grid) -> np.ndarray:
    codes, size = grid.values("label"), len(grid.examples)
    labels = per_key(codes, grid.example, size)
    bad = differing(codes, grid.example, labels)
    if bad >= 0:
        wrong = np.unique(grid.example[labels[grid.example] != codes])
        examples, names = grid.rows.columns["example"].names[grid.examples[wrong]], grid.rows.columns["label"].names
        both = some(sorted({names[codes[bad]], names[labels[grid.example[bad]]]}))
        number = counted(len(wrong), "example", ("has", "have"))
        raise AuditError(
            f"{grid.prefix}{number} several labels ({some(examples)}; {examples[0]} has {both}); valid: one label each"
        )
    return labels


def _predictions(grid: Grid) -> np.ndarray:
    """(k, n) codes, -1 where a model has no row for an example; the last of several rows."""
    codes = grid.values("prediction")
    predictions = np.full(grid.shape[0] * grid.shape[1], -1, dtype=codes.dtype)
    for part, cell in grid.blocks():
        predictions[cell] = codes[part]
    for part, cell in grid.blocks():
        changed = predictions[cell] != codes[part]
        if changed.any():
            _conflict(grid, int(cell[changed.argmax()]), "predictions")
    return predictions.reshape(grid.shape)


def _conflict(grid: Grid, cell: int, what: str) -> None:
    raise AuditError(
        f"several rows with different {what} (first: {grid.said(cell)}); valid: one row per model and example"
    )


def _duplicates(grid: Grid, predictions: np.ndarray, notes: list) -> bool:
    """Whether rows are repeated; they are noted. (Repeated rows that differ are errors.)"""
    repeated = len(grid.model) - int(np.count_nonzero(predictions >= 0))
    if repeated:
        last = np.empty(predictions.size, dtype=np.int64)
        for part, cell in grid.blocks():
            last[cell] = np.arange(part.start, part.start + len(cell))
        earlier = [cell[last[cell] != np.arange(part.start, part.start + len(cell))] for part, cell in grid.blocks()]
        first = "; ".join(grid.said(cell) for cell in np.concatenate(earlier)[:3].tolist())
        notes.append(note("duplicate rows", grid.task, repeated, f"dropped, the same as another row: {first}"))
    return repeated > 0


def _unseen(grid: Grid, answers: list[set], options: list[str], notes: list) -> None:
    labels, predicted = answers
    if options and labels - set(options):
        outside = sorted(labels - set(options))
        said = f"label {some(outside)} has no column probability_{outside[0]}"
        raise AuditError(f"{grid.prefix}{said}; valid: {some(options, CHOICES)}")
    unseen = sorted(predicted - labels)
    if unseen:
        wanted = np.isin(grid.rows.columns["label"].names.astype(str), unseen)
        rows = int(wanted[grid.values("prediction")].sum())
        none = [name for name in unseen if no_answer(name)]
        said = f"counted as wrong: {some(unseen)}" + (f"; no option: {some(none)}" if none else "") + grid.suffix
        notes.append(note("predictions that are never a label", grid.task, rows, said))


def _argmax(grid: Grid, probabilities: np.ndarray, predictions: np.ndarray, notes: list) -> None:
    """Note the rows whose prediction has a probability, and not the highest one."""
    has_one = (predictions >= 0) & (predictions < probabilities.shape[2])
    own = np.take_along_axis(probabilities, np.where(has_one, predictions, 0)[..., None], 2)[..., 0]
    other = has_one & (own < probabilities.max(2))
    if other.any():
        first = grid.said(int(np.flatnonzero(other.ravel())[0]))
        said = f"the highest probability is another class's; first: {first}{grid.suffix}"
        notes.append(note("predictions beside their probabilities", grid.task, int(other.sum()), said))


def _probabilities(grid: Grid, options: list[str], repeated: bool) -> np.ndarray:
    """(k, n, options) float32; 0 where a model has no row."""
    probabilities = np.zeros((grid.shape[0] * grid.shape[1], len(options)), dtype=np.float32)
    for place, name in enumerate(options):
        values = grid.rows.probability(name)[grid.chosen]
        gone = np.isnan(values)
        if gone.any():
            first = grid.said(next(int(cell[gone[part]][0]) for part, cell in grid.blocks() if gone[part].any()))
            number = counted(int(gone.sum()), "missing value")
            raise AuditError(f"column probability_{name}: {number} (first: {first})")
        for part, cell in grid.blocks():
            probabilities[cell, place] = values[part]
        for part, cell in grid.blocks() if repeated else ():
            changed = probabilities[cell, place] != values[part]
            if changed.any():
                _conflict(grid, int(cell[changed.argmax()]), f"probability_{name}")
    for _, cell in grid.blocks():
        _sums(grid, cell, probabilities[cell])
    return probabilities.reshape(*grid.shape, len(options))


def _sums(grid: Grid, cell: np.ndarray, values: np.ndarray) -> None:
    bad = np.flatnonzero((np.abs(values.sum(1) - 1) > 1e-3) | (values < 0).any(1)).tolist()
    if bad:
        first = "; ".join(f"{grid.said(int(cell[row]))}: {values[row].sum():.4g}" for row in bad[:3])
        raise AuditError(f"probabilities of {counted(len(bad), 'row')} do not sum to 1 or are below 0 ({first})")


def _per_example(grid: Grid, name: str) -> np.ndarray:
    places = per_key(grid.values(name), grid.example, len(grid.examples))
    return np.append(grid.rows.columns[name].names, ABSENT)[places]


def _of_models(grid: Grid, name: str) -> np.ndarray:
    places = per_key(grid.values(name), grid.model, len(grid.models))
    if (places < 0).any():
        models = grid.rows.columns["model"].names[grid.models[places < 0]]
        raise AuditError(
            f"attribute {name}: no value for {some(models)}; valid: one for each model, or --ignore {name}"
        )
    return grid.rows.columns[name].names[places]


def _extra(grid: Grid, names: list[str], notes: list) -> dict[str, tuple[bool, np.ndarray]]:
    """Column of examples -> (has it few values, the values); without those that no example of the task has."""
    columns = {}
    for name in names:
        values = _per_example(grid, name)
        gone, size = int((values == ABSENT).sum()), len(set(values.tolist()))
        if gone == len(values):
            continue
        if gone:
            notes.append(note("examples without a group", name, gone, f"group {ABSENT}{grid.suffix}"))
        if size > MOST_GROUPS:
            said = f"more than {MOST_GROUPS} are no groups: listed with systemic failures only{grid.suffix}"
            notes.append(note("column of many values", name, size, said))
        columns[name] = size <= MOST_GROUPS, values
    return columns


def without_gaps(ensemble: Ensemble, settings: Settings, notes: list) -> Ensemble:
    """The ensemble on the examples that all models answered, or with `present`; who lacks what is noted."""
    predictions, examples, task = ensemble.predictions, ensemble.examples, ensemble.setting
    assert predictions is not None
    present: Any = predictions[0] >= 0
    if present.all():
        return ensemble
    said = f"; task {task}" if task else ""
    for model, row in zip(ensemble.models, present, strict=True):
        if not row.all():
            lacks = examples[~row]
            notes.append(note("model that lacks examples", model, len(lacks), f"of {len(row):,}: {some(lacks)}{said}"))
    complete = present.all(0)
    left = f"{int(complete.sum()):,} of {len(complete):,} are answered by every model{said}"
    lacking = {"example": examples[~complete], "models": (~present[:, ~complete]).sum(0)}
    if settings.pairwise_complete:
        notes.append(note("examples in pairs only", task, int((~complete).sum()), left))
        return replace(ensemble, predictions=np.maximum(predictions, 0), present=present, lacking=lacking)
    if not complete.any():
        fewest = np.argsort(present.sum(1), kind="stable")[:3]
        least = ", ".join(f"{ensemble.models[i]} has {present[i].sum():,}" for i in fewest)
        raise AuditError(f"no example is answered by all {len(present)} models{said} ({least} of {len(complete):,})")
    notes.append(note(EXCLUDED, task, int((~complete).sum()), left))
    return replace(ensemble.of(np.flatnonzero(complete)), lacking=lacking)
