#include "kernels/vector_layout.h"

#include "kernels/hwy_pool_image.h"

namespace widepipe::kernels {

Layout vector_layout(Layout arriving) {
  if (arriving != Layout::kPlain) return arriving;
  return vector_lanes() >= 16 ? Layout::kBlocked16 : Layout::kBlocked8;
}

}  // namespace widepipe::kernels
