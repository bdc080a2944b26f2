"""Data sets: what is listed, and downloads that leave either the right file or nothing."""

from __future__ import annotations

import hashlib
import http.server
import re
import subprocess
import threading
from pathlib import Path

import pytest

from paper_utils.data import data_file, datasets, fetch, fetch_dataset, fetch_plan, sources
from paper_utils.data.fetch import git_blob_id
from paper_utils.data.sources import DataFile
from paper_utils.errors import PaperError, UsageError

CONTENT = {
    "corpus.jsonl": b'{"_id": "a", "text": "likes quokkas"}\n' * 50_000,  # more than a block
    "queries.jsonl": b'{"_id": "q"}\n',
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; the first part of the path says how to misbehave."""

    requests: list[str]

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        _, manner, name = self.path.split("/")
        if manner == "absent":
            self.send_error(404)
            return
        content = CONTENT[name]
        self.send_response(200)
        if manner != "unsized":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            if manner == "half":
                content = content[: len(content) // 2]
            if manner == "wrong":
                content = content.replace(b"quokkas", b"wombats")
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture
def serve(server, monkeypatch):
    """Let `limit` be what the local server serves, in a manner for each file."""

    def serve(corpus="good", queries="good", sized=False):
        url = f"http://127.0.0.1:{server.server_port}"
        files = tuple(
            DataFile(
                name,
                f"git:{blob(CONTENT[name])}",
                f"{url}/{manner}/{name}",
                len(CONTENT[name]) if sized else None,
            )
            for name, manner in (("corpus.jsonl", corpus), ("queries.jsonl", queries))
        )
        changed = sources._Dataset("test", "2", "none", "here", files)
        monkeypatch.setitem(sources._DATASETS, "limit", changed)
        return server

    return serve


def names(folder: Path) -> list[str]:
    """Files of a folder but for the lock."""
    return sorted(path.name for path in folder.glob("*") if path.name != ".fetch.lock")


def test_git_names_a_file_as_git_does(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT["corpus.jsonl"])
    git = subprocess.run(["git", "hash-object", path], capture_output=True, text=True, check=True)
    assert git_blob_id(path) == git.stdout.strip() == blob(CONTENT["corpus.jsonl"])


def test_the_size_is_known_before_the_download(serve, tmp_path):
    server = serve()
    plan = fetch_plan("limit", folder=tmp_path)
    assert plan.n_bytes == sum(map(len, CONTENT.values()))
    assert [file.name for file in plan.files] == ["corpus.jsonl", "queries.jsonl"]
    assert plan.folder == tmp_path / "limit"
    assert not plan.folder.exists()
    assert all(request.startswith("HEAD ") for request in server.requests)


def test_a_server_that_tells_no_size(serve, tmp_path):
    serve(corpus="unsized")
    assert fetch_plan("limit", folder=tmp_path).n_bytes is None
    assert names(fetch_dataset("limit", folder=tmp_path, progress=False)) == sorted(CONTENT)


def test_a_fetch_brings_the_files_and_only_once(serve, tmp_path):
    server = serve()
    folder = fetch_dataset("limit", folder=tmp_path, progress=False)
    assert {name: (folder / name).read_bytes() for name in names(folder)} == CONTENT
    server.requests.clear()
    assert fetch_plan("limit", folder=tmp_path).files == ()
    assert fetch_dataset("limit", folder=tmp_path, progress=False) == folder
    assert server.requests == []


def test_a_damaged_file_is_fetched_again(serve, tmp_path):
    serve()
    folder = fetch_dataset("limit", folder=tmp_path, progress=False)
    damaged = bytearray(CONTENT["corpus.jsonl"])
    damaged[1_000] ^= 1
    (folder / "corpus.jsonl").write_bytes(damaged)
    assert [file.name for file in fetch_plan("limit", folder=tmp_path).files] == ["corpus.jsonl"]
    fetch_dataset("limit", folder=tmp_path, progress=False)
    assert (folder / "corpus.jsonl").read_bytes() == CONTENT["corpus.jsonl"]


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        ("half", "could not be downloaded"),
        ("wrong", "the content is not that of the pinned commit"),
    ],
)
def test_a_bad_download_leaves_nothing(serve, tmp_path, manner, message):
    serve(corpus=manner)
    with pytest.raises(PaperError, match=message) as error:
        fetch_dataset("limit", folder=tmp_path, progress=False)
    assert "\n" not in str(error.value)
    assert names(tmp_path / "limit") == []
    serve()  # the next run just works
    assert names(fetch_dataset("limit", folder=tmp_path, progress=False)) == sorted(CONTENT)


def test_a_bad_download_keeps_what_was_there(serve, tmp_path):
    serve(corpus="wrong")
    (tmp_path / "limit").mkdir()
    (tmp_path / "limit" / "corpus.jsonl").write_bytes(b"my own")
    with pytest.raises(PaperError, match="nothing was kept"):
        fetch_dataset("limit", folder=tmp_path, progress=False)
    assert (tmp_path / "limit" / "corpus.jsonl").read_bytes() == b"my own"


def test_an_interrupted_download_leaves_nothing(serve, tmp_path, monkeypatch):
    import pooch

    serve()

    def interrupted(self, url, output_file, pooch_, check_only=False):
        Path(output_file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch_dataset("limit", folder=tmp_path, progress=False)
    assert names(tmp_path / "limit") == []


def test_what_a_killed_download_left_is_removed(serve, tmp_path):
    serve()
    (tmp_path / "limit").mkdir()
    (tmp_path / "limit" / ".corpus.jsonl.123.tmp").write_bytes(b"half")
    assert names(fetch_dataset("limit", folder=tmp_path, progress=False)) == sorted(CONTENT)


def test_a_file_that_the_server_does_not_have(serve, tmp_path):
    serve(queries="absent")
    with pytest.raises(PaperError, match=r"queries\.jsonl cannot be reached: .*404"):
        fetch_plan("limit", folder=tmp_path)
    serve(queries="absent", sized=True)
    with pytest.raises(PaperError, match=r"queries\.jsonl could not be downloaded: 404"):
        fetch_dataset("limit", folder=tmp_path, progress=False)


def test_a_server_that_is_not_there(serve, server, tmp_path):
    serve()
    server.shutdown()
    server.server_close()
    with pytest.raises(PaperError, match="cannot be reached") as error:
        fetch_dataset("limit", folder=tmp_path, progress=False)
    assert "\n" not in str(error.value)


def test_a_folder_that_cannot_be_written(serve, tmp_path):
    serve()
    (tmp_path / "limit").write_text("a file in the way")
    with pytest.raises(PaperError, match=r"cannot write to .*set PAPER_DATA"):
        fetch_dataset("limit", folder=tmp_path, progress=False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("limmit", "unknown data set 'limmit': did you mean 'limit'?"),
        ("diy", "diy is part of the package"),
        ("uhtt-tools", "uhtt-tools cannot be fetched"),
    ],
)
def test_what_cannot_be_fetched(name, message, tmp_path):
    for function in (fetch_plan, fetch_dataset):
        with pytest.raises(UsageError, match=re.escape(message)):
            function(name, folder=tmp_path)
    assert names(tmp_path) == []


def test_downloads_go_where_paper_data_points(serve, tmp_path, monkeypatch):
    serve()
    monkeypatch.setenv("PAPER_DATA", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    assert fetch_plan("limit").folder == tmp_path / "named" / "limit"
    monkeypatch.delenv("PAPER_DATA")
    assert fetch_plan("limit").folder == tmp_path / "home" / "dual-encoder-limits" / "limit"


# --- the list -----------------------------------------------------------------------------------


def test_the_list_touches_no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("PAPER_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))

    def refuse(*args, **kwargs):
        raise AssertionError("network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    infos = {info.name: info for info in datasets()}
    assert list(infos) == ["diy", "uhtt-tools", "limit-small", "limit", "wands"]
    assert [name for name, info in infos.items() if info.reachable] == ["diy"]
    assert infos["limit-small"].size == 221_179
    assert infos["limit"].size is None
    assert infos["wands"].missing == ("product.csv", "query.csv", "label.csv")
    assert "paper data fetch wands" in infos["wands"].where
    assert "PAPER_DATA" in infos["uhtt-tools"].where
    for info in infos.values():
        assert info.what and info.licence and info.origin
        for checksum in info.checksums.values():
            assert re.fullmatch(r"git:[0-9a-f]{40}|sha256:[0-9a-f]{64}", checksum)


def test_a_file_that_is_not_here_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PAPER_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    with pytest.raises(UsageError, match="fetch it with: paper data fetch limit-small"):
        data_file("limit-small", "corpus.jsonl")
    with pytest.raises(UsageError, match=r"did you mean 'corpus\.jsonl'"):
        data_file("limit-small", "corpus.json")
    path = tmp_path / "home" / "dual-encoder-limits" / "limit-small" / "corpus.jsonl"
    path.parent.mkdir(parents=True)
    path.touch()
    assert data_file("limit-small", "corpus.jsonl") == path


@pytest.mark.realdata
def test_the_data_here_is_that_of_the_pinned_commits(paper_data, monkeypatch):
    checked = 0
    for info in datasets():
        for file in sources.find_dataset(info.name):
            if file.name in info.missing:
                continue
            path = data_file(info.name, file.name)
            assert file.size is None or path.stat().st_size == file.size
            if file.checksum.startswith("git:"):
                assert fetch._is_good(path, file)
            else:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                assert file.checksum == f"sha256:{digest}"
            checked += 1
    assert checked >= 4
