// Job files: what is read, and the exact words about every mistake.

#include "jobs/job_file.h"

#include <gtest/gtest.h>

#include <string>

#include "core/edit_distance.h"
#include "core/error.h"

namespace widepipe::jobs {
namespace {

/// A job file with one good stream, after `before` and with `more` keys.
std::string with(const std::string& more, const std::string& before = "") {
  return before + "[[stream]]\nmodel = \"m.onnx\"\ninput = \"in.h5:/x\"\noutput = \"out.h5:/y\"\n" +
         more;
}

/// A job file whose stream has named inputs.
std::string with_inputs(const std::string& inputs) {
  return "[[stream]]\nmodel = \"m.onnx\"\noutput = \"out.h5:/y\"\n" + inputs;
}

TEST(JobFile, ReadsEverything) {
  const JobSpec job = parse_job(R"(
[job]
device = "cpu"
precision = "bf16"
isa = "avx2"
batch = 32
instances = 2
cores = 3
rows_via = "scatter"
dedicated_scheduler = true
allow_mixed = true
quiet = true
report = "report.json"
round_period = 0.5

[[stream]]
name = "digits"
model = "models/lenet.onnx"
output = "scores.h5:/digits"
rows = "10:5000"
limit = 100
batch = "auto"
carry = ["test.h5:/ids", "/data/more.h5:/labels"]
[stream.inputs.x]
data = "test-*.h5:/images"
scale = [0.5, 2]
offset = -1
channels_last = true
batch_axis = 1
[stream.inputs.a]
value = [1, 2.5]
[stream.inputs.list]
data = "@parts.txt:/images"
[stream.outputs]
logits = "raw"
classes = "argmax"
best = "top5"
few = { form = "topk", k = 3 }

[[stream]]
model = "/models/other.onnx"
input = "/data/in.h5:/x"
output = "other.h5:/y"
on_nonfinite = "fail-row"
)",
                                "night/job.toml");
  EXPECT_EQ(job.file, "night/job.toml");
  EXPECT_EQ(job.settings.device, "cpu");
  EXPECT_EQ(job.settings.precision, "bf16");
  EXPECT_EQ(job.settings.isa, "avx2");
  EXPECT_EQ(job.settings.batch_rows, 32);
  EXPECT_EQ(job.settings.instances, 2);
  EXPECT_EQ(job.settings.cores, 3);
  EXPECT_TRUE(job.settings.scatter_rows);
  EXPECT_TRUE(job.settings.dedicated_scheduler);
  EXPECT_TRUE(job.settings.allow_mixed);
  EXPECT_TRUE(job.settings.quiet);
  EXPECT_EQ(job.settings.report_file, "night/report.json");
  EXPECT_EQ(job.settings.round_period_ms, 0.5);

  ASSERT_EQ(job.streams.size(), 2U);
  const StreamSpec& digits = job.streams[0];
  EXPECT_EQ(digits.where, "night/job.toml:16:1");
  EXPECT_EQ(digits.name, "digits");
  EXPECT_EQ(digits.model, "night/models/lenet.onnx");
  EXPECT_EQ(to_string(digits.output), "night/scores.h5:/digits");
  EXPECT_EQ(digits.rows.first, 10);
  EXPECT_EQ(digits.rows.end, 5000);
  EXPECT_EQ(digits.rows.limit, 100);
  EXPECT_EQ(digits.batch_rows, 0);
  ASSERT_EQ(digits.carry.size(), 2U);
  EXPECT_EQ(to_string(digits.carry[0]), "night/test.h5:/ids");
  EXPECT_EQ(to_string(digits.carry[1]), "/data/more.h5:/labels");

  ASSERT_EQ(digits.inputs.size(), 3U) << "in the order of the file, not of the alphabet";
  const InputSpec& x = digits.inputs[0];
  EXPECT_EQ(x.name, "x");
  EXPECT_EQ(x.where, "night/job.toml:24:16");
  EXPECT_EQ(to_string(x.source.data), "night/test-*.h5:/images");
  EXPECT_EQ(x.source.scale, (std::vector<double>{0.5, 2}));
  EXPECT_EQ(x.source.offset, std::vector<double>{-1});
  EXPECT_TRUE(x.source.channels_last);
  EXPECT_EQ(x.batch_axis, 1);
  EXPECT_EQ(digits.inputs[1].name, "a");
  EXPECT_EQ(digits.inputs[1].constant, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(to_string(digits.inputs[2].source.data), "@night/parts.txt:/images");

  ASSERT_EQ(digits.outputs.size(), 4U);
  EXPECT_EQ(digits.outputs[0].name, "logits");
  EXPECT_EQ(digits.outputs[0].stored.form, dataset::OutputForm::kRaw);
  EXPECT_EQ(digits.outputs[1].stored.form, dataset::OutputForm::kArgmax);
  EXPECT_EQ(digits.outputs[2].stored.form, dataset::OutputForm::kTopK);
  EXPECT_EQ(digits.outputs[2].stored.k, 5);
  EXPECT_EQ(digits.outputs[3].stored.form, dataset::OutputForm::kTopK);
  EXPECT_EQ(digits.outputs[3].stored.k, 3);

  const StreamSpec& other = job.streams[1];
  EXPECT_EQ(other.name, "other") << "the model's, without suffix";
  EXPECT_EQ(other.model, "/models/other.onnx");
  ASSERT_EQ(other.inputs.size(), 1U);
  EXPECT_EQ(other.inputs[0].name, "");
  EXPECT_EQ(to_string(other.inputs[0].source.data), "/data/in.h5:/x");
  EXPECT_FALSE(other.batch_rows);
  EXPECT_EQ(other.fail_nonfinite, true);
  EXPECT_FALSE(digits.fail_nonfinite);
  EXPECT_TRUE(other.outputs.empty());
}

TEST(JobFile, PathsBesideAJobFileInThisFolderStayAsTheyAre) {
  const JobSpec job = parse_job(with(""), "job.toml");
  EXPECT_EQ(job.streams[0].model, "m.onnx");
  EXPECT_EQ(to_string(job.streams[0].output), "out.h5:/y");
}

TEST(JobFile, AStreamWithoutANameIsCalledAfterItsModel) {
  const std::pair<const char*, const char*> kCases[] = {{"models/lenet.onnx", "lenet"},
                                                        {"lenet", "lenet"},
                                                        {"models/lenet/", "lenet"},
                                                        {"models/lenet.v2/", "lenet"},
                                                        {".onnx", ".onnx"},
                                                        {"/", "/"},
                                                        {"..", ".."}};
  for (const auto& [model, name] : kCases) {
    EXPECT_EQ(default_stream_name(model), name) << model;
    const std::string file =
        std::string("[[stream]]\nmodel = '") + model + "'\ninput = 'a.h5:/x'\noutput = 'b.h5:/y'\n";
    EXPECT_EQ(parse_job(file, "job.toml").streams[0].name, name) << model;
  }
}

TEST(JobFile, RowsAreAWindow) {
  struct Case {
    const char* text;
    std::int64_t first;
    std::optional<std::int64_t> end;
  };
  for (const Case& c : {Case{"0:5000", 0, 5000}, Case{"100:", 100, {}}, Case{":7", 0, 7}}) {
    SCOPED_TRACE(c.text);
    const JobSpec job = parse_job(with(fmt::format("rows = \"{}\"\n", c.text)), "job.toml");
    EXPECT_EQ(job.streams[0].rows.first, c.first);
    EXPECT_EQ(job.streams[0].rows.end, c.end);
  }
}

struct Mistake {
  std::string text;
  const char* error;
};

void expect_errors(const std::vector<Mistake>& mistakes) {
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.text);
    try {
      parse_job(mistake.text, "job.toml");
      ADD_FAILURE() << "expected InputError: " << mistake.error;
    } catch (const InputError& error) {
      EXPECT_STREQ(error.what(), mistake.error);
    }
  }
}

TEST(JobFile, MistakesInTheFile) {
  expect_errors({
      {"", "job.toml:1:1: the job file lacks the key '[[stream]]'"},
      {"[stream]\nmodel = 'm.onnx'\n",
       "job.toml:1:1: 'stream' in the job file: expected [[stream]], in two brackets, once for "
       "each stream, found a table"},
      {with("", "[jobs]\nbatch = 3\n"),
       "job.toml:1:2: unknown key 'jobs' in the job file (did you mean 'job'?); its keys: job, "
       "stream"},
      {with("", "job = 3\n"),
       "job.toml:1:7: 'job' in the job file: expected a table, found a whole number, 3"},
      {with("", "[[stream]]\nmodel = 'm.onnx'\ninput = 'a.h5:/x'\noutput = 'b.h5:/y'\n"),
       "job.toml:5:1: two streams are called 'm', the other at job.toml:1:1: expected a 'name' of "
       "its own for each"},
  });
}

TEST(JobFile, MistakesInSettings) {
  const auto job = [](const char* line) { return with("", fmt::format("[job]\n{}\n", line)); };
  expect_errors({
      {job("rows-via = 'ranks'"),
       "job.toml:2:1: unknown key 'rows-via' in [job] (did you mean 'rows_via'?); its keys: "
       "allow_mixed, batch, cores, dedicated_scheduler, device, instances, isa, on_nonfinite, "
       "precision, quiet, report, restart, round_period, rows_via, write_via"},
      {job("frobnicate = 1"),
       "job.toml:2:1: unknown key 'frobnicate' in [job]; its keys: allow_mixed, batch, cores, "
       "dedicated_scheduler, device, instances, isa, on_nonfinite, precision, quiet, report, "
       "restart, round_period, rows_via, write_via"},
      {job("rows_via = 'mail'"),
       "job.toml:2:12: 'rows_via' in [job]: expected 'ranks' or 'scatter', found a string, 'mail'"},
      {job("batch = 0"),
       "job.toml:2:9: 'batch' in [job]: expected a whole number from 1 to 2147483648, or 'auto', "
       "found a whole number, 0"},
      {job("batch = 'many'"),
       "job.toml:2:9: 'batch' in [job]: expected a whole number from 1 to 2147483648, or 'auto', "
       "found a string, 'many'"},
      {job("instances = 2.0"),
       "job.toml:2:13: 'instances' in [job]: expected a whole number from 1 to 1024, found a "
       "number, 2"},
      {job("cores = 2000"),
       "job.toml:2:9: 'cores' in [job]: expected a whole number from 1 to 1024, found a whole "
       "number, 2000"},
      {job("round_period = nan"),
       "job.toml:2:16: 'round_period' in [job]: expected a number from 0 to 10000, found a number, "
       "nan"},
      {job("quiet = 'yes'"),
       "job.toml:2:9: 'quiet' in [job]: expected true or false, found a string, 'yes'"},
      {job("device = ''"),
       "job.toml:2:10: 'device' in [job]: expected a string of visible characters, found a string, "
       "''"},
      {job("precision = 'f64'"),
       "job.toml:2:13: 'precision' in [job]: expected 'f32', 'f16', 'bf16' or 'auto', found a "
       "string, 'f64'"},
      {job("report = 2024-02-29"),
       "job.toml:2:10: 'report' in [job]: expected a string of visible characters, found a date or "
       "time"},
      {job("restart = true"),
       "job.toml:2:1: 'restart' in [job]: belongs on the command line (--restart): in a job file "
       "it would throw away the rows of every earlier run"},
  });
}

TEST(JobFile, MistakesInAStream) {
  expect_errors({
      {"[[stream]]\ninput = 'a.h5:/x'\noutput = 'b.h5:/y'\n",
       "job.toml:1:1: [[stream]] lacks the key 'model'"},
      {"[[stream]]\nmodle = 'm.onnx'\ninput = 'a.h5:/x'\noutput = 'b.h5:/y'\n",
       "job.toml:2:1: unknown key 'modle' in [[stream]] (did you mean 'model'?); its keys: batch, "
       "carry, input, inputs, limit, model, name, on_nonfinite, output, outputs, rows"},
      {"[[stream]]\nmodel = 'm.onnx'\ninput = 'a.h5:/x'\noutput = 'b.h5:/y'\n"
       "on_nonfinite = 'drop'\n",
       "job.toml:5:16: 'on_nonfinite' in [[stream]]: expected 'keep' or 'fail-row', found a "
       "string, 'drop'"},
      {"[[stream]]\nmodel = 'm.onnx'\noutput = 'b.h5:/y'\n",
       "job.toml:1:1: [[stream]] lacks the key 'input'"},
      {"[[stream]]\nmodel = 'm.onnx'\ninput = 'a.h5:/x'\n",
       "job.toml:1:1: [[stream]] lacks the key 'output'"},
      {"[[stream]]\nmodel = ['m.onnx']\n",
       "job.toml:2:9: 'model' in [[stream]]: expected a string of visible characters, found an "
       "array"},
      {"[[stream]]\nmodel = \"m\\n.onnx\"\n",
       "job.toml:2:9: 'model' in [[stream]]: expected a string of visible characters, found a "
       "string, 'm?.onnx'"},
      {"[[stream]]\nmodel = 'm.onnx'\ninput = 'a.h5'\noutput = 'b.h5:/y'\n",
       "job.toml:3:9: 'a.h5': names no data set; expected FILE.h5:/path/of/data, as in "
       "images.h5:/train/x"},
      {with("rows = '5000'\n"),
       "job.toml:5:8: 'rows' in [[stream]]: expected 'FIRST:END' with FIRST < END, as in '0:5000', "
       "'100:' or ':100', found a string, '5000'"},
      {with("rows = '7:7'\n"),
       "job.toml:5:8: 'rows' in [[stream]]: expected 'FIRST:END' with FIRST < END, as in '0:5000', "
       "'100:' or ':100', found a string, '7:7'"},
      {with("rows = '-1:7'\n"),
       "job.toml:5:8: 'rows' in [[stream]]: expected 'FIRST:END' with FIRST < END, as in '0:5000', "
       "'100:' or ':100', found a string, '-1:7'"},
      {with("limit = 0\n"),
       "job.toml:5:9: 'limit' in [[stream]]: expected a whole number from 1 to "
       "4611686018427387904, found a whole number, 0"},
      {with("carry = 'ids.h5:/ids'\n"),
       "job.toml:5:9: 'carry' in [[stream]]: expected an array of strings, found a string, "
       "'ids.h5:/ids'"},
      {with("carry = ['ids.h5:/ids', 3]\n"),
       "job.toml:5:25: 'carry' in [[stream]]: expected an array of strings, found a whole number, "
       "3"},
      {with("[stream.inputs.x]\ndata = 'a.h5:/x'\n"),
       "job.toml:5:9: [[stream]] has both 'input' and 'inputs': expected one of them"},
  });
}

TEST(JobFile, MistakesInInputs) {
  expect_errors({
      {with_inputs("[stream.inputs]\n"),
       "job.toml:4:9: [stream.inputs] is empty: expected a table for each model input"},
      {with_inputs("[stream.inputs]\nx = 3\n"),
       "job.toml:5:5: 'x' in [stream.inputs]: expected a table, found a whole number, 3"},
      {with_inputs("[stream.inputs.x]\nscale = 2\n"),
       "job.toml:4:1: [stream.inputs.x] lacks the key 'data'"},
      {with_inputs("[stream.inputs.x]\ndata = 'a.h5:/x'\nscael = 2\n"),
       "job.toml:6:1: unknown key 'scael' in [stream.inputs.x] (did you mean 'scale'?); its keys: "
       "batch_axis, channels_last, data, offset, scale, value"},
      {with_inputs("[stream.inputs.x]\ndata = 'a.h5:/x'\nvalue = 2\n"),
       "job.toml:5:1: [stream.inputs.x]: a constant 'value' takes no 'data'"},
      {with_inputs("[stream.inputs.x]\nvalue = []\n"),
       "job.toml:5:9: 'value' in [stream.inputs.x]: expected a finite number or an array of them, "
       "found an empty array"},
      {with_inputs("[stream.inputs.x]\ndata = 'a.h5:/x'\nscale = [1, 'two']\n"),
       "job.toml:6:13: 'scale' in [stream.inputs.x]: expected a finite number or an array of them, "
       "found a string, 'two'"},
      {with_inputs("[stream.inputs.x]\ndata = 'a.h5:/x'\noffset = inf\n"),
       "job.toml:6:10: 'offset' in [stream.inputs.x]: expected a finite number or an array of "
       "them, found a number, inf"},
      {with_inputs("[stream.inputs.x]\ndata = 'a.h5:/x'\nbatch_axis = -1\n"),
       "job.toml:6:14: 'batch_axis' in [stream.inputs.x]: expected a whole number from 0 to 15, "
       "found a whole number, -1"},
  });
}

TEST(JobFile, MistakesInOutputs) {
  expect_errors({
      {with("[stream.outputs]\n"),
       "job.toml:5:9: [stream.outputs] is empty: leave it out to keep all outputs"},
      {with("[stream.outputs]\ny = 'top0'\n"),
       "job.toml:6:5: 'y' in [stream.outputs]: expected 'raw', 'softmax', 'argmax', 'top5' or "
       "another number, or { form = \"topk\", k = 5 }, found a string, 'top0'"},
      {with("[stream.outputs]\ny = true\n"),
       "job.toml:6:5: 'y' in [stream.outputs]: expected 'raw', 'softmax', 'argmax', 'top5' or "
       "another number, or { form = \"topk\", k = 5 }, found true"},
      {with("[stream.outputs]\ny = { form = 'topk' }\n"),
       "job.toml:6:5: [stream.outputs.y] lacks the key 'k'"},
      {with("[stream.outputs]\ny = { form = 'raw', k = 3 }\n"),
       "job.toml:6:21: 'k' goes with form 'topk', not 'raw'"},
      {with("[stream.outputs]\ny = { from = 'raw' }\n"),
       "job.toml:6:7: unknown key 'from' in [stream.outputs.y] (did you mean 'form'?); its keys: "
       "form, k"},
  });
}

TEST(JobFile, SyntaxErrorsHaveTheirPlace) {
  for (const std::string text : {"[job]\nbatch = \n", "[job]\nbatch = 3\nbatch = 4\n",
                                 "[job]\nreport = \"open\n", "[[stream]\n"}) {
    SCOPED_TRACE(text);
    try {
      parse_job(text, "job.toml");
      ADD_FAILURE() << "expected InputError";
    } catch (const InputError& error) {
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with("job.toml:")) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      EXPECT_NE(message.find("rror while parsing"), std::string::npos) << message;
    }
  }
}

TEST(EditDistance, CountsEditsAndSwaps) {
  struct Case {
    const char* a;
    const char* b;
    std::size_t distance;
  };
  for (const Case& c :
       {Case{"", "", 0}, Case{"", "abc", 3}, Case{"model", "model", 0}, Case{"modle", "model", 1},
        Case{"rows-via", "rows_via", 1}, Case{"kitten", "sitting", 3}, Case{"ab", "ba", 1}}) {
    EXPECT_EQ(edit_distance(c.a, c.b), c.distance) << c.a << " " << c.b;
    EXPECT_EQ(edit_distance(c.b, c.a), c.distance) << c.b << " " << c.a;
  }
}

}  // namespace
}  // namespace widepipe::jobs
