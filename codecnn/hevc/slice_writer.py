"""Write the data of the slice segments of a picture from its record (H.265 7.3.8.1)."""

import inspect
from dataclasses import dataclass

import numpy as np

from codecnn.errors import InputError
from codecnn.hevc import cabac_encoder, residual_writer, sao_writer, slice_data, tree_writer, unit_writer
from codecnn.hevc.cabac_encoder import encode_terminate, start_encoder
from codecnn.hevc.compiled import wide
from codecnn.hevc.contexts import initialise_contexts
from codecnn.hevc.picture import CodedPicture
from codecnn.hevc.preparation import enter_slice, make_arrays, make_state, planes_of
from codecnn.hevc.sao_writer import write_sao
from codecnn.hevc.slice_data import begins_substream, enter_ctu
from codecnn.hevc.state import BAD_RECORD, FINE, Arrays
from codecnn.hevc.tree_writer import write_coding_tree
from codecnn.labels.numba_engine.cache import compile_cached

UNITS = ("coding_units", "prediction_blocks", "transform_units")
BYTES_PER_SAMPLE, BYTES_PER_CTU = 6, 64  # more than a level, or the flags of a CTU, can take


@dataclass(frozen=True)
class SliceData:
    """Hold the data of a slice segment, from the byte after its header to its last bit and alignment.

    Args:
        data: without emulation prevention bytes and trailing zeros.
        starts: where the substreams but the first begin in them.
    """

    data: bytes
    starts: tuple[int, ...]


def write_slice_data(picture: CodedPicture) -> list[SliceData]:
    """Write slice_segment_data() of every slice segment of a picture.

    Where a transform tree is split, the chroma flags of its inner nodes are set if a transform unit below has levels.
    Other streams, which no encoder makes, are not reproduced bit for bit. Raises InputError if the units are not those
    of the picture.
    """
    arrays, state = _arrays_of(picture), make_state(picture.sps, picture.pps)
    places = np.empty_like(arrays.ctus["order"])
    places[arrays.ctus["order"]] = np.arange(places.size)
    ahead = [header.address for header in picture.slices]
    if not ahead or ahead[0] != 0 or not all(0 <= address < places.size for address in ahead):
        raise InputError("the record of a picture cannot be written: its slices do not begin in it")
    begins = [*places[ahead].tolist(), places.size]
    if sorted(set(begins)) != begins:
        raise InputError("the record of a picture cannot be written: its slices are not in coding order")
    data = np.zeros(arrays.samples.size * BYTES_PER_SAMPLE + places.size * BYTES_PER_CTU, np.uint8)
    written = []
    for number, header in enumerate(picture.slices):
        first, count = begins[number], begins[number + 1] - begins[number]
        enter_slice(state, header)
        data[: int(state["position"][0] + 7) >> 3] = 0
        state["position"], state["end"] = 0, 8 * data.size
        starts = np.empty(count, np.int64)
        substreams = _write_segment(state, data, arrays, first, count, header.dependent, starts)
        if (failure := int(state["failure"][0])) != FINE:
            what = "its units do not fit" if failure == BAD_RECORD else "it has more bits than levels can take"
            raise InputError(f"the record of a picture cannot be written: {what} in CTU {int(state['ctu'][0])}")
        length = int(state["position"][0]) >> 3
        written.append(SliceData(data[:length].tobytes(), tuple(starts[:substreams].tolist())))
    if any(int(state[name][0]) != getattr(arrays, name).size for name in UNITS):
        raise InputError("the record of a picture cannot be written: it has more units than the picture")
    return written


def _arrays_of(picture: CodedPicture) -> Arrays:
    """Return the arrays of a picture, filled with its record."""
    arrays = make_arrays(picture.sps, picture.pps)
    for target, source in ((arrays.samples, picture.coded), (arrays.levels, picture.coded_levels)):
        for plane, filled in zip(planes_of(target, picture.sps), source.planes, strict=True):
            plane[:] = filled
    for name in ("sao_merge", "sao_type", "sao_class", "sao_band", "sao_offset"):
        arrays.ctus[name] = picture.ctus[name]
    return arrays._replace(
        coding_units=picture.coding_units,
        prediction_blocks=picture.prediction_blocks,
        transform_units=picture.transform_units,
    )


def _write_segment_data(
    states: np.ndarray, data: np.ndarray, arrays: Arrays, first: int, count: int, is_dependent: bool, starts: np.ndarray
) -> int:
    """Write the data of `count` CTUs from a place in coding order on, and return how many substreams follow the first.

    states: one STATE. data: zeros, written from `position` of the state on. starts: where the substreams but the first
    begin, in bytes.
    """
    state = states[0]
    substreams = 0
    start_encoder(state)
    if is_dependent:
        state["contexts"][:] = state["segment_contexts"]
    else:
        initialise_contexts(state["contexts"], state["slice_qp"])
        state["previous_qp"] = state["slice_qp"]
    for place in range(first, first + count):
        address = wide(arrays.ctus[place]["order"])
        enter_ctu(state, arrays, place, address)
        if state["sao_luma"] or state["sao_chroma"]:
            write_sao(state, data, arrays)
        across, bits = state["ctus_across"], state["ctb_bits"]
        write_coding_tree(state, data, arrays, (address % across) << bits, (address // across) << bits)
        if state["wavefront"] and address % across == arrays.ctus[address]["tile_column"] + 1:
            state["wavefront_contexts"][:] = state["contexts"]
        is_last = place == first + count - 1
        encode_terminate(state, data, 1 if is_last else 0)
        if not is_last and begins_substream(state, arrays, place + 1):
            encode_terminate(state, data, 1)  # end_of_subset_one_bit
            starts[substreams] = state["position"] >> 3
            substreams += 1
            start_encoder(state)
    state["segment_contexts"][:] = state["contexts"]
    return substreams


_MODULES = (cabac_encoder, residual_writer, sao_writer, slice_data, tree_writer, unit_writer)
_SOURCES = slice_data.SOURCES + "".join(inspect.getsource(module) for module in _MODULES)
_write_segment = compile_cached(_write_segment_data, _SOURCES, error_model="numpy")
