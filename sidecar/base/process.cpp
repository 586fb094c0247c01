#include "base/process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <stdexcept>

extern char** environ;

namespace tenfold::sidecar {
namespace {

using namespace asio::experimental::awaitable_operators;
using asio::posix::stream_descriptor;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);

// Both ends close on exec; posix_spawn's dup2 leaves the child its copy.
struct Pipe {
  int read_end = -1, write_end = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      throw std::runtime_error(std::string("cannot make a pipe: ") + strerror(errno));
    read_end = ends[0];
    write_end = ends[1];
  }
};

// The child's id, or -1 with errno.
pid_t spawn(const std::vector<std::string>& arguments, const Pipe& input, const Pipe& output,
            const Pipe& errors) {
  std::vector<char*> words;
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.read_end, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.write_end, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.write_end, STDERR_FILENO);
  // Not everything that libraries open closes on exec.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  // A group of its own: what the child starts ends with it. Writing to a closed pipe ends it, as it
  // expects.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  pid_t child = -1;
  const int failure = posix_spawnp(&child, words.front(), &actions, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  for (const int end : {input.read_end, output.write_end, errors.write_end}) close(end);
  errno = failure;
  return failure == 0 ? child : -1;
}

Task<void> read_all(stream_descriptor& from, std::string& into, size_t most, pid_t child) {
  char chunk[8192];
  while (true) {
    const auto buffer = asio::buffer(chunk);
    const auto [failure, size] = co_await from.async_read_some(buffer, as_tuple);
    into.append(chunk, std::min(size, most - into.size()));
    if (failure) break;
    if (into.size() == most) kill(-child, SIGKILL);
  }
}

Task<void> write_all(stream_descriptor& to, const std::string& text) {
  const auto buffer = asio::buffer(text);
  co_await asio::async_write(to, buffer, as_tuple);  // a child need not read it all
  to.close();
}

// A descriptor of the child becomes readable when it ends.
Task<void> wait_for_end(stream_descriptor& ending, pid_t child, std::chrono::milliseconds deadline,
                        bool& timed_out) {
  asio::steady_timer timer(ending.get_executor(), deadline);
  const auto first =
      co_await (ending.async_wait(stream_descriptor::wait_read, as_tuple) || timer.async_wait(as_tuple));
  if (first.index() == 0) co_return;
  timed_out = true;
  kill(-child, SIGKILL);
  co_await ending.async_wait(stream_descriptor::wait_read, as_tuple);
}

int collect(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Task<ProcessResult> run_process(Loop& loop, ProcessCall call) {
  const Pipe input, output, errors;
  ProcessResult result;
  const pid_t child = spawn(call.arguments, input, output, errors);
  const int failure = errno;
  stream_descriptor to(loop.io(), input.write_end), from(loop.io(), output.read_end),
      complaints(loop.io(), errors.read_end);
  if (child < 0) {
    result.exit_code = 127;
    result.errors = call.arguments.front() + ": " + strerror(failure);
    co_return result;
  }
  stream_descriptor ending(loop.io(), static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  co_await (write_all(to, call.input) && read_all(from, result.output, call.most_bytes, child) &&
            read_all(complaints, result.errors, call.most_bytes, child) &&
            wait_for_end(ending, child, call.deadline, result.timed_out));
  result.exit_code = collect(child);
  co_return result;
}

}  // namespace tenfold::sidecar
