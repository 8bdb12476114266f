"""Products of 16-bit numbers, in the words of LLVM.

Numba multiplies whole numbers in 64 bits, and LLVM's loop vectorizer then carries some of the factors in
lanes of 64 bits, of which a vector holds a quarter as many. With the types said, each is one instruction.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _widened(builder: Any, arguments: Any) -> Any:
    a, b = (builder.zext(argument, ir.IntType(32)) for argument in arguments)
    return builder.mul(a, b, flags=["nuw"])


@intrinsic  # type: ignore[untyped-decorator]
def high_product(typing: Any, a: Any, b: Any) -> Any:
    """a * b / 65536 of two uint16, rounded down: uint16."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        product = builder.lshr(_widened(builder, arguments), ir.Constant(ir.IntType(32), 16))
        return builder.trunc(product, ir.IntType(16))

    return types.uint16(types.uint16, types.uint16), generate


@intrinsic  # type: ignore[untyped-decorator]
def low_product(typing: Any, a: Any, b: Any) -> Any:
    """a * b modulo 65536 of two uint16: uint16."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.mul(*arguments)

    return types.uint16(types.uint16, types.uint16), generate
