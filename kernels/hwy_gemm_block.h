#pragma once
// The inner loops of hwy_gemm, for the vector instructions of the machine it runs on.

#include <cstddef>

namespace widepipe::kernels {

/// Columns of a panel of packed weights; the same for the life of the process.
std::size_t panel_columns();

/// A part of a product: all of `depth` for some rows and some panels. Sizes in elements.
struct GemmBlock {
  const float* x;  ///< [rows, depth]
  std::size_t rows;
  std::size_t x_stride;
  const float* panels;  ///< [panel_count, depth, panel_columns()], 64-byte aligned
  std::size_t panel_count;
  std::size_t depth;
  const float* bias;  ///< [panel_count, panel_columns()], 64-byte aligned
  float* y;           ///< [rows, columns]; holds partial sums on the way
  std::size_t y_stride;
  std::size_t columns;  ///< at most panel_count * panel_columns()
  float lo, hi;         ///< outputs are clamped to this interval; NaN stays NaN
};

/// Every output is summed over depth in ascending order in one accumulator, with fused
/// multiply-adds where the machine has them, then gets its bias: its bits depend neither on the
/// other rows nor on how the caller cuts the product into blocks.
void multiply_block(const GemmBlock& block);

}  // namespace widepipe::kernels
