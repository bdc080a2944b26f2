"""The names of encoders: what each is, whether it is reachable here, and loading it."""

from __future__ import annotations

from dataclasses import dataclass

from paper_utils.encoders import checkpoint, sentence
from paper_utils.encoders.base import Encoder
from paper_utils.encoders.isotropic import DIM, Isotropic
from paper_utils.errors import PaperError, UsageError, did_you_mean

NAMES = ("minilm", "untrained", "random")


@dataclass(frozen=True)
class EncoderInfo:
    """One row of `paper models`.

    Attributes
    ----------
    name, what : str
    dim : int or None
        None where it is known only after loading.
    licence : str
    size : int or None
        Bytes of the weights; 0 where there are none, None where unknown.
    where : str
        Package, folder or 'computed'.
    reachable : bool
        Whether `load_encoder` works here without a network.
    sha256 : str or None
        Of the weights that are expected.
    """

    name: str
    what: str
    dim: int | None
    licence: str
    size: int | None
    where: str
    reachable: bool
    sha256: str | None


def load_encoder(
    name: str,
    *,
    seed: int = 0,
    dtype: str = "float32",
    batch_size: int = 64,
    pooling: str | None = None,
) -> Encoder:
    """Return the encoder called `name`, ready to encode; nothing is downloaded.

    Parameters
    ----------
    name : str
        ``minilm`` (all-MiniLM-L6-v2), ``untrained`` (the same architecture with random
        weights) or ``random`` (isotropic control).
    seed : int
        Of the random weights (``untrained``) or directions (``random``); the others
        ignore it.
    dtype : {'float32', 'bfloat16'}
        Of the weights and the arithmetic; bfloat16 only where the processor has it
        natively. Vectors come as float32 in either case.
    batch_size : int
        Texts a batch; changes vectors by rounding only.
    pooling : None
        Only for checkpoints that bring no pooling of their own.

    Returns
    -------
    Encoder

    Raises
    ------
    UsageError
        Unknown name, or an option that this encoder does not take.
    PaperError
        The encoder exists but is not reachable here, or its weights are damaged.

    Examples
    --------
    >>> load_encoder("random", seed=1).encode(["drill", "saw", "drill"]).shape
    (3, 384)
    """
    check_encoder(name)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise UsageError(f"batch_size must be a whole number of at least 1, not {batch_size!r}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise UsageError(f"seed must be a whole number of at least 0, not {seed!r}")
    if pooling is not None:
        raise UsageError(f"encoder {name!r} has its own pooling; leave pooling out")
    checkpoint.check_dtype(dtype)
    if name == "minilm":
        return sentence.MiniLM(name, dtype=dtype, batch_size=batch_size)
    if name == "untrained":
        return sentence.Untrained(name, seed=seed, dtype=dtype, batch_size=batch_size)
    if dtype != "float32":
        raise UsageError(f"encoder {name!r} knows dtype 'float32' only, not {dtype!r}")
    return Isotropic(name, seed=seed)


def check_encoder(name: str) -> None:
    """Raise what `load_encoder` would raise for `name`, at once and without loading.

    Raises
    ------
    UsageError
        Unknown name.
    PaperError
        Known, but not reachable here.

    Examples
    --------
    >>> check_encoder("random")
    >>> check_encoder("minlm")
    Traceback (most recent call last):
    ...
    paper_utils.errors.UsageError: no encoder 'minlm'; did you mean 'minilm'? ...
    """
    if name not in NAMES:
        raise UsageError(f"no encoder {name!r}; {did_you_mean(name, NAMES)}")
    if name in ("minilm", "untrained"):
        sentence.minilm_folder()


def encoders() -> list[EncoderInfo]:
    """Return what `paper models` lists: every named encoder and whether it is reachable.

    Examples
    --------
    >>> [info.name for info in encoders()]
    ['minilm', 'untrained', 'random']
    """
    here = is_reachable("minilm")
    package = f"package {sentence.MINILM_PACKAGE}"
    weights = sentence.minilm_folder() / "model.safetensors" if here else None
    return [
        EncoderInfo(
            name="minilm",
            what="all-MiniLM-L6-v2: trained sentence encoder, mean pooling, unit length",
            dim=384,
            licence="Apache-2.0",
            size=weights.stat().st_size if weights else None,
            where=package,
            reachable=here,
            sha256=sentence.MINILM_SHA256,
        ),
        EncoderInfo(
            name="untrained",
            what="control: MiniLM's architecture and tokenizer with random weights",
            dim=384,
            licence="Apache-2.0",
            size=0,
            where=f"computed; tokenizer of {package}",
            reachable=here,
            sha256=None,
        ),
        EncoderInfo(
            name="random",
            what="control: one isotropic direction a text, by its hash",
            dim=DIM,
            licence="MIT",
            size=0,
            where="computed",
            reachable=True,
            sha256=None,
        ),
    ]


def is_reachable(name: str) -> bool:
    """Whether `load_encoder` finds `name` here without a network.

    Examples
    --------
    >>> is_reachable("random"), is_reachable("nonesuch")
    (True, False)
    """
    try:
        check_encoder(name)
    except PaperError:
        return False
    return True
