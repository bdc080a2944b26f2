"""What the front page shows of the results."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest

from paper_utils import results
from paper_utils.book import front_page
from paper_utils.book.chapters import find_chapters
from paper_utils.book.verdict_page import headline_texts, load_headlines
from paper_utils.claims import Claim, Record, judge
from paper_utils.claims.accepted import accepted
from paper_utils.errors import PaperError, UsageError


@pytest.fixture(scope="module")
def found():
    return results.get("dimension-ablation").value(source="limit-small")


def test_the_squares_are_the_queries_of_the_record(found):
    assert len(set(map(tuple, found["pairs"]))) == found["n_queries"] == 1000
    for system, digits in found["hits"].items():
        grid = front_page.pair_grid(found, system)
        assert np.isfinite(grid).sum() == 1000
        assert np.isnan(grid[np.triu_indices(len(grid))]).all()
        assert np.nansum(grid) == sum(map(int, digits))
        # Of random vectors it holds a mean and the first draw; under 'pieces' documents tie.
        if not system.startswith("random") and system != "MaxSim, pieces":
            assert np.nansum(grid) / 2000 == pytest.approx(found["recall"][system], abs=1e-12)


def test_documents_stand_in_the_order_in_which_they_are_found():
    pairs = [[0, 1], [2, 0], [2, 1]]
    grid = front_page.pair_grid({"pairs": pairs, "hits": {"pooled": "012", "x": "210"}}, "x")
    # The pooled vector finds 2 three times, 1 twice and 0 once.
    assert np.array_equal(grid[[2, 2, 1], [1, 0, 0]], [2, 1, 0])


def test_digits_that_do_not_match_are_refused():
    with pytest.raises(UsageError, match="2 digits for 1 queries"):
        front_page.pair_grid({"pairs": [[0, 1]], "hits": {"pooled": "10"}}, "pooled")


def test_pictures_have_their_size_and_two_drawings_are_the_same(found, tmp_path):
    paths = [(tmp_path / f"{name}.svg", tmp_path / f"{name}.png") for name in "ab"]
    for pair in paths:
        front_page.draw(found, *pair)
    (svg, png), (svg_again, png_again) = paths
    assert svg.read_bytes() == svg_again.read_bytes()
    assert png.read_bytes() == png_again.read_bytes()
    assert struct.unpack(">II", png.read_bytes()[16:24]) == (1200, 630)
    assert png.stat().st_size < 300_000  # what the services that show links take


def test_every_number_of_the_caption_is_of_the_record(found, root):
    chapter = next(one for one in find_chapters(root) if one.slug == front_page.CHAPTER)
    text = front_page.figure_text(found, chapter)
    shown = re.findall(r'<span class="pasted-text">(.*?)</span>', text)
    assert shown == [
        f"{found['recall'][name]:.0%}" for name in ("pooled", "random words", "set codes")
    ]
    assert found["recall"]["curve in 4 dimensions"] == 1.0
    assert "1,000 queries, 46 documents" in text


def test_nothing_is_drawn_twice_or_without_the_chapter(root, tmp_path, monkeypatch):
    front_page.write_front_page(root, tmp_path, [], [])
    assert list(tmp_path.iterdir()) == []
    drawn = []
    monkeypatch.setattr(
        front_page, "draw", lambda _, *paths: drawn.append([path.write_text("x") for path in paths])
    )
    for part in ("answers", "questions"):
        monkeypatch.setattr(front_page, part, lambda *_: "")
    for _ in range(2):
        front_page.write_front_page(root, tmp_path, find_chapters(root), [])
    assert len(drawn) == 1
    (tmp_path / "front-figure.svg").unlink()
    front_page.write_front_page(root, tmp_path, find_chapters(root), [])
    assert len(drawn) == 2


def test_short_answers_are_those_that_are_marked(tmp_path):
    claim = Claim("O-1", "own", "here", "s", "own", "c")
    item = judge(claim, Record("O-1", {"a": 0.25}))
    (tmp_path / "book").mkdir()
    headlines = tmp_path / "book" / "headlines.yml"
    found = "verdict: open, found: 'By {measured[a]:.0%}.', more: That is so."
    marked = f"- {{id: O-1, front: true, claim: It is., {found}}}\n"
    headlines.write_text(marked + "- {id: O-1, claim: Not here., verdict: open, found: No.}\n")
    text = front_page.answers(tmp_path, [], [item])
    assert "**By 25%.** That is so." in text and "Not here" not in text
    headlines.write_text(marked.replace("[a]", "[b]"))
    assert front_page.answers(tmp_path, [], [item]) == "", "a small profile has fewer conditions"
    headlines.write_text(marked.replace("O-1", "O-2"))
    with pytest.raises(PaperError, match="O-2"):
        front_page.answers(tmp_path, [], [item])


def test_a_question_is_answered_where_its_claim_has_the_verdict(tmp_path):
    item = judge(Claim("O-1", "own", "here", "s", "own", "c"), Record("O-1", {"a": 0.25}))
    (tmp_path / "book").mkdir()
    file = tmp_path / "book" / "questions.yml"
    entry = "{id: O-1, question: 'How much?', verdict: open, found: 'A {measured[a]:.0%}.'}"
    file.write_text(f"- {entry}")
    text = front_page.questions(tmp_path, [], [item])
    assert '- **How much?** A 25%. <span class="place">c</span>' in text
    file.write_text(f"- {entry}".replace("open", "holds"))
    assert front_page.questions(tmp_path, [], [item]) == ""
    file.write_text(f"- {entry}".replace("question", "claim"))
    with pytest.raises(PaperError, match=r"questions\.yml: id, question, verdict and found, not"):
        front_page.questions(tmp_path, [], [item])


def test_five_questions_are_answered_in_one_sentence_with_one_number(root):
    entries = load_headlines(root, "question")
    assert len(entries) == 5
    for entry in entries:
        text = " ".join(entry["found"].split())
        assert len(re.findall(r"\{[^}]*\}", text)) == 1, entry["question"]
        assert not re.search(r"[.?!;] [A-Z]", text) and text.endswith("."), entry["question"]
        assert not re.search(r"\d", re.sub(r"\{[^}]*\}|@\d+", "", text)), entry["question"]
        assert "more" not in entry
        kept = accepted(entry["id"])
        assert kept.verdict == entry["verdict"], entry["question"]
        assert headline_texts(entry, kept)[0]
