#include "kernel/provider_pg.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/module.hpp"

namespace pg = tenfold::pg;

namespace {

std::shared_ptr<const tenfold::Provider> provider_of(const pg::Args& args) {
  return tenfold::provider_of(args.get<std::string_view>(0, "provider"));
}

}  // namespace

// From a block of this transaction's own, else from one that is committed.
TF_FUNCTION(tf_quota_take) {
  if (!pg::preloaded()) return pg::datum(false);
  const auto held = provider_of(args);
  const tenfold::Provider& provider = *held;
  const auto day = args.get<int32_t>(1, "day"), calls = args.get<int32_t>(2, "calls");
  if (tenfold::take_own_quota(provider.key, day, calls)) return pg::datum(true);
  tenfold::LockedProviders locked;
  return pg::datum(locked.slot(provider, tenfold::monotonic_now()).quota.take(day, calls));
}

// What was reserved in a transaction that a crash may lose must not be called: it commits for sure.
TF_FUNCTION(tf_quota_reserved) {
  const auto held = provider_of(args);
  const tenfold::Provider& provider = *held;
  const auto day = args.get<int32_t>(1, "day"), left = args.get<int32_t>(2, "left");
  ForceSyncCommit();
  if (left > 0 && pg::preloaded()) tenfold::add_quota_at_commit(provider.key, day, left);
  return 0;
}

TF_FUNCTION(tf_quota_left) {
  if (!pg::preloaded()) return pg::datum(int32_t{0});
  const auto held = provider_of(args);
  const tenfold::Provider& provider = *held;
  const auto day = args.get<int32_t>(1, "day");
  const int32_t own = tenfold::own_quota(provider.key, day);
  tenfold::LockedProviders locked;
  const auto* slot = locked.look(provider.key);
  return pg::datum(own + (slot == nullptr ? 0 : slot->quota.left(day)));
}
