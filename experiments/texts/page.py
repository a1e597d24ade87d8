"""A page of what attacks on texts changed."""

import pathlib
from collections.abc import Mapping, Sequence

import jinja2

from robust_jax.files import atomic_write
from robust_jax.text.results import TextResult, segments, summary

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Attacks on {{ title }}</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto;
         padding: 0 1em; color: #1f1f1f; background: #ffffff }
  table { border-collapse: collapse }
  th, td { padding: .2em .8em; text-align: right; vertical-align: top;
           border-bottom: 1px solid #cccccc }
  th:first-child, td:first-child, td.text { text-align: left }
  td.text { overflow-wrap: anywhere; white-space: pre-wrap }
  del { color: #8f1000; background: #ffe5e0 }
  ins { color: #00512f; background: #dff5e5; text-decoration: none }
</style>
<h1>Attacks on {{ title }}</h1>
<table>
<tr><th>attack<th>successful<th>failed<th>skipped<th>accuracy
<th>under attack<th>words changed<th>queries
{% for name, f in figures.items() %}
<tr><td><a href="#{{ name }}">{{ name }}</a><td>{{ f.successful }}
<td>{{ f.failed }}<td>{{ f.skipped }}<td>{{ "%.1f %%"|format(100*f.accuracy) }}
<td>{{ "%.1f %%"|format(100*f.robust_accuracy) }}
<td>{{ "%.1f %%"|format(100*f.words_changed) }}
<td>{{ "%.0f"|format(f.queries) }}
{% endfor %}
</table>
<p>Skipped texts are misclassified before the attack, or have reached its goal.
Of every success, words that were replaced are <del>struck out</del>, before
<ins>what replaces them</ins>.
{% for name, of_attack in results.items() %}
<h2 id="{{ name }}">{{ name }}</h2>
<table>
<tr><th>text<th>before<th>after<th>words<th>queries
{% for result in of_attack if result.status == "successful" %}
<tr><td class="text">
{%- for kind, text in segments(result) -%}
{%- if kind == "old" -%}<del>{{ text }}</del>
{%- elif kind == "new" -%}<ins>{{ text }}</ins>
{%- else -%}{{ text }}{%- endif -%}
{%- endfor -%}
</td><td>{{ classes[result.before] }}<td>{{ classes[result.after] }}
<td>{{ result.words_changed }}<td>{{ result.queries }}
{% else %}
<tr><td>no success
{% endfor %}
</table>
{% endfor %}
</html>
"""


def write_text_page(
  path: pathlib.Path,
  title: str,
  results: Mapping[str, Sequence[TextResult]],
  class_names: Sequence[str],
) -> None:
  """Writes a page with figures and every success of attacks on texts.

  Args:
    path: path of the HTML file, which needs no others.
    title: name and number of the texts.
    results: attack -> its results.
    class_names: names of the classes.
  """
  environment = jinja2.Environment(
    autoescape=True, undefined=jinja2.StrictUndefined
  )
  page = environment.from_string(_PAGE).render(
    title=title,
    figures={name: summary(found) for name, found in results.items()},
    results=results,
    classes=class_names,
    segments=segments,
  )
  with atomic_write(path) as new:
    new.write_text(page, encoding="utf-8")
