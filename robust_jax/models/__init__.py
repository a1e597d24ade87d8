"""Models: linen modules, most of them classifiers of images in [0, 1].

A classifier is called as `model.apply(variables, x, train=False)` with x
`[B, H, W, C]`, or text as its tokens and their mask, and returns float32 logits
`[B, K]`; what data sets need, from pixel statistics to channel counts, is a
field of the module. Layers compute in the module's `dtype`, all but the last,
whose input and output are float32: logits keep their digits.
"""

from robust_jax.models.bag_of_words import BagOfWords
from robust_jax.models.dann_mnist import DannMnist
from robust_jax.models.dann_svhn import DannSvhn
from robust_jax.models.domain_classifier import DomainClassifier
from robust_jax.models.fader_autoencoder import FaderAutoencoder
from robust_jax.models.madry_cnn import MadryCNN
from robust_jax.models.mlp import MLP
from robust_jax.models.preact_resnet import PreActResNet
from robust_jax.models.small_cnn import SmallCNN
from robust_jax.models.vector_discriminator import VectorDiscriminator
from robust_jax.models.vector_generator import VectorGenerator
from robust_jax.models.wide_resnet import WideResNet

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
