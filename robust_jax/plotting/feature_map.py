"""Features of two domains on a plane, by t-SNE."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from robust_jax.files import atomic_write

_DOMAIN_COLOURS = ("#0b6e99", "#c8553d")
# t-SNE's distances are taken among this many principal components, as its
# authors do: what is left out is mostly noise, and costs most of the time.
_COMPONENTS = 50


def feature_map(
  source_features: np.ndarray,
  target_features: np.ndarray,
  *,
  perplexity: float = 30.0,
  seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
  """Places on a plane, near each other where features are.

  Both domains are laid out together. Neighborhoods mean something; distances
  between clusters, their sizes and the axes do not, and another seed looks
  different. For a number see `a_distance`.

  Args:
    source_features: `[N, D]`.
    target_features: `[M, D]`.
    perplexity: how many neighbors count, roughly.
    seed: of the layout.

  Returns:
    `[N, 2]` and `[M, 2]`, centerd, of unit deviation on each axis.

  Raises:
    ValueError: features that do not fit or are not finite, or not more of them
      than the perplexity.

  Source: van der Maaten and Hinton, "Visualizing Data using t-SNE", 2008, by
  scikit-learn, from the first two principal components, so that what depends
  on the seed is little.
  """
  source, target = np.asarray(source_features), np.asarray(target_features)
  if source.ndim != 2 or source.shape[1:] != target.shape[1:]:
    raise ValueError(
      f"features of shape {source.shape} and {target.shape}: expected [N, D] "
      "and [M, D]; flatten maps by x.reshape(len(x), -1)."
    )
  together = np.concatenate([source, target]).astype(np.float64)
  if not np.isfinite(together).all():
    raise ValueError("features are not all finite: there is nothing to draw.")
  if len(together) <= perplexity:
    raise ValueError(
      f"{len(together)} features for perplexity {perplexity}: expected more "
      "features, or a perplexity of a third of them at most."
    )
  places = _layout(together, perplexity, seed)
  places = (places - places.mean(0)) / places.std(0)
  return places[: len(source)], places[len(source) :]


def _layout(features, perplexity, seed):
  from sklearn.decomposition import PCA
  from sklearn.manifold import TSNE

  components = min(_COMPONENTS, *features.shape)
  reduced = PCA(components, random_state=seed).fit_transform(features)
  tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
  return tsne.fit_transform(reduced)


def draw_feature_maps(
  path: pathlib.Path,
  features: Mapping[str, tuple[np.ndarray, np.ndarray]],
  labels: tuple[np.ndarray, np.ndarray],
  *,
  domains: tuple[str, str] = ("source", "target"),
  classes: Sequence[str] | None = None,
  most: int = 1000,
  perplexity: float = 30.0,
  seed: int = 0,
) -> None:
  """One column per network: above, which domain; below, which class.

  Domains differ in marker and color; each example bears the number of its
  class, and the middle of each class of the source its name, so that the
  picture reads without color too.

  Args:
    path: of the picture.
    features: name -> features of the source `[N, D]` and of the target
      `[M, D]`, such as of the same images "before" and "after" adaptation; D
      may differ.
    labels: of the source `[N]` and of the target `[M]`. The target's are for
      the eye only.
    domains: their names.
    classes: names of the classes; numbers by default.
    most: how many examples of each domain to draw, the same in all columns.
    perplexity: as `feature_map` takes it.
    seed: of the choice and of the layout.
  """
  import matplotlib.figure

  rng = np.random.default_rng(seed)
  rows = [rng.permutation(len(y))[:most] for y in labels]
  labels = [
    np.asarray(y)[chosen] for y, chosen in zip(labels, rows, strict=True)
  ]
  figure = matplotlib.figure.Figure(
    (4.2 * len(features), 8.2), layout="constrained"
  )
  axes = figure.subplots(2, len(features), squeeze=False)
  for column, (name, pair) in zip(axes.T, features.items(), strict=True):
    chosen = [np.asarray(z)[i] for z, i in zip(pair, rows, strict=True)]
    places = feature_map(*chosen, perplexity=perplexity, seed=seed)
    column[0].set_title(name, fontsize=10)
    _draw_domains(column[0], places, domains)
    _draw_classes(column[1], places, labels, classes)
  figure.legend(
    *axes[0, 0].get_legend_handles_labels(),
    loc="outside upper center",
    ncols=2,
    frameon=False,
    fontsize=9,
    markerscale=2,
  )
  axes[0, 0].set_ylabel("by domain")
  axes[1, 0].set_ylabel("by class")
  for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_color("#cccccc")
  with atomic_write(path) as new:
    figure.savefig(new, dpi=130)


def _draw_domains(axis, places, domains):
  styles = (
    {"marker": "o", "s": 9, "lw": 0},
    {"marker": "x", "s": 9, "lw": 0.7},
  )
  for xy, name, color, style in zip(
    places, domains, _DOMAIN_COLOURS, styles, strict=True
  ):
    axis.scatter(*xy.T, color=color, alpha=0.7, label=name, **style)


def _draw_classes(axis, places, labels, classes):
  import matplotlib

  colors = matplotlib.colormaps["tab10"].colors
  for xy, y in zip(places, labels, strict=True):
    for label in np.unique(y):
      axis.scatter(
        *xy[y == label].T,
        marker=f"${label}$",
        s=18,
        lw=0,
        color=colors[label % len(colors)],
      )
  # A class of the source has one place; one of the target may have several.
  for label in np.unique(labels[0]):
    axis.annotate(
      str(label) if classes is None else classes[label],
      np.median(places[0][labels[0] == label], axis=0),
      ha="center",
      va="center",
      weight="bold",
      bbox={"boxstyle": "round,pad=0.15", "fc": "white", "alpha": 0.8, "lw": 0},
    )
