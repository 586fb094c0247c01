#include "kafka/place.hpp"

namespace tenfold::sidecar {
namespace {

PlaceState after_loss(PlaceState state) {
  const bool is_with_target = state == PlaceState::applying || state == PlaceState::leaving;
  return is_with_target ? PlaceState::leaving : PlaceState::gone;
}

PlaceState after_target(PlaceState state, PlaceState next) {
  if (state == PlaceState::applying) return next;
  return state == PlaceState::leaving ? PlaceState::gone : state;
}

}  // namespace

PlaceState after(PlaceState state, PlaceNews news) {
  switch (news) {
    case PlaceNews::taken:
      return state == PlaceState::ready ? PlaceState::applying : state;
    case PlaceNews::applied:
      return after_target(state, PlaceState::ready);
    case PlaceNews::left:
      return after_target(state, PlaceState::stale);
    case PlaceNews::failed:
      return after_target(state, PlaceState::resting);
    case PlaceNews::rested:
      return state == PlaceState::resting ? PlaceState::stale : state;
    case PlaceNews::found:
      return state == PlaceState::stale ? PlaceState::ready : state;
    default:
      return after_loss(state);
  }
}

}  // namespace tenfold::sidecar
