"""Laws of layouts: names, conventions, and files of published weights."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from robust_jax import lookup
from robust_jax.models import (
  ConvNeXt,
  PreActResNet,
  ResNet,
  WideResNet,
  layouts,
)
from robust_jax.models.inference import inference_fn
from robust_jax.models.layers import he_conv
from robust_jax.models.load_network import load_network
from robust_jax.models.to_torch import to_torch
from tests.contract.samples import random_variables

LAYOUTS = lookup.members("models.layouts")
NETWORKS = {
  "conv_next": {"num_blocks": (1, 2), "widths": (8, 12)},
  "preact_resnet": {"num_blocks": (1, 2), "width": 4},
  "resnet": {"num_blocks": (1, 2), "width": 4, "block": "bottleneck"},
  "small_cnn": {},
  "wide_resnet": {"depth": 10, "widen": 1},
  "xcit": {"num_blocks": (1, 1), "embedding_size": 16, "num_heads": 2},
}
NORM = ("weight", "bias", "running_mean", "running_var")


def images(seed=1):
  return np.random.default_rng(seed).random((3, 8, 8, 3), np.float32)


def knows(layout, network):
  try:
    return bool(getattr(layouts, layout)(network))
  except ValueError:
    return False


PAIRS = [p for p in itertools.product(LAYOUTS, NETWORKS) if knows(*p)]


def made(layout, network):
  """A tiny network as published, its variables and its tensors."""
  known = getattr(layouts, layout)(network)
  options = known.options(["bn.weight"], num_classes=10)
  model = lookup.find("models", network)(**options | NETWORKS[network])
  variables = random_variables(model, images())
  return model, variables, to_torch(variables, rename=known.rename)


def loaded(tensors, path, network, **options):
  save_file(tensors, path / "weights.safetensors")
  return load_network(
    path / "weights.safetensors",
    network,
    image_shape=(8, 8, 3),
    **NETWORKS[network] | options,
  )


# Equal networks are compiled once.
call = jax.jit(lambda model, x: model(x))


def logits(model, variables, x=None):
  return call(inference_fn(model, variables), images() if x is None else x)


def test_every_layout_is_tried():
  assert {layout for layout, _ in PAIRS} == set(LAYOUTS)
  assert len(PAIRS) == 12


@pytest.mark.parametrize(("layout", "network"), PAIRS)
def test_what_is_exported_is_loaded_bit_for_bit(layout, network, tmp_path):
  model, variables, tensors = made(layout, network)
  wrapped = {f"module.{name}": tensor for name, tensor in tensors.items()}
  again, found = loaded(wrapped, tmp_path, network, layout=layout)
  assert again == model
  jax.tree.map(np.testing.assert_array_equal, found, variables)
  np.testing.assert_array_equal(logits(again, found), logits(model, variables))


def test_own_names_are_loaded_bit_for_bit(tmp_path):
  for network, options in NETWORKS.items():
    model = lookup.find("models", network)(**options)
    variables = random_variables(model, images())
    _, found = loaded(to_torch(variables), tmp_path, network)
    jax.tree.map(np.testing.assert_array_equal, found, variables)


def names_of(norms, weights, last):
  expected = {f"{norm}.{part}" for norm in norms for part in NORM}
  expected |= {f"{weight}.weight" for weight in weights}
  return expected | {f"{last}.weight", f"{last}.bias"}


def blocks(template, stages, inside):
  return [
    f"{template.format(*stage)}.{name}" for stage in stages for name in inside
  ]


def test_names_of_wide_resnets_are_those_of_the_released_code():
  stages = [(1, 0), (2, 0), (3, 0)]
  block = "block{}.layer.{}"
  # With a width of 16 channels the first group needs no projection.
  expected = names_of(
    ["bn1", *blocks(block, stages, ["bn1", "bn2"])],
    [
      "conv1",
      *blocks(block, stages, ["conv1", "conv2"]),
      *blocks(block, stages[1:], ["convShortcut"]),
    ],
    "fc",
  )
  assert set(made("trades", "wide_resnet")[2]) == expected
  assert set(made("robustbench", "wide_resnet")[2]) == expected
  stages, block = [(0, 0), (1, 0), (2, 0)], "layer.{}.block.{}"
  assert set(made("deepmind", "wide_resnet")[2]) == names_of(
    ["batchnorm", *blocks(block, stages, ["batchnorm_0", "batchnorm_1"])],
    [
      "init_conv",
      *blocks(block, stages, ["conv_0", "conv_1"]),
      *blocks(block, stages[1:], ["shortcut"]),
    ],
    "logits",
  )


def test_names_of_preact_resnets_are_those_of_the_released_code():
  stages = [(1, 0), (2, 0), (2, 1)]
  expected = names_of(
    ["bn", *blocks("layer{}.{}", stages, ["bn1", "bn2"])],
    [
      "conv1",
      *blocks("layer{}.{}", stages, ["conv1", "conv2"]),
      "layer2.0.shortcut.0",
    ],
    "linear",
  )
  assert set(made("wong", "preact_resnet")[2]) == expected
  assert set(made("robustbench", "preact_resnet")[2]) == expected
  stages = [(0, 0), (1, 0), (1, 1)]
  assert set(made("deepmind", "preact_resnet")[2]) == names_of(
    [
      "batchnorm",
      *blocks("layer_{}.{}", stages, ["batchnorm_0", "batchnorm_1"]),
    ],
    [
      "conv_2d",
      *blocks("layer_{}.{}", stages, ["conv_2d_1", "conv_2d_2"]),
      "layer_1.0.shortcut",
    ],
    "logits",
  )


def test_names_of_resnets_are_those_of_the_released_code():
  stages = [(1, 0), (2, 0), (2, 1)]
  numbers = (1, 2, 3)

  def expected(shortcut, last):
    projections = [f"layer{stage}.0.{shortcut}" for stage in (1, 2)]
    norms = blocks("layer{}.{}", stages, [f"bn{i}" for i in numbers])
    convolutions = blocks("layer{}.{}", stages, [f"conv{i}" for i in numbers])
    return names_of(
      ["bn1", *norms, *(f"{name}.1" for name in projections)],
      ["conv1", *convolutions, *(f"{name}.0" for name in projections)],
      last,
    )

  own = expected("shortcut", "linear")
  assert set(made("trades", "resnet")[2]) == own
  assert set(made("robustbench", "resnet")[2]) == own
  assert set(made("torchvision", "resnet")[2]) == expected("downsample", "fc")


def test_names_of_conv_nexts_are_those_of_the_released_code():
  stages = [(0, 0), (1, 0), (1, 1)]
  block = "stages.{}.blocks.{}"
  layers = ["conv_dw", "norm", "mlp.fc1", "mlp.fc2"]
  first = ["stem.0", "stem.1"]
  rest = [
    *blocks(block, stages, layers),
    *("stages.1.downsample.0", "stages.1.downsample.1"),
    *("head.norm", "head.fc"),
  ]
  expected = lambda layers: {
    *(f"{layer}.{part}" for layer in layers for part in ("weight", "bias")),
    *blocks(block, stages, ["gamma"]),
  }
  _, _, tensors = made("timm", "conv_next")
  assert set(tensors) == expected(first + rest)
  # A kernel of a channel by itself, and dense layers that are no convolutions.
  assert tensors["stages.1.blocks.0.conv_dw.weight"].shape == (12, 1, 7, 7)
  assert tensors["stages.1.blocks.0.mlp.fc1.weight"].shape == (48, 12)


def test_names_of_xcits_are_those_of_the_released_code():
  _, _, tensors = made("timm", "xcit")
  numbers = (0, 2, 4, 6)
  patches = [f"patch_embed.proj.{i}" for i in numbers]
  dense = ["norm1", "norm2", "mlp.fc1", "mlp.fc2", "attn.proj"]
  layers = [
    *blocks("blocks.{}", [(0,)], [*dense, "norm3", "attn.qkv"]),
    *("blocks.0.local_mp.conv1", "blocks.0.local_mp.conv2"),
    *blocks(
      "cls_attn_blocks.{}", [(0,)], [*dense, "attn.q", "attn.k", "attn.v"]
    ),
    *("pos_embed.token_projection", "norm", "head"),
  ]
  norms = ["blocks.0.local_mp.bn", *(f"{patch}.1" for patch in patches)]
  assert set(tensors) == {
    *(f"{layer}.{part}" for layer in layers for part in ("weight", "bias")),
    *(f"{norm}.{part}" for norm in norms for part in NORM),
    *(f"{patch}.0.weight" for patch in patches),
    *blocks("blocks.{}", [(0,)], ["gamma1", "gamma2", "gamma3"]),
    *blocks("cls_attn_blocks.{}", [(0,)], ["gamma1", "gamma2"]),
    *("blocks.0.attn.temperature", "cls_token"),
  }
  assert tensors["blocks.0.attn.temperature"].shape == (2, 1, 1)
  assert tensors["cls_token"].shape == (1, 1, 16)


@pytest.mark.parametrize(
  ("stem", "layers"),
  [("patch", ()), ("conv_2", (0, 1, 3, 4)), ("conv_3", (0, 1, 3, 4, 6, 7))],
)
def test_the_stem_of_a_conv_next_is_told_by_the_file(stem, layers, tmp_path):
  """Networks with a stem of their own take pixels in [0, 1]."""
  variables = random_variables(
    ConvNeXt(**NETWORKS["conv_next"], stem=stem), images()
  )
  tensors = to_torch(variables, rename=layouts.timm("conv_next").rename)
  found = {name for name in tensors if name.startswith("stem.stem.")}
  parts = ("weight", "bias")
  assert found == {f"stem.stem.{i}.{part}" for i in layers for part in parts}
  wrapped = {f"base_model.{name}": tensor for name, tensor in tensors.items()}
  model, again = loaded(wrapped, tmp_path, "conv_next", layout="timm")
  assert model.stem == stem
  assert model.mean == ((0.485, 0.456, 0.406) if stem == "patch" else (0.0,))
  jax.tree.map(np.testing.assert_array_equal, again, variables)


def test_a_strided_convolution_is_centered_as_its_padding_says():
  """A kernel that copies its center shows where the window stands."""
  x = jnp.arange(36.0).reshape(1, 6, 6, 1)
  kernel = jnp.zeros((3, 3, 1, 1)).at[1, 1].set(1)
  for padding, first in (("symmetric", 0), ("same", 1)):
    conv = he_conv(1, 3, 2, jnp.float32, name=None, padding=padding)
    found = conv.apply({"params": {"kernel": kernel}}, x)
    np.testing.assert_array_equal(found, x[:, first::2, first::2])
    dense = he_conv(1, 3, 1, jnp.float32, name=None, padding=padding)
    np.testing.assert_array_equal(
      dense.apply({"params": {"kernel": kernel}}, x), x
    )
    point = he_conv(1, 1, 2, jnp.float32, name=None, padding=padding)
    np.testing.assert_array_equal(
      point.apply({"params": {"kernel": kernel[1:2, 1:2]}}, x), x[:, ::2, ::2]
    )
  with pytest.raises(ValueError, match="'symmetric' or 'same'"):
    he_conv(1, 3, 2, jnp.float32, name=None, padding="valid")


def num_parameters(model, size=32):
  x = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
  shapes = jax.eval_shape(model.init, jax.random.key(0), x)
  return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


@pytest.mark.parametrize(
  ("model", "published"),
  [
    (WideResNet(depth=34), 46_160_474),
    (WideResNet(depth=70, widen=16), 266_796_506),
    (PreActResNet(shortcut_size=3), 12_548_426),
    (ResNet(), 11_173_962),
    (ResNet(num_blocks=(3, 4, 6, 3)), 21_282_122),
    (ResNet(num_blocks=(3, 4, 6, 3), block="bottleneck"), 23_520_842),
  ],
)
def test_networks_for_cifar_have_the_published_number_of_parameters(
  model, published
):
  assert num_parameters(model) == published


@pytest.mark.parametrize(
  ("options", "published"),
  [
    ({"num_blocks": (2, 2, 2, 2)}, 11_689_512),
    ({}, 21_797_672),
    ({"block": "bottleneck"}, 25_557_032),
    ({"block": "bottleneck", "bottleneck_factor": 2}, 68_883_240),
  ],
)
def test_networks_for_imagenet_have_the_published_number_of_parameters(
  options, published
):
  options = {"num_blocks": (3, 4, 6, 3), "stem": "imagenet"} | options
  model = ResNet(num_classes=1000, **options)
  assert num_parameters(model, 64) == published


def test_a_resnet_adds_what_its_block_finds_to_what_comes_in():
  """With gains of 0 a block without a projection is relu of what comes in."""
  model = ResNet(num_blocks=(2,), width=4)
  variables = random_variables(model, images())
  for norm in ("scale", "bias"):
    for block in ("layer1_0", "layer1_1"):
      part = variables["params"][block]["bn2"]
      part[norm] = jnp.zeros_like(part[norm])
  without = ResNet(num_blocks=(), width=4)
  kept = {
    collection: {k: v for k, v in part.items() if "layer" not in k}
    for collection, part in variables.items()
  }
  np.testing.assert_array_equal(logits(model, variables), logits(without, kept))
  with pytest.raises(ValueError, match="block = 'wide': expected basic or"):
    logits(model.copy(block="wide"), variables)
  with pytest.raises(ValueError, match="stem = 'mnist': expected cifar or"):
    logits(model.copy(stem="mnist"), variables)


@pytest.mark.parametrize(
  ("mean", "std", "shape", "prefix"),
  [
    ("mu", "sigma", (1, 3, 1, 1), ""),
    ("mean", "std", (3, 1, 1), ""),
    ("normalize.mean", "normalize.std", (1, 3, 1, 1), "model."),
    ("normalizer.new_mean", "normalizer.new_std", (3, 1, 1), "model."),
    ("0.mean", "0.std", (3,), "1."),
    ("_orig_mod.mu", "_orig_mod.sigma", (1, 3, 1, 1), "_orig_mod."),
  ],
)
def test_a_normalization_in_the_file_is_the_networks(
  mean, std, shape, prefix, tmp_path
):
  _, _, tensors = made("trades", "resnet")
  wrapped = {f"{prefix}{name}": tensor for name, tensor in tensors.items()}
  pixels = {"mean": (0.5, 0.25, 0.75), "std": (0.5, 0.25, 2.0)}
  for name, values in ((mean, pixels["mean"]), (std, pixels["std"])):
    wrapped[name] = np.float32(values).reshape(shape)
  model, variables = loaded(wrapped, tmp_path, "resnet", layout="trades")
  assert {"mean": model.mean, "std": model.std} == pixels
  plain, _ = loaded(tensors, tmp_path, "resnet", layout="trades")
  normalized = (images() - np.float32(model.mean)) / np.float32(model.std)
  np.testing.assert_array_equal(
    logits(model, variables), logits(plain, variables, normalized)
  )


def test_copies_and_unused_groups_are_left_out(tmp_path):
  _, variables, tensors = made("trades", "wide_resnet")
  more = {
    name.replace("block1", "sub_block1"): 2 * tensor
    for name, tensor in tensors.items()
    if name.startswith("block1")
  }
  copies = {f"attacker.model.{k}": v + 1 for k, v in tensors.items()}
  file = {f"model.{k}": v for k, v in (tensors | more).items()} | copies
  _, found = loaded(file, tmp_path, "wide_resnet", layout="trades")
  jax.tree.map(np.testing.assert_array_equal, found, variables)
  # The layout of networks without the group does not know it.
  with pytest.raises(ValueError, match=r"left over: sub_block1\.layer\.0"):
    loaded(tensors | more, tmp_path, "wide_resnet")


def test_constants_of_the_released_code_are_chosen_by_the_classes():
  wide = layouts.deepmind("wide_resnet")
  assert wide.options([], 10)["mean"] == (0.4914, 0.4822, 0.4465)
  assert wide.options([], 100)["mean"] == (0.5071, 0.4865, 0.4409)
  assert "mean" not in wide.options([], 7)
  assert layouts.torchvision("resnet").options([], 1000)["mean"][0] == 0.485
  xcit = layouts.timm("xcit")
  assert xcit.options([], 100)["mean"] == (0.5071, 0.4867, 0.4408)
  assert [xcit.options([], n)["patch_size"] for n in (10, 1000)] == [4, 16]
  assert "mean" not in xcit.options([], 1000)


def test_robustbench_projects_as_the_file_tells(tmp_path):
  for final_norm in (True, False):
    options = NETWORKS["preact_resnet"] | {"final_norm": final_norm}
    variables = random_variables(PreActResNet(**options), images())
    model, _ = loaded(
      to_torch(variables), tmp_path, "preact_resnet", layout="robustbench"
    )
    assert model.final_norm == model.preactivated_shortcut == final_norm


def changed(tensors, **changes):
  """The tensors with some removed (None), replaced or added."""
  found = {**tensors, **{k.replace("__", "."): v for k, v in changes.items()}}
  return {k: v for k, v in found.items() if v is not None}


@pytest.mark.parametrize(
  ("changes", "line"),
  [
    (
      {"layer__1__block__0__shortcut__weight": None},
      "missing: layer.1.block.0.shortcut.weight (32, 16, 1, 1) for "
      "params/block2_layer_0/convShortcut/kernel",
    ),
    (
      {"batchnorm__running_var": np.ones(3, np.float32)},
      "wrong shape: batchnorm.running_var is (3,), expected (64,) for "
      "batch_stats/bn1/var",
    ),
    ({"head__weight": np.ones(3, np.float32)}, "left over: head.weight (3,)"),
  ],
)
def test_a_tensor_that_does_not_fit_is_named_in_one_line(
  changes, line, tmp_path
):
  _, _, tensors = made("deepmind", "wide_resnet")
  with pytest.raises(ValueError, match="do not fit") as caught:
    loaded(
      changed(tensors, **changes), tmp_path, "wide_resnet", layout="deepmind"
    )
  assert [one.strip() for one in str(caught.value).splitlines()[1:]] == [line]


def test_of_a_network_of_another_depth_the_first_tensors_are_named(tmp_path):
  _, _, tensors = made("trades", "wide_resnet")
  with pytest.raises(ValueError, match="do not fit") as caught:
    loaded(tensors, tmp_path, "wide_resnet", layout="trades", depth=22)
  lines = str(caught.value).splitlines()
  assert len(lines) == 10
  assert lines[1].startswith("  missing: block1.layer.1.bn1.")
  # 6 blocks of 10 tensors are missing.
  assert lines[-1] == "  missing: 52 more"


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"layout": "madry"}, "there is no 'madry' in"),
    ({"layout": "torchvision"}, "no network 'wide_resnet': expected resnet"),
    (
      {"layout": "deepmind", "padding": "symmetric"},
      "layout 'deepmind' has 'same': leave padding out",
    ),
    ({"layout": "trades", "mean": (0.5, 0.5, 0.5)}, "the file has"),
  ],
)
def test_a_contradiction_is_refused(options, message, tmp_path):
  _, _, tensors = made("trades", "wide_resnet")
  pixels = {"mu": (0.1, 0.2, 0.3), "sigma": (1, 1, 1)}
  for name, values in pixels.items():
    tensors[name] = np.float32(values).reshape(1, 3, 1, 1)
  with pytest.raises(ValueError, match=message):
    loaded(tensors, tmp_path, "wide_resnet", **options)


def test_two_normalizations_are_refused(tmp_path):
  _, _, tensors = made("trades", "wide_resnet")
  for name in ("mu", "sigma", "normalize.mean", "normalize.std"):
    tensors[name] = np.ones(3, np.float32)
  with pytest.raises(ValueError, match=r"by mu and by normalize\.mean"):
    loaded(tensors, tmp_path, "wide_resnet", layout="trades")
