#include "dataset/derived_rows.h"

namespace widepipe::dataset {

StringFields DerivedRows::settings() const {
  StringFields fields = base_->settings();
  const StringFields own = own_settings();
  fields.insert(fields.end(), own.begin(), own.end());
  return fields;
}

StringFields DerivedRows::describe() const {
  StringFields fields = base_->describe();
  const StringFields own = own_settings();
  fields.insert(fields.end(), own.begin(), own.end());
  return fields;
}

}  // namespace widepipe::dataset
