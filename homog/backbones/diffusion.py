"""Pipelines of diffusers that draw by removing noise (Stable Diffusion: Rombach et al. 2022): your own."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import nn

from homog.backbones import checking
from homog.backbones.draws import Draws
from homog.backbones.pretrained import LOADING, TRIED, Pretrained
from homog.config import ConfigError, files_digest
from homog.inputs.captions import CaptionReader
from homog.inputs.images import all_resized
from homog.inputs.reader import content_of
from homog.seeding import generator

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone

BATCH = 16  # images drawn at once
PIPELINE = "StableDiffusionPipeline"


class Painter(nn.Module):
    """The encoder of texts and the U-Net of a pipeline, which is what is adapted; called, it encodes texts."""

    base_model_prefix: ClassVar[str] = ""  # transformers asks for it where peft adds adapters

    def __init__(self, words: nn.Module, unet: nn.Module) -> None:
        super().__init__()
        self.words, self.unet = words, unet
        told: Any = words.config
        self.config = SimpleNamespace(hidden_size=told.hidden_size, model_type="stable_diffusion")

    def get_input_embeddings(self) -> Any:
        """The table of the words."""
        return self.words.get_input_embeddings()  # pyright: ignore

    def forward(self, input_ids: torch.Tensor) -> SimpleNamespace:
        """What transformers would give: `last_hidden_state`."""
        return SimpleNamespace(last_hidden_state=self.words(input_ids=input_ids).last_hidden_state)


@dataclass(frozen=True)
class PromptReader(CaptionReader):
    """Reads captions by a pipeline's tokenizer, every one filled up to the length that the pipeline reads."""

    tokenizer: Any
    length: int

    def read(self, inputs: Sequence[str]) -> list[list[int]]:
        """`length` token numbers of each caption."""
        told = self.tokenizer(list(inputs), padding="max_length", truncation=True, max_length=self.length)
        return told["input_ids"]


@dataclass(frozen=True)
class Denoises(Draws):
    """Trains by the noise that was added to the latents of images, and draws by the pipeline itself.

    `frozen`: the pipeline's parts that nothing changes: vae, tokenizer, scheduler.
    """

    frozen: dict[str, Any]
    side: int
    steps: int
    guidance: float

    @torch.inference_mode()
    def tokens(self, images: np.ndarray) -> np.ndarray:
        """The latents (n, channels, h, w) float32 of images, which are first made as large as the pipeline's."""
        vae, parts = self.frozen["vae"], []
        for start in range(0, len(images), BATCH):
            sized = all_resized(images[start : start + BATCH], self.side)
            part = torch.as_tensor(sized).permute(0, 3, 1, 2).float() / 127.5 - 1
            latents = vae.encode(part.to(vae.device, vae.dtype)).latent_dist.mode()
            parts.append((latents * vae.config.scaling_factor).float().cpu().numpy())
        return np.concatenate(parts)

    def loss(self, module: Any, ids: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Mean squared error of the noise told (or the velocity, where the scheduler says so), noise drawn by torch."""
        scheduler, latents = self.frozen["scheduler"], tokens.to(module.unet.dtype)
        noise = torch.randn(latents.shape).to(latents)
        times = torch.randint(scheduler.config.num_train_timesteps, (len(latents),)).to(latents.device)
        states = module.words(input_ids=ids).last_hidden_state
        told = module.unet(scheduler.add_noise(latents, noise, times), times, encoder_hidden_states=states).sample
        velocity = scheduler.config.prediction_type == "v_prediction"
        wanted = scheduler.get_velocity(latents, noise, times) if velocity else noise
        return nn.functional.mse_loss(told.float(), wanted.float())

    @torch.inference_mode()
    def of(self, backbone: Backbone, module: Any, texts: Sequence[str]) -> np.ndarray:
        """An image of each caption as the pipeline makes it; its first noise follows from the captions alone."""
        import diffusers

        drawing = getattr(diffusers, PIPELINE)(
            **self.frozen,
            text_encoder=module.words,
            unet=module.unet,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        drawing.set_progress_bar_config(disable=True)
        edge = self.side // drawing.vae_scale_factor
        shape = (len(texts), module.unet.config.in_channels, edge, edge)
        noise = generator("draw", content_of(texts)).standard_normal(shape)
        parts = []
        for start in range(0, len(texts), BATCH):
            latents = torch.as_tensor(noise[start : start + BATCH]).to(module.unet.device, module.unet.dtype)
            drawn = drawing(
                prompt=list(texts[start : start + BATCH]),
                latents=latents,
                height=self.side,
                width=self.side,
                num_inference_steps=self.steps,
                guidance_scale=self.guidance,
                output_type="np",
            )
            parts.append(drawn.images)
        return (np.concatenate(parts) * 255).round().astype(np.uint8)


@dataclass(frozen=True)
class Diffusion(Pretrained):
    """A StableDiffusionPipeline in a directory as diffusers saves it, or by hub id (extra `diffusion`).

    Adapted are its U-Net and its encoder of texts; features are the mean of that encoder's last hidden states. `steps`
    of DDIM draw an image; `guidance`: the scale of classifier-free guidance, 1 = none. Images are drawn as large as the
    pipeline's own; judges of small ones see them made smaller.
    """

    steps: int = 25
    guidance: float = 7.5

    family: ClassVar[str] = "diffusion"
    modality: ClassVar[str] = "caption"
    abilities: ClassVar[tuple[str, ...]] = ("features", "drawing")

    def identity(self) -> dict[str, Any]:
        """What decides the weights, and how images are drawn with them."""
        return super().identity() | {"steps": self.steps, "guidance": self.guidance}

    def digest(self, folder: Path) -> str:
        """That of all files: the parts lie in folders of their own."""
        return files_digest(folder)

    def check(self) -> None:
        """Raise ConfigError, before any compute, for a source that is no such pipeline or cannot be loaded."""
        library()
        folder = Path(self.source)
        if not folder.is_dir():
            super().check()  # it is no directory: named, and reached
            return
        index = folder / "model_index.json"
        try:
            named = json.loads(index.read_text(encoding="utf-8")).get("_class_name")
        except (OSError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"{self.said}: no readable model_index.json; save the pipeline with save_pretrained"
            ) from error
        if named != PIPELINE:
            raise ConfigError(f"{self.said}: _class_name {named} in model_index.json; valid: {PIPELINE}")
        if sum(file.stat().st_size for file in folder.rglob("*.safetensors")) < TRIED:
            self.tried()

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        from transformers import AutoTokenizer, CLIPTextModel

        from homog.backbones.backbone import Backbone

        diffusers = library()
        if Path(self.source).is_dir():
            os.environ["HF_HUB_OFFLINE"] = "1"
        options: dict[str, Any] = {} if Path(self.source).is_dir() else {"revision": self.revision}
        try:
            unet = self.part(diffusers.UNet2DConditionModel, "unet", options)
            words = self.part(CLIPTextModel, "text_encoder", options)
            vae = self.part(diffusers.AutoencoderKL, "vae", options)
            tokenizer = AutoTokenizer.from_pretrained(self.source, subfolder="tokenizer", **options)
            scheduler = diffusers.DDIMScheduler.from_pretrained(self.source, subfolder="scheduler", **options)
        except LOADING as error:
            raise checking.refused(error, self.said) from error
        module = Painter(words, unet).eval().requires_grad_(False).to(device)
        frozen = {"vae": vae.eval().requires_grad_(False).to(device), "tokenizer": tokenizer, "scheduler": scheduler}
        side = int(unet.config.sample_size) * 2 ** (len(vae.config.block_out_channels) - 1)
        reader = PromptReader(tokenizer, int(words.config.max_position_embeddings))
        draws = Denoises(frozen, side, self.steps, self.guidance)
        return Backbone(self.label, self.family, json.dumps(self.identity()), module, reader, draws=draws)

    def part(self, kind: Any, name: str, options: dict[str, Any]) -> Any:
        """A part of the pipeline, from its folder. Raises ConfigError where its weights are not those of its config."""
        how = {"subfolder": name, "use_safetensors": True, "output_loading_info": True, "torch_dtype": self.torch_dtype}
        model, info = kind.from_pretrained(self.source, **how, **options)
        for problem in ("missing_keys", "mismatched_keys"):
            if names := sorted(map(str, info.get(problem) or ())):
                raise ConfigError(
                    f"{self.said}: {name}: {len(names)} tensors are {problem.partition('_')[0]} ({names[0]} ...); "
                    f"save the whole pipeline with save_pretrained"
                )
        return model


def library() -> Any:
    """diffusers, or ConfigError saying how to install it."""
    try:
        import diffusers
    except ImportError:
        raise ConfigError("backbones of diffusers need it: pip install 'homog-inheritance[diffusion]'") from None
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    return diffusers
