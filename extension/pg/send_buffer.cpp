#include "pg/send_buffer.hpp"

#include "pg/call.hpp"

// Kerberos' header, which libpq.h asks for, need not be installed: nothing of it is used here.
#undef ENABLE_GSS
extern "C" {
#include <access/parallel.h>
#include <libpq/libpq.h>
#include <tcop/tcopprot.h>
}

namespace tenfold::pg {
namespace {

constexpr size_t wide_bytes = 64 * 1024;

int swallow(char, const char*, size_t) {
  return 0;
}

// The server's way to send a message, given back whatever is thrown.
class Deaf {
 public:
  Deaf() { PqCommMethods = &methods_; }
  Deaf(const Deaf&) = delete;
  Deaf& operator=(const Deaf&) = delete;
  ~Deaf() { PqCommMethods = real_; }

 private:
  const PQcommMethods* real_ = PqCommMethods;
  PQcommMethods methods_ = {real_->comm_reset,      real_->flush, real_->flush_if_writable,
                            real_->is_send_pending, swallow,      real_->putmessage_noblock};
};

}  // namespace

// A message that must not block is given room in the buffer before it is written there; this one is not
// written.
void widen_send_buffer() {
  static bool is_wide = false;
  if (is_wide || MyProcPort == nullptr || whereToSendOutput != DestRemote || IsParallelWorker()) return;
  is_wide = true;  // also if memory is short: sending goes on as it did
  const Deaf deaf;
  call([] { PqCommMethods->putmessage_noblock('d', nullptr, wide_bytes); });
}

}  // namespace tenfold::pg
