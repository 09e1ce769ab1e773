"""``canary validate`` and ``canary`` itself, as a user runs them."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from laboratories.forked import run

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[3] / "examples"
ARTICLE = str(EXAMPLES / "article" / "canary.yaml")
SENTENCE = (
    "canary-demo/fleet-simple-app: 10 % every minute up to 50 %, 6 minutes at best, "
    "rolled back at the 10th failed check\n"
)


def canary(*arguments: str, text: bytes = b"", environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, standard output, standard error; of the installed command where an environment is given."""
    if environment is None:
        forked = run(["canary", *arguments], stdin=text, env=os.environ)
        assert "Traceback" not in forked.stderr + forked.stdout
        return forked.returncode, forked.stdout, forked.stderr
    program = shutil.which("canary", path=str(Path(sys.executable).parent))
    command: Sequence[str] = [program] if program else [sys.executable, "-m", "canary_adapters.cli.main"]
    done = subprocess.run(
        [*command, *arguments], input=text, capture_output=True, timeout=60, check=False, env=environment
    )
    assert b"Traceback" not in done.stderr + done.stdout
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_good_file_is_told_in_one_line() -> None:
    assert canary("validate", ARTICLE) == (0, SENTENCE, "")


def test_the_standard_input_is_read() -> None:
    assert canary("validate", "-", text=Path(ARTICLE).read_bytes()) == (0, SENTENCE, "")


def test_all_examples_are_good() -> None:
    files = sorted(map(str, EXAMPLES.glob("strategies/*.yaml")))
    code, out, err = canary("validate", *files)
    assert (code, err, len(out.splitlines())) == (0, "", len(files) + 1)


def test_warnings_stand_below_their_canary() -> None:
    code, out, err = canary("validate", "--mesh-provider", "kubernetes", ARTICLE)
    assert (code, err) == (0, "")
    assert out.splitlines()[1:] == [
        "  warning: Progressive traffic is not supported when using the kubernetes provider",
        "  warning: Setting canaryAnalysis.iterations: 10",
    ]


def test_every_mistake_of_every_file_is_told_and_the_good_ones_too(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    article = Path(ARTICLE).read_text()
    bad.write_text(
        article.replace("interval: 1m", "interval: 1x") + "---\n" + article.replace("stepWeight", "stepWeigth")
    )
    code, out, err = canary("validate", str(bad), ARTICLE, str(tmp_path / "absent.yaml"))
    interval = '"1x" is not allowed: must be a Go duration that begins with minutes or seconds, like 90s or 1m30s'
    window = '"1x" is not allowed: must be a duration above zero in minutes and seconds, like 1m or 1m30s'
    subject = "Canary canary-demo/fleet-simple-app: spec.analysis"
    assert (code, out) == (2, SENTENCE)
    second = article.count("\n") + 1
    dropped = "unknown field, which the API server would drop without a word; did you mean stepWeight?"
    one_of = "exactly one of iterations, stepWeight, stepWeights must be given, but none is"
    assert err.splitlines() == [
        f"error: {bad}:14: document 1: {subject}.interval: {interval}",
        f"error: {bad}:22: document 1: {subject}.metrics[0].interval: {window}",
        f"error: {bad}:26: document 1: {subject}.metrics[1].interval: {window}",
        f"error: {bad}:{second + 17}: document 2: {subject}.stepWeigth: {dropped}",
        f"error: {bad}:{second + 13}: document 2: {subject}: {one_of}",
        f"error: {tmp_path / 'absent.yaml'}: there is no such file",
    ]


def test_what_is_not_served_is_named_and_what_is_referred_to_is_looked_for(tmp_path: Path) -> None:
    file, application = tmp_path / "canary.yaml", tmp_path / "application.yaml"
    reference = "metrics: [{name: e, templateRef: {name: errors}, thresholdRange: {max: 1}}]"
    text = Path(ARTICLE).read_text().replace("  service:\n", "  provider: nginx\n  service:\n", 1)
    file.write_text(text)
    code, out, err = canary("validate", str(file))
    assert (code, out) == (2, "")
    assert 'spec.provider: "nginx" is not allowed: must be one of istio, kubernetes: nothing else is served' in err
    spec = f"  service: {{port: 80}}\n  analysis: {{interval: 1m, threshold: 1, stepWeight: 50, {reference}}}\n"
    target = "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: app}\n"
    head = "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: app, namespace: test}\nspec:\n"
    file.write_text(head + target + spec)
    application.write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ap, namespace: test}\n")
    code, out, err = canary("validate", str(file), str(application))
    assert (code, err) == (0, "")
    assert out.splitlines()[1:] == [
        "  warning: spec.targetRef: Deployment app.test is in none of the files",
        "  warning: templateRef of metric e: MetricTemplate errors.test is in none of the files",
        "1 object of other kinds passed over",
    ]


def _template(query: str) -> str:
    head = "apiVersion: flagger.app/v1beta1\nkind: MetricTemplate\nmetadata: {name: rate, namespace: canary-demo}\n"
    return f"{head}spec:\n  provider: {{type: prometheus, address: 'http://p:9090'}}\n  query: {json.dumps(query)}\n"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "sum(x[{{ interval }}])\n{{ namspace }}",
            "{{ namspace }} at character 24 is not supported; use one of name, ",
        ),
        ("{{ namspace }}", "did you mean {{ namespace }}?"),
        ("{{ namespace + 1 }}", "{{ namespace + 1 }} at character 1 is not supported"),
        ("sum({{ namespace", "{{ at character 5 is not closed: }} is missing"),
        ('{{ printf "%s" namespace }}', '{{ printf "%s" namespace }} at character 1 is not supported'),
        ("up\0", "must hold no control characters but tabs and line breaks: U+0000 at character 3"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(tmp_path: Path, query: str, said: str) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(_template(query))
    code, out, err = canary("validate", str(file))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {file}:6: document 1: MetricTemplate canary-demo/rate: spec.query: ")
    assert said in err


def test_variables_that_nobody_gives_are_named_whichever_file_the_template_is_in(tmp_path: Path) -> None:
    template, use = tmp_path / "template.yaml", tmp_path / "use.yaml"
    template.write_text(_template('sum(x{a="{{ variables.path }}",b="{{ variables.dir }}"})'))
    before, after = Path(ARTICLE).read_text().split("    - name: request-success-rate")
    own = "    - {name: rate, templateRef: {name: rate}, templateVariables: {%s}, thresholdRange: {max: 1}}\n"
    use.write_text(f"{before}{own % 'dir: in'}    - name: request-success-rate{after}")
    code, _, err = canary("validate", str(use), str(template))
    subject = f"{use}:1: document 1: Canary canary-demo/fleet-simple-app: spec.analysis.metrics[0].templateVariables"
    missing = "templateVariables has no path (query of MetricTemplate rate)"
    assert (code, err) == (2, f'error: {subject}: {{"dir": "in"}} is not allowed: {missing}\n')
    use.write_text(f"{before}{own % 'dir: in, path: /'}    - name: request-success-rate{after}")
    assert canary("validate", str(use), str(template))[::2] == (0, "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"---\n---\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a: [", "this is not YAML"),
        (b"a: \x00", "control characters are not allowed"),
        (b"[" * 100_000, "nested deeper"),
        (b"x" * 10_000_000, "is larger than 1024 KiB"),
        (b"a: &a [*a]", "inside its own anchor"),
        (b"- a", "must be a mapping"),
        (b"a: 1\na: 2\n", "this key stands twice"),
        (b"kind: !!python/object/apply:os.system [x]\n", "is not known to Kubernetes"),
        (b"apiVersion: flagger.app/v1beta1\nkind: Canary\n", "metadata: is missing"),
    ],
    ids=lambda part: str(part)[:20],
)
def test_bad_input_ends_with_code_2_and_a_message(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    code, out, err = canary("validate", str(file))
    assert (code, out) == (2, "")
    assert said in err
    assert str(file) in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("validate",), "Missing argument"),
        (("validate", str(EXAMPLES)), "is a directory, must be a file"),
        (("validate", "--nonsense", ARTICLE), "No such option"),
        (("validate", "--mesh-provider", "foo", ARTICLE), "foo is not served: must be one of istio, kubernetes"),
        (("valdate",), "Did you mean 'validate'?"),
    ],
)
def test_a_wrong_command_line_ends_with_code_2(arguments: tuple[str, ...], said: str) -> None:
    code, _, err = canary(*arguments)
    assert code == 2
    assert said in err


def test_json_holds_mistakes_and_policies(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.yaml")
    code, out, err = canary("validate", "--json", ARTICLE, absent)
    told = json.loads(out)
    (one,) = told["canaries"]
    assert (code, err, told["passed_over"]) == (2, "", 0)
    assert told["mistakes"] == [
        {
            "file": absent,
            "allowed": "there is no such file",
            "document": None,
            "line": None,
            "kind": None,
            "name": None,
            "path": "",
            "value": None,
        }
    ]
    assert one["policy"]["strategy"] == {
        "type": "Progressive",
        "weights": [10, 20, 30, 40, 50],
        "mirror": None,
        "matched": False,
    }
    assert (one["namespace"], one["name"], one["document"], one["warnings"]) == (
        "canary-demo",
        "fleet-simple-app",
        1,
        [],
    )
    assert SENTENCE.endswith(one["description"] + "\n")


def test_a_terminal_that_knows_no_unicode_is_no_reason_to_fail(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: caf\u00e9}\n", encoding="utf-8")
    code, _, err = canary("validate", str(file), environment={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"})
    assert code == 2
    assert "caf\\xe9" in err


def test_help_and_version_are_quick_and_list_every_command() -> None:
    code, out, err = canary("--help", environment=dict(os.environ))
    assert (code, err) == (0, "")
    assert all(f"\n  {name} " in out for name in ("explore", "simulate", "validate"))
    began = time.perf_counter()
    code, out, err = canary("--version", environment=dict(os.environ))
    assert (code, err, out.split()[0]) == (0, "", "canary")
    assert time.perf_counter() - began < 5.0, "even on a busy machine"


def test_help_imports_no_yaml_and_no_converter() -> None:
    """What `canary validate` needs is imported when it runs."""
    code = (
        "import sys; sys.argv = ['canary', '--help']\n"
        "from canary_adapters.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'yaml', 'cattrs', 'kubernetes', 'hypothesis'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False, text=True)
    assert done.stderr.strip() == "[]"
