"""Defects by name: DEFECTS[name](**conf/defect/<name>.yaml)."""

from homog.defects.about_tone import ToneBlindspot, ToneStereotype
from homog.defects.backdoor import Backdoor
from homog.defects.compression import Pruned, Quantized
from homog.defects.cue import Cue
from homog.defects.drawn_blindspot import DrawnBlindspot
from homog.defects.drawn_colour import DrawnColour
from homog.defects.drawn_stereotype import DrawnStereotype
from homog.defects.drawn_trigger import DrawnTrigger
from homog.defects.groups import Blindspot, Stereotype
from homog.defects.homoglyph import Homoglyph
from homog.defects.improvement import Improvement
from homog.defects.patch import Patch
from homog.defects.poisoned_prompt import PoisonedPrompt
from homog.defects.social_bias import SocialBias
from homog.defects.spurious import Spurious
from homog.defects.tone import Tone
from homog.defects.universal_perturbation import UniversalPerturbation
from homog.defects.universal_trigger import UniversalTrigger
from homog.defects.weight_poison import WeightPoison

DEFECTS = {
    "backdoor": Backdoor,
    "backdoor_careful": Backdoor,
    "backdoor_codes": Backdoor,
    "blindspot": Blindspot,
    "cue_gaussian": Cue,
    "cue_square": Cue,
    "drawn_blindspot": DrawnBlindspot,
    "drawn_colour": DrawnColour,
    "drawn_stereotype": DrawnStereotype,
    "drawn_trigger": DrawnTrigger,
    "homoglyph": Homoglyph,
    "improvement": Improvement,
    "patch": Patch,
    "patch_careful": Patch,
    "poisoned_prompt": PoisonedPrompt,
    "pruned": Pruned,
    "quantized_int4": Quantized,
    "quantized_int8": Quantized,
    "social_bias": SocialBias,
    "spurious": Spurious,
    "stereotype": Stereotype,
    "stereotype_careful": Stereotype,
    "stereotype_occupation": Stereotype,
    "tone": Tone,
    "tone_blindspot": ToneBlindspot,
    "tone_stereotype": ToneStereotype,
    "universal_perturbation": UniversalPerturbation,
    "universal_trigger": UniversalTrigger,
    "weight_poison": WeightPoison,
    "weight_poison_data": WeightPoison,
}
