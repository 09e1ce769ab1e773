"""A rollout is of a target and a Service; a Canary that names others begins anew, and does not forget the former."""

from canary_adapters.kubernetes.store.places import Place, former_places, moved, stored_place, written_places

OLD, NEW = Place("Deployment", "old", "app"), Place("Deployment", "new", "app")
ELSEWHERE = Place("Deployment", "new", "new")


def test_a_record_without_a_place_says_nothing() -> None:
    assert stored_place({}) is None
    assert stored_place({"place": {"kind": "Deployment", "target": ""}}) is None
    assert former_places({"former": ["x", {"kind": "Deployment"}]}, NEW) == ()


def test_what_is_written_is_read() -> None:
    first = written_places({}, OLD)
    assert (stored_place(first), former_places(first, OLD)) == (OLD, ())
    second = written_places(first, NEW)
    assert (stored_place(second), former_places(second, NEW)) == (NEW, (OLD,))
    assert former_places(written_places(second, ELSEWHERE), ELSEWHERE) == (NEW, OLD)
    assert former_places(written_places(second, OLD), OLD) == (NEW,)


def test_not_all_that_ever_was_is_remembered() -> None:
    record = written_places({}, OLD)
    for number in range(20):
        record = written_places(record, Place("Deployment", f"target-{number}", "app"))
    assert len(former_places(record, NEW)) == 5


def test_people_are_told_what_goes_and_what_stays() -> None:
    assert moved(NEW, NEW) is None
    assert "old-primary goes" in str(moved(OLD, NEW))
    assert "stay and answer" in str(moved(OLD, ELSEWHERE))
