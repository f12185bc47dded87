#include "dataset/derived_rows.h"

namespace widepipe::dataset {

StringFields DerivedRows::with_own(StringFields fields) const {
  const StringFields own = own_settings();
  fields.insert(fields.end(), own.begin(), own.end());
  return fields;
}

}  // namespace widepipe::dataset
