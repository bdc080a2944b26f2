"""Encoders: from texts to vectors, one name each, with a cache on disk."""

from __future__ import annotations

from paper_utils.encoders.base import Encoder
from paper_utils.encoders.named import (
    EncoderInfo,
    check_encoder,
    describe_encoder,
    encoders,
    fetch_encoder,
    load_encoder,
)

__all__ = [
    "Encoder",
    "EncoderInfo",
    "check_encoder",
    "describe_encoder",
    "encoders",
    "fetch_encoder",
    "load_encoder",
]
