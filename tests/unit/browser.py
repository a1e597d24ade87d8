"""A browser on this machine, started without a window."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

# In the order of how fast they start. Those that are not on PATH under such a
# name are found by the environment variable.
NAMES = (
  "chromium-headless-shell",
  "chrome-headless-shell",
  "headless_shell",
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "chrome",
  "microsoft-edge",
  "microsoft-edge-stable",
  "msedge",
)
VARIABLE = "ROBUST_JAX_BROWSER"
_FLAGS = (
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-logging=stderr",
)
_SECONDS = 60


def candidates() -> list[str]:
  """Programs that may be a browser."""
  named = os.environ.get(VARIABLE)
  names = [named] if named else NAMES
  return [found for name in names if (found := shutil.which(name))]


@functools.cache
def browser() -> tuple[str | None, str]:
  """As `find_browser`, once."""
  return find_browser()


def find_browser(seconds: float = _SECONDS) -> tuple[str | None, str]:
  """The first one that starts, or None, and why there is none."""
  found = candidates()
  reason = f"no browser: none of {', '.join(NAMES)} on PATH, nor ${VARIABLE}"
  for program in found:
    try:
      dom, _ = _run(program, "about:blank", "--dump-dom", seconds=seconds)
      if "<body>" in dom:
        return program, ""
      reason = f"{program} shows no page"
    except (OSError, subprocess.SubprocessError) as error:
      reason = f"{program} does not start: {type(error).__name__}"
  return None, reason


def browse(page: pathlib.Path, *options: str) -> tuple[str, str]:
  """(stdout, log) of the browser with a page; `browser` must have found one."""
  return _run(browser()[0], page.as_uri(), *options)


def ask(page: str, folder: pathlib.Path, widths, question: str):
  """Runs a script in a page, at each width of the window.

  The page lies in frames of these widths, since windows may not be narrow, and
  is asked from outside, so that what it forbids itself stays forbidden.

  Args:
    page: HTML.
    folder: where files may be written.
    widths: in pixels.
    question: the body of a function of `page`, a document, and `view`, its
      window, that returns what JSON can hold.

  Returns:
    (width -> answer, the browser's log).
  """
  frames = "".join(
    f'<iframe style="width:{width}px;height:900px;border:0"></iframe>'
    for width in widths
  )
  # What could end the script early is written otherwise.
  source = json.dumps(page).replace("</", "<\\/")
  asking = folder / "asking.html"
  asking.write_text(
    f"""<!DOCTYPE html><meta charset="utf-8"><body>{frames}<script>
const ask = (page, view) => {{ {question} }};
const frames_ = [...document.querySelectorAll("iframe")];
for (const frame of frames_) frame.srcdoc = {source};
addEventListener("load", () => {{
  const found = frames_.map(
    (frame) => ask(frame.contentDocument, frame.contentWindow));
  const pre = document.createElement("pre");
  pre.id = "found"; pre.textContent = JSON.stringify(found);
  document.body.append(pre);
}});
</script></body>""",
    encoding="utf-8",
  )
  dom, log = browse(asking, "--dump-dom")
  (told,) = re.findall(r'<pre id="found">(.*?)</pre>', dom, flags=re.DOTALL)
  unescaped = told.replace("&lt;", "<").replace("&gt;", ">")
  answers = json.loads(unescaped.replace("&amp;", "&"))
  return dict(zip(widths, answers, strict=True)), log


def _run(program, address, *options, seconds=_SECONDS):
  with tempfile.TemporaryDirectory() as profile:
    result = subprocess.run(
      [program, *_FLAGS, f"--user-data-dir={profile}", *options, address],
      capture_output=True,
      text=True,
      timeout=seconds,
      check=True,
    )
  return result.stdout, result.stderr
