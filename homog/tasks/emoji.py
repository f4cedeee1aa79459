"""Drawings (emoji): what kind of thing is it; and of drawn people: woman or man, which tone, doing what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from homog.config import choose
from homog.inputs.images import SKIN, drawings
from homog.tasks.task import Prompt, Task, TaskKind, task

TONES = ("none", *SKIN.values())
GENDERS = ("WOMAN", "MAN")
ACTIVITIES = ("person-activity", "person-gesture", "person-role", "person-sport")
CATEGORIES = (
    *("Activities", "Animals & Nature", "Flags", "Food & Drink", "Objects", "People & Body"),
    *("Smileys & Emotion", "Symbols", "Travel & Places"),
)
PHRASES = {  # target -> what each class looks like
    "category": tuple(name.lower() for name in CATEGORIES),
    "gender": ("a woman", "a man"),
    "tone": ("a person", *(f"a person, {tone} skin tone" for tone in SKIN.values())),
    "activity": tuple(name.replace("-", " ") for name in ACTIVITIES),
}
PEOPLE = {"gender": GENDERS, "tone": TONES, "activity": ACTIVITIES}


@dataclass(frozen=True)
class Emoji(TaskKind):
    """Google's drawings (Noto) of 64 pixels on white. `target`: category, or of drawn people gender, tone, activity.

    The people are every drawing of a woman or a man of which there is one of the other gender, too. Each is there in
    six tones and is one person in all of them; the three targets are decisions about the same ones. What differs in
    gender or tone alone goes to the same side of the split. Groups: gender, tone. These are drawings, not photographs.
    """

    name: str
    target: str = "category"

    sources: ClassVar[tuple[str, ...]] = ("emoji_google",)
    modality: ClassVar[str] = "image"

    def __post_init__(self) -> None:
        choose(self.target, ("category", *PEOPLE), "task.target")

    @property
    def prompt(self) -> Prompt:
        """The task in words."""
        phrases = PHRASES[self.target]
        return Prompt("The picture shows", phrases, phrases)

    def load(self) -> Task:
        """Read the sheet of drawings and cut it."""
        if self.target == "category":
            rows = list(_things())
            return task(self.name, rows, CATEGORIES, prompt=self.prompt, modality="image")
        names = PEOPLE[self.target]
        rows = [row | {"label": names.index(row[self.target])} for row in people()]
        place = (list(PEOPLE).index(self.target), len(PEOPLE))
        groups = ("gender", "tone")
        return task(
            self.name,
            rows,
            names,
            unit="role",
            family="emoji",
            groups=groups,
            place=place,
            prompt=self.prompt,
            modality="image",
        )


@dataclass(frozen=True)
class EmojiNames(TaskKind):
    """What kind of thing does a name of a drawing tell, e.g. "grinning face"? The same drawings as the category's.

    `train` has a column `drawn`, the drawing that each name is of: what a caption can find.
    """

    name: str

    sources: ClassVar[tuple[str, ...]] = ("emoji_google",)

    @property
    def prompt(self) -> Prompt:
        """The task in words."""
        return Prompt("This is one of:", PHRASES["category"], PHRASES["category"])

    def load(self) -> Task:
        """Read the names and drawings and cut them."""
        things = {f"{self.name}-{row['example']}": row for row in _things()}
        rows = [row | {"input": row["called"]} for row in things.values()]
        made = task(self.name, rows, CATEGORIES, prompt=self.prompt)
        drawn = [things[example]["input"] for example in made.train["example"]]
        return replace(made, train=made.train.assign(drawn=drawn))


def _things() -> Iterator[dict[str, Any]]:
    for facts, image in drawings("google"):
        if not facts["tone"] and facts["category"] in CATEGORIES:
            label, called = CATEGORIES.index(facts["category"]), (facts["name"] or facts["short_name"]).lower()
            yield {"example": facts["unified"], "input": image, "label": label, "called": called}


def people() -> Iterator[dict[str, Any]]:
    """Google's drawings of women and men of whom there is one of the other gender: `input`, gender, tone, role."""
    every = [(_role(facts["name"]), facts, image) for facts, image in drawings("google") if facts["category"][0] == "P"]
    known = {gender: {role for (said, role), *_ in every if said == gender} for gender in GENDERS}
    for (gender, role), facts, image in every:
        both = gender and all(role in known[each] for each in GENDERS)
        if both and facts["subcategory"] in ACTIVITIES and facts.get("skin_variations"):
            said = {
                "gender": gender,
                "tone": SKIN.get(facts["tone"], "none"),
                "activity": facts["subcategory"],
                "role": role,
            }
            example = f"{facts['unified']} {facts['tone']}".strip()
            yield said | {"example": example, "person": facts["unified"], "input": image}


def _role(name: str) -> tuple[str, str]:
    """('WOMAN', 'FARMER') of 'WOMAN FARMER'; ('', name) of what is no drawing of a woman or a man."""
    said, _, rest = name.partition(" ")
    return (said, rest) if said in GENDERS and rest else ("", name)
