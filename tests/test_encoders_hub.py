"""Checkpoints of a hub: a small one of our own, served here, and hubs that do not answer."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from paper_utils.encoders import check_encoder, encoders, fetch_encoder, hub, load_encoder
from paper_utils.errors import PaperError, UsageError

COMMIT = 40 * "a"
EXTRA = {
    "pytorch_model.bin": b"never fetched",
    "onnx/model.onnx": b"never fetched",
    "README.md": b"# A model",
    ".gitattributes": b"*.safetensors filter=lfs",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """A random BERT and its tokenizer, as a hub would hold them."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("hub")
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "drill": 1, "saw": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=8, intermediate_size=16, **shape)).save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()} | EXTRA


def handler(files: dict[str, bytes], asked: list[str]):
    """The part of a hub's interface that a fetch uses, for the repositories of owner `a`."""

    def entry(repo: str, name: str) -> dict:
        data = files[name]
        digest = hashlib.sha256(b"other" if repo == "a/damaged" else data).hexdigest()
        large = {"sha256": digest, "oid": digest, "size": len(data), "pointerSize": 130}
        return {"size": len(data), **({"lfs": large} if name.endswith(".safetensors") else {})}

    class Hub(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_HEAD(self):
            self.do_GET()

        def answer(self, status: int, data: bytes, **headers: str):
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def do_GET(self):
            path = self.path.partition("?")[0].removeprefix("/")
            asked.append(f"{self.command} {path}")
            api = path.startswith("api/models/")
            repo = "/".join(path.removeprefix("api/models/").split("/")[:2])
            if repo == "a/gated":
                self.answer(403, b"", X_Error_Code="GatedRepo", X_Error_Message="gated")
            elif repo not in ("a/good", "a/damaged"):
                self.answer(404, b"", X_Error_Code="RepoNotFound", X_Error_Message="none")
            elif api and "/tree/" in path:
                tree = [
                    {"type": "file", "path": name, "oid": 40 * "b", **entry(repo, name)}
                    for name in files
                ]
                self.answer(200, json.dumps(tree).encode())
            elif api:
                siblings = [{"rfilename": name, **entry(repo, name)} for name in files]
                info = {"id": repo, "sha": COMMIT, "siblings": siblings}
                info["cardData"] = {"license": "mit"}
                self.answer(200, json.dumps(info).encode(), X_Repo_Commit=COMMIT)
            else:
                data = files[path.split("/", 4)[4]]
                etag = hashlib.sha256(data).hexdigest()
                self.answer(200, data, X_Repo_Commit=COMMIT, ETag=f'"{etag}"')

    return Hub


@pytest.fixture
def served(files):
    """A running hub: its address and what it was asked for."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(files, asked))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


SCRIPT = """
import json, sys
from paper_utils.encoders import check_encoder, describe_encoder, fetch_encoder, load_encoder
from paper_utils.errors import PaperError
for line in sys.argv[1:]:
    try:
        result = eval(line)
    except PaperError as error:
        result = f"{type(error).__name__}: {error}"
    print(json.dumps(result, default=vars))
"""


def ask(address: str, home: Path, *lines: str, offline: bool = False) -> list:
    """Evaluate `lines` in a process whose hub is at `address`; the results as JSON gives them."""
    environment = os.environ | {
        "HF_ENDPOINT": address,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": str(int(offline)),
        "HF_HUB_DISABLE_XET": "1",
        "PAPER_CACHE": str(home / "cache"),
    }
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *lines], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


GOOD = "'hf:a/good'"
ABSENT = (
    "PaperError: hf:a/good is not on this machine, or in part only; "
    "fetch it with: paper models --fetch hf:a/good"
)


@pytest.mark.slow
def test_a_checkpoint_is_described_fetched_checked_and_then_needs_no_hub(served, files, tmp_path):
    address, asked = served
    before, info, loaded, fetched, after = ask(
        address,
        tmp_path,
        f"check_encoder({GOOD})",
        f"describe_encoder({GOOD})",
        f"check_encoder({GOOD})",
        f"fetch_encoder({GOOD})",
        f"check_encoder({GOOD})",
    )
    assert before == loaded == ABSENT  # asking is not fetching
    wanted = {name: data for name, data in files.items() if name not in EXTRA}
    size = sum(map(len, wanted.values())) + len(EXTRA[".gitattributes"])
    assert (info["size"], info["licence"], info["reachable"]) == (size, "mit", False)
    assert fetched["reachable"] and after is None
    got = {line.rpartition("/")[2] for line in asked if line.startswith("GET a/good")}
    assert got == {*wanted, ".gitattributes"}
    asked.clear()
    (shape,) = ask(address, tmp_path, f"load_encoder({GOOD}).encode(['drill', 'saw']).shape")
    assert shape == [2, 8] and asked == []


def test_a_damaged_download_is_dropped_and_the_terms_of_others_are_told(served, tmp_path):
    damaged, check, gated, unknown, described = ask(
        served[0],
        tmp_path,
        "fetch_encoder('hf:a/damaged')",
        "check_encoder('hf:a/damaged')",
        "fetch_encoder('hf:a/gated')",
        "fetch_encoder('hf:b/unknown')",
        "describe_encoder('hf:b/unknown')",
    )
    assert "model.safetensors of hf:a/damaged arrived damaged" in damaged
    assert check == ABSENT.replace("a/good", "a/damaged")
    assert "gated: accept its terms" in gated
    assert unknown == described == "PaperError: the hub has no public checkpoint 'b/unknown'"


@pytest.mark.parametrize("missing", [".gitattributes", "config.json", "model.safetensors"])
def test_a_checkpoint_that_is_here_in_part_is_not_used(missing, served, tmp_path):
    address, _ = served
    ask(address, tmp_path, f"fetch_encoder({GOOD})")
    (file,) = tmp_path.rglob(missing)
    file.unlink()
    assert ask(address, tmp_path, f"check_encoder({GOOD})") == [ABSENT]
    ask(address, tmp_path, f"fetch_encoder({GOOD})")  # goes on with what is missing
    assert ask(address, tmp_path, f"check_encoder({GOOD})", offline=True) == [None]


def test_offline_nothing_is_asked_for(served, tmp_path):
    address, asked = served
    lines = [f"{function}({GOOD})" for function in ("fetch_encoder", "describe_encoder")]
    for result in ask(address, tmp_path, *lines, offline=True):
        assert "HF_HUB_OFFLINE=1 is set; unset it to fetch" in result
    assert asked == []


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_hub_that_is_not_there_is_told_at_once(tmp_path):
    (result,) = ask(f"http://127.0.0.1:{unused_port()}", tmp_path, f"fetch_encoder({GOOD})")
    assert result.startswith("PaperError: hf:a/good cannot be fetched: ") and "\n" not in result


def test_a_hub_that_never_answers_is_given_up_after_the_timeout(monkeypatch):
    from huggingface_hub import constants

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(
            constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}", raising=True
        )
        monkeypatch.setattr(hub, "TIMEOUT", 0.2)
        with pytest.raises(PaperError, match="cannot be fetched: timed out") as caught:
            hub.offer("a/silent")
    assert "\n" not in str(caught.value)


def test_too_little_space_is_told_before_the_fetch(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    big = hub.Offer(repo="a/big", licence="mit", size=10**18, sha256={})
    monkeypatch.setattr(hub, "offer", lambda repo: big)
    with pytest.raises(PaperError, match=r"hf:a/big needs 1000000000\.0 GB"):
        hub.fetch("a/big")


@pytest.mark.parametrize("name", ["hf:gpt2x", "hf:a b/c", "hf:a/b/c"])
def test_what_is_no_id_is_named(name):
    for function in (check_encoder, load_encoder, fetch_encoder):
        with pytest.raises(UsageError, match="neither a folder here nor an id"):
            function(name)


def test_published_models_are_listed_whether_they_are_here_or_not():
    listed = {info.name: info for info in encoders()}
    for name in ("hf:Qwen/Qwen2.5-0.5B", "hf:google-bert/bert-base-multilingual-cased"):
        info = listed[name]
        assert info.licence and info.dim
        # A size is stated only where it was measured.
        assert (info.size is not None) == info.reachable


def test_fetching_what_is_here_already_asks_nobody():
    assert fetch_encoder("random").reachable
    assert fetch_encoder("minilm").reachable
