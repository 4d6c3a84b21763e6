"""A transformer that begins as another, smaller one."""

from collections.abc import Sequence

import keras
import numpy as np

from eqstream.seq2seq.layers.attention import MultiHeadAttention
from eqstream.seq2seq.layers.text_places import TextPlaces
from eqstream.seq2seq.layers.transformer_blocks import DecoderBlock, EncoderBlock
from eqstream.seq2seq.models.transformer import TransformerModel

# What of `TransformerRecipe` may be larger than in the model to begin with; `places: pairs` alone uses the last three.
GROWING = ("encoder_depth", "decoder_depth", "place_reach", "number_reach", "bracket_reach")
_COPIED = ("character", "place", "number", "step", "encoder_norm", "decoder_norm", "logits")


def has_room_for(small: TransformerModel, large: TransformerModel) -> bool:
    """Returns whether the tables of `large` are as long as those of `small`, which texts' lengths decide, too.

    Args:
        small: of an architecture that `copy_into_larger` allows.
        large: with its weights created.
    """
    return all(
        getattr(small, name) is None or _list_shapes(getattr(small, name)) == _list_shapes(getattr(large, name))
        for name in _COPIED
    )


def _list_shapes(layer: keras.Layer) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in layer.weights]


def copy_into_larger(small: TransformerModel, large: TransformerModel) -> None:
    """Gives a model the weights of one that has fewer blocks, or tells fewer places, numbers and brackets apart.

    It then computes what the smaller one does: blocks more than that has add nothing at first, as in Net2Net (Chen et
    al. 2016, arXiv 1511.05641), and what was equally far before has the same bias. The other weights of such blocks
    stay as they are.

    Args:
        small: of the same architecture but for `GROWING`, and the same codec but for its `line_length`;
            `has_room_for` is true of both.
        large: with its weights created.
    """
    for name in _COPIED:
        if (layer := getattr(large, name)) is not None:
            layer.set_weights(getattr(small, name).get_weights())
    _copy_blocks(small, large, small.encoder, large.encoder)
    _copy_blocks(small, large, small.decoder, large.decoder)


def _copy_blocks(
    small: TransformerModel,
    large: TransformerModel,
    sources: Sequence[EncoderBlock | DecoderBlock],
    targets: Sequence[EncoderBlock | DecoderBlock],
) -> None:
    for source, target in zip(sources, targets, strict=False):
        known = iter(zip(source.weights, source.get_weights(), strict=True))
        tells_brackets = any(variable.name == "level_bias" for variable in source.weights)
        weights = []
        for variable, own in zip(target.weights, target.get_weights(), strict=True):
            if variable.name == "level_bias" and not tells_brackets:
                weights.append(np.zeros_like(own))
            else:
                weights.append(_spread(*next(known), small.pairs, large.pairs))
        target.set_weights(weights)
    for target in targets[len(sources) :]:
        _silence(target)


def _spread(
    variable: keras.Variable, values: np.ndarray, small: TextPlaces | None, large: TextPlaces | None
) -> np.ndarray:
    """Returns the values of a weight; of biases those for all that `large` tells apart, each of the nearest there was.

    Args:
        variable: of `small`; its last axis are the heads, if it holds biases.
        values: of the variable.
        small: what the smaller model tells apart.
        large: what the larger one does.
    """
    if small is None or large is None:
        return values
    above = _nearest(small.place_reach, large.place_reach)
    ahead = _nearest(2 * small.number_reach, 2 * large.number_reach)
    if variable.name == "offset_bias":
        table = values.reshape(2 * small.place_reach + 1, 4 * small.number_reach + 1, -1)
        return table[above[:, None], ahead].reshape(large.num_offsets, -1)
    if variable.name == "level_bias":
        return values[_nearest(small.bracket_reach, large.bracket_reach)]
    return values


def _nearest(reach: int, further: int) -> np.ndarray:
    """Returns for each difference up to `further` the number of the nearest up to `reach`, both from minus to plus."""
    return np.clip(np.arange(-further, further + 1), -reach, reach) + reach


def _silence(block: EncoderBlock | DecoderBlock) -> None:
    """Lets a block add nothing to its states: what it writes to them is zero."""
    attentions: list[MultiHeadAttention] = [block.attention]
    if isinstance(block, DecoderBlock):
        attentions.append(block.cross_attention)
    for layer in (*(each.output_projection for each in attentions), block.contract):
        layer.set_weights([np.zeros_like(values) for values in layer.get_weights()])
