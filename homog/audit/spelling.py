"""One value in several spellings: what is always the same, what is alike, and what is no answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute

from homog.audit.choices import MOST_GROUPS, AuditError, note
from homog.wording import some

pc: Any = compute  # its functions are made at run time
WHOLE = r"^-?\d+\.0*$"  # a whole number that was written as a float
UNUSUAL = rf"(^\s|\s$|[^\x00-\x7F]|{WHOLE})"
UNNAMED = re.compile(r"^(Unnamed: ?\d+|__index_level_\d+__)?$")  # an index that pandas wrote
NO_ANSWER = re.compile(
    r"^(\[.*\]|<.*>|\(.*\)|invalid|none|null|nan|n/?a|error|failed|refus(al|ed)|unknown|unparsable|no[ _-]?answer)?$"
)


def plain(name: str) -> str:
    """A name as it always is: NFC, without blanks around it, a whole float as an integer (1.0 -> 1)."""
    name = unicodedata.normalize("NFC", name).strip()
    return name.partition(".")[0] if re.match(WHOLE, name) else name


def alike(name: str) -> str:
    """What spellings have in common that are probably one answer: whatever the case, the form and zeros in front."""
    name = unicodedata.normalize("NFKC", name).strip().casefold()
    return re.sub(r"^(-?)0+(?=\d+$)", r"\1", name)


def no_answer(name: str) -> bool:
    """Whether a value looks like what stands for a refusal or an answer that could not be read, e.g. [invalid]."""
    return bool(NO_ANSWER.match(alike(name)))


def merged(codes: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(codes, names) after `plain`: names that became equal are one. Quick where no name is unusual."""
    odd = pc.any(pc.match_substring_regex(pa.array(names, pa.string()), UNUSUAL)).as_py()
    if not odd:
        return codes, names
    known: dict[str, int] = {}
    places = [known.setdefault(plain(name), len(known)) for name in names.tolist()]
    lookup = np.append(places, -1).astype(codes.dtype)
    return lookup[codes], np.array([*known], dtype=object)


def respelled(
    labels: np.ndarray, predictions: np.ndarray, models: Any, names: np.ndarray, where: Callable[[int], str]
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """(predictions (N,) in the spelling of the labels, a note for each model that spells otherwise).

    `labels` and `predictions` index into `names`; `models` is the column of models. Two labels that are alike are
    refused where classes are few; of many, as among free answers, each keeps its own spelling.
    """
    spellings: dict[str, list[int]] = {}
    for place, name in enumerate(names.tolist()):
        spellings.setdefault(alike(name), []).append(place)
    several = [group for group in spellings.values() if len(group) > 1]
    if not several:
        return predictions, []
    is_label = np.zeros(len(names) + 1, dtype=bool)
    is_label[labels] = True
    lookup = np.append(np.arange(len(names)), -1).astype(predictions.dtype)
    for group in several:
        right = [place for place in group if is_label[place]]
        if len(right) > 1 and is_label.sum() <= MOST_GROUPS:
            rows = " and ".join(f"{names[place]!r} ({where(int((labels == place).argmax()))})" for place in right[:2])
            raise AuditError(f"labels {rows}: one class or two? valid: one spelling of each class")
        if len(right) < 2:
            lookup[group] = (right or group)[0]
    changed = (lookup[predictions] != predictions) & is_label[lookup[predictions]]
    notes = [_said(predictions, lookup, names, models, code, changed) for code in np.unique(models.codes[changed])]
    return lookup[predictions], notes


def _said(
    predictions: np.ndarray, lookup: np.ndarray, names: np.ndarray, models: Any, model: int, changed: np.ndarray
) -> dict[str, Any]:
    rows = changed & (models.codes == model)
    pairs = [f"{names[code]} as {names[lookup[code]]}" for code in np.unique(predictions[rows])]
    return note("answers spelled otherwise", str(models.names[model]), int(rows.sum()), f"read {some(pairs)}")


def foreign(
    labels: np.ndarray, predictions: np.ndarray, models: Any, names: np.ndarray, where: Callable[[int], str]
) -> None:
    """Raise AuditError for a model that answers, and never with a label: other codes, not other answers."""
    is_label = np.zeros(len(names) + 1, dtype=bool)
    is_label[labels] = True
    answers = np.append([not no_answer(name) for name in names.tolist()], False)
    right, given = (np.bincount(models.codes, weights=row, minlength=len(models.names)) for row in
                    (is_label[predictions], answers[predictions]))  # fmt: skip
    bad = np.flatnonzero((right == 0) & (given > 0))
    if len(bad):
        rows = (models.codes == bad[0]) & answers[predictions]
        told, wanted = (some(sorted({str(names[i]) for i in codes})) for codes in (predictions[rows], labels))
        raise AuditError(
            f"model {models.names[bad[0]]}: none of its {int(rows.sum()):,} answers ({told}) is ever a label "
            f"({wanted}) (first: {where(int(rows.argmax()))}); valid: answers spelled as the labels are"
        )


def alike_examples(names: Sequence[str]) -> dict[str, Any] | None:
    """A note where ids of examples differ in their spelling alone: 001 in one file and 1 in another."""
    known: dict[str, list[str]] = {}
    for name in names:
        known.setdefault(alike(name), []).append(name)
    pairs = [" and ".join(group[:2]) for group in known.values() if len(group) > 1]
    said = f"taken for different ones: {some(pairs)}"
    return note("examples whose ids are alike", "", len(pairs), said) if pairs else None
