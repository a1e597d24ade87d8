"""Models: linen modules, most of them classifiers of images in [0, 1].

A classifier is called as `model.apply(variables, x, train=False)` and returns
float32 logits `[B, K]`. Its input x is `[B, H, W, C]`, or a text given by its
tokens and their mask. A detector returns a dict of such arrays. Everything that
depends on the dataset, such as pixel statistics or the number of classes, is a
field of the module. All layers compute in the module's `dtype` except the last
one, whose input and output are float32, so that logits keep their digits.
"""

from robust_jax.models.autoencoders.fader_autoencoder import FaderAutoencoder
from robust_jax.models.classifiers.conv_next import ConvNeXt
from robust_jax.models.classifiers.madry_cnn import MadryCNN
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.classifiers.preact_resnet import PreActResNet
from robust_jax.models.classifiers.resnet import ResNet
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.classifiers.wide_resnet import WideResNet
from robust_jax.models.classifiers.xcit import XCiT
from robust_jax.models.dann.dann_mnist import DannMnist
from robust_jax.models.dann.dann_svhn import DannSvhn
from robust_jax.models.dann.domain_classifier import DomainClassifier
from robust_jax.models.detection.center_net import CenterNet
from robust_jax.models.gan.biggan import BigganDiscriminator, BigganGenerator
from robust_jax.models.gan.dcgan import DcganDiscriminator, DcganGenerator
from robust_jax.models.gan.patch_discriminator import PatchDiscriminator
from robust_jax.models.gan.r3gan import R3ganDiscriminator, R3ganGenerator
from robust_jax.models.gan.stylegan2 import (
  Stylegan2Discriminator,
  Stylegan2Generator,
)
from robust_jax.models.gan.unet import UnetGenerator, UnetSegmenter
from robust_jax.models.gan.vectors import VectorDiscriminator, VectorGenerator
from robust_jax.models.text.bag_of_words import BagOfWords
from robust_jax.models.text.character_cnn import CharacterCNN
from robust_jax.models.text.semi_character_rnn import SemiCharacterRNN
from robust_jax.models.text.text_transformer import TextTransformer
from robust_jax.models.text.word_cnn import WordCNN

__all__ = [
  "MLP",
  "BagOfWords",
  "BigganDiscriminator",
  "BigganGenerator",
  "CenterNet",
  "CharacterCNN",
  "ConvNeXt",
  "DannMnist",
  "DannSvhn",
  "DcganDiscriminator",
  "DcganGenerator",
  "DomainClassifier",
  "FaderAutoencoder",
  "MadryCNN",
  "PatchDiscriminator",
  "PreActResNet",
  "R3ganDiscriminator",
  "R3ganGenerator",
  "ResNet",
  "SemiCharacterRNN",
  "SmallCNN",
  "Stylegan2Discriminator",
  "Stylegan2Generator",
  "TextTransformer",
  "UnetGenerator",
  "UnetSegmenter",
  "VectorDiscriminator",
  "VectorGenerator",
  "WideResNet",
  "WordCNN",
  "XCiT",
]
