"""Files and texts: what is read, what is passed over, and that nothing a file can hold does harm."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary_adapters.manifests import ManifestError, Manifests, Mistake, read_file, read_object, read_text, survey_text
from canary_adapters.manifests.analysis import Analysis, Metric, ThresholdRange, Webhook
from canary_adapters.manifests.declare import Table, wire
from canary_adapters.manifests.objects import Canary, CanarySpec, Metadata, TargetRef
from canary_adapters.manifests.service import Service

EXAMPLES = Path(__file__).parents[3] / "examples"


def mistakes_in(text: str) -> tuple[Mistake, ...]:
    with pytest.raises(ManifestError) as caught:
        read_text(text)
    return caught.value.mistakes


def test_the_articles_manifest_is_read_whole() -> None:
    assert read_file(EXAMPLES / "article" / "canary.yaml") == Manifests(
        canaries=(
            Canary(
                metadata=Metadata(name="fleet-simple-app", namespace="canary-demo"),
                spec=CanarySpec(
                    target_ref=TargetRef(api_version="apps/v1", kind="Deployment", name="fleet-simple-app"),
                    service=Service(port=8080),
                    analysis=Analysis(
                        interval="1m",
                        threshold=10,
                        max_weight=50,
                        step_weight=10,
                        metrics=(
                            Metric(
                                name="request-success-rate", interval="1m", threshold_range=ThresholdRange(min=99.0)
                            ),
                            Metric(name="request-duration", interval="1m", threshold_range=ThresholdRange(max=500.0)),
                        ),
                        webhooks=(
                            Webhook(
                                name="load-test",
                                url="http://flagger-loadtester.loadtester/",
                                timeout="5s",
                                metadata=Table(
                                    {
                                        "type": "cmd",
                                        "cmd": "hey -z 1m -q 10 -c 2 http://fleet-simple-app-canary.canary-demo:8080",
                                    }
                                ),
                            ),
                        ),
                    ),
                ),
            ),
        )
    )


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("strategies/*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_read_and_written_back_unchanged(path: Path) -> None:
    """The examples spell out no defaults, so what is written is what was read."""
    found = read_file(path)
    objects = (*found.canaries, *found.metric_templates, *found.alert_providers)
    declared = sorted(yaml.safe_load_all(path.read_text()), key=lambda document: str(document["kind"]))
    written = sorted((wire(one) for one in objects), key=lambda document: str(document["kind"]))
    assert written == declared


def test_objects_of_other_kinds_are_passed_over_and_counted(declare: Callable[..., Any]) -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"any": ["thing"]}}
    text = yaml.safe_dump_all([deployment, declare(), {"apiVersion": "v1", "kind": "Service"}])
    found = read_text(text)
    assert (len(found.canaries), found.passed_over) == (1, 2)


def test_a_list_counts_as_its_items(declare: Callable[..., Any]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [declare(), declare({"metadata.name": 3})]}
    assert mistakes_in(yaml.safe_dump(listed))[0].path == "items[1].metadata.name"


def test_what_the_api_server_adds_is_no_mistake(declare: Callable[..., Any]) -> None:
    served = declare(
        {
            "metadata.uid": "1-2",
            "metadata.generation": 3,
            "metadata.resourceVersion": "77",
            "metadata.creationTimestamp": None,
            "metadata.managedFields": [{"any": "thing"}],
            "status": {"phase": "Succeeded"},
        }
    )
    assert read_object(served).canaries[0].metadata == Metadata(
        name="app", namespace="test", uid="1-2", generation=3, resource_version="77"
    )


def test_all_mistakes_of_all_documents_are_reported_at_once(declare: Callable[..., Any]) -> None:
    text = yaml.safe_dump_all(
        [declare({"analysis.interval": "1x"}), declare({"spec.service.port": 0}), "not an object"]
    )
    assert [(mistake.document, mistake.path) for mistake in mistakes_in(text)] == [
        (1, "spec.analysis.interval"),
        (2, "spec.service.port"),
        (3, ""),
    ]


def test_a_mistake_says_file_line_document_object_field_value_and_what_is_allowed() -> None:
    text = """\
apiVersion: apps/v1
kind: Deployment
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: app, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: app}
  service: {port: 80}
  analysis:
    interval: 1m
    threshold: 5
    stepWeight: 10
    metrics:
    - name: request-success-rate
      thresholdRange:
        min: high
"""
    with pytest.raises(ManifestError) as caught:
        read_text(text, source="canary.yaml")
    assert caught.value.mistakes == (
        Mistake(
            file="canary.yaml",
            document=2,
            line=17,
            kind="Canary",
            name="test/app",
            path="spec.analysis.metrics[0].thresholdRange.min",
            value='"high"',
            allowed="must be a finite number",
        ),
    )
    assert str(caught.value) == (
        "canary.yaml:17: document 2: Canary test/app: spec.analysis.metrics[0].thresholdRange.min: "
        '"high" is not allowed: must be a finite number'
    )


def test_good_objects_are_found_beside_bad_ones(declare: Callable[..., Any]) -> None:
    survey = survey_text(yaml.safe_dump_all([declare({"spec.nothing": 1}), declare()]))
    assert ([canary.name for canary in survey.found.canaries], len(survey.mistakes)) == (["app"], 1)


def test_an_object_cannot_be_declared_twice(declare: Callable[..., Any]) -> None:
    twice = mistakes_in(yaml.safe_dump_all([declare(), declare()]))
    assert [(one.path, one.allowed) for one in twice] == [("metadata.name", "is declared already, by document 1")]


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
)
MERGE_BOMB = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{n}: &a{n}\n  <<: [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", None, "is empty, must hold at least one document"),
        ("---\n# nothing\n---\n", None, "is empty, must hold at least one document"),
        (
            "a: [1, 2\nb: 3\n",
            2,
            "this is not YAML: while parsing a flow sequence did not find expected ',' or ']' (column 2)",
        ),
        (
            "a:\n\t- b\n",
            2,
            "this is not YAML: while scanning for the next token found character that cannot start any token",
        ),
        ("a: \x00", None, "this is not YAML: control characters are not allowed (character U+0000)"),
        ("a: \ud800", None, "this is not YAML: a character that no file can hold"),
        ("x" * (1024 * 1024 + 1), None, "is larger than 1024 KiB, must be smaller"),
        ("[" * 100_000, 1, "nested deeper than 50 levels"),
        ("{a: " * 60 + "1" + "}" * 60, 1, "nested deeper than 50 levels"),
        ("\n".join(" " * n + "a:" for n in range(900)), 51, "nested deeper than 50 levels"),
        (BOMB, 5, "more than 100000 values, aliases followed"),
        (MERGE_BOMB, 11, "more than 100000 values, aliases followed"),
        ("[" + "1," * 200_000 + "]", 1, "more than 100000 values, aliases followed"),
        ("a: &a [*a]", 1, "alias *a inside its own anchor"),
        ("a: *b", 1, "alias *b without an anchor &b before it"),
    ],
    ids=lambda value: str(value)[:20].encode("unicode_escape").decode(),
)
def test_a_text_that_cannot_be_read_is_refused_in_words(text: str, line: int | None, said: str) -> None:
    (mistake,) = mistakes_in(text)
    assert (mistake.line, mistake.document) == (line, None)
    assert mistake.allowed.startswith(said)


def test_documents_before_the_broken_one_are_judged_too(declare: Callable[..., Any]) -> None:
    text = yaml.safe_dump(declare({"spec.service.port": 0})) + "---\na: [1\n"
    assert [mistake.path for mistake in mistakes_in(text)] == ["spec.service.port", ""]


@pytest.mark.parametrize(
    ("document", "path", "value", "allowed"),
    [
        ("- a", "", '["a"]', "must be a mapping with apiVersion, kind, metadata and spec"),
        ("hello", "", '"hello"', "must be a mapping with apiVersion, kind, metadata and spec"),
        ("kind: Canary", "apiVersion", None, "is missing, but must be given"),
        ("apiVersion: flagger.app/v1beta1", "kind", None, "is missing, but must be given"),
        ("{apiVersion: v1, kind: 3}", "kind", "3", "must be a text"),
        ("{apiVersion: flagger.app/v1alpha3, kind: Canary}", "apiVersion", '"flagger.app/v1alpha3"',
         "must be flagger.app/v1beta1"),
        ("{apiVersion: flagger.app/v1beta1, kind: Canari}", "kind", '"Canari"',
         "must be one of Canary, MetricTemplate, AlertProvider"),
        ("{apiVersion: flager.app/v1beta1, kind: Canary}", "apiVersion", '"flager.app/v1beta1"',
         "is nobody's; did you mean flagger.app/v1beta1?"),
    ],
)  # fmt: skip
def test_a_document_must_be_an_object_with_a_known_kind(
    document: str, path: str, value: str | None, allowed: str
) -> None:
    (mistake,) = mistakes_in(document)
    assert (mistake.path, mistake.value, mistake.allowed) == (path, value, allowed)


@pytest.mark.parametrize(
    ("text", "path", "line", "said"),
    [
        ("apiVersion: v1\nkind: Service\nkind: Pod\n", "kind", 3, "this key stands twice in one mapping"),
        ("apiVersion: v1\nkind: Service\na: {b: 1, b: 2}\n", "a.b", 3, "this key stands twice in one mapping"),
        ("apiVersion: v1\nkind: Service\n? [a]\n: 1\n", "", 3, "a key must be a text"),
        ("apiVersion: v1\nkind: Service\na: !!binary YQ==\n", "a", 3,
         "tag tag:yaml.org,2002:binary is not known to Kubernetes"),
        ("apiVersion: v1\nkind: Service\na: !!python/object/apply:os.getcwd []\n", "a", 3,
         "tag tag:yaml.org,2002:python/object/apply:os.getcwd is not known to Kubernetes"),
        ("apiVersion: v1\nkind: Service\na: !!int x\n", "a", 3, "tag !!int does not fit this text"),
        ("apiVersion: v1\nkind: Service\n<<: 3\n", "", 3, "<< must be followed by a mapping or by a list of mappings"),
    ],
)  # fmt: skip
def test_yaml_that_kubernetes_would_misread_is_refused(text: str, path: str, line: int, said: str) -> None:
    (mistake,) = mistakes_in(text)
    assert (mistake.path, mistake.line, mistake.allowed) == (path, line, said)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("yes", True), ("off", False), ("~", None), ("", None), ("'yes'", "yes"), ("!!str 12", "12"), ("! 12", "12"),
        ("12", 12), ("012", 10), ("0x1F", 31), ("0b11", 3), ("0o17", 15), ("1_000", 1000), ("-7", -7), ("08", 8.0),
        ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("!!float 1", 1.0), ("1:30", "1:30"), ("2021-01-01", "2021-01-01"),
        ("y", "y"), ("1.2.3", "1.2.3"), ("0x", "0x"), ("10s", "10s"), ("9" * 500, "9" * 500), ("_1", "_1"),
    ],
)  # fmt: skip
def test_scalars_are_read_as_kubernetes_tools_read_them(scalar: str, value: object) -> None:
    from canary_adapters.manifests.documents import documents

    (document,) = documents(f"a: {scalar}\n")
    assert document.content == {"a": value}


def test_aliases_and_merge_keys_work() -> None:
    text = """\
base: &base {interval: 1m, threshold: 3}
one: {<<: *base, threshold: 5}
two:
  <<: [{a: 1, b: 1}, {b: 2, c: 2}]
"""
    from canary_adapters.manifests.documents import documents

    (document,) = documents(text)
    assert document.content == {
        "base": {"interval": "1m", "threshold": 3},
        "one": {"interval": "1m", "threshold": 5},
        "two": {"a": 1, "b": 1, "c": 2},
    }


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "canary.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + (EXAMPLES / "article" / "canary.yaml").read_bytes())
    assert read_file(file) == read_file(EXAMPLES / "article" / "canary.yaml")


def test_files_that_cannot_be_read_are_mistakes(tmp_path: Path) -> None:
    """Missing, a directory, not UTF-8, too large, not even a path."""
    (tmp_path / "latin.yaml").write_bytes(b"kind: Canary\nname: caf\xe9\n")
    (tmp_path / "large.yaml").write_bytes(b"a: " + b"x" * 10_000_000)
    expected = {
        tmp_path / "absent.yaml": "there is no such file",
        tmp_path: "is a directory, must be a file",
        tmp_path / "latin.yaml": "is not UTF-8 (byte 22)",
        tmp_path / "large.yaml": "is larger than 1024 KiB, must be smaller",
        tmp_path / "n\0l": "cannot be read: not a path",
        tmp_path / ("x" * 300): "cannot be read: File name too long",
    }
    found = {}
    for path in expected:
        with pytest.raises(ManifestError) as caught:
            read_file(path)
        (mistake,) = caught.value.mistakes
        assert mistake.file == str(path)
        found[path] = mistake.allowed
    assert found == expected
