"""Sharpness of the loss around trained parameters.

A loss is a function `params -> scalar` here, such as the mean loss of a fixed
batch under fixed adversarial examples. Curvature is that of the Hessian H;
directions are pytrees like the parameters.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.flatten_util import ravel_pytree

from robust_jax import checks
from robust_jax.types import Array, Key, PyTree
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu

Loss = Callable[[PyTree], Array]


def hessian_eigenvalues(
  key: Key, loss: Loss, params: PyTree, num_iterations: int = 20
) -> np.ndarray:
  """The outer eigenvalues of the Hessian of a loss, by the Lanczos method.

      v_1 random,  w = H v_j,  T = V' H V tridiagonal

  The eigenvalues of T approach those of H from within, the largest and the
  smallest first. Products `H v` are derivatives of the gradient along v
  (forward over reverse); each costs about two gradients, and H is never formed.
  Vectors are made orthogonal to all that came before, twice, as float32 needs.

  Args:
    key: of the start.
    loss: `params -> ()`, twice differentiable; of ReLU networks the curvature
      of the pieces is all that it has.
    params: where the Hessian is taken.
    num_iterations: products, and the most eigenvalues that are returned; that
      many vectors like `params` are kept.

  Returns:
    Eigenvalues of T in descending order, float32 `[m]`: the first is the
    sharpness. m is `num_iterations` or fewer, where the vectors met span all
    that H can reach.

  Raises:
    ValueError: num_iterations is not a whole number, 1 or more.

  Source: Lanczos 1950; Golub and Van Loan, "Matrix Computations", section 10.1;
  for networks Ghorbani, Krishnan and Xiao 2019, "An Investigation into Neural
  Net Optimization via Hessian Eigenvalue Density", algorithm 1.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> loss = lambda w: 0.5 * jnp.sum(jnp.array([1.0, 4.0, 9.0]) * w**2)
    >>> hessian_eigenvalues(jax.random.key(0), loss, jnp.zeros(3)).round(3)
    array([9., 4., 1.], dtype=float32)
  """
  checks.at_least_one("num_iterations", num_iterations)
  flat, unravel = ravel_pytree(params)
  num_iterations = min(num_iterations, flat.size)
  gradient = jax.grad(lambda flat: loss(unravel(flat)))
  start = jax.random.normal(key, flat.shape, jnp.float32)

  @jax.jit
  def tridiagonal(flat, start):
    product = lambda v: jax.jvp(gradient, (flat,), (v,))[1]
    return _lanczos(canonicalize_on_cpu(product), start, num_iterations)

  diagonal, beside = map(np.asarray, tridiagonal(flat, start))
  # Once the residual is rounding, nothing of H is left to be found.
  scale = np.abs(diagonal).max() + np.abs(beside[:-1]).max(initial=0.0)
  left = np.flatnonzero(beside <= 1e-5 * scale)
  size = left[0] + 1 if left.size else num_iterations
  matrix = np.diag(diagonal[:size].astype(np.float64))
  matrix += np.diag(beside[: size - 1], 1) + np.diag(beside[: size - 1], -1)
  return np.linalg.eigvalsh(matrix)[::-1].astype(np.float32)


def loss_along(
  loss: Loss, params: PyTree, direction: PyTree, steps: Array
) -> Array:
  """The loss at `params + s * direction` for each s: `[S]`.

  Args:
    loss: `params -> ()`.
    params: the middle.
    direction: a pytree like it, such as `filter_normalized` of random numbers
      or `ascent_direction`.
    steps: s `[S]`.

  Example:
    >>> import jax.numpy as jnp
    >>> loss_along(jnp.sum, jnp.zeros(2), jnp.ones(2), jnp.array([-1.0, 2.0]))
    Array([-2.,  4.], dtype=float32)
  """
  at = lambda s: loss(jax.tree.map(lambda w, d: w + s * d, params, direction))
  return jax.jit(lambda steps: lax.map(canonicalize_on_cpu(at), steps))(
    jnp.asarray(steps, jnp.float32)
  )


def filter_normalized(key: Key, params: PyTree) -> PyTree:
  """A random direction in which each filter is as long as the trained one.

      d_{i,j} <- d_{i,j} ||w_{i,j}|| / ||d_{i,j}||

  for filter j of layer i, so that networks whose layers differ in scale but not
  in function look alike. Biases and the
  parameters of normalization stay.

  Args:
    key: of the normal random numbers.
    params: kernels have the outputs as their last axis, as flax has them.

  Source: Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets",
  section 4.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> params = {"kernel": jnp.ones((4, 2)), "bias": jnp.ones(2)}
    >>> direction = filter_normalized(jax.random.key(0), params)
    >>> jnp.linalg.norm(direction["kernel"], axis=0).round(4).tolist()
    [2.0, 2.0]
    >>> direction["bias"].tolist()
    [0.0, 0.0]
  """
  return _as_long_as(params, optax.tree.random_like(key, params))


def ascent_direction(loss: Loss, params: PyTree) -> PyTree:
  """The gradient of the loss, scaled as `filter_normalized` scales.

  This is the adversarial direction of adversarial weight perturbation; along it
  the loss grows fastest for its length in each filter.

  Source: Wu, Xia and Wang 2020, "Adversarial Weight Perturbation Helps Robust
  Generalization", whose pictures are along random directions; section 3.

  Example:
    >>> import jax.numpy as jnp
    >>> ascent_direction(lambda w: 3 * w.sum(), jnp.ones((4, 1))).ravel()
    Array([1., 1., 1., 1.], dtype=float32)
  """
  return _as_long_as(params, jax.jit(jax.grad(loss))(params))


def _as_long_as(params: PyTree, direction: PyTree) -> PyTree:
  """Each filter of the direction as long as that of the parameters."""

  def scaled(weights: Array, part: Array) -> Array:
    if weights.ndim < 2:
      return jnp.zeros_like(weights)
    axes = tuple(range(weights.ndim - 1))
    norm = lambda x: jnp.sqrt(jnp.sum(x**2, axis=axes, keepdims=True))
    length = norm(part)
    return part * norm(weights) / jnp.where(length > 0, length, 1.0)

  return jax.tree.map(scaled, params, direction)


def _lanczos(
  product: Callable[[Array], Array], start: Array, num_iterations: int
) -> tuple[Array, Array]:
  """Diagonal `[m]` and off-diagonal `[m]` of T, the last beyond its end."""
  basis = jnp.zeros((num_iterations, start.size))

  def orthogonal(w, basis):
    return w - basis.T @ (basis @ w)

  def step(carry, index):
    v, basis = carry
    basis = basis.at[index].set(v)
    w = product(v)
    diagonal = v @ w
    w = orthogonal(orthogonal(w, basis), basis)
    beside = jnp.linalg.norm(w)
    return (w / jnp.where(beside > 0, beside, 1.0), basis), (diagonal, beside)

  first = start / jnp.linalg.norm(start)
  with jax.default_matmul_precision("highest"):
    return lax.scan(step, (first, basis), jnp.arange(num_iterations))[1]
