#pragma once

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// `arriving`, if it is blocked; else the blocked layout that suits the machine's vectors.
Layout vector_layout(Layout arriving);

}  // namespace widepipe::kernels
