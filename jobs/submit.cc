#include "jobs/submit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/console.h"
#include "core/error.h"
#include "core/version.h"
#include "jobs/allocation.h"
#include "jobs/exit_codes.h"
#include "jobs/score.h"
#include "jobs/shell_words.h"
#include "mpi_runtime/serial_collectives.h"

namespace widepipe::jobs {
namespace {

constexpr std::string_view kBody = R"sh(set -u
max_requeues={max_requeues}
arguments=({arguments})
{restart}left=$(squeue --noheader --jobs="$SLURM_JOB_ID" --Format=TimeLeft | head -n 1 | tr -d ' ')
case $left in *[0-9]:[0-9]*) ;; *) left=UNLIMITED ;; esac

# What counts is how rank 0 ended, not a rank that is killed behind it.
WIDEPIPE_EXIT_CODE_FILE=$(mktemp) && export WIDEPIPE_EXIT_CODE_FILE
{launch}
status=$?
[ ! -s "$WIDEPIPE_EXIT_CODE_FILE" ] || status=$(cat "$WIDEPIPE_EXIT_CODE_FILE")
rm -f "$WIDEPIPE_EXIT_CODE_FILE"
case $status in 0 | 1 | 2) exit "$status" ;; esac

# Stopped in time (3), or a rank, a node or the launcher was lost: what is recorded stays, and the
# next allocation goes on behind it.
requeues=${{SLURM_RESTART_COUNT:-0}}
if [ "$requeues" -ge "$max_requeues" ]; then
  echo "widepipe: exit code $status after $requeues requeues, as many as --max-requeues allows:" \
    "submit again to go on" >&2
  exit "$status"
fi
echo "widepipe: exit code $status: requeued ($((requeues + 1)) of at most $max_requeues times)" >&2
scontrol requeue "$SLURM_JOB_ID" || exit "$status"
)sh";

/// Of an #SBATCH line, which ends with its line and is split at blanks.
const std::string& checked_word(const char* option, const std::string& word) {
  const bool good = std::none_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isspace(c) != 0 || std::iscntrl(c) != 0 || c == '#' || c == '"' || c == '\'';
  });
  if (!good) {
    throw_input_error("{}: expected a word without blanks, quotes and '#', found '{}'", option,
                      word);
  }
  return word;
}

void check_nodes(const std::string& nodes) {
  const std::size_t dash = nodes.find('-');
  const auto least = parse_digits(std::string_view(nodes).substr(0, dash));
  const auto most =
      dash == std::string::npos ? least : parse_digits(std::string_view(nodes).substr(dash + 1));
  if (!least || !most || *least < 1 || *most < *least) {
    throw_input_error("--nodes: expected a number of nodes, or MIN-MAX, found '{}'", nodes);
  }
}

/// "digits" of "models/digits.onnx" or "digits.toml", as a word for Slurm.
std::string job_name(const SubmitCommand& command) {
  if (!command.name.empty()) return checked_word("--job-name", command.name);
  const ScoreCommand& score = command.score;
  std::string name = fmt::format(
      "widepipe-{}", default_stream_name(score.job_file.empty() ? score.model : score.job_file));
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_' && c != '.'; },
      '_');
  return name;
}

/// Before the end of an allocation the ranks are told to stop, should they not know themselves.
/// Slurm does so up to half a minute earlier than it is asked to.
int warning_seconds(const SubmitCommand& command) {
  constexpr double kLeast = 5;
  constexpr double kMost = 60;
  const std::optional<double> time = parse_time_limit(command.time);
  return static_cast<int>(std::clamp(time.value_or(kMost * 10) / 10, kLeast, kMost));
}

std::vector<std::string> sbatch_options(const SubmitCommand& command) {
  std::vector<std::string> options = {fmt::format("--job-name={}", job_name(command))};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty())
      options.push_back(fmt::format("{}={}", option, checked_word(option, value)));
  };
  add("--time", command.time);
  add("--account", command.account);
  const std::string log = command.shards > 0 ? "widepipe-%A_%a.log" : "widepipe-%j.log";
  add("--output", command.log.empty() ? log : command.log);
  options.insert(options.end(), {"--open-mode=append", "--requeue",
                                 fmt::format("--signal=USR1@{}", warning_seconds(command))});
  if (command.shards > 0) options.push_back(fmt::format("--array=0-{}", command.shards - 1));
  for (const std::string& option : command.sbatch) {
    if (!option.starts_with("-")) {
      throw_input_error("--sbatch: expected an option of sbatch, such as --gres=gpu:1, found '{}'",
                        option);
    }
    options.push_back(checked_word("--sbatch", option));
  }
  if (command.scheduler_node) {
    add("--partition",
        command.scheduler_partition.empty() ? command.partition : command.scheduler_partition);
    options.insert(options.end(), {"--nodes=1", "--ntasks=1", "hetjob"});
  }
  add("--partition", command.partition);
  // With tasks among the options a job could not shrink to fewer nodes: srun has them.
  options.insert(options.end(), {fmt::format("--nodes={}", command.nodes), "--exclusive"});
  return options;
}

std::string program_path(const SubmitCommand& command) {
  if (!command.program.empty()) return command.program;
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

/// The step: all ranks, or the scheduler's beside those of the device nodes.
std::string launch(const SubmitCommand& command) {
  const char* cpus_on_node =
      command.scheduler_node ? "SLURM_JOB_CPUS_PER_NODE_HET_GROUP_1" : "SLURM_JOB_CPUS_PER_NODE";
  // "2(x3),4" in the script is 2.
  const std::string cpus = command.cpus_per_task > 0
                               ? fmt::format("cpus={}\n", command.cpus_per_task)
                               : fmt::format("cpus=${{{}%%[(,]*}}\ncpus=$((cpus / {}))\n",
                                             cpus_on_node, command.tasks_per_node);
  const std::string program = fmt::format("{} score \"${{arguments[@]}}\" --time-left \"$left\"{}",
                                          shell_word(program_path(command)),
                                          command.scheduler_node ? " --dedicated-scheduler" : "");
  const std::string tasks =
      fmt::format("--ntasks-per-node={} --cpus-per-task=\"$cpus\"", command.tasks_per_node);
  const std::string step =
      fmt::format("srun --mpi={} --kill-on-bad-exit=1", checked_word("--mpi", command.mpi));
  if (!command.scheduler_node) return cpus + fmt::format("{} {} \\\n  {}", step, tasks, program);
  // Without its own number of tasks the second component would get that of the first.
  return cpus + fmt::format(
                    "ranks=$((SLURM_JOB_NUM_NODES_HET_GROUP_1 * {}))\n"
                    "{} --het-group=0 --ntasks=1 \\\n  {} : \\\n"
                    "  --het-group=1 --ntasks=\"$ranks\" {} \\\n  {}",
                    command.tasks_per_node, step, program, tasks, program);
}

/// The script in a file for as long as sbatch reads it.
class ScriptFile {
 public:
  explicit ScriptFile(const std::string& text) {
    path_ = (std::filesystem::temp_directory_path() / "widepipe-submit-XXXXXX").string();
    const int fd = ::mkstemp(path_.data());
    const bool written =
        fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) ::close(fd);
    if (!written) throw_input_error("{}: cannot be written: {}", path_, errno_text());
  }
  ~ScriptFile() { ::unlink(path_.c_str()); }
  ScriptFile(const ScriptFile&) = delete;
  ScriptFile& operator=(const ScriptFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The job's id. What sbatch says against it goes to stderr.
std::string submit(const std::string& script) {
  const ScriptFile file(script);
  const std::string line = fmt::format("sbatch --parsable {}", shell_word(file.path()));
  std::FILE* pipe = ::popen(line.c_str(), "r");
  if (pipe == nullptr) throw_input_error("sbatch cannot be started: {}", errno_text());
  std::string said;
  std::array<char, 256> piece{};
  while (std::fgets(piece.data(), piece.size(), pipe) != nullptr) said += piece.data();
  const int status = ::pclose(pipe);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    throw_input_error(
        "sbatch was not found: submit from a login node of the cluster, or see the "
        "script with --print");
  }
  if (status != 0) throw_input_error("sbatch refused the job; --print shows the script");
  return said.substr(0, said.find_first_of(";\n"));  // a cluster's name may follow
}

void check_job(const SubmitCommand& command) {
  ScoreCommand score = command.score;
  score.overrides.emplace_back([&](JobSettings& settings) {
    settings.dry_run = true;
    settings.quiet = true;
    settings.dedicated_scheduler = false;
    settings.cores = 0;  // those of this machine do not matter
    settings.instances = 0;
    settings.min_devices = 1;  // nor does its device
    settings.trust_devices = true;
    settings.recheck_share = 0;  // needs a second one
    settings.report_file.clear();
    if (command.shards > 0) settings.shard = dataset::Shard{command.shards - 1, command.shards};
  });
  const auto alone = mpi_runtime::make_serial_collectives();
  run_score(score, *alone);
}

}  // namespace

std::string batch_script(const SubmitCommand& command) {
  check_nodes(command.nodes);
  if (!command.time.empty() && !parse_time_limit(command.time)) {
    throw_input_error(
        "--time: expected a time as Slurm writes it: minutes, MM:SS, HH:MM:SS or "
        "D-HH:MM:SS; found '{}'",
        command.time);
  }
  std::string script = fmt::format("#!/bin/bash\n# Written by widepipe {}.\n", kVersion);
  for (const std::string& option : sbatch_options(command)) {
    script += fmt::format("#SBATCH {}\n", option);
  }
  const std::string shard =
      command.shards > 0 ? fmt::format(" --shard \"$SLURM_ARRAY_TASK_ID/{}\"", command.shards) : "";
  const std::string restart =
      command.restart ? "# Begins anew once, and not with every requeue.\n"
                        "[ \"${SLURM_RESTART_COUNT:-0}\" -gt 0 ] || arguments+=(--restart)\n"
                      : "";
  return script + fmt::format(fmt::runtime(kBody), fmt::arg("max_requeues", command.max_requeues),
                              fmt::arg("arguments", shell_words(command.arguments) + shard),
                              fmt::arg("restart", restart), fmt::arg("launch", launch(command)));
}

int run_submit(const SubmitCommand& command) {
  const std::string script = batch_script(command);
  if (!command.unchecked) check_job(command);
  if (command.print) {
    say(stdout, script);
    return kDone;
  }
  const std::string id = submit(script);
  say(stdout, id + "\n");
  std::string hint = fmt::format("submitted; `squeue --job {}` follows it", id);
  if (command.shards > 0) {
    hint +=
        fmt::format("; when all {} are done, `widepipe merge OUTPUT` joins them", command.shards);
  }
  say(stderr, hint + "\n");
  return kDone;
}

}  // namespace widepipe::jobs
