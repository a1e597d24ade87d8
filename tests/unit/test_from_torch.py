"""Laws of `load_tensors` and `from_torch`.

What a checkpoint computes is written down here once more in PyTorch's own
layout, `[B, C, H, W]` and `[out, in, height, width]`, straight from the tensors
by their names; the loaded linen model has to agree.
"""

import functools
import os
import pickle
import zipfile

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from safetensors.numpy import save_file

from robust_jax.models.classifiers.preact_resnet import PreActResNet
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.classifiers.wide_resnet import WideResNet
from robust_jax.models.from_torch import from_torch
from robust_jax.models.load_tensors import load_tensors
from tests.unit.trap import Trap

# Two summation orders of float32: a few roundings of 6e-8 per layer, on logits
# of order 1. A wrong permutation or padding is wrong by more than 0.01.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}

SMALL = {
  "0.weight": (16, 3, 4, 4),
  "0.bias": (16,),
  "2.weight": (32, 16, 4, 4),
  "2.bias": (32,),
  "5.weight": (100, 32 * 2 * 3),
  "5.bias": (100,),
  "7.weight": (10, 100),
  "7.bias": (10,),
}


def random_tensors(shapes, seed=0):
  """Of the scale that keeps activations of order one; variances positive."""
  rng = np.random.default_rng(seed)
  tensors = {}
  for name, shape in shapes.items():
    draw = rng.standard_normal(shape).astype(np.float32)
    if len(shape) > 1:
      draw *= (2 / np.prod(shape[1:])) ** 0.5
    elif name.endswith(("running_var", "bn.weight", "bn1.weight")):
      draw = 1 + np.abs(draw)
    else:
      draw *= 0.3
    tensors[name] = draw
  return tensors


def random_images(shape, seed=1):
  return np.random.default_rng(seed).random(shape, np.float32)


def shapes_of(model, x):
  return jax.eval_shape(model.init, jax.random.key(0), x)


def loaded_logits(model, tensors, x):
  variables = from_torch(tensors, shapes_of(model, x))
  return jax.jit(model.apply)(variables, x)


def conv(t, name, x, stride=1, padding=0):
  out = lax.conv_general_dilated(
    x,
    t[f"{name}.weight"],
    (stride, stride),
    [(padding, padding)] * 2,
    dimension_numbers=("NCHW", "OIHW", "NCHW"),
  )
  return out + t[f"{name}.bias"][:, None, None] if f"{name}.bias" in t else out


def linear(t, name, x):
  return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]


def rectified_norm(t, name, x):
  def broadcast(part):
    return t[f"{name}.{part}"][:, None, None]

  deviation = np.sqrt(broadcast("running_var") + 1e-5)
  x = (x - broadcast("running_mean")) / deviation
  return nn.relu(x * broadcast("weight") + broadcast("bias"))


def small_reference(t, x):
  x = x.transpose(0, 3, 1, 2)
  x = nn.relu(conv(t, "0", x, stride=2, padding=1))
  x = nn.relu(conv(t, "2", x, stride=2, padding=1))
  x = nn.relu(linear(t, "5", x.reshape(len(x), -1)))
  return linear(t, "7", x)


def residual_block(t, name, x, stride, shortcut, preactivated):
  out = rectified_norm(t, f"{name}.bn1", x)
  if f"{name}.{shortcut}.weight" in t:
    x = conv(t, f"{name}.{shortcut}", out if preactivated else x, stride)
  out = conv(t, f"{name}.conv1", out, stride, padding=1)
  out = rectified_norm(t, f"{name}.bn2", out)
  return x + conv(t, f"{name}.conv2", out, padding=1)


def preact_reference(t, x, preactivated=True):
  x = conv(t, "conv1", x.transpose(0, 3, 1, 2), padding=1)
  for name, stride in (("layer1.0", 1), ("layer2.0", 2), ("layer2.1", 1)):
    x = residual_block(t, name, x, stride, "shortcut.0", preactivated)
  if "bn.weight" in t:
    x = rectified_norm(t, "bn", x)
  return linear(t, "linear", x.mean((2, 3)))


def wide_reference(t, x):
  x = conv(t, "conv1", x.transpose(0, 3, 1, 2), padding=1)
  for group, stride in ((1, 1), (2, 2), (3, 2)):
    name = f"block{group}.layer.0"
    x = residual_block(t, name, x, stride, "convShortcut", preactivated=True)
  return linear(t, "fc", rectified_norm(t, "bn1", x).mean((2, 3)))


def norm_shapes(name, features):
  parts = ("weight", "bias", "running_mean", "running_var")
  return {f"{name}.{part}": (features,) for part in parts}


def block_shapes(name, inputs, outputs, shortcut):
  shapes = norm_shapes(f"{name}.bn1", inputs)
  shapes |= norm_shapes(f"{name}.bn2", outputs)
  shapes[f"{name}.conv1.weight"] = (outputs, inputs, 3, 3)
  shapes[f"{name}.conv2.weight"] = (outputs, outputs, 3, 3)
  if inputs != outputs:
    shapes[f"{name}.{shortcut}.weight"] = (outputs, inputs, 1, 1)
  return shapes


def preact_shapes(final_norm=True):
  """Stages of 1 and 2 blocks, 4 and 8 channels."""
  return {
    "conv1.weight": (4, 3, 3, 3),
    **block_shapes("layer1.0", 4, 4, "shortcut.0"),
    **block_shapes("layer2.0", 4, 8, "shortcut.0"),
    **block_shapes("layer2.1", 8, 8, "shortcut.0"),
    **(norm_shapes("bn", 8) if final_norm else {}),
    "linear.weight": (10, 8),
    "linear.bias": (10,),
  }


def wide_shapes():
  """Depth 10, widened twice."""
  return {
    "conv1.weight": (16, 3, 3, 3),
    **block_shapes("block1.layer.0", 16, 32, "convShortcut"),
    **block_shapes("block2.layer.0", 32, 64, "convShortcut"),
    **block_shapes("block3.layer.0", 64, 128, "convShortcut"),
    **norm_shapes("bn1", 128),
    "fc.weight": (10, 128),
    "fc.bias": (10,),
  }


def test_a_sequential_checkpoint_computes_the_same_logits():
  tensors, x = random_tensors(SMALL), random_images((4, 8, 12, 3))
  logits = loaded_logits(SmallCNN(), tensors, x)
  np.testing.assert_allclose(logits, small_reference(tensors, x), **TOLERANCE)


@pytest.mark.parametrize("final_norm", [True, False])
@pytest.mark.parametrize("preactivated", [True, False])
def test_a_preact_resnet_computes_the_same_logits(final_norm, preactivated):
  tensors = random_tensors(preact_shapes(final_norm))
  x = random_images((2, 8, 8, 3))
  model = PreActResNet(
    num_blocks=(1, 2),
    width=4,
    final_norm=final_norm,
    preactivated_shortcut=preactivated,
  )
  np.testing.assert_allclose(
    loaded_logits(model, tensors, x),
    preact_reference(tensors, x, preactivated),
    **TOLERANCE,
  )


def test_a_wide_resnet_computes_the_same_logits():
  tensors, x = random_tensors(wide_shapes()), random_images((2, 8, 8, 3))
  logits = loaded_logits(WideResNet(depth=10, widen=2), tensors, x)
  np.testing.assert_allclose(logits, wide_reference(tensors, x), **TOLERANCE)


def test_names_match_in_any_order_of_the_file():
  tensors, x = random_tensors(SMALL), random_images((2, 8, 12, 3))
  layers = {"0": "conv1", "2": "conv2", "5": "fc1", "7": "fc2"}
  named = {
    f"{layers[name[0]]}{name[1:]}": tensors[name] for name in reversed(tensors)
  }
  shapes = shapes_of(SmallCNN(), x)
  by_name, by_position = from_torch(named, shapes), from_torch(tensors, shapes)
  jax.tree.map(np.testing.assert_array_equal, by_name, by_position)


def test_the_result_has_the_models_structure_and_types():
  x = random_images((1, 8, 12, 3))
  doubles = jax.tree.map(np.float64, random_tensors(SMALL))
  expected = shapes_of(SmallCNN(), x)
  filled = from_torch(doubles, expected)
  assert shapes_of(SmallCNN(), x) == jax.eval_shape(lambda: filled)


def test_num_batches_tracked_is_ignored():
  tensors = random_tensors(preact_shapes())
  model = PreActResNet(num_blocks=(1, 2), width=4)
  shapes = shapes_of(model, random_images((1, 8, 8, 3)))
  counted = tensors | {"bn.num_batches_tracked": np.array(7)}
  jax.tree.map(
    np.testing.assert_array_equal,
    from_torch(tensors, shapes),
    from_torch(counted, shapes),
  )


def test_every_mismatch_is_listed_at_once():
  tensors = random_tensors(preact_shapes())
  del tensors["layer2.1.bn2.running_var"]
  tensors["linear.weight"] = tensors["linear.weight"][:7]
  tensors["linear.bias"] = tensors["linear.bias"].astype(np.int32)
  tensors["extra.weight"] = np.zeros(3, np.float32)
  model = PreActResNet(num_blocks=(1, 2), width=4)
  with pytest.raises(ValueError, match="do not fit") as caught:
    from_torch(tensors, shapes_of(model, random_images((1, 8, 8, 3))))
  lines = str(caught.value).splitlines()[1:]
  assert sorted(line.strip() for line in lines) == [
    "left over: extra.weight (3,)",
    "missing: layer2.1.bn2.running_var (8,) for batch_stats/layer2_1/bn2/var",
    "wrong shape: linear.weight is (7, 8), expected (10, 8) for "
    "params/linear/kernel",
    "wrong type: linear.bias is int32, expected floats",
  ]


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda t: t.pop("2.weight"), r"missing: \(convolution 2\)\.weight"),
    (lambda t: t.update({"9.weight": t["7.weight"]}), "left over: 9.weight"),
    (lambda t: t.pop("7.bias"), "missing: 7.bias"),
    (lambda t: t.clear(), r"missing: \(linear layer 2\)\.bias"),
  ],
)
def test_a_sequential_checkpoint_of_another_net_is_refused(change, message):
  tensors = random_tensors(SMALL)
  change(tensors)
  with pytest.raises(ValueError, match=message):
    from_torch(tensors, shapes_of(SmallCNN(), random_images((1, 8, 12, 3))))


def test_names_that_differ_only_in_dot_and_underscore_are_refused():
  tensors = {"fc.1.weight": np.ones((2, 3)), "fc_1.weight": np.ones((2, 3))}
  with pytest.raises(ValueError, match="rename one"):
    from_torch(tensors, shapes_of(nn.Dense(2), np.ones((1, 3))))


class Flattening(nn.Module):
  """Two layers, named as given, over a flattened image."""

  names: tuple[str, str]

  @nn.compact
  def __call__(self, x):
    x = x.reshape(len(x), -1)
    return nn.Dense(2, name=self.names[1])(nn.Dense(4, name=self.names[0])(x))


def test_layers_in_no_order_cannot_be_matched_by_position():
  shapes = {"0.weight": (4, 8), "0.bias": (4,), "1.weight": (2, 4)}
  tensors = random_tensors(shapes | {"1.bias": (2,)})
  model = Flattening(("body", "head"))
  with pytest.raises(ValueError, match="conv1, conv2"):
    from_torch(tensors, shapes_of(model, np.ones((1, 2, 2, 2), np.float32)))


def test_a_flattened_image_without_convolutions_needs_its_channels():
  shapes = {"0.weight": (4, 12), "0.bias": (4,), "1.weight": (2, 4)}
  tensors = random_tensors(shapes | {"1.bias": (2,)})
  model, x = Flattening(("fc1", "fc2")), random_images((2, 2, 2, 3))
  variables = shapes_of(model, x)
  with pytest.raises(ValueError, match="channels=C"):
    from_torch(tensors, variables)
  with pytest.raises(ValueError, match="5 channels"):
    from_torch(tensors, variables, channels=5)
  logits = model.apply(from_torch(tensors, variables, channels=3), x)
  flat = x.transpose(0, 3, 1, 2).reshape(2, -1)
  expected = linear(tensors, "1", linear(tensors, "0", flat))
  np.testing.assert_allclose(logits, expected, **TOLERANCE)


class Block(nn.Module):
  """A convolution, then dense layers on the channels of each pixel."""

  @nn.compact
  def __call__(self, x):
    x = nn.Conv(4, (1, 1), name="conv")(x)
    return nn.Dense(4, name="fc2")(nn.Dense(16, name="fc1")(x))


class Pixelwise(nn.Module):
  """A block, then a dense layer over the flattened image."""

  @nn.compact
  def __call__(self, x):
    x = Block(name="block")(x)
    return nn.Dense(5, name="head")(x.reshape(len(x), -1))


def test_dense_layers_of_pixels_keep_the_order_of_their_inputs():
  """Of the two that read 16 numbers, one has them as channels."""
  shapes = {
    "block.conv.weight": (4, 3, 1, 1),
    "block.conv.bias": (4,),
    "block.fc1.weight": (16, 4),
    "block.fc1.bias": (16,),
    "block.fc2.weight": (4, 16),
    "block.fc2.bias": (4,),
    "head.weight": (5, 16),
    "head.bias": (5,),
  }
  tensors, x = random_tensors(shapes), random_images((2, 2, 2, 3))
  logits = loaded_logits(Pixelwise(), tensors, x)
  h = conv(tensors, "block.conv", x.transpose(0, 3, 1, 2))
  h = linear(tensors, "block.fc1", h.transpose(0, 2, 3, 1))
  h = linear(tensors, "block.fc2", h).transpose(0, 3, 1, 2)
  expected = linear(tensors, "head", h.reshape(2, -1))
  np.testing.assert_allclose(logits, expected, **TOLERANCE)


def test_layers_that_pytorch_tensors_do_not_fit_are_named():
  variables = shapes_of(nn.Embed(3, 2), np.zeros(1, np.int32))
  with pytest.raises(ValueError, match="params/embedding"):
    from_torch({"weight": np.ones((3, 2))}, variables)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_tensors_survive_a_file(tmp_path, suffix):
  tensors = random_tensors(SMALL) | {"half": np.float16([1.5, -2])}
  path = tmp_path / f"weights{suffix}"
  if suffix == ".npz":
    np.savez(path, **tensors)
  else:
    save_file(tensors, path)
  read = load_tensors(path)
  assert read.keys() == tensors.keys()
  for name, tensor in tensors.items():
    assert read[name].dtype == tensor.dtype
    np.testing.assert_array_equal(read[name], tensor)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ""])
def test_files_that_can_run_code_are_refused(tmp_path, suffix):
  with pytest.raises(ValueError, match="runs the code"):
    load_tensors(tmp_path / f"weights{suffix}")


@pytest.mark.parametrize("in_archive", [True, False])
def test_a_pickle_in_an_npz_is_refused_unopened(tmp_path, in_archive):
  path, sprung = tmp_path / "weights.npz", tmp_path / "sprung"
  if in_archive:
    trap = np.empty(1, object)
    trap[0] = Trap(sprung)
    np.savez(path, weight=trap)
  else:
    path.write_bytes(pickle.dumps(Trap(sprung)))
  with pytest.raises(ValueError, match="pickle"):
    load_tensors(path)
  assert not sprung.exists()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_a_damaged_file_is_named(tmp_path, suffix, fraction):
  path = tmp_path / f"weights{suffix}"
  if suffix == ".npz":
    np.savez(path, **random_tensors(SMALL))
  else:
    save_file(random_tensors(SMALL), path)
  whole = path.read_bytes()
  path.write_bytes(whole[: int(fraction * len(whole))])
  with pytest.raises(ValueError, match=f"weights{suffix}"):
    load_tensors(path)


def test_an_npz_of_other_things_is_refused(tmp_path):
  path = tmp_path / "weights.npz"
  with zipfile.ZipFile(path, "w") as archive:
    archive.writestr("archive/data.pkl", b"not an array")
  with pytest.raises(ValueError, match="no array"):
    load_tensors(path)
  with open(path, "wb") as file:
    np.save(file, np.ones(3))
  with pytest.raises(ValueError, match=r"weights\.npz"):
    load_tensors(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
  with pytest.raises(FileNotFoundError):
    load_tensors(tmp_path / "weights.npz")


def data_folder():
  folder = os.environ.get("ROBUST_JAX_DATA")
  if not folder or not os.path.isdir(os.path.join(folder, "checkpoints")):
    pytest.skip("ROBUST_JAX_DATA names no folder with checkpoints")
  return folder


@functools.cache
def mnist_like(dataset, data_dir):
  import tensorflow_datasets as tfds

  source = tfds.builder(dataset, data_dir=data_dir).as_data_source("test")
  examples = list(source)
  x = np.stack([e["image"] for e in examples]) / np.float32(255)
  return x, np.stack([e["label"] for e in examples])


@pytest.mark.parametrize(
  ("checkpoint", "dataset", "correct"),
  [
    ("mnist_convex_eps0.1", "mnist", 9820),
    ("fashion_mnist_convex_eps0.1", "fashion_mnist", 7827),
    ("mnist_pgd_madry", "mnist", 9899),
  ],
)
def test_published_weights_reach_their_accuracy(checkpoint, dataset, correct):
  folder = data_folder()
  x, y = mnist_like(dataset, os.path.join(folder, "tfds"))
  path = os.path.join(folder, "checkpoints", f"{checkpoint}.npz")
  logits = loaded_logits(SmallCNN(), load_tensors(path), x)
  assert int(jnp.sum(logits.argmax(1) == y)) == correct
