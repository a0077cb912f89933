"""Register networks by name: configuration, class, and optional closed forms of costs, integer form, ONNX form."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from codecnn.errors import InputError
from codecnn.models.backbones.alexnet import AlexNet, AlexNetConfig
from codecnn.models.backbones.densenet import DenseNet, DenseNetConfig
from codecnn.models.backbones.efficientnet import EfficientNet, EfficientNetConfig
from codecnn.models.backbones.inception import Inception, InceptionConfig
from codecnn.models.backbones.plain import Plain, PlainConfig
from codecnn.models.backbones.reinjection import Reinjection, ReinjectionConfig
from codecnn.models.backbones.resnet import ResNet, ResNetConfig
from codecnn.models.backbones.se_resnet import SeResNet, SeResNetConfig
from codecnn.models.backbones.vgg import Vgg, VggConfig
from codecnn.models.backbones.vit import Vit, VitConfig
from codecnn.models.chroma_rdn import ChromaRdn, ChromaRdnConfig
from codecnn.models.closed_forms import ClosedForms
from codecnn.models.in_loop_filter import IntegerFilter, Windows
from codecnn.models.mode_coding.absolute_coder import AbsoluteCoder, AbsoluteCoderConfig
from codecnn.models.modes.absolute import Absolute, AbsoluteConfig
from codecnn.models.modes.ranker import Ranker, RankerConfig
from codecnn.models.network import Network
from codecnn.models.predictors.connected import Connected, ConnectedConfig
from codecnn.models.predictors.convolutional import Convolutional, ConvolutionalConfig
from codecnn.models.predictors.mixture import Mixture, MixtureConfig
from codecnn.models.predictors.refinement import Refinement, RefinementConfig
from codecnn.models.rdn.closed_forms import RdnClosedForms
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.integer_samples import IntegerSamples
from codecnn.models.rdn.integer_weights import save_integers
from codecnn.models.rdn.network import Rdn
from codecnn.models.rdn.quantise import quantise
from codecnn.models.vrcnn import Vrcnn, VrcnnConfig
from codecnn.models.weights_header import Notes


class Family(NamedTuple):
    """Hold the configuration and the class of the networks of one name; the other fields are for filters, optional."""

    config: type[Any]
    network: type[Network]
    closed_forms: Callable[[Any], ClosedForms] | None = None  # of the costs of a configuration
    quantise: Callable[[Any, Iterable[Windows[Tensor]]], IntegerFilter] | None = None  # of a network and windows
    save_integers: Callable[[Path, Any, Notes], None] | None = None
    on_integer_samples: Callable[[Any], nn.Module] | None = None  # y, u, v, qp, bit_depth, unfiltered_y to luma


FAMILIES: dict[str, Family] = {
    "rdn": Family(RdnConfig, Rdn, RdnClosedForms, quantise, save_integers, IntegerSamples),
    "vrcnn": Family(VrcnnConfig, Vrcnn),
    "chroma_rdn": Family(ChromaRdnConfig, ChromaRdn),
    "absolute": Family(AbsoluteConfig, Absolute),
    "ranker": Family(RankerConfig, Ranker),
    "connected": Family(ConnectedConfig, Connected),
    "convolutional": Family(ConvolutionalConfig, Convolutional),
    "mixture": Family(MixtureConfig, Mixture),
    "refinement": Family(RefinementConfig, Refinement),
    "plain": Family(PlainConfig, Plain),
    "alexnet": Family(AlexNetConfig, AlexNet),
    "vgg": Family(VggConfig, Vgg),
    "inception": Family(InceptionConfig, Inception),
    "resnet": Family(ResNetConfig, ResNet),
    "densenet": Family(DenseNetConfig, DenseNet),
    "se_resnet": Family(SeResNetConfig, SeResNet),
    "efficientnet": Family(EfficientNetConfig, EfficientNet),
    "vit": Family(VitConfig, Vit),
    "reinjection": Family(ReinjectionConfig, Reinjection),
    "absolute_coder": Family(AbsoluteCoderConfig, AbsoluteCoder),
}


def make_network(config: object) -> Network:
    """Return an untrained network of a configuration."""
    return family_of(config).network(config)


def family_of(config: object) -> Family:
    """Return the family that a configuration belongs to."""
    return FAMILIES[name_of(config)]


def name_of(config: object) -> str:
    """Return the name of the family that a configuration belongs to."""
    return next(name for name, family in FAMILIES.items() if type(config) is family.config)


def check_kind(config: object, kind: type[Network], what: str) -> None:
    """Raise InputError if the network of a configuration is not of a kind; `what` is the kind in words."""
    if not issubclass(family_of(config).network, kind):
        raise InputError(f"network must be {what}, not {name_of(config)!r}")
