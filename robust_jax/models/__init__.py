"""Models: linen modules, most of them classifiers of images in [0, 1].

A classifier is called as `model.apply(variables, x, train=False)` with x
`[B, H, W, C]`, or text as its tokens and their mask, and returns float32 logits
`[B, K]`; what datasets need, from pixel statistics to channel counts, is a
field of the module. Layers compute in the module's `dtype`, all but the last,
whose input and output are float32: logits keep their digits.
"""

from robust_jax.models.autoencoders.fader_autoencoder import FaderAutoencoder
from robust_jax.models.classifiers.madry_cnn import MadryCNN
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.classifiers.preact_resnet import PreActResNet
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.classifiers.wide_resnet import WideResNet
from robust_jax.models.dann.dann_mnist import DannMnist
from robust_jax.models.dann.dann_svhn import DannSvhn
from robust_jax.models.dann.domain_classifier import DomainClassifier
from robust_jax.models.gan.vectors import VectorDiscriminator, VectorGenerator
from robust_jax.models.text.bag_of_words import BagOfWords

__all__ = [
  "MLP",
  "BagOfWords",
  "DannMnist",
  "DannSvhn",
  "DomainClassifier",
  "FaderAutoencoder",
  "MadryCNN",
  "PreActResNet",
  "SmallCNN",
  "VectorDiscriminator",
  "VectorGenerator",
  "WideResNet",
]
