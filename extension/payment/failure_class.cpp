#include "payment/failure_class.hpp"

#include <algorithm>
#include <array>

namespace tenfold::payment {
namespace {

constexpr bool yes = true, no = false;

// In the order of the enumeration.
constexpr std::array rows{
    //                                     definite try_again other_route ask alarm
    ClassRow{Class::authorized, "authorized", yes, no, no, no, no, "the amount is held"},
    ClassRow{Class::succeeded, "succeeded", yes, no, no, no, no,
             "it is done: the money moves, or a hold is gone"},
    ClassRow{Class::voided, "voided", yes, no, no, no, no, "what was held is not held any more"},
    ClassRow{Class::requires_action, "requires_action", no, no, no, no, no, "the customer must act"},
    ClassRow{Class::approved, "approved", no, yes, no, no, no, "the customer has acted: call again"},
    ClassRow{Class::processing, "processing", no, no, no, yes, no, "the provider has not decided"},
    ClassRow{Class::declined, "declined", yes, no, no, no, no, "the provider or the bank said no"},
    ClassRow{Class::rejected, "rejected", yes, no, no, no, yes, "the provider did not accept the request"},
    ClassRow{Class::not_sent, "not_sent", no, yes, yes, no, no, "not one byte was sent"},
    ClassRow{Class::busy, "busy", no, yes, yes, no, no, "the provider said that it did nothing"},
    ClassRow{Class::ambiguous, "ambiguous", no, no, no, yes, no, "it may have been executed"},
    ClassRow{Class::not_found, "not_found", no, no, no, yes, no, "the provider knows of no such operation"},
    ClassRow{Class::hint, "hint", no, no, no, yes, no, "something happened at the provider"},
};

constexpr bool is_in_order() {
  for (size_t i = 0; i < rows.size(); i++)
    if (static_cast<size_t>(rows[i].name) != i) return false;
  return true;
}
static_assert(is_in_order());

}  // namespace

std::span<const ClassRow> classes() {
  return rows;
}

const ClassRow& row_of(Class name) {
  return rows[static_cast<size_t>(name)];
}

std::optional<Class> class_of(std::string_view text) {
  const auto found = std::ranges::find(rows, text, &ClassRow::text);
  if (found == rows.end()) return std::nullopt;
  return found->name;
}

// A status that no provider documents says nothing of what was done.
std::optional<Class> class_of_end(Reach reach, int status) {
  if (reach == Reach::not_sent) return Class::not_sent;
  if (reach == Reach::perhaps || status < 200 || status >= 500) return Class::ambiguous;
  if (status == 429) return Class::busy;
  if (status == 408 || (status >= 300 && status < 400)) return Class::ambiguous;
  return std::nullopt;
}

}  // namespace tenfold::payment
