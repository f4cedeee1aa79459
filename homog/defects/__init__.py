"""Defects by name: DEFECTS[name](**conf/defect/<name>.yaml)."""

from homog.defects.backdoor import Backdoor

DEFECTS = {kind.__name__.lower(): kind for kind in (Backdoor,)}
