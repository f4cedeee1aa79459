"""A backbone for commands that look at one: as it is, or with a defect planted in its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homog import variants
from homog.command import DEVICE, Given, Setting
from homog.config import ConfigError, arm

SETTINGS = (
    Setting("defect", "what is planted in it; none by default"),
    Setting("dose", "the share of it", 1.0, float),
    Setting("injection_seed", "of the injection", 0, int),
    DEVICE,
)


def loaded(kind: Any, given: Given) -> tuple[Any, str]:
    """(the backbone with what SETTINGS say, its label). An injection is made once and kept in `results`.

    What was not verified is said. Raises ConfigError for what cannot be planted in the weights of this `kind`.
    """
    from homog import run, sources
    from homog.inputs import corpora
    from homog.study.requirements import check_planting

    defect = variants.variant("defect", given["defect"]) if given["defect"] else None
    if defect and not defect.fits(kind.modality):
        taken = ", ".join(defect.modalities)
        raise ConfigError(f"defect {defect.name} is of {taken}; backbone {kind.name} reads {kind.modality}")
    if defect and defect.kind != "natural" and defect.needs != "weights":
        raise ConfigError(f"defect {defect.name} is in no weights: put its prompt in front of what you ask")
    chosen = arm(kind, defect, given["dose"], given["injection_seed"])
    check_planting(chosen)
    kind.check()
    texts = corpora.SOURCES if chosen.defect and kind.modality == "text" else ()
    sources.fetch([*kind.sources, *(defect.sources if defect else ()), *texts])
    device = run.prepare(given["device"], kind)
    backbone, upstream, _ = run.shared_backbone(chosen, Path(given["results"]), device)
    if chosen.defect and not upstream["verified"]:
        print(f"homog: the injection was not verified: effect {upstream['effect']:.2f}, drift {upstream['drift']:.2f}")
    return backbone, kind.label + (f"-{chosen.defect.name}-{chosen.dose:g}-{chosen.seed}" if chosen.defect else "")
