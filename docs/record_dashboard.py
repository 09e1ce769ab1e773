"""Take pictures of the live page during the sample rollout: ``record_dashboard.py [FOLDER]``.

A good version is halfway, a bad one fails its checks: the page is shown in light and dark colours, and as a phone does.
Needs the browser of the tests: ``make pictures`` installs it and runs this.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import define, field
from playwright.sync_api import Browser

from canary_lab.demo.fault import Fault
from canary_lab.demo.story import Story
from canary_lab.demo.view import NAME, NAMESPACE, View
from canary_lab.mesh.laptop import Laptop
from laboratories.browser import a_browser, a_page

TARGET: Final = Path(__file__).parent / "pictures"
HALFWAY: Final = 30
"""Weight of the good version, percent, when most pictures are taken."""
DESK: Final = {"viewport": {"width": 1000, "height": 1070}}
LIST: Final = {"viewport": {"width": 1000, "height": 440}}
PHONE: Final = {"viewport": {"width": 360, "height": 780}, "device_scale_factor": 2}


@define
class Camera:
    """Takes each picture at its moment."""

    browser: Browser
    laptop: Laptop
    folder: Path
    taken: set[str] = field(factory=set)

    def look(self, view: View) -> None:
        """Whether it is the moment for one."""
        if "v2" in view.chapter and view.phase == "Progressing" and view.weight == HALFWAY:
            self._once("list", LIST)
            self._once("light", DESK, of_one=True)
            self._once("phone", PHONE, of_one=True)
        if "v3" in view.chapter and view.phase == "Progressing" and view.failed >= view.threshold // 2:
            self._once("dark", {**DESK, "color_scheme": "dark"}, of_one=True)

    def _once(self, name: str, settings: dict[str, Any], *, of_one: bool = False) -> None:
        if name in self.taken:
            return
        self.taken.add(name)
        with a_page(self.browser, **settings) as page:
            page.goto(self.laptop.page)
            link = page.get_by_role("link", name=f"{NAMESPACE}/{NAME}")
            link.wait_for()
            if of_one:
                link.click()
                page.locator("#events li").first.wait_for()
            page.screenshot(path=self.folder / f"dashboard-{name}.png", full_page=not of_one)


def others() -> str:
    """Canaries beside the sample: one that waits for its target, one that is suspended."""
    analysis = {"interval": "1m", "threshold": 5, "stepWeight": 10, "maxWeight": 50}

    def canary(name: str, **spec: Any) -> dict[str, Any]:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        whole = {"targetRef": target, "service": {"port": 80}, "analysis": analysis, **spec}
        metadata = {"name": name, "namespace": NAMESPACE}
        return {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": metadata, "spec": whole}

    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    return yaml.safe_dump_all([namespace, canary("checkout"), canary("search", suspend=True)])


def main(folder: Path) -> None:
    """Play the demo and take the pictures."""
    place = Path(tempfile.mkdtemp(prefix="canary-demo-"))
    with a_browser(place) as browser, Laptop(place) as laptop:
        laptop.start_page()
        laptop.kubectl("apply", "-f", "-", stdin=others())
        camera = Camera(browser, laptop, folder)
        outcome = Story(laptop, fault=Fault.read("error-rate=5%"), rate=50, interval_s=5, show=camera.look).play()
    if not outcome.ok or camera.taken != {"list", "light", "phone", "dark"}:
        sys.exit(f"the demo did not go as it should; taken: {', '.join(sorted(camera.taken)) or 'nothing'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
