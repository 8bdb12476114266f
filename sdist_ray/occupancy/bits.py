"""Bits of words, in the loops that Numba compiles: an instruction each.

LLVM has a name for these. Written as shifts and masks they stay such in Numba's loops; by their name they
become the processor's own, and counting that of several words at once where it can.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.extending import intrinsic

NOT_POISON = ir.Constant(ir.IntType(1), 0)
"""A word without a set bit is asked about, too."""


def _of_word(generate: Callable[[Any, Any], Any], text: str) -> Any:
    """An intrinsic from a uint64 to an int64."""

    def typed(typing: Any, word: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return generate(builder, arguments[0])

        return numba.int64(numba.uint64), code

    typed.__doc__ = text
    return intrinsic(typed)


popcount = _of_word(lambda builder, word: builder.ctpop(word), "Bits that are set.")
lowest_bit = _of_word(
    lambda builder, word: builder.cttz(word, NOT_POISON), "Number of the lowest set bit; 64 where none is."
)
clear_above = _of_word(
    lambda builder, word: builder.ctlz(word, NOT_POISON),
    "Clear bits above the highest set one; 64 where none is.",
)
