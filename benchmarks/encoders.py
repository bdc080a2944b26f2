"""Titles per second of each encoder beside sentence-transformers and onnxruntime, in one run.

``python benchmarks/encoders.py`` (alone on the machine; OMP_NUM_THREADS sets the threads and
PAPER_MODELS names the panel's files). Peers run where they can read the model, by turns with ours;
ratios are medians over rounds, with their ends. ``pip install onnxruntime`` brings the second.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

SENTENCE = ("minilm", "mpnet")  #: folders of sentence-transformers: mean pooling, unit length
BATCH = 64
Encode = Callable[[Sequence[str]], np.ndarray]


def seconds(encode: Encode, texts: Sequence[str]) -> float:
    """Return the wall time of encoding."""
    began = time.perf_counter()
    encode(texts)
    return time.perf_counter() - began


def by_sentence_transformers(folder: Path) -> Encode:
    """Return encoding as its documentation shows it."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return lambda texts: model.encode(texts, batch_size=BATCH, show_progress_bar=False)


def by_onnxruntime(folder: Path, file: Path) -> Encode:
    """Return encoding by an exported graph: sorted by length, mean of the states, unit length."""
    import onnxruntime
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    batch = tokenizer(["a drill of 18 V", "a saw"], padding=True, return_tensors="pt")
    names, forward = list(batch), model.forward
    model.forward = lambda *given: forward(**dict(zip(names, given, strict=True)))[0]
    outer = {"input_names": names, "output_names": ["states"]}
    outer["dynamic_axes"] = {name: {0: "texts", 1: "tokens"} for name in [*names, "states"]}
    with warnings.catch_warnings(action="ignore"):  # the other exporter needs two more packages
        torch.onnx.export(model, tuple(batch.values()), file, dynamo=False, **outer)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file, options)

    def encode(texts: Sequence[str]) -> np.ndarray:
        order, rows = np.argsort([len(text) for text in texts], kind="stable"), []
        for part in np.split(order, range(BATCH, len(order), BATCH)):
            shape = {"padding": True, "truncation": True, "return_tensors": "np"}
            batch = tokenizer([texts[i] for i in part], **shape)
            (states,) = session.run(None, {name: batch[name] for name in names})
            rows.append((states * batch["attention_mask"][..., None]).sum(axis=1))
        vectors = np.concatenate(rows)[np.argsort(order)]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return encode


def row(name: str, peer: str, took: dict[str, list[float]], n: int, off: float) -> str:
    """Return what one system took, and what ours took beside a peer."""
    text = f"{peer:24} {n / statistics.median(took[peer]):10,.1f} titles/s"
    if peer == name:
        return text
    ratios = sorted(a / b for a, b in zip(took[name], took[peer], strict=True))
    times = f"{statistics.median(ratios):.2f} times its time ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"{text}   {name} takes {times}; vectors differ by {off:.0e}"


def main() -> None:
    """Print one row for each encoder, and below it one for each peer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--items", type=int, default=128, help="English titles of the catalogue diy"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PAPER_CACHE"] = folder
        from paper_utils import load_catalogue, load_encoder
        from paper_utils.encoders import panel

        dense = [one.name for one in panel.infos() if one.reachable and one.name != "splade-tiny"]
        titles = load_catalogue("diy", language="en", n_items=options.items).titles
        sys.stdout.write(f"{len(titles)} English titles, {torch.get_num_threads()} threads\n")
        for name in ("minilm", "untrained", "navec", "random", *dense):
            encoder = load_encoder(name, batch_size=BATCH)
            calls = {name: lambda texts, encoder=encoder: encoder.encode(texts, cache=False)}
            if name in SENTENCE:
                calls["sentence-transformers"] = by_sentence_transformers(encoder.folder)
                if find_spec("onnxruntime"):
                    file = Path(folder) / f"{name}.onnx"
                    calls["onnxruntime"] = by_onnxruntime(encoder.folder, file)
            vectors = {peer: call(titles[:8]) for peer, call in calls.items()}  # and a warm-up
            took: dict[str, list[float]] = {peer: [] for peer in calls}
            for _ in range(options.rounds):
                for peer, call in calls.items():
                    took[peer].append(seconds(call, titles))
            for peer, found in vectors.items():
                off = float(np.abs(found - vectors[name]).max())
                sys.stdout.write(row(name, peer, took, len(titles), off) + "\n")


if __name__ == "__main__":
    main()
