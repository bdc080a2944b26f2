"""NUMEN's engine against the method written as a plain loop, zlib's CRC32 and dense products."""

import sys
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paper_utils import HashedNgrams, UsageError
from paper_utils.search.grams import GramTable, space_length
from paper_utils.search.postings import SEGMENT

# Letters of several widths, punctuation, all kinds of white space, the marker signs themselves,
# capitals that change their length, and a final sigma.
ALPHABET = "abcA,.?^$ \t\n\u00a0\u0085\u2009\u3000\x1cжЖ日𝔸Σİé\u0301"
TEXTS = st.lists(st.text(ALPHABET, max_size=40), min_size=1, max_size=6)


def plain(text, d, sizes=(3, 4, 5), weights=(1, 5, 10), *, log=True, markers=True, unit=True):
    """The method as its authors describe it."""
    vector = np.zeros(d)
    for word in text.lower().split():
        word = f"^{word}$" if markers else word
        for size, weight in zip(sizes, weights, strict=True):
            for start in range(len(word) - size + 1):
                gram = word[start : start + size]
                vector[zlib.crc32(gram.encode("utf-8", "surrogatepass")) % d] += weight
    vector = np.log1p(vector) if log else vector
    norm = np.linalg.norm(vector)
    return vector / norm if unit and norm > 0 else vector


def index(d, **options):
    return HashedNgrams(d, threads=1, **options)


@settings(deadline=None, max_examples=100)
@given(TEXTS, TEXTS, st.sampled_from([1, 13, 512, 2**14]))
@example(["river otters, River Otters. otters"], ["Who likes river otters?"], 512)
@example(["", "  ", "a"], [""], 64)
@example(["ΑΣ ΑΣ,", "\ud800 x"], ["ας"], 1000)
def test_equals_the_plain_loop(texts, queries, d):
    documents = np.array([plain(text, d) for text in texts])
    asked = np.array([plain(query, d) for query in queries])
    engine = index(d)
    np.testing.assert_allclose(engine.encode(texts).toarray(), documents, rtol=0, atol=1e-12)
    if not documents.any():
        with pytest.raises(UsageError, match="holds a gram"):
            engine.fit(texts)
        return
    scores = engine.fit(texts).scores(queries)
    np.testing.assert_allclose(scores, asked @ documents.T, rtol=0, atol=1e-12)
    found, values = engine.search(queries, len(texts))
    np.testing.assert_allclose(values, np.take_along_axis(scores, found, 1), rtol=0, atol=1e-12)
    assert (np.diff(values) <= 0).all()
    assert (np.sort(found) == np.arange(len(texts))).all()


@pytest.mark.parametrize(
    ("sizes", "weights", "options"),
    [
        ((3,), (1,), {}),
        ((5, 3), (2, 7), {}),
        ((1, 2), (4, 6), {}),
        ((2, 4), (5, 15), {"log": False}),
        ((3, 4, 5), (1, 5, 10), {"markers": False}),
        ((40,), (1000,), {}),
    ],
)
def test_sizes_weights_and_switches(sizes, weights, options):
    texts = ["Ann likes tea and teas, Teas.", "", "x", "a" * 45, "Жук любит чай чай"]
    expected = np.array([plain(text, 97, sizes, weights, **options) for text in texts])
    found = index(97, sizes=sizes, weights=weights, **options).encode(texts).toarray()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_without_normalisation_documents_keep_their_length_and_queries_do_not():
    texts, query = ["tea", "tea tea coffee"], "tea coffee"
    documents = np.array([plain(text, 512, unit=False) for text in texts])
    engine = index(512, normalise=False)
    np.testing.assert_allclose(engine.encode(texts).toarray(), documents, rtol=0, atol=1e-12)
    scores = engine.fit(texts).scores([query])[0]
    np.testing.assert_allclose(scores, documents @ plain(query, 512), rtol=1e-12)


@given(st.binary(min_size=3, max_size=3).map(lambda b: "".join(chr(97 + x % 26) for x in b)))
def test_bucket_is_zlibs_crc32(word):
    vector = HashedNgrams(2**32, (3,), (1,), markers=False, threads=1).encode([word])
    assert vector.indices.tolist() == [zlib.crc32(word.encode())]


def test_fnv1a_has_its_published_values():
    # Test vectors of the FNV reference, 32 bit: "a" and "foobar".
    one = HashedNgrams(2**32, (1,), (1,), markers=False, hash="fnv1a", threads=1).encode(["a"])
    six = HashedNgrams(2**32, (6,), (1,), markers=False, hash="fnv1a", threads=1)
    assert one.indices.tolist() == [0xE40C292C]
    assert six.encode(["foobar"]).indices.tolist() == [0xBF9CF968]


def test_mixed_hash_depends_on_its_seed_and_spreads_evenly():
    words = [f"{i:05d}" for i in range(20_000)]

    def buckets(seed):
        engine = HashedNgrams(64, (5,), (1,), markers=False, hash="mixed", seed=seed, threads=1)
        return engine.encode(words).indices

    first, second = buckets(0), buckets(1)
    assert (first == second).mean() < 0.03
    counts = np.bincount(first, minlength=64)
    assert ((counts - 20_000 / 64) ** 2 / (20_000 / 64)).sum() < 120  # chi-squared, 63 degrees


def test_white_space_is_that_of_str():
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        encoded = np.frombuffer(character.encode("utf-8", "surrogatepass"), dtype=np.uint8)
        if encoded[0] not in (0xC2, 0xE1, 0xE2, 0xE3) and code > 127:
            assert not character.isspace()  # no other first byte is looked at further
            continue
        length = space_length(encoded, np.uint64(0), np.uint64(len(encoded)))
        assert length == (len(encoded) if character.isspace() else 0), hex(code)


def test_words_are_split_as_str_does():
    texts = ["a b", "", " a\u2003b \u2002", "\u1680", "\u205f\u00a0x\u0085", "ab\u2028ab"]
    words, offsets = GramTable(index(8)._spec).read(texts)
    assert np.diff(offsets).tolist() == [len(text.split()) for text in texts]
    assert words.tolist() == [0, 1, 0, 1, 2, 3, 3]


def test_any_number_of_words_of_any_length_is_told_apart():
    """Beyond the first size of every table, and past the eight bytes that are compared at once."""
    rng = np.random.default_rng(0)
    stock = ["abcdefgh" * n + tail for n in range(1, 40) for tail in ("", "a", "b", "\0", "\0\0")]
    stock += ["".join(rng.choice(list("abcжд"), rng.integers(1, 30))) for _ in range(12_000)]
    texts = [" ".join(stock[start : start + 7]) for start in range(0, len(stock), 7)]
    order: dict[str, int] = {}
    expected = [order.setdefault(word, len(order)) for text in texts for word in text.split()]
    table = GramTable(index(512)._spec)
    read = [table.read(texts[start : start + 300])[0] for start in range(0, len(texts), 300)]
    assert np.concatenate(read).tolist() == expected
    assert table.n_words == len(order) > 10_000
    found = index(2**20).encode(texts)
    for row in range(0, len(texts), 100):
        own = found[[row]].toarray().ravel()
        np.testing.assert_allclose(own, plain(texts[row], 2**20), rtol=0, atol=1e-12)


def corpus(n, seed=0):
    rng = np.random.default_rng(seed)
    stock = ["".join(rng.choice(list("abcdefgh"), 6)) for _ in range(60)]
    return [" ".join(rng.choice(stock, 8)) + "." for _ in range(n)]


def test_segments_threads_and_streams_change_nothing():
    texts = corpus(2 * SEGMENT + 100)
    queries = [f"who likes {text.split()[2]}" for text in texts[::700]]
    engine = HashedNgrams(1024, threads=1).fit(texts)
    expected = engine.search(queries, 30)
    for other in (
        HashedNgrams(1024, threads=2).fit(iter(texts)).search(queries, 30),
        HashedNgrams(1024).search_stream(iter(texts), queries, 30),
    ):
        np.testing.assert_array_equal(other[0], expected[0])
        np.testing.assert_allclose(other[1], expected[1], rtol=1e-12)
    everything = engine.scores(queries)
    order = np.argsort(-everything.round(12), axis=1, kind="stable")[:, :30]
    np.testing.assert_array_equal(expected[0], order)
    assert engine.entries == HashedNgrams(1024).encode(texts).nnz
    assert engine.nbytes > 4 * engine.entries


def test_what_queries_share_is_read_once():
    texts = [f"who likes {text}" for text in corpus(300)]
    queries = [f"who likes {text.split()[-1]}" for text in texts[:50]]
    engine = HashedNgrams(2**16, threads=1).fit(texts)
    every, read = engine.postings_read(queries)
    assert every > 50 * 15 * 300 > read
    found, scores = engine.search(queries, 300)
    alone = [engine.search([query], 300) for query in queries]
    np.testing.assert_array_equal(found, np.concatenate([one[0] for one in alone]))
    np.testing.assert_allclose(scores, np.concatenate([one[1] for one in alone]), rtol=1e-12)


def test_equal_bags_of_words_tie_and_the_first_comes_first():
    rng = np.random.default_rng(0)
    words = [*corpus(1)[0].split(), "Otter,", "otter"]
    texts = [" ".join(rng.permutation(words)) for _ in range(50)]
    engine = index(2**32).fit(["unlike", *texts])
    found, scores = engine.search(["otter aabbcc", "nothing0"], 50)
    assert found[0].tolist() == list(range(1, 51))
    assert len(set(scores[0])) == 1
    # A query that shares nothing scores exactly 0 and gets the first documents.
    assert found[1].tolist() == list(range(50))
    assert not scores[1].any()


def test_counts_beyond_any_table_stay_exact():
    text = "otter " * 300_000
    engine = HashedNgrams(512, weights=(1, 5, 1000), threads=1).fit([text, "otter stoat"])
    expected = plain("otter", 512, weights=(300_000, 1_500_000, 300_000_000))
    query = plain("stoat otter", 512, weights=(1, 5, 1000))
    other = plain("otter stoat", 512, weights=(1, 5, 1000))
    np.testing.assert_allclose(
        engine.scores(["stoat otter"])[0], [expected @ query, other @ query], rtol=1e-12
    )


def test_a_failed_fit_leaves_the_old_index():
    engine = index(64).fit(["tea"])
    with pytest.raises(UsageError, match="item 1 is 5"):
        engine.fit(["coffee", 5])
    assert engine.search(["tea"], 1)[1][0, 0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: HashedNgrams(0), "d must be a whole number"),
        (lambda: HashedNgrams(-5), "not -5"),
        (lambda: HashedNgrams(512.0), "not 512.0"),
        (lambda: HashedNgrams(2**32 + 1), "d must be"),
        (lambda: HashedNgrams(8, sizes=()), "sizes is empty"),
        (lambda: HashedNgrams(8, sizes=(3, 4)), "as many weights"),
        (lambda: HashedNgrams(8, sizes=(3, 3), weights=(1, 2)), "distinct"),
        (lambda: HashedNgrams(8, sizes=(0,), weights=(1,)), "a size"),
        (
            lambda: HashedNgrams(8, sizes=(3,), weights=(0,)),
            "from 1 to 1,000, not 0",
        ),
        (lambda: HashedNgrams(8, sizes=(3,), weights=("1",)), "a weight must be .* not '1'"),
        (
            lambda: HashedNgrams(8, sizes=(3,), weights=(float("nan"),)),
            "a weight .* not nan",
        ),
        (lambda: HashedNgrams(8, sizes=(3, 4), weights=(1, 2.5)), "a weight must be .* not 2.5"),
        (lambda: HashedNgrams(8, hash="crc"), "did you mean 'crc32'"),
        (lambda: HashedNgrams(8, hash="mixed", seed=-1), "seed"),
        (lambda: HashedNgrams(8, threads=0), "threads"),
        (lambda: index(8).fit([]), "texts is empty"),
        (lambda: index(8).fit("tea"), "single text"),
        (lambda: index(8).fit(["", " "]), "none of the 2 texts"),
        (lambda: HashedNgrams(8, (1, 2), (1000, 1)).encode(["x" * 2_200_000]), "too long"),
        (lambda: index(8).encode([None]), "item 0 is None"),
        (lambda: index(8).search(["tea"], 1), "fit"),
        (lambda: index(8).fit(["tea"]).search(["tea"], 2), "k must be"),
        (lambda: index(8).fit(["tea"]).search([], 1), "queries is empty"),
        (lambda: index(8).search_stream(["tea"], ["tea"], 2), "1 to 1"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(UsageError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
