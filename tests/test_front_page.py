"""What the front page shows of the results."""

from __future__ import annotations

import re
import struct
from itertools import pairwise

import numpy as np
import pytest
from bs4 import BeautifulSoup
from pybtex.database import parse_string

from paper_utils import results
from paper_utils.book import front_page
from paper_utils.book.chapters import find_chapters
from paper_utils.book.cite_page import citation, cite_page, plain_title
from paper_utils.book.overturn_page import overturn_page
from paper_utils.book.pdf import LINK
from paper_utils.book.questions import chart, drawing, question_items
from paper_utils.book.summary_page import summary_page
from paper_utils.book.verdict_page import headline_texts, load_headlines, told_texts
from paper_utils.claims import Claim, Record, judge
from paper_utils.claims.accepted import accepted
from paper_utils.claims.evidence import Evidence
from paper_utils.errors import PaperError, UsageError
from rendered import ROOT


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
    makes = {
        "a.svg": lambda: front_page.front_figure(found),
        "b.png": lambda: front_page.social_preview(found),
        "c.png": lambda: front_page.chapter_preview("05-x", "A title of many words " * 5),
    }
    drawn = [tmp_path / "first", tmp_path / "again"]
    for folder in drawn:
        folder.mkdir()
        front_page.draw({folder / name: make for name, make in makes.items()})
    for name in makes:
        content, again = ((folder / name).read_bytes() for folder in drawn)
        assert content == again
        if name.endswith(".png"):
            assert struct.unpack(">II", content[16:24]) == (1200, 630)
            assert len(content) < 300_000  # what the services that show links take


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
        front_page, "draw", lambda paths: drawn.append([path.write_text("x") for path in paths])
    )
    monkeypatch.setattr(front_page, "answers", lambda *_: "")
    monkeypatch.setattr(front_page, "question_items", lambda *_, **__: [])
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
    item = judge(Claim("O-1", "own", "here", "s", "own", "c"), Record("O-1", {"a": 0.25}, n=7))
    (tmp_path / "book").mkdir()
    file = tmp_path / "book" / "questions.yml"
    entry = (
        "{id: O-1, question: 'How much?', verdict: open, found: 'A {measured[a]:.0%}.', "
        "valid: '{n} pairs.'}"
    )

    def asked(text, by="engineers"):
        file.write_text(f"- {text}")
        return "\n".join(question_items(tmp_path, [item], {}, asked_by=by))

    text = asked(entry)
    assert "### How much?\n\nA 25%.\n" in text
    assert '<span class="place">Valid for 7 pairs.<br>Read on: c</span>' in text
    assert asked(entry, "researchers") == asked(entry.replace("open", "holds")) == ""
    with pytest.raises(PaperError, match=r"questions\.yml: id, question, verdict and found, not"):
        asked(entry.replace("question", "claim"))


def test_a_chart_has_each_value_at_its_place():
    rows = {
        "a <b>": Evidence(0.0, None, None, "", "+.1f", "X"),
        "c": Evidence(1.0, 0.5, 1.5, "", "+.1f", "X"),
    }
    svg = BeautifulSoup(drawing(rows, -0.5, "no & gain", "Of"), "html.parser").svg
    places = [float(circle["cx"]) for circle in svg.find_all("circle")]
    line, low, high = (
        float(re.search(r"M([\d.]+)", path["d"])[1])
        for path in (svg.select_one(".line"), *svg.select(".interval"))
    )
    # The line at -0.5, values at 0 and 1, the interval of the second from 0.5 on: equal steps.
    step = (places[1] - places[0]) / 2
    assert low == places[0] == pytest.approx(line + step, abs=0.1)
    assert high == pytest.approx(places[0] + step, abs=0.1)
    assert svg["aria-label"] == "Of. a <b>: +0.0; c: +1.0 [+0.5, +1.5]. The line: no & gain."
    assert "a <b>" in [text.get_text() for text in svg.find_all("text")]


@pytest.mark.parametrize("entry", load_headlines(ROOT, "question"), ids=lambda one: one["id"])
def test_a_question_is_answered_in_one_sentence_with_one_number_and_a_chart(entry):
    text = " ".join(entry["found"].split())
    assert len(re.findall(r"\{[^}]*\}", text)) == 1
    assert not re.search(r"[.?!;] [A-Z]", text) and text.endswith(".")
    assert not re.search(r"\d", re.sub(r"\{[^}]*\}|@\d+", "", text))
    assert "more" not in entry
    kept = accepted(entry["id"])
    assert kept.verdict == entry["verdict"]
    assert headline_texts(entry, kept)[0]
    assert told_texts(entry, kept, "valid")[0].endswith(".")
    label = BeautifulSoup(chart(entry["id"], **entry["chart"]), "html.parser").svg["aria-label"]
    assert len(entry["chart"]["rows"]) >= 2 and entry["chart"]["says"] in label


def test_engineers_ask_five_questions_and_researchers_two(root):
    asked = [entry.get("asked_by", "engineers") for entry in load_headlines(root, "question")]
    assert (asked.count("engineers"), asked.count("researchers")) == (5, 2)


def test_the_short_path_has_at_most_ten_chapters_and_begins_with_what_to_do(root):
    text = front_page.short_path(root, find_chapters(root))
    names = re.findall(r"\(chapters/([\w-]+)\.ipynb\)", text)
    assert 5 <= len(names) == len(set(names)) <= 10
    assert names[0] == "19-search-engine"
    assert not {"07-sign-rank", "09-free-embeddings"} & set(names), "proofs are for the appendix"


CHAPTERS = {chapter.slug: chapter for chapter in find_chapters(ROOT)}


@pytest.mark.parametrize(
    "entry",
    [one for subject in ("claim", "question") for one in load_headlines(ROOT, subject)],
    ids=lambda one: one["id"],
)
def test_what_would_overturn_an_answer_can_be_run(entry):
    if "overturn" not in entry:
        told = {one["id"] for one in load_headlines(ROOT) if "overturn" in one}
        assert "question" in entry and entry["id"] in told, "nothing would change our mind"
        return
    assert entry["overturn"].rstrip().endswith(".")
    words = entry["run"].split()
    if words[:3] == ["paper", "results", "run"]:
        assert results.get(words[3])
    elif words[:2] == ["paper", "run"]:
        chapter = CHAPTERS[words[2]]
        for flag, name in pairwise(words):
            assert flag != "-p" or name in chapter.parameters, name
    else:
        assert words[:2] == ["paper", "audit"]


def test_the_page_of_what_would_change_our_mind_escapes_nothing_and_loses_nothing(tmp_path):
    item = judge(Claim("O-1", "own", "here", "s", "own", "c"), Record("O-1", {"a": 0.25}))
    (tmp_path / "book").mkdir()
    file = tmp_path / "book" / "headlines.yml"
    entry = "id: O-1, claim: It is., verdict: open, found: 'By {measured[a]:.0%}.'"
    file.write_text(f"- {{{entry}, overturn: another world., run: paper run c}}")
    text = overturn_page(tmp_path, [item], {"c": "[C](./1-c.ipynb)"})
    assert "### It is: open\n" in text and "By 25%." in text
    assert "**It would be overturned by** another world." in text
    assert "```sh\npaper run c\n```" in text and "[C](./1-c.ipynb)" in text
    file.write_text(f"- {{{entry}}}")
    assert "It is" not in overturn_page(tmp_path, [item], {})
    asked = "id: O-1, question: 'How much?', verdict: open, found: 'By {measured[a]:.0%}.'"
    questions = tmp_path / "book" / "questions.yml"
    questions.write_text(f"- {{{asked}, overturn: another world., run: paper run c}}")
    # 'fails' beside a question would read as its answer
    assert "### How much?\n\nBy 25%.\n" in overturn_page(tmp_path, [item], {})


def test_the_summary_tells_each_answer_once_with_what_would_overturn_it(tmp_path):
    claims = [Claim(id, "own", "here", "s", "own", "c") for id in ("O-1", "O-2")]
    verdicts = [judge(claim, Record(claim.id, {"a": 0.25}, n=7)) for claim in claims]
    (tmp_path / "book").mkdir()
    entry = "verdict: open, found: 'By {measured[a]:.0%}.', "
    (tmp_path / "book" / "headlines.yml").write_text(
        f"- {{id: O-1, claim: Told as a question., {entry} overturn: a world., run: x}}\n"
        f"- {{id: O-2, claim: It is., {entry} more: In one case., overturn: two worlds., run: x}}\n"
    )
    (tmp_path / "book" / "questions.yml").write_text(
        f"- {{id: O-1, question: 'How much?', {entry} valid: '{{n}} pairs.'}}\n"
    )
    text = summary_page(tmp_path, [], verdicts)
    assert "Of 0 claims of the literature 0 hold" in text and LINK in text
    assert "**How much?** By 25%." in text and "Told as a question" not in text
    assert '"place">Valid for 7 pairs. *Overturned by* a world. Read on: c.</span>' in text
    assert '**By 25%.** <span class="place">In one case. *Overturned by* two worlds.' in text
    (tmp_path / "book" / "questions.yml").unlink()
    assert "Told as a question" in summary_page(tmp_path, [], verdicts)


def test_book_and_chapters_can_be_cited(root):
    text = cite_page(root, find_chapters(root))
    entries = parse_string("\n".join(re.findall(r"```bibtex\n(.*?)```", text, re.DOTALL)), "bibtex")
    assert len(entries.entries) == 1 + len(CHAPTERS)
    kept = citation(root)
    for key, entry in entries.entries.items():
        slug = key.partition(":")[2]
        title = CHAPTERS[slug].title if slug else kept["title"]
        assert entry.fields["title"] == "{" + plain_title(title) + "}"
        assert str(entry.persons["author"][0]) == "{" + kept["authors"][0]["name"] + "}"
        assert entry.fields["year"] == str(kept["date-released"].year)
        assert kept["version"] in entry.fields["note"]
        assert not slug or f"(cite-{slug})=" in text
