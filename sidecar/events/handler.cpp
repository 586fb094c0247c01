#include "events/handler.hpp"

#include <algorithm>

#include "postgres/values.hpp"

namespace tenfold::sidecar {

std::chrono::milliseconds Delivery::time_left() const {
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()));
}

Task<Attempt> attempt(const Handler& handler, Delivery& delivery) {
  Attempt made;
  try {
    made.effects = co_await handler(delivery);
    co_return made;
  } catch (const HandlerFailure& failure) {
    made.retry = failure.retry;
    made.reason = clean(failure.what());
  } catch (const HandlerPostponed& postponed) {
    made.postponed = postponed.delay;
    made.reason = clean(postponed.what());
    co_return made;
  } catch (const std::exception& failure) {
    made.reason = clean(failure.what());
  }
  made.failed = true;
  co_return made;
}

}  // namespace tenfold::sidecar
