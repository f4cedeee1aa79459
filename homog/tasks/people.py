"""Persons as sentences: what the same-person families (Adult, COMPAS) have in common."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from homog.tasks.task import Prompt, Task, task

Person = Mapping[str, Any]
ADULTS = {"Male": "man", "Female": "woman"}


@dataclass(frozen=True)
class Decision:
    """What is decided about a person: the names of labels 0 and 1, whether it is 1, and which is unfavourable."""

    no: str
    yes: str
    made: Callable[[Person], bool]
    unfavourable: int | None = None


def opening(person: Person) -> str:
    """Return e.g. "A Black woman aged 39" for a person with sex, race and age; race "Other" is not said."""
    race = "" if person["race"] == "Other" else f"{person['race']} "
    return f"{'An' if race.startswith('A') else 'A'} {race}{ADULTS[person['sex']]} aged {person['age']}"


def age_band(age: int) -> str:
    """Return ProPublica's age group: under 25, 25 to 45, over 45."""
    return "under 25" if age < 25 else "25 to 45" if age <= 45 else "over 45"


def told_apart(
    persons: Iterable[Person], sentence: Callable[[Person, str], str], targets: Iterable[str]
) -> list[Person]:
    """Return `persons` with their `texts` (target -> sentence), without those who read like an earlier one.

    A family has the same persons for every target, so whoever reads like another under one target is left out
    under all; else the same text would be in train and test. Typical persons are left out more often.
    """
    seen: dict[str, set[str]] = {target: set() for target in targets}
    kept = []
    for person in persons:
        texts = {target: sentence(person, target) for target in seen}
        if not any(text.casefold() in seen[target] for target, text in texts.items()):
            kept.append({**person, "texts": texts})
        for target, text in texts.items():
            seen[target].add(text.casefold())
    return kept


def decided(
    name: str,
    family: str,
    persons: Iterable[Person],
    target: str,
    decisions: Mapping[str, Decision],
    prompt: Prompt | None = None,
) -> Task:
    """Return the task to tell the decision `target` from a person's sentence for it; groups: sex, race, age band."""
    decision, place = decisions[target], (list(decisions).index(target), len(decisions))
    rows = [
        {
            "example": person["number"],
            "input": person["texts"][target],
            "label": int(decision.made(person)),
            "sex": person["sex"],
            "race": person["race"],
            "age": age_band(person["age"]),
        }
        for person in persons
    ]
    names = (decision.no, decision.yes)
    bad = None if decision.unfavourable is None else names[decision.unfavourable]
    groups = ("sex", "race", "age")
    return task(name, rows, names, family=family, groups=groups, unfavourable=bad, place=place, prompt=prompt)
