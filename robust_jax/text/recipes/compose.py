"""Any attack on texts, composed of edits, constraints, a search and a goal."""

from collections.abc import Sequence

from robust_jax.text.constraints import Constraint
from robust_jax.text.edit_set import EditSet
from robust_jax.text.edits.base import Edit, union
from robust_jax.text.goals import Goal, untargeted
from robust_jax.text.recipes.base import Recipe
from robust_jax.text.searches.base import TextSearch


def compose(
  edits: Sequence[Edit],
  text_search: TextSearch,
  *,
  constraints: Sequence[Constraint] = (),
  goal: Goal | None = None,
) -> Recipe:
  """Any attack on texts: edits and constraints, a search, and a goal.

  It is for texts what `attacks.compose` is for arrays. In a config,

      "to_sports": {
        "name": "compose",
        "edits": ({"name": "swap_characters"}, {"name": "keyboard"}),
        "constraints": ({"name": "max_words", "number": 2},),
        "text_search": {"name": "greedy_search"},
        "goal": {"name": "targeted", "target": 1},
      }

  is an attack by typos in two words that makes a model predict class 1. Each
  name is one of the packages `text.edits`, `text.constraints`, `text.searches`
  and `text.goals`, or "package.module:function" for a function of your own.

  Args:
    edits: the replacements of a word are those of all of these.
    text_search: the search, see `text.searches`.
    constraints: see `text.constraints`.
    goal: see `text.goals`; `untargeted()` by default.

  Raises:
    ValueError: there are no edits.

  Example:
    >>> from robust_jax.text import constraints, edits, goals, recipes, searches
    >>> from robust_jax.text.split_text import split
    >>> recipe = recipes.compose(
    ...   [edits.swap_characters(), edits.drop_word()],
    ...   searches.greedy_search(),
    ...   constraints=[constraints.min_word_length(4)],
    ...   goal=goals.targeted(1),
    ... )
    >>> list(recipe.edit_set.replacements(split("film"), 0))
    ['flim', '']
  """
  return Recipe(
    EditSet(union(*edits), constraints), text_search, goal or untargeted()
  )
