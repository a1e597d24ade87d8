"""Maps of the features of two domains in the plane, by t-SNE."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from robust_jax.plotting.style import (
  LIGHT_GRAY,
  PALETTE,
  new_figure,
  save_figure,
)

# t-SNE uses distances between this many principal components, as its authors
# do. The other components are mostly noise and would take most of the time.
_COMPONENTS = 50


def feature_map(
  source_features: np.ndarray,
  target_features: np.ndarray,
  *,
  perplexity: float = 30.0,
  seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
  """Computes a t-SNE map of the features of two domains together.

  Neighborhoods are meaningful; distances between clusters, their sizes and the
  axes are not, and another seed gives another map. For a quantitative
  comparison of domains see `probes.a_distance`.

  Args:
    source_features: `[N, D]`.
    target_features: `[M, D]`.
    perplexity: effective number of neighbors.
    seed: seed of the map.

  Returns:
    Points `[N, 2]` and `[M, 2]`, together of mean 0 and standard deviation 1
    along each axis.

  Raises:
    ValueError: features do not fit or are not finite, or there are not more of
      them than the perplexity.

  Source: van der Maaten and Hinton, "Visualizing Data using t-SNE", 2008, by
  scikit-learn. It is initialized with the first two principal components, which
  reduces the influence of the seed.

  Example:
    >>> import numpy as np
    >>> from robust_jax.plotting.feature_map import feature_map
    >>> features = np.random.default_rng(0).normal(size=(2, 8, 3))
    >>> source, target = feature_map(*features, perplexity=3)
    >>> source.shape, target.shape
    ((8, 2), (8, 2))
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
  points = _tsne(together, perplexity, seed)
  points = (points - points.mean(0)) / points.std(0)
  return points[: len(source)], points[len(source) :]


def _tsne(features: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
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
  max_examples: int = 1000,
  perplexity: float = 30.0,
  seed: int = 0,
) -> None:
  """Draws t-SNE maps: a column per network, by domain above, by class below.

  Domains differ in marker and color. Each example is drawn as the number of its
  class, and each class has its name at the median of its source examples, so
  the picture can be read without color.

  Args:
    path: path of the picture.
    features: name -> features of the source `[N, D]` and of the target
      `[M, D]`, for example of the same images "before" and "after" adaptation;
      D may differ.
    labels: classes of the source `[N]` and of the target `[M]`, of which the
      latter are only drawn.
    domains: names of the domains.
    classes: names of the classes; their numbers by default.
    max_examples: number of examples drawn of each domain, the same in all
      columns.
    perplexity: see `feature_map`.
    seed: seed of the choice of examples and of the maps.
  """
  rng = np.random.default_rng(seed)
  rows = [rng.permutation(len(y))[:max_examples] for y in labels]
  shown = [
    np.asarray(y)[chosen] for y, chosen in zip(labels, rows, strict=True)
  ]
  figure = new_figure(4.2 * len(features), 8.2)
  axes = figure.subplots(2, len(features), squeeze=False)
  for column, (name, pair) in zip(axes.T, features.items(), strict=True):
    source, target = (np.asarray(z)[i] for z, i in zip(pair, rows, strict=True))
    maps = feature_map(source, target, perplexity=perplexity, seed=seed)
    column[0].set_title(name, fontsize=10)
    _draw_domains(column[0], maps, domains)
    _draw_classes(column[1], maps, shown, classes)
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
    axis.spines[:].set_color(LIGHT_GRAY)
  save_figure(figure, path)


def _draw_domains(
  axis: Axes, maps: Sequence[np.ndarray], domains: Sequence[str]
) -> None:
  styles = (("o", 0.0), ("x", 0.7))
  for xy, name, color, (marker, lw) in zip(
    maps, domains, PALETTE[:2], styles, strict=True
  ):
    x, y = xy.T
    axis.scatter(
      x, y, color=color, alpha=0.7, label=name, marker=marker, s=9, lw=lw
    )


def _draw_classes(
  axis: Axes,
  maps: Sequence[np.ndarray],
  labels: Sequence[np.ndarray],
  classes: Sequence[str] | None,
) -> None:
  for xy, own in zip(maps, labels, strict=True):
    for label in np.unique(own):
      x, y = xy[own == label].T
      axis.scatter(
        x,
        y,
        marker=f"${label}$",
        s=18,
        lw=0,
        color=PALETTE[label % len(PALETTE)],
      )
  # A class of the target may be spread over several clusters.
  for label in np.unique(labels[0]):
    axis.annotate(
      str(label) if classes is None else classes[label],
      np.median(maps[0][labels[0] == label], axis=0),
      ha="center",
      va="center",
      weight="bold",
      bbox={"boxstyle": "round,pad=0.15", "fc": "white", "alpha": 0.8, "lw": 0},
    )
