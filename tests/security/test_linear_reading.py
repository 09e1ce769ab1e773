"""Whatever users and servers write is read in steps that grow no faster than it does: counted, not timed.

Texts are made of what means something to each reader: repeated, opened and never closed, nested, alternating, mixed,
with broken ends. That steps are seen that grow is shown by readers in which such a mistake was planted.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from laboratories.lab_readers import LAB_READERS
from laboratories.readers import READERS
from laboratories.reading import Reader, again, words
from laboratories.steps import steps_of
from planted_bugs.readers import GROWING
from stories.shapes import Shape, shapes

pytestmark = pytest.mark.slow

ALL: Final = {reader.name: reader for reader in (*READERS, *LAB_READERS)}
SHORT: Final = 1024
"""Characters; the others are twice and four times as long."""
AT_MOST: Final = 4.5
"""As many steps for four times the text."""
FEW: Final = settings(
    max_examples=30,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


def _steps(reader: Reader, shape: Shape, length: int) -> int:
    text = shape.text(length)
    return steps_of(lambda: reader.read(text))


def _grows(reader: Reader, shape: Shape, short: int = SHORT) -> bool:
    """Whether four times the text takes more than four times the steps, and more than twice those of twice the text.

    Both, because a text that is a little longer may be refused a little sooner: where quotes come in pairs, for one.
    """
    once, twice, four = (_steps(reader, shape, short * times) for times in (1, 2, 4))
    return four > reader.slack + max(AT_MOST * once, AT_MOST / 2 * twice)


@pytest.fixture(params=ALL)
def reader(request: pytest.FixtureRequest) -> Reader:
    """A reader that has read before: what is made once, such as converters, is no cost of reading."""
    found = ALL[request.param]
    for length in (SHORT, found.longest):
        found.read(found.harmless(length))
    return found


def test_no_shape_takes_steps_that_grow_faster_than_it(reader: Reader) -> None:
    for shape in reader.worst:
        assert not _grows(reader, shape), shape

    @FEW
    @given(shapes(reader.tokens, reader.frames))
    def check(shape: Shape) -> None:
        assert not _grows(reader, shape)

    check()


def test_the_worst_of_64_kib_takes_no_more_than_twice_the_steps_of_what_is_harmless(reader: Reader) -> None:
    text = reader.harmless(reader.longest)
    most = 2 * steps_of(lambda: reader.read(text)) + reader.slack
    for shape in reader.worst:
        assert _steps(reader, shape, reader.longest) <= most, shape

    @settings(FEW, max_examples=5)
    @given(shapes(reader.tokens, reader.frames))
    def check(shape: Shape) -> None:
        assert _steps(reader, shape, reader.longest) <= most

    check()


def test_what_is_harmless_is_read(reader: Reader) -> None:
    """Or else it would be no measure; but durations, names and the like are never so long."""
    lengths = [length for length in (40, 200, 700, reader.longest) if length <= reader.longest]
    assert [length for length in lengths if _is_read(reader, reader.harmless(length))] != []


def _is_read(reader: Reader, text: str) -> bool:
    try:
        reader.call(text)
    except ValueError:
        return False
    return bool(text)


@pytest.mark.parametrize("name", GROWING)
def test_a_reader_whose_steps_grow_is_found(name: str) -> None:
    """By the same shapes, made of the same few tokens that many a reader has."""
    planted = Reader(name=name, call=GROWING[name], tokens=words("{ } a ⏎ ␣ # ( ) ␣#"), harmless=again("a"))
    found = find(
        shapes(planted.tokens), lambda shape: _grows(planted, shape, 64), settings=settings(FEW, max_examples=500)
    )
    assert _grows(planted, found, 64)


def test_a_reader_whose_steps_do_not_grow_is_not() -> None:
    plain = Reader(name="plain", call=lambda text: sum(each == "{" for each in text), tokens="{}a", harmless=again("a"))
    with pytest.raises(NoSuchExample):
        find(shapes(plain.tokens), lambda shape: _grows(plain, shape, 64), settings=settings(FEW, max_examples=200))


@given(st.integers(0, 5_000), shapes(words("{{ }} ␣ k#"), (("(", ")"),)))
def test_a_shape_has_the_length_that_is_asked_for(length: int, shape: Shape) -> None:
    text = shape.text(length)
    units = sum(len("".join(run)) + 4 for run in shape.runs)
    assert length - 2 * units <= len(text) - len(shape.begin) - len(shape.end) <= length
    assert text.startswith(shape.begin)
    assert text.endswith(shape.end)
